"""What every charge backend promises, checked on the small case."""

import numpy as np
import pytest

from polcouple.backends.base import Environment, backend_names, create_backend
from polcouple.coupling.forces import ForceProvider
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import InputError

#: backends that need neither a trained model of the electrode nor another program
SELF_CONTAINED = ("fixed", "metal", "response", "dftb")


@pytest.fixture(scope="module")
def site_potential(small_case):
    return SitePotential(small_case.electrode.positions, small_case.cell, small_case.electrode.pbc)


@pytest.fixture(scope="module", params=SELF_CONTAINED)
def backend(request, small_case):
    return create_backend(request.param, small_case.electrode, small_case.electrolyte)


def environment(case, source, positions=None):
    positions = case.positions[case.electrolyte_indices] if positions is None else positions
    if isinstance(source, np.ndarray):
        return Environment(case.electrolyte, positions, source)
    return Environment(case.electrolyte, positions, lambda moved: source(moved, case.electrolyte.charges))


def test_charges_are_usable(backend, small_case, site_potential):
    result = backend.solve(environment(small_case, site_potential), small_case.total_charge)
    assert result.converged
    assert result.charges.shape == (len(small_case.electrode),)
    assert result.charges.sum() == pytest.approx(small_case.total_charge, abs=1e-9)


def test_same_input_same_charges(backend, small_case, site_potential):
    results = [
        backend.solve(environment(small_case, site_potential), small_case.total_charge) for _ in range(2)
    ]
    assert np.array_equal(results[0].charges, results[1].charges)


def test_charges_are_the_derivative_of_the_energy(backend, small_case, site_potential):
    potentials = environment(small_case, site_potential).site_potentials
    direction = np.random.default_rng(1).standard_normal(len(potentials))
    h = 1e-4
    results = [
        backend.solve(environment(small_case, potentials + s * h * direction), small_case.total_charge)
        for s in (-1, 0, 1)
    ]
    if results[1].energy is None:  # charges without an internal energy: E = q . phi with constant q
        assert np.array_equal(results[0].charges, results[2].charges)
        return
    slope = (results[2].energy - results[0].energy) / (2 * h)
    assert slope == pytest.approx(results[1].charges @ direction, abs=2e-6)


def test_uniform_potential_moves_no_charge(backend, small_case, site_potential):
    potentials = environment(small_case, site_potential).site_potentials
    results = [
        backend.solve(environment(small_case, phi), small_case.total_charge)
        for phi in (potentials, potentials + 0.05)
    ]
    assert np.abs(results[1].charges - results[0].charges).max() < 2e-6
    if results[0].energy is not None:
        assert results[1].energy - results[0].energy == pytest.approx(
            0.05 * small_case.total_charge, abs=1e-7
        )


def test_waters_may_change_places(backend, small_case, site_potential):
    positions = small_case.positions[small_case.electrolyte_indices].copy()
    first = backend.solve(environment(small_case, site_potential, positions), small_case.total_charge)
    n_water = len(small_case.water_oxygens)
    waters = positions[: 3 * n_water].reshape(n_water, 3, 3)
    positions[: 3 * n_water] = waters[np.random.default_rng(2).permutation(n_water)].reshape(-1, 3)
    second = backend.solve(environment(small_case, site_potential, positions), small_case.total_charge)
    assert np.abs(second.charges - first.charges).max() < 1e-6


def test_forces_are_derivatives_of_the_energy(backend, small_case):
    provider = ForceProvider(small_case, backend, threads=1)
    direction = np.zeros_like(small_case.positions)
    moving = small_case.electrolyte_indices
    direction[moving] = np.random.default_rng(3).standard_normal((len(moving), 3))
    forces = provider.evaluate(small_case.positions, small_case.cell).forces
    h = 2e-3
    plus, minus = (
        provider.evaluate(small_case.positions + s * h * direction, small_case.cell).energy for s in (1, -1)
    )
    # energies are sums of single-precision terms
    assert (plus - minus) / (2 * h) == pytest.approx(
        -np.sum(forces * direction), abs=2e-3 * np.linalg.norm(forces)
    )


def test_backends_are_found_by_name():
    assert set(backend_names()) == {"dftb", "dftbplus", "fixed", "metal", "nn", "response"}


@pytest.mark.parametrize("name", ["dftb", "dftbplus", "fixed", "metal", "nn", "response"])
def test_unknown_settings_are_refused(name, small_case):
    with pytest.raises(InputError, match=f"settings of backend '{name}': unknown key 'colour'"):
        create_backend(name, small_case.electrode, small_case.electrolyte, {"colour": "red"})


def test_unknown_backend_names_the_nearest(small_case):
    with pytest.raises(InputError, match=r"no backend 'dtfb' \(did you mean 'dftb'\?\)"):
        create_backend("dtfb", small_case.electrode, small_case.electrolyte)
