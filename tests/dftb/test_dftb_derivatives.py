"""Derivatives of what a pair of atoms has, by differences: tables, blocks, gamma and repulsion."""

import numpy as np
import pytest
from dftb_force_cases import four_point, slako_directory

from polcouple.dftb.gamma import Gamma, short_range
from polcouple.dftb.hamiltonian import find_pairs
from polcouple.dftb.repulsive import read_repulsive, repulsive_energy_forces
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.dftb.slater_koster import pair_blocks
from polcouple.electrode import Electrode
from polcouple.electrostatics.coulomb import coulomb_forces_between, coulomb_potential
from polcouple.electrostatics.ewald import ewald_forces_between, ewald_potential
from polcouple.errors import InputError


def with_d_shells():
    """Carbon with the d shell of nothing real: all integrals of the tables in use."""
    parameters = load_parameters(DEFAULT_SLAKO, ["C"])
    atom = parameters.atoms["C"]
    parameters.atoms["C"] = type(atom)((*atom.onsite, 0.1), (*atom.hubbard, 0.3), (*atom.occupation, 0.0))
    for table in parameters.pairs["C", "C"].values[:, 0], parameters.pairs["C", "C"].values[:, 1]:
        table[:, [0, 1, 2, 3, 4, 7]] = table[:, [5, 6, 6, 5, 6, 8]] * [0.5, 0.4, 0.3, 0.2, 0.1, 0.6]
    return parameters


def test_slopes_of_a_table_and_its_tail():
    table = load_parameters(DEFAULT_SLAKO, ["C"]).pairs["C", "C"]
    end = len(table.values) * table.step
    distances = np.array([1.307, 2.513, 4.777, end - 0.01, end + 0.013, end + 0.5, end + 1.2])
    values, slopes = table.interpolate(distances)
    assert values.shape == slopes.shape == (7, 2, 10)
    h = 1e-4
    differences = four_point(lambda x: table.interpolate(distances + x)[0], 0.0, h)
    assert np.abs(slopes - differences).max() < 1e-9
    assert not slopes[-1].any() and np.abs(slopes[:3]).max() > 0.1


def test_gradient_of_pair_blocks_with_d_shells():
    parameters = with_d_shells()
    rng = np.random.default_rng(3)
    vectors = rng.normal(scale=2.0, size=(6, 3)) + np.array([0.0, 0.0, 2.0])
    # along the axes too, where a parametrisation by angles would fail
    vectors[:3] = np.diag([3.113, 2.907, -3.309])
    first, second = np.zeros(6, int), np.ones(6, int)

    def blocks(moved):
        return pair_blocks(parameters, ("C", "C"), first, second, moved)[0]

    assert blocks(vectors).values.shape == (2, 6, 9, 9)
    weights = rng.normal(size=(2, 6, 9, 9))
    gradient = blocks(vectors).gradient(weights)
    for axis in range(3):
        step = np.eye(3)[axis]
        slope = four_point(
            lambda x, d=step: (blocks(vectors + x * d).values * weights).sum(axis=(0, 2, 3)), 0.0, 1e-3
        )
        assert np.abs(slope - gradient[:, axis]).max() < 1e-8


@pytest.mark.parametrize(("a", "b"), [(1.2, 1.2), (1.1, 1.4)])
def test_slope_of_the_short_range_of_gamma(a, b):
    r = np.array([0.7, 2.0, 6.0])
    slope = four_point(lambda x: short_range(r + x, a, b)[0], 0.0, 1e-3)
    assert np.abs(slope - short_range(r, a, b)[1]).max() < 1e-10


@pytest.mark.parametrize("periodic", [True, False])
def test_forces_of_gamma(periodic):
    rng = np.random.default_rng(5)
    positions = rng.uniform(0.0, 8.0, size=(4, 3))
    cell = np.diag([9.0, 10.0, 11.0]) + 1.5 * np.eye(3, k=1)
    site_atom, hubbard = np.array([0, 0, 1, 2, 3]), np.array([0.36, 0.39, 0.42, 0.5, 0.42])
    charges = np.array([0.3, -0.1, 0.2, -0.5, 0.4])

    def atoms(moved):
        return Electrode(("C",) * 4, moved, cell, (periodic,) * 3)

    def energy(moved):
        return 0.5 * charges @ Gamma(atoms(moved), site_atom, hubbard).matrix @ charges

    forces = Gamma(atoms(positions), site_atom, hubbard, with_forces=True).forces(charges)
    assert np.abs(forces.sum(axis=0)).max() < 1e-12
    for atom, axis in ((0, 0), (2, 1), (3, 2)):
        step = np.zeros((4, 3))
        step[atom, axis] = 1.0
        slope = four_point(lambda x, d=step: energy(positions + x * d), 0.0, 1e-2)
        assert abs(slope + forces[atom, axis]) < 1e-8


@pytest.mark.parametrize("periodic", [True, False])
def test_forces_between_two_sets_of_charges(periodic):
    rng = np.random.default_rng(6)
    sites, sources = rng.uniform(0.0, 9.0, size=(3, 3)), rng.uniform(0.0, 9.0, size=(5, 3))
    of_sites, charges = np.array([0.4, -0.2, 0.5]), np.array([1.0, -0.8, 0.3, 0.2, -0.4])
    cell = np.diag([9.0, 10.0, 11.0])

    def energy(moved_sites, moved_sources):
        if periodic:
            return of_sites @ ewald_potential(moved_sites, moved_sources, charges, cell)
        return of_sites @ coulomb_potential(moved_sites, moved_sources, charges)

    if periodic:
        on_sites, on_sources = ewald_forces_between(sites, of_sites, sources, charges, cell)
    else:
        on_sites, on_sources = coulomb_forces_between(sites, of_sites, sources, charges)
    assert np.abs(on_sites.sum(axis=0) + on_sources.sum(axis=0)).max() < 1e-12
    step = np.zeros((3, 3))
    step[1, 2] = 1.0
    slope = four_point(lambda x: energy(sites + x * step, sources), 0.0, 1e-2)
    assert abs(slope + on_sites[1, 2]) < 1e-8
    step = np.zeros((5, 3))
    step[4, 0] = 1.0
    slope = four_point(lambda x: energy(sites, sources + x * step), 0.0, 1e-2)
    assert abs(slope + on_sources[4, 0]) < 1e-8


def test_repulsive_spline_of_carbon_and_hydrogen():
    pair = read_repulsive(DEFAULT_SLAKO / "C-H.skf", homonuclear=False)
    inside = np.array([0.8, 1.5, 2.05, 3.3, pair.cutoff - 1e-6, pair.cutoff, 5.0])
    energies, slopes = pair.energy_slope(inside)
    assert np.abs(slopes - four_point(lambda x: pair.energy_slope(inside + x)[0], 0.0, 1e-4)).max() < 1e-6
    assert energies[0] > energies[1] > energies[2] > 0.0
    assert not energies[5:].any() and abs(energies[4]) < 1e-8
    # continuous at its knots, the exponential's end included
    below, above = (pair.energy_slope(pair.knots + x)[0] for x in (-1e-9, 1e-9))
    assert np.abs(below - above).max() < 1e-5


@pytest.mark.parametrize("said", [3.0, 9.0])
def test_a_repulsive_spline_ends_with_its_last_interval(tmp_path, said):
    """As in DFTB+, whatever the line of its cut-off says."""
    lines = (DEFAULT_SLAKO / "C-C.skf").read_text(encoding="latin-1").splitlines()
    start = lines.index("Spline") + 1
    count = int(lines[start].split()[0])
    first, end, *coefficients = map(float, lines[start + 1 + count].split())
    lines[start] = f"{count} {said}"
    (tmp_path / "C-C.skf").write_text("\n".join(lines))
    energies, slopes = read_repulsive(tmp_path / "C-C.skf", True).energy_slope(np.array([end - 1e-2, 7.0]))
    x = end - 1e-2 - first
    assert energies[0] == pytest.approx(np.polyval(coefficients[::-1], x), abs=1e-15) != 0.0
    assert energies[1] == slopes[1] == 0.0


def test_blank_lines_in_a_repulsive_spline(tmp_path):
    """DFTB+ reads numbers wherever the next ones are."""
    text = (DEFAULT_SLAKO / "C-C.skf").read_text(encoding="latin-1")
    head, found, tail = text.partition("Spline\n")
    first, second, rest = tail.split("\n", 2)
    (tmp_path / "C-C.skf").write_text(f"{head}{found}\n{first}\n \n{second}\n\n{rest}")
    distances = np.linspace(2.0, 4.5, 40)
    own = read_repulsive(tmp_path / "C-C.skf", True).energy_slope(distances)
    expected = read_repulsive(DEFAULT_SLAKO / "C-C.skf", True).energy_slope(distances)
    assert np.array_equal(own, expected) and np.abs(expected[0]).max() > 0.1


def test_repulsive_of_other_sets_is_a_gradient():
    directory = slako_directory("auorg-1-1", ("Au", "H"))
    table = {
        (a, b): read_repulsive(directory / f"{a}-{b}.skf", a == b) for a in ("Au", "H") for b in ("Au", "H")
    }
    positions = np.array([[0.0, 0.0, 0.0], [4.9, 0.0, 0.5], [1.0, 2.6, 1.0]])

    def answer(moved):
        atoms = Electrode(("Au", "Au", "H"), moved, np.eye(3), (False,) * 3)
        return repulsive_energy_forces(atoms.symbols, find_pairs(atoms, 10.0).half(), table)

    _, forces = answer(positions)
    assert np.abs(forces).max() > 1e-3 and np.abs(forces.sum(axis=0)).max() < 1e-15
    step = np.zeros((3, 3))
    step[0, 0] = 1.0
    assert abs(four_point(lambda x: answer(positions + x * step)[0], 0.0, 1e-3) + forces[0, 0]) < 1e-8


def without_spline(line):
    return [*line[: line.index("Spline")]]


def test_repulsive_polynomial(tmp_path):
    lines = without_spline((DEFAULT_SLAKO / "H-H.skf").read_text(encoding="latin-1").splitlines())
    lines[2] = "1.008 0.1 0.02 0 0 0 0 0 -0.003 2.5 10*0.0"
    path = tmp_path / "H-H.skf"
    path.write_text("\n".join(lines))
    pair = read_repulsive(path, homonuclear=True)
    r = np.array([0.5, 1.5, 2.4, 2.6])
    x = np.maximum(2.5 - r, 0.0)
    energies, slopes = pair.energy_slope(r)
    assert np.abs(energies - (0.1 * x**2 + 0.02 * x**3 - 0.003 * x**9)).max() < 1e-14
    assert np.abs(slopes + (0.2 * x + 0.06 * x**2 - 0.027 * x**8)).max() < 1e-14


def other_sign(lines, line, column):
    """A number of the spline with its sign lost; -1 is the line of the last interval."""
    start = lines.index("Spline")
    row = start + (line if line > 0 else 2 + int(lines[start + 1].split()[0]))
    numbers = lines[row].split()
    numbers[column] = str(-float(numbers[column]))
    return [*lines[:row], " ".join(numbers), *lines[row + 1 :]]


def test_an_exponential_that_does_not_go_on_is_refused_where_it_counts(tmp_path):
    """A sign lost in it; files of 3ob-3-1 are published so (F-S reaches 1e104 Hartree)."""
    lines = (DEFAULT_SLAKO / "C-C.skf").read_text(encoding="latin-1").splitlines()
    path = tmp_path / "C-C.skf"
    path.write_text("\n".join(other_sign(lines, 2, 0)))
    pair = read_repulsive(path, homonuclear=True)
    sound = read_repulsive(DEFAULT_SLAKO / "C-C.skf", homonuclear=True)
    apart = np.array([pair.knots[0], 2.6, 9.0])
    assert np.array_equal(pair.energy_slope(apart), sound.energy_slope(apart))
    with pytest.raises(InputError, match=r"C-C\.skf: .* below .* does not go on .* 1 bohr apart"):
        pair.energy_slope(np.array([1.0, 2.6]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_spline, "neither a spline nor a polynomial"),
        (lambda lines: lines[: lines.index("Spline") + 3], "truncated"),
        (
            lambda lines: [line.replace("Spline", "Spline\n0 3.5") for line in lines],
            "make no spline",
        ),
        (
            lambda lines: [
                *lines[: lines.index("Spline") + 5],
                *lines[lines.index("Spline") + 6 :],
            ],
            "does not follow the one before",
        ),
        (lambda lines: other_sign(lines, 5, 3), "do not meet"),
        (lambda lines: other_sign(lines, 5, 2), "do not meet"),
        (lambda lines: other_sign(lines, -1, 2), "do not meet"),
    ],
)
def test_broken_repulsive_parts(tmp_path, change, words):
    lines = (DEFAULT_SLAKO / "C-C.skf").read_text(encoding="latin-1").splitlines()
    path = tmp_path / "C-C.skf"
    path.write_text("\n".join(change(lines)))
    with pytest.raises(InputError, match=words) as error:
        read_repulsive(path, homonuclear=True)
    assert "C-C.skf" in str(error.value) and "\n" not in str(error.value)
