"""Clouds on a grid: electrons, energies and far potentials against sums that know nothing of the grid."""

import numpy as np
import pytest
from capacitor_cases import one_sheet

from polcouple.backends.metal_mobile import gaussian_matrix
from polcouple.dftb.gamma import Gamma
from polcouple.electrode import Electrode
from polcouple.electrostatics import cloud_grid
from polcouple.electrostatics.cloud_grid import CloudGrid, grid_shape, planar_potential
from polcouple.electrostatics.clouds import ExponentialCloud, GaussianCloud
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

CARBON, HYDROGEN = 0.3647, 0.4195  # U of mio-1-1 in Hartree
SPACING = 0.25 * ANGSTROM_TO_BOHR


def skewed_atoms():
    """Nine atoms of two elements in a cell without right angles, some of them in other images."""
    rng = np.random.default_rng(5)
    cell = np.array([[9.0, 0.0, 0.0], [-2.0, 8.0, 0.0], [1.0, -1.5, 14.0]])
    places = np.stack(np.meshgrid([0.1, 0.4, 0.8], [0.2, 0.55, 0.9], [0.5]), axis=-1).reshape(-1, 3)
    positions = (places + 0.03 * rng.standard_normal(places.shape) + rng.integers(-1, 2, places.shape)) @ cell
    return Electrode(("C",) * 5 + ("H",) * 4, positions, cell)


def hubbard_of(atoms):
    return np.array([{"C": CARBON, "H": HYDROGEN}[symbol] for symbol in atoms.symbols])


def exponentials(atoms):
    return tuple(ExponentialCloud(3.2 * u) for u in hubbard_of(atoms))


def on_grid(atoms, clouds, spacing=SPACING):
    return CloudGrid(atoms.cell, grid_shape(atoms.cell, spacing), atoms.positions, clouds)


@pytest.fixture(scope="module", params=["sheet", "skewed"])
def charged(request):
    """Atoms with a net charge, their charges, and the grid."""
    atoms = one_sheet((3, 2)).electrode if request.param == "sheet" else skewed_atoms()
    charges = np.random.default_rng(1).normal(-0.01, 0.05, len(atoms))
    return atoms, charges, on_grid(atoms, exponentials(atoms))


def test_electrons(charged):
    _, charges, grid = charged
    volume = grid.volume / np.prod(grid.shape)
    assert grid.array(charges, "density").sum() * volume == pytest.approx(charges.sum(), abs=1e-12)


def test_each_cloud_alone_is_normalised_and_where_its_atom_is(charged):
    atoms, _, grid = charged
    one = np.zeros(len(atoms))
    one[3] = 1.0
    density = grid.array(one, "density")
    phases = [np.exp(2j * np.pi * np.arange(n) / n) for n in grid.shape]
    first = [np.tensordot(density, phase, (axis, 0)).sum() for axis, phase in enumerate(phases)]
    found = np.angle(first) / (2.0 * np.pi)  # of the first wave along each vector
    place = atoms.positions[3] @ np.linalg.inv(atoms.cell)
    assert (found - place - np.round(found - place)) == pytest.approx(0.0, abs=1e-9)


def test_energy_is_gammas(charged):
    atoms, charges, grid = charged
    gamma = Gamma(atoms, np.arange(len(atoms)), hubbard_of(atoms)).matrix
    felt = grid.felt(charges)
    assert felt == pytest.approx(gamma @ charges, abs=1e-7)
    assert 0.5 * charges @ felt == pytest.approx(0.5 * charges @ gamma @ charges, abs=1e-8)


def test_energy_of_the_arrays_is_gammas(charged):
    """1/2 int rho phi over grid points; a charged cell's average is told apart by the clouds' spread."""
    atoms, charges, grid = charged
    volume = grid.volume / np.prod(grid.shape)
    density, potential = (grid.array(charges, field) for field in ("density", "potential"))
    spreads = np.array([cloud.spread for cloud in grid.clouds])
    average = -2.0 * np.pi / grid.volume * charges.sum() * (spreads @ charges)
    gamma = Gamma(atoms, np.arange(len(atoms)), hubbard_of(atoms)).matrix
    found = 0.5 * float((density * potential).sum()) * volume + average
    assert found == pytest.approx(0.5 * charges @ gamma @ charges, abs=1e-7)


def test_gaussians_are_metals():
    atoms = skewed_atoms()
    charges = np.random.default_rng(2).normal(0.01, 0.05, len(atoms))
    grid = on_grid(atoms, (GaussianCloud(1.05),) * len(atoms))
    assert grid.felt(charges) == pytest.approx(gaussian_matrix(atoms, 1.05) @ charges, abs=1e-10)


def test_far_potential_is_that_of_points():
    atoms = one_sheet((3, 2)).electrode
    charges = np.random.default_rng(3).normal(-0.01, 0.05, len(atoms))
    grid = on_grid(atoms, exponentials(atoms))
    potential = grid.array(charges, "potential")
    index = np.array([[0, 0, 54], [7, 3, 60], [20, 11, 40]])  # 10 Angstrom and more from the sheet
    places = index / grid.shape @ grid.cell
    assert np.abs(places[:, 2] - atoms.positions[0, 2]).min() > 15.0
    expected = ewald_potential(places, atoms.positions, charges, atoms.cell)
    assert potential[tuple(index.T)] == pytest.approx(expected, abs=1e-6)


def test_values_are_the_clouds_away_from_nuclei():
    """Where waves shorter than the grid's have died out, values are those of the exponential itself."""
    cell = np.diag([16.0, 16.0, 16.0])
    cloud = ExponentialCloud(1.2)
    grid = CloudGrid(cell, grid_shape(cell, 0.2), np.full((1, 3), 8.0), (cloud,))
    density = grid.array(np.ones(1), "density")
    distances = np.arange(grid.shape[2]) * 16.0 / grid.shape[2] - 8.0
    shifts = np.stack(np.meshgrid(*[[-16.0, 0.0, 16.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    middle = [n // 2 for n in grid.shape[:2]]
    for number in (5, 20, 30):
        radii = np.linalg.norm(shifts + np.array([0.0, 0.0, distances[number]]), axis=1)
        expected = (1.2**3 / (8.0 * np.pi) * np.exp(-1.2 * radii)).sum()
        assert density[middle[0], middle[1], number] == pytest.approx(expected, abs=5e-5)


def test_planar_averages_are_those_of_the_grid(charged):
    _, charges, grid = charged
    for field in ("density", "potential"):
        averages = grid.array(charges, field).mean(axis=(0, 1))
        assert charges @ grid.planar(field) == pytest.approx(averages, abs=1e-13)


def test_blocks_make_the_same_grid(monkeypatch):
    atoms = skewed_atoms()
    charges, grid = np.linspace(-0.1, 0.2, len(atoms)), on_grid(atoms, exponentials(atoms))
    whole = grid.array(charges, "density")
    monkeypatch.setattr(cloud_grid, "_MEMORY", 16 * grid.shape[1] * (grid.shape[2] // 2 + 1) * 3)
    blocks = list(grid.planes(charges, "density"))
    assert len(blocks) > 5 and {len(block) for block in blocks[:-1]} == {3}
    assert np.concatenate(blocks) == pytest.approx(whole, abs=1e-15)


def test_planar_potential_of_points_is_that_of_sheets_of_charge():
    """Of several planes, in any image, by the Fourier sum of the periodic potential."""
    cell, points = np.array([[7.0, 0.0, 0.0], [2.0, 9.0, 0.0], [1.0, 1.0, 30.0]]), 60
    heights, charges = np.array([12.3, -4.0, 51.0, 29.99]), np.array([0.8, -0.5, 0.3, -0.1])
    positions = np.column_stack([[1.0, 2.0, 3.0, 4.0], [1.0, -2.0, 3.0, -4.0], heights])
    found = planar_potential(cell, points, positions, charges)
    waves = 2.0 * np.pi / 30.0 * np.arange(1, 200_000)
    for number in (0, 13, 24, 59):
        phases = np.outer(waves, 0.5 * number - heights)
        expected = 8.0 * np.pi / 1890.0 * float((np.cos(phases) @ charges / waves**2).sum())
        assert found[number] == pytest.approx(expected, abs=1e-6)


def test_a_grid_too_large_is_refused_with_a_spacing_that_will_do():
    cell = np.diag([50.0, 8000.0, 8000.0])
    with pytest.raises(InputError, match=r"too large; a spacing of ([\d.]+) Angstrom") as refused:
        grid_shape(cell, 0.1)
    enough = float(str(refused.value).partition("spacing of ")[2].split()[0])
    grid_shape(cell, 1.05 * enough * ANGSTROM_TO_BOHR)
