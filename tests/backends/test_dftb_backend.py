"""The `dftb` backend: contract, guesses, what happens without convergence."""

import numpy as np
import pytest
from dftb_cases import NOTHING, environment, graphene, rough_potentials

from polcouple.backends.base import ChargeResult, create_backend
from polcouple.electrode import Electrode
from polcouple.errors import InputError

pytestmark = pytest.mark.usefixtures("own_cache")


def test_result_and_guess():
    backend = create_backend("dftb", graphene(3, 2), NOTHING, {"accuracy": 1e-9})
    assert backend.capabilities.conservative
    phi = rough_potentials(24)
    first = backend.solve(environment(phi), -1.0)
    assert first.converged and first.residual <= 1e-9 and first.iterations > 0 and first.warnings == ()
    assert abs(first.charges.sum() + 1.0) < 1e-10
    second = backend.solve(environment(phi), -1.0, first)
    assert second.iterations <= 2
    restored = ChargeResult(first.charges, first.site_potentials)
    third = backend.solve(environment(phi), -1.0, restored)
    # of the guess from a file the states are not at hand, and the start is another
    assert np.abs(second.charges - third.charges).max() <= 1e-9
    assert abs(third.energy - first.energy) < 1e-9


def test_energy_derivative_through_the_backend():
    backend = create_backend("dftb", graphene(3, 2), NOTHING, {"accuracy": 1e-9})
    phi, direction = rough_potentials(24), rough_potentials(24, seed=5)
    middle = backend.solve(environment(phi), -1.0)
    step = 1e-3
    energies = [
        backend.solve(environment(phi + k * step * direction), -1.0, middle).energy for k in (-2, -1, 1, 2)
    ]
    slope = (energies[0] - 8.0 * energies[1] + 8.0 * energies[2] - energies[3]) / (12.0 * step)
    assert abs(slope - float(middle.charges @ direction)) < 1e-8


def test_shell_resolved_takes_its_own_guess():
    backend = create_backend("dftb", graphene(3, 2), NOTHING, {"shell_resolved": True, "accuracy": 1e-8})
    phi = rough_potentials(24)
    first = backend.solve(environment(phi), 0.0)
    assert backend.solve(environment(phi), 0.0, first).iterations <= 2
    bare = ChargeResult(first.charges, first.site_potentials)
    assert np.abs(backend.solve(environment(phi), 0.0, bare).charges - first.charges).max() < 1e-8


def test_without_convergence_there_are_no_charges():
    backend = create_backend("dftb", graphene(3, 2), NOTHING, {"accuracy": 1e-10, "max_cycles": 1})
    result = backend.solve(environment(rough_potentials(24)), -1.0)
    assert not result.converged
    assert np.isnan(result.charges).all() and result.energy is None and result.fermi_level is None
    assert "not converged in 1 cycles" in result.warnings[0]
    good = create_backend("dftb", graphene(3, 2), NOTHING)
    assert good.solve(environment(rough_potentials(24)), -1.0, result).converged


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"acuracy": 1e-5}, ["acuracy", "accuracy"]),
        ({"accuracy": 0.0}, ["accuracy", "0.0"]),
        ({"temperature_kelvin": -1}, ["temperature_kelvin"]),
        ({"slako": "nowhere"}, ["nowhere", "slako"]),
        ({"k_points": [0, 1, 1]}, ["k_points"]),
    ],
)
def test_bad_settings(settings, words, tmp_path):
    with pytest.raises(InputError) as error:
        create_backend("dftb", graphene(3, 2), NOTHING, settings, tmp_path)
    assert all(word in str(error.value) for word in words)


def test_element_without_parameters():
    sheet = graphene(3, 2)
    doped = Electrode(("N", *sheet.symbols[1:]), sheet.positions, sheet.cell)
    with pytest.raises(InputError, match=r"no Slater-Koster parameters for C-N"):
        create_backend("dftb", doped, NOTHING)
