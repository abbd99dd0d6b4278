"""Forces of charges at the sites against plain sums and finite differences."""

from functools import cache

import numpy as np
import pytest
from test_site_potential import FRAME, PERIODIC, liquid

from polcouple.electrostatics.ewald import ewald_energy_forces, ewald_potential
from polcouple.electrostatics.site_forces import SiteForces
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

CELLS = {
    "slab": np.diag([30.0, 34.0, 90.0]),
    "slab along x": np.diag([90.0, 30.0, 34.0]),
    "triclinic": np.array([[32.0, 0.0, 0.0], [-14.0, 30.0, 0.0], [7.0, -9.0, 60.0]]),
    "smaller than the cut-off": np.array([[14.0, 3.0, -2.0], [1.0, 12.0, 4.0], [-3.0, 2.0, 11.0]]),
}


@pytest.fixture(scope="module")
def frame():
    with np.load(FRAME) as data:
        sites, positions, cell = (
            data[key].astype(float) * ANGSTROM_TO_BOHR for key in ("electrode_positions", "positions", "cell")
        )
        return sites, positions, cell, data["electrolyte_charges"].astype(float)


def plain(sites, site_charges, positions, charges, cell):
    """Energy and forces between both sets of charges from plain Ewald sums over all of them."""
    everything = np.vstack([sites, positions])
    both, forces = ewald_energy_forces(everything, np.concatenate([site_charges, charges]), cell)
    liquid_alone, own = ewald_energy_forces(positions, charges, cell)
    sites_alone, _ = ewald_energy_forces(sites, site_charges, cell)
    return both - liquid_alone - sites_alone, forces[len(sites) :] - own


@cache
def sample(name):
    """Sites, their charges, moving charges, and what the plain sums say."""
    sites, positions, charges = liquid(CELLS[name], 17, 60)
    site_charges = np.random.default_rng(3).normal(scale=0.1, size=17)
    arguments = (sites, site_charges, positions, charges)
    return *arguments, *plain(*arguments, CELLS[name])


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        ("slab", 1e-6),
        ("triclinic", 1e-9),
        ("smaller than the cut-off", 1e-9),
        *[
            pytest.param(*rest, marks=pytest.mark.slow)
            for rest in (
                ("slab", 1e-9),
                ("slab along x", 1e-6),
                ("slab along x", 1e-9),
                ("triclinic", 1e-6),
                ("smaller than the cut-off", 1e-6),
            )
        ],
    ],
)
def test_any_cell_to_the_accuracy_asked_for(name, accuracy):
    sites, site_charges, positions, charges, expected_energy, expected = sample(name)
    energy, forces = SiteForces(sites, CELLS[name], accuracy)(site_charges, positions, charges)
    error = np.abs((forces - expected) / charges[:, None]).max()
    assert error < accuracy
    assert error > 0.003 * accuracy  # or the parameters are wasteful
    # errors of 60 charges of either sign
    assert abs(energy - expected_energy) < 20.0 * accuracy


@pytest.mark.parametrize("accuracy", [1e-6, 1e-9])
@pytest.mark.parametrize("kind", ["equal", "random", "as they are"])
def test_real_sheet_to_the_accuracy_asked_for(frame, kind, accuracy):
    """Atoms next to the sheet and anywhere; the reference differentiates plain sums numerically."""
    sites, positions, cell, _ = frame
    rng = np.random.default_rng(0)
    n = len(sites)
    site_charges = {
        "equal": np.full(n, -4.0 / n),
        "random": rng.normal(scale=0.1, size=n),
        "as they are": -4.0 / n + rng.normal(scale=0.012, size=n),
    }[kind]
    above = np.abs(positions[:, 2] - cell[2, 2] * np.round(positions[:, 2] / cell[2, 2]))
    chosen = positions[np.concatenate([np.argsort(above)[:8], rng.integers(0, len(positions), 8)])]
    h = 2e-3
    shifts = [step * h * np.eye(3)[axis] for axis in range(3) for step in (1, -1, 2, -2)]
    points = np.concatenate([chosen + shift for shift in shifts])
    values = ewald_potential(points, sites, site_charges, cell).reshape(3, 4, len(chosen))
    expected = (8.0 * (values[:, 1] - values[:, 0]) - (values[:, 3] - values[:, 2])).T / (12.0 * h)
    _, forces = SiteForces(sites, cell, accuracy)(site_charges, chosen, np.ones(len(chosen)))
    assert np.abs(forces - expected).max() < accuracy + 1e-10
    assert np.abs(expected).max() > 1e-3


def test_energy_is_that_of_the_site_potentials_and_forces_its_derivative(frame):
    sites, positions, cell, charges = frame
    site_charges = np.random.default_rng(1).normal(-0.012, 0.02, size=len(sites))
    fine = SitePotential(sites, cell, PERIODIC, 1e-9)
    of_sites = SiteForces(sites, cell, 1e-7)
    energy, forces = of_sites(site_charges, positions, charges)
    assert energy == pytest.approx(site_charges @ fine(positions, charges), abs=1e-6)
    atom, h = int(np.argmin(np.abs(positions[:, 2]))), 1e-3

    def along(step, axis):
        moved = positions.copy()
        moved[atom, axis] += step
        return site_charges @ fine(moved, charges), of_sites(site_charges, moved, charges)[0]

    for axis in range(3):
        (up, own_up), (down, own_down) = along(h, axis), along(-h, axis)
        assert forces[atom, axis] == pytest.approx((down - up) / (2 * h), abs=2e-7)
        # its own energy at the same accuracy is closer than the accuracy
        assert forces[atom, axis] == pytest.approx((own_down - own_up) / (2 * h), abs=2e-8)


def test_faces_of_the_cell_and_any_lattice_image():
    cell = CELLS["triclinic"]
    sites = np.array([[3.0, 3.0, 3.0], [16.0, 15.0, 30.0]]) + 2 * cell[1]
    fractions = [[0, 0, 0], [-1e-18, -1e-300, -1e-17], [1, 1, 1], [1 - 1e-16, 0.5, 0.5], [0.5, 1, 0]]
    positions, charges = np.array(fractions) @ cell, np.array([1.0, 1.0, 1.0, -0.8, 0.4])
    of_sites = SiteForces(sites, cell, 1e-7)
    _, forces = of_sites(np.array([0.1, -0.15]), positions, charges)
    separate = np.array([[0, 0, 0], [1e-9, 0.5, 0.5], [0.5, 0, 0]]) @ cell
    _, expected = plain(sites, np.array([0.1, -0.15]), separate, np.array([1.0, -0.8, 0.4]), cell)
    assert np.abs(forces[:3] - expected[0]).max() < 1e-7
    assert np.abs(forces[3:] - expected[1:]).max() < 1e-7
    shifted = positions + np.random.default_rng(1).integers(-4, 5, (5, 3)) @ cell
    # a charge on a point of the mesh is read with the window on one side of it or the other
    assert np.abs(of_sites(np.array([0.1, -0.15]), shifted, charges)[1] - forces).max() < 1e-7


def test_same_bits_for_any_number_of_threads(frame):
    sites, positions, cell, charges = frame
    site_charges = np.linspace(-0.03, 0.01, len(sites))
    results = [
        SiteForces(sites, cell, threads=threads)(site_charges, positions, charges) for threads in (1, 2, 3)
    ]
    for energy, forces in results[1:]:
        assert energy == results[0][0]
        assert np.array_equal(forces, results[0][1])


def test_bad_input_is_named(frame):
    sites, positions, cell, charges = frame
    of_sites = SiteForces(sites, cell)
    site_charges = np.zeros(len(sites))
    with pytest.raises(InputError, match="336 finite numbers"):
        of_sites(site_charges[1:], positions, charges)
    with pytest.raises(InputError, match="336 finite numbers"):
        of_sites(np.where(np.arange(len(sites)) == 3, np.nan, 0.0), positions, charges)
    broken = positions.copy()
    broken[11, 2] = np.nan
    with pytest.raises(InputError, match="electrolyte atom 11"):
        of_sites(site_charges, broken, charges)
    broken = positions.copy()
    broken[4321] = sites[17] + [0.0, 0.3 * ANGSTROM_TO_BOHR, 0.0]
    with pytest.raises(InputError, match=r"atom 4321 is 0\.300 Angstrom from electrode atom 17"):
        of_sites(site_charges, broken, charges)
    with pytest.raises(InputError, match="accuracy"):
        SiteForces(sites, cell, 1e-12)
