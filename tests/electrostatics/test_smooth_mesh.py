"""Gaussian charges on a mesh: the sum over waves and over pairs, and the energy's own derivatives."""

import numpy as np
import pytest
from scipy.special import erf

from polcouple.electrostatics.ewald import ewald_energy_forces
from polcouple.electrostatics.smooth_mesh import smooth_coulomb, smooth_coulomb_of_cluster
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

CELL = np.array([[9.0, 0.0, 0.0], [1.5, 8.5, 0.0], [-1.0, 0.7, 9.5]])
WIDTH = 1.2
COULOMB = HARTREE_TO_EV * BOHR_TO_ANGSTROM


def charged(count=40, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(0, 1, (count, 3)) @ CELL, random.normal(size=count)


def by_waves(positions, charges, width):
    """Energy and forces by all waves that count."""
    steps = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), -1).reshape(-1, 3)
    k = steps[np.any(steps != 0, axis=1)] @ (2 * np.pi * np.linalg.inv(CELL).T)
    square = (k**2).sum(axis=1)
    factors = 2 * np.pi * COULOMB / abs(np.linalg.det(CELL)) * np.exp(-(width**2) * square) / square
    phases = np.exp(1j * k @ positions.T)
    structure = phases @ charges
    pulls = 2.0 * (factors * structure.conj())[:, None] * phases
    return float(factors @ np.abs(structure) ** 2), charges[:, None] * (pulls.imag.T @ k)


@pytest.mark.parametrize("width", [0.9, 1.2, 2.0])
def test_it_is_the_sum_over_waves(width):
    positions, charges = charged()
    energy, forces = by_waves(positions, charges, width)
    found = smooth_coulomb(positions, charges, CELL, width)
    assert found.energy == pytest.approx(energy, rel=1e-4)
    assert np.abs(found.forces - forces).max() < 1.5e-4 * np.abs(forces).max()
    assert found.energy == pytest.approx(0.5 * charges @ found.potentials)


def test_far_charges_are_points_and_close_ones_are_not():
    """Beside Ewald's sum of points: by erfc of the closest two and their energies with themselves."""
    positions = np.array([[0.0, 0.0, 0.0], [2.0, 1.0, 0.5]])
    charges, cell, width = np.array([1.0, -1.0]), 12.0 * np.eye(3), 1.0
    points = (
        ewald_energy_forces(positions / BOHR_TO_ANGSTROM, charges, cell / BOHR_TO_ANGSTROM)[0] * HARTREE_TO_EV
    )
    r = np.linalg.norm(positions[1])
    close = COULOMB * (1.0 - erf(r / (2 * width))) / r
    alone = 2 * COULOMB / (2 * np.sqrt(np.pi) * width)
    found = smooth_coulomb(positions, charges, cell, width).energy
    assert found == pytest.approx(points + close + alone, abs=2e-3)
    assert close > 0.05


def test_forces_potentials_and_virial_are_the_energys_derivatives():
    positions, charges = charged()
    found = smooth_coulomb(positions, charges, CELL, WIDTH)

    def energy(strain, move, more):
        lattice = np.eye(3) + strain
        return smooth_coulomb((positions + move) @ lattice, charges + more, CELL @ lattice, WIDTH).energy

    nothing, step = np.zeros((40, 3)), 1e-5
    for i, axis in ((0, 0), (3, 1), (17, 2)):
        move, more = nothing.copy(), np.zeros(40)
        move[i, axis], more[i] = step, step
        slope = (energy(0, move, 0) - energy(0, -move, 0)) / (2 * step)
        assert found.forces[i, axis] == pytest.approx(-slope, abs=1e-6)
        slope = (energy(0, nothing, more) - energy(0, nothing, -more)) / (2 * step)
        assert found.potentials[i] == pytest.approx(slope, abs=1e-6)
    for a, b in ((0, 0), (0, 1), (2, 1)):
        strain = np.zeros((3, 3))
        strain[a, b] = step
        slope = (energy(strain, nothing, 0) - energy(-strain, nothing, 0)) / (2 * step)
        assert found.virial[a, b] == pytest.approx(-slope, abs=1e-5)


def test_images_and_a_place_on_the_edge():
    positions, charges = charged()
    positions[0] = [-1e-17, 0.0, 0.0]
    base = smooth_coulomb(positions, charges, CELL, WIDTH)
    other = smooth_coulomb(positions + CELL[0] - 2 * CELL[2], charges, CELL, WIDTH)
    assert other.energy == pytest.approx(base.energy, abs=1e-10)
    assert np.allclose(other.forces, base.forces, atol=1e-10)


def test_a_cluster_is_the_limit_of_a_large_cell():
    random = np.random.default_rng(2)
    positions, charges = random.uniform(0, 4, (6, 3)), np.array([1.0, -1.0, 0.5, -0.5, 0.3, -0.3])
    found = smooth_coulomb_of_cluster(positions, charges, WIDTH)
    # cubic cells: what is missing falls with the cell's volume
    large = [smooth_coulomb(positions, charges, edge * np.eye(3), WIDTH) for edge in (30.0, 60.0)]
    limit = large[1].energy + (large[1].energy - large[0].energy) / 7
    assert found.energy == pytest.approx(limit, abs=2e-3)
    assert np.abs(found.forces - large[1].forces).max() < 2e-3
    assert np.abs(found.forces).max() > 0.3
    assert np.allclose(found.forces.sum(axis=0), 0.0, atol=1e-12)


def test_a_clusters_forces_potentials_and_virial_are_derivatives():
    positions, charges = charged(8)
    found, step = smooth_coulomb_of_cluster(positions, charges, WIDTH), 1e-5

    def energy(places, more=0.0):
        return smooth_coulomb_of_cluster(places, charges + more, WIDTH).energy

    one = np.zeros((8, 3))
    one[3, 1] = step
    assert found.forces[3, 1] == pytest.approx(
        -(energy(positions + one) - energy(positions - one)) / (2 * step)
    )
    more = step * np.eye(8)[5]
    assert found.potentials[5] == pytest.approx(
        (energy(positions, more) - energy(positions, -more)) / (2 * step)
    )
    strain = step * np.outer(np.eye(3)[0], np.eye(3)[2])
    ends = [energy(positions @ (np.eye(3) + sign * strain)) for sign in (1, -1)]
    assert found.virial[0, 2] == pytest.approx(-(ends[0] - ends[1]) / (2 * step))
