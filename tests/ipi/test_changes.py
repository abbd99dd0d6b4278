"""An input changed from the command line, as i-PI's own parser reads it; what it has not is refused."""

import shutil

import pytest
from conftest import ROOT, SMALL

from polcouple.check.simulation import dynamics_of, load_input
from polcouple.errors import InputError
from polcouple.ipi.changes import InputChanges
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

ALL = InputChanges(temperature=320, timestep=0.25, thermostat="svr", tau=100, stride=50)


def edited(tmp_path, *replacements, source=SMALL / "input.xml"):
    shutil.copy(SMALL / "electrode_atoms.txt", tmp_path)
    text = source.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "input.xml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["input.xml", "input_mts.xml"])
def test_ipi_reads_what_was_asked_for(name):
    before, simulation = load_input(SMALL / name), load_input(SMALL / name, ALL)
    systems = [
        dict(enumerate(one.extra))[[tag for tag, _ in one.extra].index("system")][1]
        for one in (before, simulation)
    ]
    system = systems[1]
    assert system.ensemble.temperature.fetch() == pytest.approx(320 * KELVIN_TO_HARTREE, rel=1e-5)
    dynamics = dynamics_of(system.motion)
    assert dynamics.timestep.fetch() == pytest.approx(0.25 * FS_TO_ATOMIC_TIME, rel=1e-5)
    assert dynamics.thermostat.mode.fetch() == "svr"
    assert dynamics.thermostat.tau.fetch() == pytest.approx(100 * FS_TO_ATOMIC_TIME, rel=1e-5)
    (velocities,) = [one for tag, one in system.initialize.extra if tag == "velocities"]
    assert float(velocities._text) == 320 and velocities.units.fetch() == "kelvin"
    strides = {}
    for found, one in ((strides, simulation), ({}, before)):
        for tag, output in one.output.extra:
            found[output.filename.fetch() if tag != "checkpoint" else tag] = output.stride.fetch()
    assert strides["positions"] == strides["charges"] == 50
    assert (strides["out"], strides["refresh_work"], strides["checkpoint"]) == (10, 10, 1000)
    # and nothing else
    assert dynamics.nmts.fetch() == pytest.approx(dynamics_of(systems[0].motion).nmts.fetch())
    assert load_input(SMALL / name, InputChanges()).prng.seed.fetch() == simulation.prng.seed.fetch() == 1


def test_one_at_a_time(tmp_path):
    path = SMALL / "input.xml"
    kept = load_input(path, InputChanges(thermostat="svr"))
    system = next(one for tag, one in kept.extra if tag == "system")
    assert dynamics_of(system.motion).thermostat.tau.fetch() == pytest.approx(
        1000 * FS_TO_ATOMIC_TIME, rel=1e-5
    )
    assert system.ensemble.temperature.fetch() == pytest.approx(300 * KELVIN_TO_HARTREE, rel=1e-5)
    gle = edited(
        tmp_path, ('mode="langevin"', 'mode="gle"'),
        ('<tau units="femtosecond"> 1000 </tau>', '<A shape="(1,1)"> [ 1e-3 ] </A>'),
    )  # fmt: skip
    changed = load_input(gle, InputChanges(thermostat="langevin", tau=70))
    thermostat = dynamics_of(next(one for tag, one in changed.extra if tag == "system").motion).thermostat
    assert (thermostat.mode.fetch(), thermostat.A.fetch().size) == ("langevin", 0)


@pytest.mark.parametrize(
    ("replacements", "asked", "message"),
    [
        ([('mode="nvt"', 'mode="nve"')], {"thermostat": "svr"}, "nve has none"),
        ([('mode="nvt"', 'mode="nve"')], {"tau": 10}, "--tau needs dynamics with mode='nvt'"),
        ([('mode="langevin"', 'mode="gle"')], {"tau": 10}, "thermostat gle is not described by one --tau"),
        ([('mode="langevin"', 'mode="gle"')], {"thermostat": "svr"}, "no relaxation time; give --tau"),
        ([("<ensemble>", "<ensemble><!--"), ("</ensemble>", "--></ensemble>")], {"temperature": 1},
         "no <temperature>"),
        ([("<timestep", "<nmts"), ("</timestep", "</nmts")], {"timestep": 1}, "0 <timestep> in <dynamics>"),
        ([("positions{", "velocities{")], {"stride": 5}, "no <trajectory> of positions for --stride"),
        ([('extra_type="charges"', 'extra_type="raw"')], {"stride": 5}, "no <trajectory> of charges"),
        ([("</system>", "</system><system/>")], {"temperature": 5, "stride": 2}, "would not say of which"),
        ([('"dynamics"', '"constrained_dynamics"'), ("<dynamics", "<constrained_dynamics"),
          ("</dynamics", "</constrained_dynamics")], {"thermostat": "pile_l"},
         "does not go with constraints"),
    ],
)  # fmt: skip
def test_what_the_input_has_not_is_refused(tmp_path, replacements, asked, message):
    path = edited(tmp_path, *replacements)
    with pytest.raises(InputError, match=r"input\.xml: ") as error:
        load_input(path, InputChanges(**asked))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"temperature": 0.0}, "--temperature 0: give a positive number"),
        ({"timestep": float("nan")}, "--timestep nan"),
        ({"tau": float("inf")}, "--tau inf"),
        ({"stride": -1}, "--stride -1"),
        ({"thermostat": "langvin"}, "did you mean 'langevin'"),
        ({"thermostat": "gle"}, "others go into i-PI's input"),
    ],
)
def test_numbers_and_names(asked, message):
    with pytest.raises(InputError) as error:
        InputChanges(**asked)
    assert message in str(error.value)


def test_shipped_cases_take_all(tmp_path):
    for path in sorted((ROOT / "ipi_inputs").glob("*/input.xml")):
        load_input(path, InputChanges(temperature=310, timestep=0.4, tau=10, stride=7))
