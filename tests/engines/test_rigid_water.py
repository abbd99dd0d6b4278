"""Rigid water has no forces inside its molecules, in either engine, and all of those between them."""

import dataclasses

import numpy as np
import pytest

from polcouple.case.force_field import WATER_MODELS
from polcouple.case.force_field_schema import Water
from polcouple.engines.base import create_engine
from polcouple.testing.cases import random_case, reference_nonbonded


@pytest.fixture(scope="module")
def rigid_case():
    case = random_case(np.random.default_rng(8), np.diag([17.0, 15.0, 16.0]), 6.5)
    water = Water(**WATER_MODELS["spc_e"].water)
    force_field = case.system.force_field.model_copy(update={"water": water})
    return dataclasses.replace(case, system=case.system.model_copy(update={"force_field": force_field}))


@pytest.mark.parametrize("platform", ["native", "Reference"])
def test_nothing_inside_molecules(rigid_case, platform):
    charges = np.linspace(-0.1, 0.1, len(rigid_case.electrode))
    expected_energy, expected = reference_nonbonded(rigid_case, charges)
    engine, reason = create_engine(rigid_case, "all", platform, 1)
    assert reason is None
    engine.set_charges(charges)
    energy, forces = engine.evaluate(rigid_case.positions)
    scale = np.sqrt((expected**2).mean())
    assert np.sqrt(((forces - expected) ** 2).mean()) < 5e-4 * scale
    assert energy == pytest.approx(expected_energy, abs=1e-4 * abs(expected_energy))
    inside, _ = create_engine(rigid_case, "bonded", platform, 1)
    energy, forces = inside.evaluate(rigid_case.positions)
    assert energy == 0.0 and not forces.any()
