"""A run has a directory of its own: what its backends read is still that of the case."""

import shutil

import pytest
import yaml
from conftest import CAPACITOR

from polcouple.backends.base import backend_options
from polcouple.case.model import read_case
from polcouple.case.schema import Potential
from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.propagation.case_copy import write_case_that_holds
from polcouple.simulation.directory import prepare

BACKENDS = """
# relative to this file
backends:
  dftb: {slako: ./mine, temperature_kelvin: 500.0}
  response: {slako: mine}
  nn: {fallback: dftb, fallback_settings: {slako: ./mine}, fallback_dataset: ./later.h5}
  dftbplus: {slako: mio-1-1, work_directory: scratch}
"""


@pytest.fixture
def run_of(small_directory, tmp_path):
    def run_of(backends):
        system = small_directory / "system.yaml"
        system.write_text(system.read_text().partition("\nbackends:")[0] + backends)
        prepare(small_directory, "input.xml", tmp_path / "run")
        return tmp_path / "run"

    return run_of


def test_relative_paths_keep_their_meaning(run_of, small_directory):
    shutil.copytree(DEFAULT_SLAKO, small_directory / "mine")
    run = run_of(BACKENDS)
    mine = small_directory / "mine"
    cases = read_case(small_directory), read_case(run)
    for name in ("dftb", "response"):
        found = [
            backend_options(name, case.system.backends[name]).in_directory(case.directory) for case in cases
        ]
        assert all(options.slako.samefile(mine) for options in found)
        assert found[0].identity(["C"]) == found[1].identity(["C"])
    written = yaml.safe_load((run / "system.yaml").read_text())
    assert written["backends"]["nn"]["fallback_settings"] == {"slako": str(mine.resolve())}
    assert written["backends"]["nn"]["fallback_dataset"] == "./later.h5"  # each run has its own
    assert written["backends"]["dftbplus"] == {"slako": "mio-1-1", "work_directory": "scratch"}
    assert {**written, "backends": {}} == {
        **yaml.safe_load((small_directory / "system.yaml").read_text()),
        "backends": {},
    }


@pytest.mark.parametrize(
    "backends", ["", "\nbackends: {dftb: {k_points: [2, 2, 1], slako: mio-1-1}}  # a mesh\n"]
)
def test_the_text_is_kept_where_no_path_is_relative(run_of, small_directory, backends):
    run = run_of(backends)
    assert (run / "system.yaml").read_bytes() == (small_directory / "system.yaml").read_bytes()


def test_faulty_settings_are_left_to_who_makes_the_backend(run_of):
    run = run_of("\nbackends: {dftb: {slako: ./gone, acuracy: 1}, nonsense: {}}\n")
    assert "./gone" in (run / "system.yaml").read_text()


def test_the_copies_of_a_sweep_keep_the_meaning_too(tmp_path):
    case = tmp_path / "capacitor"
    shutil.copytree(CAPACITOR, case)
    shutil.copytree(DEFAULT_SLAKO, case / "mine")
    system = case / "system.yaml"
    system.write_text(system.read_text() + "\nbackends: {response: {slako: ./mine}}\n")
    write_case_that_holds(case, "input.xml", tmp_path / "copy", Potential(voltage_volt=0.5))
    copy = read_case(tmp_path / "copy")
    options = backend_options("response", copy.system.backends["response"]).in_directory(copy.directory)
    assert options.slako.samefile(case / "mine")
    assert copy.system.potential.voltage_volt == 0.5
