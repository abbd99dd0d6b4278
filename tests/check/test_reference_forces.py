"""Multiple time stepping by a force field that is added inside and taken off outside: what is a sum then."""

import shutil

import pytest
from mobile_cases import QUANTUM

from polcouple.case.model import read_case
from polcouple.check.forces import require_whole_forces
from polcouple.check.inputs import check_input
from polcouple.check.simulation import load_input
from polcouple.errors import InputError
from polcouple.ipi.input import read_xml
from polcouple.ipi.sockets import other_addresses, socket_addresses


@pytest.fixture
def path(tmp_path):
    """The input of the quantum case that has it."""
    shutil.copytree(QUANTUM, tmp_path / "case", ignore=shutil.ignore_patterns("run*"))
    return tmp_path / "case" / "input_mts.xml"


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def findings(path):
    return list(check_input(load_input(path), read_case(path.parent), path, None))


def test_the_network_is_served_beside_and_the_sum_is_dftbs(path):
    root, case = read_xml(path), read_case(path.parent)
    require_whole_forces(path, case)
    assert [(one.address, one.part) for one in socket_addresses(root, path)] == [("polcouple", "all")]
    assert [name for name, _ in other_addresses(root)] == ["network"]
    found = findings(path)
    assert {one.severity for one in found} == {"note"}
    assert any("averages are not its own" in one.text for one in found)


@pytest.mark.parametrize("weights", ["[ 0, 1 ]", "[ -0.5, 1 ]"])
def test_a_network_that_stays_in_the_sum_is_refused(path, weights):
    changed(path, "[ -1, 1 ]", weights)
    with pytest.raises(InputError, match="i-PI: the"):
        require_whole_forces(path, read_case(path.parent))


def test_dftb_too_seldom_is_warned_of(path):
    changed(path, "> 2.0 </timestep>", "> 3.0 </timestep>")
    warned = [one.text for one in findings(path) if one.severity == "warning"]
    assert len(warned) == 1
    assert "3 fs between slow forces is long, 2.5 fs is the most" in warned[0]
