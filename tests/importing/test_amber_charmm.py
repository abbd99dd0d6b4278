"""Amber's and CHARMM's files: the forces of the same force fields made another way, and faults."""

import gzip
import warnings
from pathlib import Path

import numpy as np
import openmm.app as app
import pytest
from gromacs_systems import charges_of_sheet
from imported_systems import (
    CHARMM,
    aqueous_parts,
    assert_openmms_own_forces,
    engine_terms,
    source_of,
    with_tolerance,
)
from openmm.unit import Quantity, nanometer

from polcouple.cli import main
from polcouple.engines.openmm import ClassicalEngine
from polcouple.errors import InputError
from polcouple.importing.amber import read_amber, read_charmm
from polcouple.importing.source import PairOptions
from polcouple.importing.structure import box_of, given_cell, read_structure
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.lattice.cell import same_lattice

#: ff14SB peptide in TIP3P with NaCl on graphene, written by ParmEd 4.3.1 from OpenMM's System, whose forces
#: are recorded beside it
AMBER_DATA = Path(__file__).parent.parent / "data" / "amber"
GRAPHENE = ImportOptions(electrodes=("resname GRA",))
FLEXIBLE = PairOptions(7.0, 6.0, "none")


@pytest.fixture
def peptide(tmp_path):
    """Its prmtop and rst7."""
    for name in ("peptide.prmtop", "peptide.rst7"):
        (tmp_path / name).write_bytes(gzip.decompress((AMBER_DATA / f"{name}.gz").read_bytes()))
    return tmp_path / "peptide.prmtop", tmp_path / "peptide.rst7"


def test_scaled_pairs_of_amber(tmp_path, peptide):
    """1-4 interactions scaled by 1/1.2 and 1/2, and all other terms: of the System it was made from."""
    recorded = np.load(AMBER_DATA / "peptide.npz")
    case = with_tolerance(import_case(tmp_path / "case", read_amber(*peptide, FLEXIBLE), GRAPHENE), 1e-6)
    charges = charges_of_sheet(len(case.electrode))
    engine = ClassicalEngine(case, "all", "Reference")
    engine.set_charges(charges)
    _, forces = engine.evaluate(case.positions)
    liquid = case.electrolyte_indices
    expected = recorded["forces"][liquid]
    # positions in rst7 have seven decimals
    assert np.sqrt(((forces[liquid] - expected) ** 2).mean()) < 1e-5 * np.sqrt((expected**2).mean())
    own = engine_terms(case, charges, case.positions, "Reference")
    for name, energy in zip(recorded["names"], recorded["energies"], strict=True):
        if name != "NonbondedForce":  # which has the sheet's own there
            assert own[name] == pytest.approx(energy, abs=1e-6)


@pytest.mark.parametrize(
    ("rigid", "pairs", "step"), [("water", 3, "0.5"), ("hydrogens", 3, "1.0"), ("none", 0, "0.5")]
)
def test_what_is_rigid(tmp_path, peptide, rigid, pairs, step):
    case = import_case(tmp_path / "case", read_amber(*peptide, PairOptions(7.0, 6.0, rigid)), GRAPHENE)
    hydrogens = len(case.constraints[0]) - pairs * len(case.water_oxygens)
    assert (hydrogens > 10) if rigid == "hydrogens" else (hydrogens == 0)
    assert f'<timestep units="femtosecond"> {step} <' in (tmp_path / "case" / "input.xml").read_text()


def test_a_polarizable_prmtop(tmp_path, peptide):
    prmtop, rst7 = peptide
    lines = "%FLAG IPOL\n%FORMAT(1I8)\n       1\n"
    prmtop.write_text(prmtop.read_text() + lines)
    with pytest.raises(InputError, match=r"peptide.prmtop: a polarizable force field; electrodes see fixed"):
        read_amber(prmtop, rst7, FLEXIBLE)


def test_a_prmtop_with_copies_or_a_cap(tmp_path, peptide):
    prmtop, rst7 = peptide
    text = prmtop.read_text()
    prmtop.write_text(text + "%FLAG LES_TYPE\n%FORMAT(1I8)\n       1\n")
    with pytest.raises(InputError, match=r"peptide.prmtop: has copies of atoms \(LES\)"):
        read_amber(prmtop, rst7, FLEXIBLE)
    head, _, tail = text.partition("%FLAG POINTERS")
    words = tail[: tail.index("%FLAG")].split()
    numbers = words[words.index("%FORMAT(10I8)") + 1 :]
    numbers[29] = "1"
    rows = ["".join(f"{int(n):8d}" for n in numbers[i : i + 10]) for i in range(0, len(numbers), 10)]
    pointers = "\n".join(["%FLAG POINTERS", "%FORMAT(10I8)", *rows, ""])
    prmtop.write_text(head + pointers + tail[tail.index("%FLAG") :])
    with pytest.raises(InputError, match=r"peptide.prmtop: has a cap of water"):
        read_amber(prmtop, rst7, FLEXIBLE)


def test_a_structure_of_another_system(tmp_path, peptide):
    prmtop, rst7 = peptide
    lines = rst7.read_text().splitlines()
    rst7.write_text("\n".join([lines[0], "  339", *lines[2:-2], lines[-1]]) + "\n")
    with pytest.raises(InputError, match=r"peptide.prmtop: describes 341 atoms, .*peptide.rst7 holds 339"):
        read_amber(prmtop, rst7, FLEXIBLE)


def test_a_structure_in_another_order(tmp_path, peptide, capsys):
    """A pdb has names: the two ions swapped, and an atom of another name."""
    prmtop, rst7 = peptide
    topology, positions = app.AmberPrmtopFile(str(prmtop)).topology, app.AmberInpcrdFile(str(rst7)).positions
    topology.setPeriodicBoxVectors(app.AmberInpcrdFile(str(rst7)).boxVectors)
    pdb = tmp_path / "own.pdb"
    with pdb.open("w") as stream:
        app.PDBFile.writeFile(topology, positions, stream)
    read_amber(prmtop, pdb, FLEXIBLE)
    assert "warning" not in capsys.readouterr().out
    text = pdb.read_text()
    pdb.write_text(text.replace(" CG  LEU", " CX  LEU"))
    read_amber(prmtop, pdb, FLEXIBLE)
    assert "warning: 1 atoms have other names in" in capsys.readouterr().out
    atoms = [line for line in text.splitlines(keepends=True) if line.startswith(("ATOM", "HETATM"))]
    sodium, chloride = (next(line for line in atoms if name in line) for name in (" NA ", " CL "))
    swapped = text.replace(sodium, "\0").replace(chloride, sodium).replace("\0", chloride)
    pdb.write_text(swapped)
    with pytest.raises(
        InputError, match=r"own\.pdb: has the atoms of .*peptide\.prmtop in another order: atom"
    ):
        read_amber(prmtop, pdb, FLEXIBLE)


@pytest.mark.filterwarnings("ignore:WARNING. duplicate atom")
def test_atoms_of_one_name_in_a_residue(tmp_path):
    """OpenMM's reader of .pdb takes them for one; alternate places are."""
    line = "HETATM{0:5d}  C  {1}GRA A   1    {2:8.3f}   0.000   0.000  1.00  0.00           C\n"
    crystal = "CRYST1   15.000   17.000   34.000  90.00  90.00  90.00 P 1           1\n"
    pdb = tmp_path / "a.pdb"
    pdb.write_text(crystal + "".join(line.format(i, " ", 2.0 * i) for i in (1, 2, 3)) + "END\n")
    with pytest.raises(
        InputError, match=r"a\.pdb: has 3 atoms, of which OpenMM's reader takes 1, one of each"
    ):
        read_structure(pdb)
    pdb.write_text(crystal + line.format(1, "A", 1.0) + line.format(2, "B", 2.0) + "END\n")
    assert read_structure(pdb).names == ("C",)


@pytest.mark.parametrize("angles", [(90, 90, 50), (90, 90, 60), (90, 90, 130), (60, 90, 90)])
def test_cells_that_are_not_upright(peptide, capsys, angles):
    """OpenMM refuses them; the lattice is the one that was asked for."""
    cell = (15.0, 15.0, 34.0, *angles)
    source = read_amber(*peptide, PairOptions(5.0, 4.0, "none"), cell)
    assert same_lattice(source.cell, given_cell(cell), 1e-8)
    told = "most upright vectors of the lattice given" in capsys.readouterr().out
    assert told == (angles != (90, 90, 60))


@pytest.mark.parametrize("angles", [(30, 30, 90), (90, 90, 200), (90, 90, 180), (120, 120, 120)])
def test_angles_of_no_cell(tmp_path, angles):
    with pytest.raises(InputError, match=r"--cell 15 17 34 .*: no cell has these angles"):
        given_cell((15.0, 17.0, 34.0, *angles))
    crystal = "CRYST1   15.000   17.000   34.000{:7.2f}{:7.2f}{:7.2f} P 1           1\n".format(*angles)
    atom = "ATOM      1  C   GRA A   1       0.000   0.000   0.000  1.00  0.00           C\nEND\n"
    (tmp_path / "a.pdb").write_text(crystal + atom)
    with pytest.raises(InputError, match=r"a.pdb: (no cell has the angles|.* span no volume)"):
        box_of(tmp_path / "a.pdb", read_structure(tmp_path / "a.pdb")[1], None)


def test_a_gro_cell_that_is_not_upright(tmp_path):
    text = "t\n    1\n    1GRA      C    1   0.000   0.000   0.000\n"
    (tmp_path / "a.gro").write_text(text + " 1.5 1.6 3.0 0.0 0.0 1.1 0.0 0.2 0.9\n")
    box = box_of(tmp_path / "a.gro", read_structure(tmp_path / "a.gro")[1], None)
    found = np.array(box.value_in_unit(nanometer))
    assert np.allclose(found, [[1.5, 0, 0], [-0.4, 1.6, 0], [0.6, -0.7, 3.0]], atol=1e-9)
    app.Topology().setPeriodicBoxVectors(box)
    (tmp_path / "a.gro").write_text(text + " 1.5 1.6 3.0 0.3 0.0 0.0 0.0 0.0 0.0\n")
    with pytest.raises(InputError, match=r"a.gro: in i-PI's cells the first vector is along x"):
        box_of(tmp_path / "a.gro", read_structure(tmp_path / "a.gro")[1], None)


def test_a_file_that_is_none(tmp_path, peptide):
    prmtop, rst7 = peptide
    prmtop.write_text("no prmtop")
    with pytest.raises(InputError, match=r"peptide.prmtop: OpenMM makes no System of it"):
        read_amber(prmtop, rst7, FLEXIBLE)
    with pytest.raises(InputError, match=r"other.rst7: no such file"):
        read_amber(prmtop, rst7.with_name("other.rst7"), FLEXIBLE)


PARAMETERS = """* TIP3P and ions of CHARMM36
*
ATOMS
MASS -1 HT 1.008
MASS -1 OT 15.9994
MASS -1 SOD 22.98977
MASS -1 CLA 35.45
MASS -1 GC 12.011

BONDS
HT OT 450.0 0.9572
HT HT 0.0 1.5139

ANGLES
HT OT HT 55.0 104.52

DIHEDRALS

IMPROPER

NONBONDED nbxmod  5 atom cdiel fshift vatom vdistance vfswitch -
cutnb 14.0 ctofnb 12.0 ctonnb 10.0 eps 1.0 e14fac 1.0 wmin 1.5
HT 0.0 -0.046 0.2245
OT 0.0 -0.1521 1.7682
SOD 0.0 -0.0469 1.41075
CLA 0.0 -0.150 2.27
GC 0.0 -0.0860000 1.907997

NBFIX
SOD CLA -0.083875 3.731

END
"""
_TYPES = {
    "CG": ("GC", 0.0, 12.011), "O": ("OT", -0.834, 15.9994), "H1": ("HT", 0.417, 1.008),
    "H2": ("HT", 0.417, 1.008), "Na": ("SOD", 1.0, 22.98977), "Cl": ("CLA", -1.0, 35.45),
}  # fmt: skip


def write_psf(path, topology):
    """In XPLOR's format, of waters, ions and carbon."""
    atoms = list(topology.atoms())
    oxygens = [atom.index + 1 for atom in atoms if atom.name == "O"]
    rows = [
        f"{atom.index + 1:8d} A {atom.residue.index + 1} {atom.residue.name} {atom.name}"
        f" {kind} {charge} {mass} 0"
        for atom in atoms
        for kind, charge, mass in [_TYPES[atom.name]]
    ]
    bonds = [f"{o} {o + 1} {o} {o + 2}" for o in oxygens]
    angles = [f"{o + 1} {o} {o + 2}" for o in oxygens]
    sections = [("!NTITLE", 1, [" REMARKS a test"]), ("!NATOM", len(atoms), rows)]
    sections += [("!NBOND: bonds", 2 * len(bonds), bonds), ("!NTHETA: angles", len(angles), angles)]
    for name in ("!NPHI: dihedrals", "!NIMPHI: impropers", "!NDON: donors", "!NACC: acceptors", "!NNB"):
        sections.append((name, 0, [""]))
    text = ["PSF", ""]
    for name, count, lines in sections:
        text += [f"{count:8d} {name}", *lines, ""]
    path.write_text("\n".join([*text, "       0       0 !NGRP NST2", "", ""]))


@pytest.fixture(scope="module")
def salt(tmp_path_factory):
    """CHARMM's files of salt water on graphene, with NBFIX, and the same by OpenMM's force field."""
    folder = tmp_path_factory.mktemp("charmm")
    parts = aqueous_parts("charmm36/water.xml", model="tip3p", carbon=CHARMM, salt=2.0)
    system, topology, places, cell = parts
    write_psf(folder / "salt.psf", topology)
    (folder / "salt.prm").write_text(PARAMETERS)
    # PDB's three decimals for both
    source = source_of(system, topology, np.round(places, 4), cell)
    with (folder / "salt.pdb").open("w") as stream:
        app.PDBFile.writeFile(topology, Quantity(np.round(places, 4), nanometer), stream)
    return folder, source


@pytest.mark.parametrize(
    ("tolerance", "relative", "platform"),
    [(1e-4, 1e-3, "CPU"), pytest.param(1e-6, 1e-5, "Reference", marks=pytest.mark.slow)],
)
def test_nbfix_of_charmm(tmp_path, salt, tolerance, relative, platform):
    folder, source = salt
    read = read_charmm(
        folder / "salt.psf",
        [folder / "salt.prm"],
        folder / "salt.pdb",
        FLEXIBLE,
        tuple(np.diag(source.cell) * 0.529177210903),
    )
    case = import_case(tmp_path / "case", read, GRAPHENE)
    assert np.abs(read.positions - source.positions).max() < 1e-6
    assert any(type(force).__name__ == "CustomNonbondedForce" for force in read.system.getForces())
    assert_openmms_own_forces(case, source, tolerance, relative, platform, terms=False)


def test_dihedrals_that_are_given_twice_are_told_of(tmp_path, salt, capsys):
    """The last one counts, and the log says so in one line."""
    folder, source = salt
    twice = tmp_path / "twice.prm"
    lines = "DIHEDRALS\nHT OT HT OT 1.0 2 0.0\nHT OT HT OT 2.0 2 0.0\n\nNBFIX"
    twice.write_text(PARAMETERS.replace("NBFIX", lines, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_charmm(
            folder / "salt.psf",
            [twice],
            folder / "salt.pdb",
            FLEXIBLE,
            tuple(np.diag(source.cell) * 0.529177210903),
        )
    said = capsys.readouterr()
    assert "twice.prm" in said.out + said.err and "Replacing dihedral" in said.out + said.err


def test_faults_of_charmms_files(tmp_path, salt):
    folder, _ = salt
    psf, pdb = folder / "salt.psf", folder / "salt.pdb"
    with pytest.raises(InputError, match=r"salt.psf: a psf has no parameters; name CHARMM's parameter files"):
        read_charmm(psf, [], pdb, FLEXIBLE)
    lacking = tmp_path / "lacking.prm"
    lacking.write_text(PARAMETERS.replace("HT OT 450.0 0.9572\n", ""))
    with pytest.raises(InputError, match=r"salt.psf: OpenMM makes no System of it: Missing bond type for"):
        read_charmm(psf, [lacking], pdb, FLEXIBLE)
    without = tmp_path / "without.pdb"
    without.write_text("".join(line for line in pdb.open() if not line.startswith("CRYST1")))
    with pytest.raises(InputError, match=r"without.pdb: has no periodic cell; give its lengths by --cell"):
        read_charmm(psf, [folder / "salt.prm"], without, FLEXIBLE)
    with pytest.raises(InputError, match=r"--cell 1 2: give A B C, or A B C ALPHA BETA GAMMA"):
        read_charmm(psf, [folder / "salt.prm"], without, FLEXIBLE, (1.0, 2.0))


def test_the_command_takes_all_of_them(tmp_path, peptide, salt, capsys):
    folder, _ = salt
    charmm = [str(folder / f"salt.{suffix}") for suffix in ("psf", "prm", "pdb")]
    for number, files in enumerate((list(map(str, peptide)), charmm)):
        case = tmp_path / f"case_{number}"
        with pytest.raises(SystemExit) as end:
            main(["import", str(case), *files, "--electrode", "resname GRA", "--cutoff", "7"])
        assert end.value.code == 0, capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["import", str(tmp_path / "c"), "a.lammps", "b.data", "--electrode", "all"])
    assert end.value.code == 2 and "no way to import a.lammps and b.data" in capsys.readouterr().err
