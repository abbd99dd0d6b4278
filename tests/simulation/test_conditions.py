"""Frames of other conditions are not added to a dataset, wherever their run was made."""

import re
import shutil

import pytest
from conftest import SMALL
from moving_cases import write_ring

from polcouple.case.model import read_case
from polcouple.cli.commands import main
from polcouple.coupling.moving_recorder import open_moving
from polcouple.coupling.recorder import open_datasets
from polcouple.data.conditions import read_conditions, write_conditions
from polcouple.data.dataset import Frames
from polcouple.errors import InputError
from polcouple.propagation.plan import RunPlan
from polcouple.simulation.conditions import conditions, require_conditions


def changed(case, name, old, new):
    path = case / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def of(case, backend="dftb", **words):
    return conditions(RunPlan(case, "input.xml", backend, words), read_case(case))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "input.xml",
            '"kelvin"> 300 </temp',
            '"kelvin"> 900 </temp',
            "system/ensemble/temperature was 300, now 900",
        ),
        ("input.xml", "> 0.5 </timestep>", "> 0.25 </timestep>", "dynamics/timestep was 0.5, now 0.25"),
        (
            "input.xml",
            '"femtosecond"> 0.5',
            '"atomic_unit"> 0.5',
            "timestep@units was femtosecond, now atomic_unit",
        ),
        ("input.xml", "> 100 </tau>", "> 10 </tau>", "dynamics/thermostat/tau was 100, now 10"),
        ("input.xml", '"langevin"', '"svr"', "thermostat@mode was langevin, now svr"),
        ("input.xml", 'mode="nvt"', 'mode="nve"', "dynamics@mode was nvt, now nve"),
        ("input.xml", 'nbeads="1"', 'nbeads="4"', "initialize@nbeads was 1, now 4"),
        ("system.yaml", "cutoff_angstrom: 3.5", "cutoff_angstrom: 3.0", "cutoff_angstrom was 3.5, now 3.0"),
        ("input.xml", "<seed> 1 <", "<seed> 2 <", None),
        ("input.xml", 'stride="10"', 'stride="5"', None),
        ("input.xml", '"kelvin"> 300 </vel', '"kelvin"> 50 </vel', None),
        ("input.xml", "> 1e-4 </latency>", "> 1e-3 </latency>", None),
        (
            "system.yaml",
            "total_charge_e: 0.0",
            "total_charge_e: 0.0\npotential: {fermi_level_ev: -4, counter_charge: background}",
            None,
        ),
    ],
)
def test_what_decides_the_ensemble(tmp_path, name, old, new, said):
    case = write_ring(tmp_path / "ring")
    path = tmp_path / "d.h5"
    open_moving(path, read_case(case), "a test")
    before = of(case)
    require_conditions([path], [0], before)
    assert read_conditions(path) == before
    changed(case, name, old, new)
    now = of(case)
    if said is None:
        require_conditions([path], [5], now)
    else:
        with pytest.raises(InputError, match=f"{re.escape(said)}; undo that, or name another") as refused:
            require_conditions([path], [0], now)
        assert "\n" not in str(refused.value) and "and" not in said


def test_another_potential_at_another_temperature_is_refused(tmp_path, capsys):
    """Only the runs of the call are there to be examined; the dataset says how those before were made."""
    case, path = write_ring(tmp_path / "ring"), tmp_path / "d.h5"
    words = ["sample", case, "-o", path, "--potentials", "0.5", "--frames", "2", "--every", "0.005"]
    words += ["--backend", "dftb", "--run-directory", tmp_path / "elsewhere"]
    origin = "polcouple sample: input.xml, backend dftb, a frame every 0.005 ps after 0 ps"
    open_moving(path, read_case(case), origin, 300.0)
    write_conditions(path, of(case))
    changed(case, "input.xml", '"kelvin"> 300 </temp', '"kelvin"> 900 </temp')
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    assert f"{path} began otherwise: input.system/ensemble/temperature was 300, now 900" in said
    assert not (tmp_path / "elsewhere").exists()


def test_a_frozen_electrode_has_its_backend_among_the_conditions(tmp_path):
    case = tmp_path / "case"
    shutil.copytree(SMALL, case)
    read = read_case(case)
    paths = [tmp_path / "d.h5"]
    (dataset,) = open_datasets(paths[0], read, False, "a test")
    require_conditions(paths, [0], of(case, "response"))
    with pytest.raises(InputError, match=r"backend\.name was response, now fixed"):
        require_conditions(paths, [0], of(case, "fixed"))
    with pytest.raises(InputError, match=r"backend\.temperature_kelvin was 300\.0, now 3000\.0"):
        require_conditions(paths, [0], of(case, "response", temperature_kelvin=3000.0))
    require_conditions(paths, [0], of(case, "response", warn_error=2e-3))
    start = read.electrolyte_positions(read.positions)[read.electrolyte.ion_indices]
    dataset.append(Frames([1.0], [[0.0] * len(read.electrode)], [start]))
    require_conditions(paths, [1], of(case, "response"))


def test_a_dataset_that_does_not_say_is_warned_of(tmp_path, capsys):
    case = write_ring(tmp_path / "ring")
    path = tmp_path / "d.h5"
    open_moving(path, read_case(case), "a test")
    require_conditions([path], [3], of(case))
    assert "does not say how its frames were sampled" in capsys.readouterr().out
    assert read_conditions(path) is None
