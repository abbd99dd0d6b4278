"""What decides a run: of frozen electrodes as before, of mobile ones and cheaper backends all."""

import shutil

import pytest
from conftest import SMALL
from mobile_cases import change

from polcouple.propagation.plan import RunPlan
from polcouple.simulation.changes import changes, made_of


@pytest.fixture
def small(tmp_path):
    directory = tmp_path / "small"
    shutil.copytree(SMALL, directory, ignore=shutil.ignore_patterns("run_*"))
    return directory


def test_records_of_frozen_electrodes_are_as_they_were(small):
    system = made_of(RunPlan(small, "input.xml", "response", {})).system
    assert "fast_backend" not in system
    assert system["electrodes"] == [
        {"name": "sheet", "total_charge_e": -1.0, "first_atom": 0, "last_atom": 95}
    ]


def test_a_run_does_not_go_on_with_another_cheaper_backend(small):
    change(small, fast_backend="response", backends={"response": {"temperature_kelvin": 300}})
    plan = RunPlan(small, "input.xml", "dftb", {})
    before = made_of(plan)
    change(small, backends={"response": {"temperature_kelvin": 400}})
    found, _ = changes(before, small, plan)
    assert any("fast_backend.temperature_kelvin was 300.0, now 400.0" in line for line in found)
    change(small, fast_backend="metal")
    found, _ = changes(before, small, plan)
    assert any("fast_backend.name was response, now metal" in line for line in found)


def test_a_run_does_not_go_on_with_an_electrode_that_moves_now(small):
    plan = RunPlan(small, "input.xml", "dftb", {})
    before = made_of(plan)
    section = {"name": "sheet", "first_atom": 0, "last_atom": 95, "total_charge_e": -1.0, "mobile": True}
    change(small, electrodes=[section])
    found, _ = changes(before, small, plan)
    assert any("electrodes[0].mobile was absent, now True" in line for line in found)
