"""Plain Ewald against Madelung constants, itself (splitting, supercells, images) and finite differences."""

import numpy as np
import pytest

from polcouple.electrostatics.coulomb import coulomb_energy_forces, coulomb_matrix, coulomb_potential
from polcouple.electrostatics.ewald import ewald_energy_forces, ewald_matrix, ewald_potential
from polcouple.errors import InputError
from polcouple.lattice.cell import base_area, widest_gap

TRICLINIC = np.array([[9.0, 0.0, 0.0], [2.5, 8.0, 0.0], [-1.5, 3.0, 17.0]])


def random_charges(n, cell, seed=1):
    rng = np.random.default_rng(seed)
    return rng.random((n, 3)) @ cell, rng.normal(size=n)


# Madelung constants per nearest-neighbour distance: Y. Sakamoto, J. Chem. Phys. 28, 164 (1958)
@pytest.mark.parametrize(
    ("cell", "anion", "distance", "madelung"),
    [
        (np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]), [1.0, 1.0, 1.0], 1.0, 1.7475645946331822),
        (np.eye(3), [0.5, 0.5, 0.5], np.sqrt(0.75), 1.76267477307099),
    ],
    ids=["NaCl", "CsCl"],
)
def test_madelung_constants(cell, anion, distance, madelung):
    charges = np.array([1.0, -1.0])
    positions = 5.3 * np.array([[0.0, 0.0, 0.0], anion])
    matrix = ewald_matrix(positions, 5.3 * cell)
    assert 0.5 * charges @ matrix @ charges * 5.3 * distance == pytest.approx(-madelung, abs=1e-10)
    energy, forces = ewald_energy_forces(positions, charges, 5.3 * cell)
    assert energy * 5.3 * distance == pytest.approx(-madelung, abs=1e-10)
    assert np.abs(forces).max() < 1e-11


def test_self_potential_of_cubic_lattice():
    # the Wigner constant of a simple cubic lattice in a neutralising background
    assert ewald_matrix(np.zeros((1, 3)), 3.0 * np.eye(3))[0, 0] * 3.0 == pytest.approx(
        -2.837297479480619, abs=1e-10
    )


@pytest.mark.parametrize("cell", [np.diag([9.0, 8.0, 30.0]), TRICLINIC], ids=["slab", "triclinic"])
def test_independent_of_the_splitting(cell):
    positions, charges = random_charges(12, cell)
    sites = positions[:3] + 0.3
    matrices = [ewald_matrix(positions, cell, alpha=a) for a in (0.25, 0.45)]
    assert np.abs(matrices[0] - matrices[1]).max() < 1e-11
    potentials = [ewald_potential(sites, positions, charges, cell, alpha=a) for a in (0.25, 0.45)]
    assert np.abs(potentials[0] - potentials[1]).max() < 1e-11
    (e1, f1), (e2, f2) = (ewald_energy_forces(positions, charges, cell, alpha=a) for a in (0.25, 0.45))
    assert e1 == pytest.approx(e2, abs=1e-10)
    assert np.abs(f1 - f2).max() < 1e-10


def test_matrix_energy_and_potential_agree():
    positions, charges = random_charges(15, TRICLINIC)
    matrix = ewald_matrix(positions, TRICLINIC)
    energy, _ = ewald_energy_forces(positions, charges, TRICLINIC)
    assert energy == pytest.approx(0.5 * charges @ matrix @ charges, abs=1e-10)
    potential = ewald_potential(positions[:5], positions[5:], charges[5:], TRICLINIC)
    assert np.abs(potential - matrix[:5, 5:] @ charges[5:]).max() < 1e-11


def test_potential_averages_to_zero_over_the_cell():
    n = 24
    cell = np.diag([5.0, 6.0, 7.0])
    grid = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell
    matched = ewald_potential(grid, np.zeros((1, 3)), np.ones(1), cell, accuracy=1e-8)
    # the singularity costs the midpoint rule O(h^2)
    assert abs(matched.mean()) < 2e-3 < 0.1 * np.abs(matched).mean()


def test_triclinic_cell_equals_its_supercell():
    transform = np.array([[1, 0, 0], [1, 2, 0], [-1, 0, 1]])
    supercell = transform @ TRICLINIC
    positions, charges = random_charges(7, TRICLINIC)
    doubled = np.concatenate([positions, positions + TRICLINIC[1]])
    sites = np.random.default_rng(5).random((4, 3)) @ TRICLINIC
    small = ewald_potential(sites, positions, charges, TRICLINIC)
    large = ewald_potential(sites, doubled, np.tile(charges, 2), supercell)
    assert np.abs(small - large).max() < 1e-11


def test_any_lattice_image_gives_the_same():
    positions, charges = random_charges(9, TRICLINIC)
    shifts = np.random.default_rng(3).integers(-3, 4, (9, 3)) @ TRICLINIC
    e1, f1 = ewald_energy_forces(positions, charges, TRICLINIC)
    e2, f2 = ewald_energy_forces(positions + shifts, charges, TRICLINIC)
    assert e1 == pytest.approx(e2, abs=1e-11)
    assert np.abs(f1 - f2).max() < 1e-11


@pytest.mark.parametrize("cell", [TRICLINIC, None], ids=["periodic", "open"])
def test_forces_are_finite_differences(cell):
    positions, charges = random_charges(8, TRICLINIC)

    def energy_forces(x):
        return coulomb_energy_forces(x, charges) if cell is None else ewald_energy_forces(x, charges, cell)

    forces = energy_forces(positions)[1]
    assert np.abs(forces).max() > 0.01
    h = 1e-4
    for atom, axis in [(0, 0), (3, 1), (7, 2)]:
        step = np.zeros_like(positions)
        step[atom, axis] = h
        slope = (energy_forces(positions + step)[0] - energy_forces(positions - step)[0]) / (2 * h)
        assert forces[atom, axis] == pytest.approx(-slope, abs=1e-6)


def test_open_boundary_sums_agree():
    positions, charges = random_charges(8, TRICLINIC)
    matrix = coulomb_matrix(positions)
    assert matrix[0, 1] == pytest.approx(1.0 / np.linalg.norm(positions[0] - positions[1]))
    assert coulomb_energy_forces(positions, charges)[0] == pytest.approx(0.5 * charges @ matrix @ charges)
    potential = coulomb_potential(positions[:3], positions[3:], charges[3:])
    assert np.abs(potential - matrix[:3, 3:] @ charges[3:]).max() < 1e-13


def test_bad_input_is_named():
    positions, _ = random_charges(4, TRICLINIC)
    flat = TRICLINIC.copy()
    flat[2] = flat[0] + flat[1]
    with pytest.raises(InputError, match="span no volume"):
        ewald_matrix(positions, flat)
    with pytest.raises(InputError, match="finite"):
        ewald_matrix(positions, TRICLINIC * np.nan)
    broken = positions.copy()
    broken[2, 1] = np.nan
    with pytest.raises(InputError, match="atom 2"):
        ewald_matrix(broken, TRICLINIC)
    same = positions.copy()
    same[3] = same[1] + TRICLINIC[0]
    with pytest.raises(InputError, match="atoms 1 and 3"):
        ewald_matrix(same, TRICLINIC)
    with pytest.raises(InputError, match="same place"):
        coulomb_matrix(positions[[0, 1, 1]])


def test_widest_gap_may_lie_across_the_boundary():
    assert widest_gap(np.array([8.0, 1.0, 3.0]), 10.0) == pytest.approx((3.0, 5.0))
    # the same points shifted, and in other periods
    assert widest_gap(np.array([6.5, -30.5, 1.5]) + 3.0, 10.0) == pytest.approx((4.5, 5.0))
    assert widest_gap(np.array([4.0, 5.0, 7.0]), 10.0) == pytest.approx((7.0, 7.0))


def test_base_area_of_an_oblique_cell():
    cell = np.array([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [0.5, 0.7, 9.0]])
    assert base_area(cell) == pytest.approx(6.0)
