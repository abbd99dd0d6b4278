"""Runs keep their settings and force field in a comparison, and it says how their i-PI inputs differ."""

import shutil

import numpy as np
import pytest
import yaml
from compare_cases import jiggled, write_run
from conftest import SMALL
from imported_systems import AMBER, aqueous

from polcouple.analysis.runs import read_run
from polcouple.analysis.same_system import input_differences, require_same_system
from polcouple.compare.comparison import Comparison, compare_backends
from polcouple.compare.models import Backends, model_of_run, models_of_runs
from polcouple.errors import InputError
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.propagation.record import read_record, write_record


def with_given(directory, given, **elements):
    """The run's record with settings of a command line, and other elements of i-PI's input."""
    record = read_record(directory)
    changed = {"given": given, "elements": record.made_of.elements | elements}
    write_record(directory, record.model_copy(update={"made_of": record.made_of.model_copy(update=changed)}))
    return read_run(directory)


@pytest.fixture
def runs(tmp_path, small_case):
    """Of `metal` with two exponents; the charges of the first are what its exponent gives."""
    frames = jiggled(small_case, 16)
    given = {"gaussian_exponent_per_angstrom": 1.0}
    write_run(tmp_path / "wide", frames, np.zeros((16, 96)) - 4 / 96, small_case.symbols, "metal")
    write_run(tmp_path / "plain", frames, np.zeros((16, 96)) - 4 / 96, small_case.symbols, "metal")
    return with_given(tmp_path / "wide", given), read_run(tmp_path / "plain")


def test_the_replay_has_the_runs_settings(runs, small_case):
    wide, plain = models = models_of_runs(runs, small_case)
    assert (wide.label, plain.label) == ("metal (1.0)", "metal")
    assert wide.settings["gaussian_exponent_per_angstrom"] == 1.0
    backends = Backends(small_case)
    assert backends.of(wide) is not backends.of(plain)
    assert [model_of_run(run).identity(small_case) for run in runs] == [
        model.identity(small_case) for model in models
    ]
    # settings of the case's own file tell apart, too
    path = runs[1].directory / "system.yaml"
    content = yaml.safe_load(path.read_text())
    content["backends"] = {"metal": {"gaussian_exponent_per_angstrom": 2.5}}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    other = shutil.copytree(runs[1].directory, runs[1].directory.with_name("third"))
    shutil.copy(SMALL / "system.yaml", other)
    found = models_of_runs([read_run(runs[1].directory), read_run(other)], small_case)
    assert [one.label for one in found] == ["metal", "metal, metal (third)"]
    assert found[0].settings["gaussian_exponent_per_angstrom"] == 2.5


def test_the_report_tells_settings_and_inputs_apart(runs, tmp_path):
    hot = {"system/ensemble/temperature": "450", "prng/seed": "7", "output/trajectory@stride": "3"}
    with_given(runs[1].directory, {}, **hot)
    page = compare_backends(
        Comparison((runs[0].directory, runs[1].directory), (), replay_frames=2), tmp_path / "out"
    ).read_text()
    assert "inputs of wide and plain differ: system/ensemble/temperature is 300, and 450." in page
    assert "gaussian_exponent_per_angstrom=1.0" in (tmp_path / "out" / "tables" / "runs.csv").read_text()
    assert "Replayed, metal (1.0) gives the charges that" in page


def test_inputs_that_are_the_same(runs):
    assert input_differences(*runs) == []


def test_a_run_is_read_with_its_own_force_field(tmp_path):
    source = aqueous("amber14/tip3p.xml", model="tip3p", carbon=AMBER, salt=1.0)
    options = ImportOptions(electrodes=("resname GRA",))
    runs = []
    for name in ("one", "two"):
        case = import_case(tmp_path / name, source, options)
        path = tmp_path / name / "system.yaml"
        content = yaml.safe_load(path.read_text())
        content["force_field"]["openmm_system"] = str(tmp_path / name / "system.xml")
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        frames = [case.positions[case.ipi_indices]] * 16
        charges = np.zeros((16, len(case.electrode)))
        symbols = [case.symbols[atom] for atom in case.ipi_indices]
        directory = write_run(
            tmp_path / f"run_{name}", frames, charges, symbols, "metal", case=tmp_path / name
        )
        runs.append(read_run(directory))
    # the same content in two places is the same force field
    require_same_system(runs)
    system = tmp_path / "one" / "system.xml"
    system.write_text(system.read_text().replace('eps=".635968', 'eps=".7'))
    with pytest.raises(InputError, match=r"system.xml: changed since .*run_one was run .*put the file back"):
        read_run(runs[0].directory)
