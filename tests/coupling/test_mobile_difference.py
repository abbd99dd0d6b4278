"""Multiple time stepping of an electrode that moves: harmonic response inside, dftb beyond it outside."""

import dataclasses

import numpy as np
import pytest

from polcouple.propagation.providers import create_providers
from polcouple.testing.cases import derivative, graphene_case, mobile, with_tolerance


@pytest.mark.slow
def test_parts_sum_to_all_forces_on_an_electrode_that_moves():
    case = with_tolerance(mobile(graphene_case()), 1e-6)
    case = dataclasses.replace(case, system=case.system.model_copy(update={"fast_backend": "response"}))
    providers = create_providers(case, "dftb", {"accuracy": 1e-8}, ["all", "fast", "slow"], threads=1)
    places = case.positions.copy()
    atoms = case.electrode_indices
    places[atoms] += 0.05 * np.random.default_rng(9).standard_normal((len(atoms), 3))
    whole, quick, rest = (providers[part].evaluate(places, case.cell) for part in ("all", "fast", "slow"))
    assert quick.energy + rest.energy == pytest.approx(whole.energy, abs=1e-7)
    assert np.abs(quick.forces + rest.forces - whole.forces).max() < 1e-6
    # what is left for the outer level
    assert np.abs(rest.forces[atoms]).max() < 0.3 * np.abs(whole.forces[atoms]).max()
    direction = rest.forces / np.linalg.norm(rest.forces)
    slope = derivative(lambda x: providers["slow"].evaluate(places + x * direction, case.cell).energy, 5e-3)
    assert slope == pytest.approx(-np.linalg.norm(rest.forces), abs=1e-5)
