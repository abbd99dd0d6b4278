"""Electrodes by name and from files: bond lengths, faces, cells, defects, and what is refused."""

import ase.build
import ase.io
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.neighborlist import neighbor_list

from polcouple.builder.build import build_case
from polcouple.builder.electrode_lennard_jones import electrode_parameters
from polcouple.builder.electrodes import ElectrodeOptions
from polcouple.builder.named_surfaces import named_surface
from polcouple.builder.options import BuildOptions
from polcouple.builder.surface_file import read_surface
from polcouple.case.model import read_case
from polcouple.check.structure import check_structure
from polcouple.cli.commands import main
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_ANGSTROM


def neighbours(surface, cutoff):
    """Number of neighbours of each atom, and the distances, periodic in the plane."""
    cell = np.diag([1.0, 1.0, 50.0])
    cell[:2, :2] = surface.vectors
    atoms = Atoms(surface.symbols, positions=surface.positions, cell=cell, pbc=(True, True, False))
    first, distances = neighbor_list("id", atoms, cutoff)
    return np.bincount(first, minlength=len(surface)), distances


@pytest.mark.parametrize(
    ("name", "atoms", "composition", "thickness", "bond", "coordination"),
    [
        ("graphene", 4, "C4", 0.0, 2.46 / 3**0.5, {3}),
        ("graphene:3", 12, "C12", 6.7, 2.46 / 3**0.5, {3}),
        ("hbn", 4, "B2N2", 0.0, 2.504 / 3**0.5, {3}),
        ("mos2", 6, "Mo2S4", 3.17, 2.4168, {3, 6}),
        ("au111", 6, "Au6", 2 * 4.08 / 3**0.5, 4.08 / 2**0.5, {9, 12}),
        ("au111:4", 8, "Au8", 3 * 4.08 / 3**0.5, 4.08 / 2**0.5, {9, 12}),
        ("nanotube:8,0", 32, "C32", None, 1.42, {3}),
        ("nanotube:6,4", 152, "C152", None, 1.42, {3}),
    ],
)
def test_named_ones_have_their_bonds(name, atoms, composition, thickness, bond, coordination):
    unit = named_surface(name)
    assert len(unit) == atoms and Atoms(unit.symbols).get_chemical_formula() == composition
    surface = unit.repeated(3, 2)
    assert len(surface) == 6 * atoms and surface.symbols == unit.symbols * 6
    assert surface.positions[:, 2].max() == 0.0
    if thickness is not None:
        assert surface.thickness == pytest.approx(thickness, abs=1e-9)
    counts, distances = neighbours(surface, 1.15 * bond)
    assert set(counts.tolist()) == coordination
    # walls of a tube are bent: its bonds are shorter than an arc
    assert distances == pytest.approx(bond, rel=0.03 if "tube" in name else 1e-4)


def test_layers_are_stacked_ab():
    """Half of the atoms of one layer are above atoms of the next, the others above hexagons."""
    surface = named_surface("graphene:2").repeated(4, 3)
    lower, upper = (surface.positions[surface.positions[:, 2] == z, :2] for z in (-3.35, 0.0))
    offsets = (upper[:, None] - lower) @ np.linalg.inv(surface.vectors)
    nearest = np.linalg.norm((offsets - np.round(offsets)) @ surface.vectors, axis=2).min(axis=1)
    assert np.sort(nearest) == pytest.approx([0.0] * 24 + [2.46 / 3**0.5] * 24, abs=1e-6)


def test_tubes_lie_side_by_side():
    tube = named_surface("nanotube:10,0")
    diameter = 3.0 * 1.42 * 10 / (np.pi * 3**0.5)
    assert tube.vectors == pytest.approx(np.diag([3.0 * 1.42, diameter + 3.35]), abs=1e-9)
    assert tube.thickness == pytest.approx(diameter, abs=0.01)
    assert tube.repeated(2, 2).floor == pytest.approx(-0.5 * diameter, abs=0.01)


def test_sides_and_heights_of_a_leaning_cell():
    from polcouple.builder.surfaces import Surface

    surface = Surface(("Au",), np.zeros((1, 3)), np.array([[3.0, 0.0], [-1.5, 2.0]])).repeated(4, 6)
    assert surface.vectors == pytest.approx(np.array([[12.0, 0.0], [-9.0, 12.0]]))
    assert surface.sides.prod() == pytest.approx(abs(np.linalg.det(surface.vectors)))
    assert surface.heights == pytest.approx([12.0 * 12.0 / 15.0, 12.0])


@pytest.mark.parametrize("turn", ["as it is", "turned", "upside down", "across the border", "left-handed"])
def test_a_file_is_a_slab_however_it_lies(tmp_path, turn):
    """A leaning slab with an adatom that tells up from down."""
    slab = ase.build.fcc111("Pt", (2, 2, 3), vacuum=8.0)
    ase.build.add_adsorbate(slab, "O", 1.2, "fcc")
    slab.pbc, slab.info = True, {}
    reference = slab.copy()
    if turn == "turned":
        slab.rotate(70.0, (1.0, 2.0, -0.5), rotate_cell=True)
    elif turn == "upside down":
        slab.cell[2] *= -1.0
        slab.positions[:, 2] *= -1.0
    elif turn == "across the border":
        slab.positions[:, 2] -= slab.positions[:, 2].mean()
        slab.wrap()
    elif turn == "left-handed":
        slab.set_cell(slab.cell[[1, 0, 2]])
    path = tmp_path / "slab.extxyz"
    ase.io.write(path, slab)
    surface = read_surface(path)
    assert surface.symbols == tuple(reference.symbols)
    oxygen = surface.symbols.index("O")
    assert surface.positions[oxygen, 2] == 0.0 and surface.positions[:oxygen, 2].max() < -1.1
    assert surface.vectors[0, 1] == 0.0 and surface.vectors[1, 1] > 0.0
    assert surface.thickness == pytest.approx(np.ptp(reference.positions[:, 2]), abs=1e-6)
    _, distances = neighbours(surface, 3.0)
    expected = neighbor_list("d", reference, 3.0)
    assert np.sort(distances) == pytest.approx(np.sort(expected), abs=1e-6)


@pytest.mark.parametrize("name", ["POSCAR", "cell.cif", "cell.xyz"])
def test_formats(tmp_path, name):
    slab = ase.build.mx2("MoS2", vacuum=6.0)
    slab.pbc = True
    ase.io.write(tmp_path / name, slab, format={"cell.xyz": "extxyz"}.get(name))
    surface = read_surface(tmp_path / name)
    assert sorted(surface.symbols) == ["Mo", "S", "S"]
    assert surface.thickness == pytest.approx(3.19, abs=1e-4)
    assert surface.heights == pytest.approx([3.18 * 3**0.5 / 2] * 2, abs=1e-4)


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_surface(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_no_surface(tmp_path):
    path = tmp_path / "a.extxyz"
    assert "no such file" in refusal(path)
    path.write_text("not a structure\n")
    assert "not a structure that ASE can read" in refusal(path)
    atoms = Atoms("C2", positions=[[0, 0, 0], [1.4, 0, 0]])
    ase.io.write(path, atoms)
    assert "no cell whose first two vectors span a surface" in refusal(path)
    atoms.cell = [5.0, 5.0, 9.0]
    ase.io.write(path, atoms)
    assert "not periodic along the first two" in refusal(path)
    atoms.pbc = True
    ase.io.write(path, [atoms, atoms])
    assert "holds 2 structures" in refusal(path)
    atoms.positions[1] = [4.8, 0.0, 0.0]
    ase.io.write(path, atoms)
    assert "atoms 0 and 1 are 0.20 Angstrom apart" in refusal(path)
    atoms.symbols[1], atoms.positions[1] = "X", [2.0, 0.0, 0.0]
    ase.io.write(path, atoms)
    assert "atom 1 is of no element" in refusal(path)


def test_defects_are_drawn_by_the_seed():
    options = ElectrodeOptions(repeat=(6, 4), vacancies=2, dopants={"N": 3, "B": 1})
    one, two, other = (options.surfaces(1, seed)[0] for seed in (1, 1, 2))
    assert Atoms(one.symbols).get_chemical_formula() == "C90BN3" and len(one) == 94
    assert one.symbols == two.symbols and np.array_equal(one.positions, two.positions)
    assert one.symbols != other.symbols
    # dopants are apart, and every vacancy leaves three atoms with two neighbours
    foreign = np.flatnonzero(np.array(one.symbols) != "C")
    counts, _ = neighbours(one, 1.6)
    assert (counts == 2).sum() == 6 and set(counts[foreign].tolist()) == {3}
    tree = neighbours(type(one)(("N",) * 4, one.positions[foreign], one.vectors), 2.6)[0]
    assert not tree.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"names": ("graphen",)},
            "no electrode 'graphen' (did you mean 'graphene'?); known: graphene[",
        ),
        ({"names": ("au111:0",)}, "electrode 'au111:0': write au111[:LAYERS], with whole numbers"),
        ({"names": ("nanotube:8",)}, "write nanotube:N,M"),
        ({"names": ("nanotube:4,8",)}, "the larger number comes first"),
        ({"names": ("hbn:2",)}, "write hbn"),
        ({"names": ("graphene", "graphene")}, "2 electrodes are named, the case has 1"),
        ({"names": ("no_such.cif",)}, "no_such.cif: no such file"),
        ({"names": ("hbn",), "dopants": {"C": 1}}, "are for electrodes of carbon, this one is of B, N"),
        ({"vacancies": 200}, "200 vacancies and dopants are too many for 336 atoms"),
        ({"dopants": {"N": -1}}, "must not be negative"),
        ({"dopants": {"Xe": 1}}, "no Lennard-Jones parameters of Xe in the builder's tables; give them with"),
        ({"lennard_jones": {"N": (3.0, 0.1)}}, "parameters of N are given, the electrode is of C"),
    ],
)
def test_impossible_electrodes_are_refused(tmp_path, options, message):
    with pytest.raises(InputError) as caught:
        build_case(tmp_path / "case", BuildOptions(electrode=ElectrodeOptions(**options)), lambda *_: None)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_two_electrodes_need_one_cell():
    with pytest.raises(InputError, match=r"graphene and au111 do not share a cell: \(29\.520, 0\.000\) and"):
        ElectrodeOptions(names=("graphene", "au111")).surfaces(2, 1)
    one, two = ElectrodeOptions(names=("graphene", "graphene:2"), repeat=(6, 4)).surfaces(2, 1)
    assert (len(one), len(two)) == (96, 192)


def test_parameters_and_their_sources():
    found = electrode_parameters(["C", "N", "Au"], {"N": (3.0, 0.1)})
    assert found["C"][:2] == (3.39967, 0.0860) and "Cornell" in found["C"].source
    assert found["N"] == (3.0, 0.1, "given")
    # twelfth and sixth powers meet at the distance of the minimum
    sigma, epsilon, source = found["Au"]
    assert (sigma * 2 ** (1 / 6), epsilon) == (pytest.approx(2.951, abs=1e-6), 5.29) and "Heinz" in source
    assert "UFF" in electrode_parameters(["Mo"])["Mo"].source


@pytest.mark.parametrize("voltage", [None, 1.0])
def test_a_thick_electrode_holds_the_liquid_above_its_face(tmp_path, voltage):
    """Walls, gap, vacuum and cut-off follow from it, the second electrode is its mirror image."""
    options = BuildOptions(
        electrode=ElectrodeOptions(names=("mos2",), repeat=(5, 3)),
        n_water=40, ions={"Na": 2, "Cl": 2}, total_charge=0.0, gap=16.0, vacuum=12.0, voltage=voltage,
        equilibration=0.02,
    )  # fmt: skip
    case = build_case(tmp_path / "case", options, lambda *_: None)
    unit = options.surfaces()[0]
    positions = case.positions * BOHR_TO_ANGSTROM
    assert case.cell[2, 2] * BOHR_TO_ANGSTROM == pytest.approx(28.0 + 3.17 * options.n_electrodes)
    walls = case.system.force_field.walls
    upper = 3.17 + 16.0
    assert walls.lower_angstrom == pytest.approx(4.17)
    assert walls.upper_angstrom == pytest.approx(upper + (5.0 if voltage is None else -1.0))
    assert positions[case.electrode_slices[0], 2].min() == pytest.approx(0.0)
    liquid = positions[case.electrolyte_indices, 2]
    assert liquid.min() > 4.0 and liquid.max() < walls.upper_angstrom + 1.0
    if voltage is not None:
        lower, mirrored = (positions[own] for own in case.electrode_slices)
        assert mirrored[:, 2].min() == pytest.approx(upper)
        assert mirrored[:, :2] == pytest.approx(lower[:, :2])
        assert mirrored[:, 2] - upper == pytest.approx(3.17 - lower[:, 2])
    assert case.symbols[: len(unit)] == unit.symbols
    assert [str(finding) for finding in check_structure(case) if finding.severity == "error"] == []
    content = yaml.safe_load((case.directory / "system.yaml").read_text())["force_field"]
    assert set(content["lennard_jones"]) == {"O", "H", "Na", "Cl"}
    assert content["electrode_lennard_jones"]["S"]["source"].startswith("UFF")
    assert read_case(case.directory).lennard_jones[0].epsilon_kcal_per_mol == 0.056


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dopants", "N"], "--dopants: 'N': write it as N=4"),
        (["--dopants", "N=2", "N=3"], "--dopants: N stands twice"),
        (["--lennard-jones", "C=2.8"], "--lennard-jones: 'C=2.8': write it as Ti=2.83,0.017"),
        (["--lennard-jones", "C=-1,0.1"], "--lennard-jones: 'C=-1,0.1': write it as"),
        (["--electrode", "graphene:x"], "electrode 'graphene:x': write graphene[:LAYERS]"),
        (["--electrode", "hbn", "--repeat", "2", "9"], "give at least 5 x 3 cells"),
    ],
)
def test_mistakes_on_the_command_line(tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as ended:
        main(["build", str(tmp_path / "case"), *words])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and message in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
