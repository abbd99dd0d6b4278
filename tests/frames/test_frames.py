"""Frames of every format are the case's positions, to the format's digits, and the electrode's exactly."""

import dataclasses
import gzip
import warnings

import ase
import ase.io
import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.lib.mdamath import triclinic_box
from sheet_cases import sheet_case

from polcouple.errors import InputError
from polcouple.frames.raw import last_decimal, last_digits
from polcouple.frames.reading import read_frames
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

N_FRAMES = 3


@pytest.fixture(scope="module", params=["orthorhombic", "hexagonal"])
def case(request, small_case):
    """The hexagonal cell's third vector leans; its sheet lies where i-PI's six digits are coarse."""
    if request.param == "orthorhombic":
        return small_case
    return sheet_case(small_case, height_shift=0.987654321, skew=(0, 0, 1), lean=1.0)


def moved(case):
    """(3, N, 3) in bohr: the liquid moves as a whole; molecules and electrode are cut by the cell's faces."""
    frames = np.repeat(case.positions[None], N_FRAMES, axis=0)
    frames[:, case.electrolyte_indices] += np.array([0.3, -7.1, 0.2]) * np.arange(N_FRAMES)[:, None, None]
    fractional = frames[1] @ np.linalg.inv(case.cell)
    frames[1] = (fractional - np.floor(fractional)) @ case.cell
    return frames


def write_ipi(path, case, frames, mode, units="automatic", cell_units="automatic", key="positions"):
    """By i-PI's own writer."""
    from ipi.engine.atoms import Atoms
    from ipi.engine.cell import Cell
    from ipi.utils.io import print_file

    atoms = Atoms(len(case))
    atoms.names[:] = case.symbols
    with path.open("w") as stream:
        for number, positions in enumerate(frames):
            atoms.q[:] = positions.ravel()
            title = f"Step:  {number:10d}  Bead:   {0:5d} "
            print_file(mode, atoms, Cell(case.cell.T), stream, title, key, units=units, cell_units=cell_units)


def write_mdanalysis(path, case, frames):
    """By MDAnalysis's writers, in nm or Angstrom as each format has it."""
    universe = MDAnalysis.Universe.empty(len(case), trajectory=True)
    names = {"O": "OW", "H": "HW1", "Na": "NA", "Cl": "CL", "C": "CG2"}
    universe.add_TopologyAttr("names", [names[symbol] for symbol in case.symbols])
    universe.add_TopologyAttr("resnames", ["SOL"])
    universe.dimensions = triclinic_box(*(case.cell * BOHR_TO_ANGSTROM))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        several = path.suffix != ".gro"
        with MDAnalysis.Writer(str(path), len(case), multiframe=several) as writer:
            for positions in frames:
                universe.atoms.positions = positions * BOHR_TO_ANGSTROM
                writer.write(universe.atoms)


def write_gro(path, case, frames):
    """MDAnalysis writes one frame a file; GROMACS writes them one after the other."""
    with path.open("w") as stream:
        for positions in frames:
            one = path.with_name("one.gro")
            write_mdanalysis(one, case, [positions])
            stream.write(one.read_text())


def write_ase(path, case, frames, **more):
    atoms = [
        ase.Atoms(case.symbols, x * BOHR_TO_ANGSTROM, cell=case.cell * BOHR_TO_ANGSTROM, pbc=True)
        for x in frames
    ]
    for one in atoms:
        for name, array in more.items():
            one.arrays[name] = array
    ase.io.write(path, atoms)


#: writer of each format, and its largest error of a coordinate in Angstrom
FORMATS = {
    "ipi_bohr.xyz": (lambda *a: write_ipi(*a, "xyz"), 5e-4),
    "ipi_angstrom.xyz": (lambda *a: write_ipi(*a, "xyz", "angstrom", "angstrom"), 5e-4),
    "ipi_nm.xyz": (lambda *a: write_ipi(*a, "xyz", "nanometer", "angstrom"), 5e-4),
    "ipi_centroid.xyz": (lambda *a: write_ipi(*a, "xyz", key="x_centroid"), 5e-4),
    "ipi.pdb": (lambda *a: write_ipi(*a, "pdb"), 6e-4),
    "ipi_bohr.pdb": (lambda *a: write_ipi(*a, "pdb", "atomic_unit", "atomic_unit"), 3e-4),
    "ipi.extxyz": (lambda *a: write_ipi(*a, "ase"), 1e-6),
    "mda.pdb": (write_mdanalysis, 6e-4),
    "mda.gro": (write_gro, 6e-3),
    "mda.xtc": (write_mdanalysis, 6e-3),
    "mda.dcd": (write_mdanalysis, 1e-5),
    "ase.extxyz": (write_ase, 1e-8),
    "ase.traj": (write_ase, 1e-10),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(case, tmp_path, name):
    write, error = FORMATS[name]
    frames = moved(case)
    write(tmp_path / name, case, frames)
    read = list(read_frames(tmp_path / name, case))
    assert len(read) == N_FRAMES
    for positions, expected in zip(read, frames, strict=True):
        assert np.array_equal(positions[case.electrode_indices], case.electrode.positions)
        liquid = case.electrolyte_indices
        assert np.abs(positions - expected)[liquid].max() < error * ANGSTROM_TO_BOHR


@pytest.mark.parametrize("name", FORMATS)
def test_an_electrode_that_moved_is_refused(case, tmp_path, name):
    """By more than three digits of the format."""
    write, error = FORMATS[name]
    frames = moved(case)
    frames[2][case.electrode_indices[5], 0] += 6 * max(error, 5e-5) * ANGSTROM_TO_BOHR
    write(tmp_path / name, case, frames)
    with pytest.raises(InputError, match=r"frame 2: electrode atom 5 is .* from its place"):
        list(read_frames(tmp_path / name, case))


@pytest.mark.parametrize("name", FORMATS)
def test_another_cell_is_refused(case, tmp_path, name):

    write, _ = FORMATS[name]
    stretched = dataclasses.replace(case, cell=case.cell * [[1.0], [1.0], [1.003]])
    write(tmp_path / name, stretched, moved(case))
    with pytest.raises(InputError, match="frame 0: the cell differs from the case's"):
        list(read_frames(tmp_path / name, case))


def exchanged(case, kind):
    """A permutation of the atoms that is not the case's order."""
    order = np.arange(len(case))
    oxygen = case.water_oxygens[0]
    if kind == "electrode last":
        return np.concatenate([case.electrolyte_indices, case.electrode_indices])
    if kind == "H O H":
        order[case.water_oxygens], order[case.water_oxygens + 1] = case.water_oxygens + 1, case.water_oxygens
    if kind == "H H O":
        order[case.water_oxygens], order[case.water_oxygens + 2] = case.water_oxygens + 2, case.water_oxygens
    if kind == "ion before water":
        ion = case.ion_indices[0]
        order = np.insert(np.delete(order, ion), oxygen, ion)
    return order


@pytest.mark.parametrize("name", ["ipi_bohr.xyz", "ipi.pdb", "mda.pdb", "mda.gro", "mda.xtc", "mda.dcd"])
@pytest.mark.parametrize("kind", ["electrode last", "H O H", "H H O", "ion before water"])
def test_another_order_is_refused(case, tmp_path, name, kind):

    order = exchanged(case, kind)
    symbols = tuple(case.symbols[i] for i in order)
    other = dataclasses.replace(case, symbols=symbols, positions=case.positions[order])
    FORMATS[name][0](tmp_path / name, other, [case.positions[order]])
    with pytest.raises(InputError, match="order"):
        list(read_frames(tmp_path / name, case))


def test_names_tell_the_ions_apart(small_case, tmp_path):
    """CL is no carbon, and names that begin with no symbol say nothing."""
    symbols = list(small_case.symbols)
    na, cl = symbols.index("Na"), symbols.index("Cl")
    write_gro(tmp_path / "good.gro", small_case, [small_case.positions])
    text = (tmp_path / "good.gro").read_text().splitlines(keepends=True)
    for atoms, message in (((na, cl), f"atom {na} is CL \\(Cl\\), the case has Na"), ((0, cl), "is CL")):
        lines = list(text)
        one, other = (2 + atom for atom in atoms)
        names = lines[one][10:15], lines[other][10:15]
        lines[one] = lines[one][:10] + names[1] + lines[one][15:]
        lines[other] = lines[other][:10] + names[0] + lines[other][15:]
        (tmp_path / "bad.gro").write_text("".join(lines))
        with pytest.raises(InputError, match=message):
            list(read_frames(tmp_path / "bad.gro", small_case))
    (tmp_path / "other.gro").write_text("".join(text).replace("  CG2", "  GRA"))
    assert len(list(read_frames(tmp_path / "other.gro", small_case))) == 1


def test_arrays_that_ase_takes_for_results(small_case, tmp_path):
    """ASE moves columns of these names into a calculator's results; positions and order survive it."""
    arrays = {"charges": np.arange(len(small_case)) / 7, "forces": np.ones((len(small_case), 3))}
    write_ase(tmp_path / "a.extxyz", small_case, moved(small_case), **arrays)
    text = (tmp_path / "a.extxyz").read_text()
    assert ":charge:R:1" in text
    for name in ("charge", "charges", "initial_charges"):
        (tmp_path / "a.extxyz").write_text(text.replace(":charge:R:1", f":{name}:R:1"))
        read = list(read_frames(tmp_path / "a.extxyz", small_case))
        assert np.abs(read[2] - moved(small_case)[2]).max() < 1e-7


@pytest.mark.parametrize("name", ["ipi_bohr.xyz", "ipi.pdb", "mda.gro", "ase.extxyz"])
def test_compressed_files(small_case, tmp_path, name):
    FORMATS[name][0](tmp_path / name, small_case, moved(small_case))
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    plain = list(read_frames(tmp_path / name, small_case))
    assert np.array_equal(plain, list(read_frames(packed, small_case)))
    packed.write_bytes(packed.read_bytes()[:-2000])
    with pytest.raises(InputError, match=f"{name}.gz"):
        list(read_frames(packed, small_case))


def test_another_choice_of_lattice_vectors(small_case, tmp_path):
    case = sheet_case(small_case)
    other = sheet_case(small_case, skew=(1, 2, 0))
    write_ase(tmp_path / "a.extxyz", other, [case.positions])
    assert len(list(read_frames(tmp_path / "a.extxyz", case))) == 1


def test_files_without_a_cell(small_case, tmp_path):
    positions = small_case.positions
    write_gro(tmp_path / "a.gro", small_case, [positions])
    lines = (tmp_path / "a.gro").read_text().splitlines()
    (tmp_path / "a.gro").write_text("\n".join([*lines[:-1], "   0.00000   0.00000   0.00000"]) + "\n")
    write_ipi(tmp_path / "a.pdb", small_case, [positions], "pdb")
    text = (tmp_path / "a.pdb").read_text().splitlines()
    blank = "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1"
    (tmp_path / "a.pdb").write_text("\n".join([text[0], blank, *text[2:]]) + "\n")
    for name in ("a.gro", "a.pdb"):
        assert len(list(read_frames(tmp_path / name, small_case))) == 1


@pytest.mark.parametrize("key", ["velocities", "forces", "v_centroid"])
def test_other_quantities_of_i_pi_are_refused(small_case, tmp_path, key):
    write_ipi(tmp_path / "a.xyz", small_case, [small_case.positions], "xyz", key=key)
    with pytest.raises(InputError, match=f"line 2: these are {key}; give a trajectory of positions"):
        list(read_frames(tmp_path / "a.xyz", small_case))


@pytest.mark.parametrize("name", ["ipi_bohr.xyz", "ipi.pdb", "mda.gro", "mda.xtc", "mda.dcd", "ase.extxyz"])
def test_a_file_that_is_cut_off(small_case, tmp_path, name):
    FORMATS[name][0](tmp_path / name, small_case, moved(small_case))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) - 900])
    with pytest.raises(InputError, match=str(tmp_path / name)):
        list(read_frames(tmp_path / name, small_case))


def test_a_title_of_another_program_names_no_units(small_case, tmp_path):
    write_ipi(tmp_path / "a.pdb", small_case, moved(small_case), "pdb")
    lines = [
        "TITLE     Ions {sic} and water\n" if line.startswith("TITLE") else line
        for line in (tmp_path / "a.pdb").open()
    ]
    (tmp_path / "a.pdb").write_text("".join(lines))
    assert len(list(read_frames(tmp_path / "a.pdb", small_case))) == N_FRAMES


def test_pdb_with_shifted_columns(small_case, tmp_path):
    write_ipi(tmp_path / "a.pdb", small_case, [small_case.positions], "pdb")
    text = (tmp_path / "a.pdb").read_text().replace("ATOM      9", "ATOM  100000")
    (tmp_path / "a.pdb").write_text(text)
    with pytest.raises(InputError, match="line 11: coordinates are not in PDB's columns"):
        list(read_frames(tmp_path / "a.pdb", small_case))


def test_digits():
    assert last_digits(["1.12346e+02", "-9.00000e-01"]) == pytest.approx([1e-3, 1e-6])
    assert last_digits(["20.123", "7.1", "3"]) == pytest.approx([1e-3] * 3)
    assert last_decimal(np.array([1.25, 3.5])) == pytest.approx(0.01)
    assert last_decimal(np.array([np.pi])) == 0.0
