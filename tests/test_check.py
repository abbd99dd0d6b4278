"""The preflight check finds each fault that it promises to find, and says how to mend it."""

import argparse
import re

import pytest

from polcouple.check import check
from polcouple.ipi_input import read_xml


def findings(directory, input_name="input.xml", severity="error"):
    args = argparse.Namespace(case=directory, input=input_name, backend="fixed", settings=[], slako=None)
    return [f.message for f in check(args) if f.severity == severity]


def change(path, pattern, replacement):
    text = path.read_text()
    assert re.search(pattern, text, flags=re.S)
    path.write_text(re.sub(pattern, replacement, text, flags=re.S))


@pytest.mark.parametrize("name", ["input.xml", "input_nve.xml", "input_mts.xml", "input_ffdirect.xml"])
def test_ready_case_may_start(small_directory, name):
    assert findings(small_directory, name) == []


@pytest.mark.parametrize(
    ("name", "pattern", "replacement", "message"),
    [
        ("input.xml", r"<fixcom>.*?</fixcom>", "", "set <fixcom> False"),
        ("input.xml", r"\[ 0, 1, 2,", "[ 0, 2,", "leaves 1 electrode atoms free, the first is 1"),
        ("input.xml", r"<timestep(.*?)> 0.5 ", r"<timestep\1> 2.0 ", "integrated with 2 fs"),
        ("input.xml", r"<timeout>.*?</timeout>", "<timeout> 1e-4 </timeout>", "i-PI gives up after"),
        ("input.xml", r"<parameters>.*?</parameters>", "<parameters> {part: al} </parameters>", "part 'al'"),
        ("input.xml", r"</simulation>", "", "not valid XML"),
        ("input_mts.xml", r"\[ 1, 0 \]", "[ 1, 1 ]", "numbers that sum to 1"),
        ("input_mts.xml", r"\[ 1, 0 \]", "[ 0, 1 ]", "belongs to the outer level"),
    ],
)
def test_faults_of_the_input(small_directory, name, pattern, replacement, message):
    change(small_directory / name, pattern, replacement)
    assert any(message in finding for finding in findings(small_directory, name))


def test_overlap_across_the_boundary(small_directory):
    path = small_directory / "init.xyz"
    lines = path.read_text().splitlines()
    *_, first, second = range(2, len(lines))
    symbol = lines[first].split()[0], lines[second].split()[0]
    lines[first] = f"{symbol[0]} 0.1 5.0 10.0"
    lines[second] = f"{symbol[1]} 14.5 5.0 10.0"
    path.write_text("\n".join(lines) + "\n")
    assert any("closer than 1.2 Angstrom" in finding for finding in findings(small_directory))


def test_left_over_exit_file(small_directory):
    (small_directory / "EXIT").touch()
    assert any("makes i-PI stop at once" in finding for finding in findings(small_directory))


def test_slow_latency_is_a_warning(small_directory):
    change(small_directory / "input.xml", r"<latency>.*?</latency>", "<latency> 0.5 </latency>")
    assert any("<latency> 0.5 s" in finding for finding in findings(small_directory, severity="warning"))


def test_inputs_hold_one_dynamics_each(small_directory):
    for name in ("input.xml", "input_nve.xml", "input_mts.xml", "input_ffdirect.xml"):
        assert len(read_xml(small_directory / name).findall(".//dynamics")) == 1
