"""Real runs of i-PI with beads and systems: less the work, held charges drift as those that follow."""

import copy
import shutil
from xml.etree import ElementTree

import pytest
from conftest import SMALL

from polcouple.analysis.conserved import drift_and_spread, read_conserved
from polcouple.ipi.input import read_xml, write_xml
from polcouple.propagation.propagate import propagate
from polcouple.simulation.directory import prepare

STEPS = 60


def case_of(directory, change):
    """The small case in NVE, everything written in every step, and ``change`` made to i-PI's input."""
    shutil.copytree(SMALL, directory)
    root = read_xml(directory / "input.xml")
    for output in root.find("output"):
        if output.get("filename") in ("out", "refresh_work"):
            output.set("stride", "1")
    dynamics = root.find(".//dynamics")
    dynamics.set("mode", "nve")
    dynamics.remove(dynamics.find("thermostat"))
    dynamics.find("timestep").text = "0.25"
    change(root)
    write_xml(root, directory / "input.xml")
    return directory


def three_beads(root):
    root.find(".//initialize").set("nbeads", "3")


def two_systems(root):
    first = root.find("system")
    second = copy.deepcopy(first)
    first.set("prefix", "cold")
    second.set("prefix", "hot")
    second.find("ensemble/temperature").text = "330"
    root.append(second)


def exchanging(root):
    two_systems(root)
    root.append(ElementTree.fromstring('<smotion mode="remd"><remd><stride> 5 </stride></remd></smotion>'))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "systems"),
    [(three_beads, [None]), (two_systems, ["cold", "hot"]), (exchanging, ["cold", "hot"])],
)
def test_work_of_beads_and_systems(tmp_path, change, systems):
    case = case_of(tmp_path / "case", change)
    drifts = {}
    for interval in (1, 5):
        run = tmp_path / str(interval)
        prepare(case, "input.xml", run)
        words = ["--backend", "response", "--threads", "1", "--refresh", str(interval)]
        assert propagate(run, STEPS, words) == STEPS
        for system in systems:
            found = read_conserved(run, system)
            raw, corrected = (
                drift_and_spread(found.time, energy)[0] for energy in (found.conserved, found.corrected)
            )
            drifts[interval, system] = raw, corrected
    for system in systems:
        following = drifts[1, system][0]
        held, corrected = drifts[5, system]
        assert abs(held - following) > 15.0
        assert abs(corrected - following) < 0.05 * abs(held - following)
