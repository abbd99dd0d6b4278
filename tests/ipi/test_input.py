"""i-PI's input means to polcouple what it means to i-PI, comments or not."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import ROOT, SMALL
from ipi.inputs.forcefields import InputFFCommittee
from ipi.inputs.forces import InputForces
from ipi.inputs.initializer import InputInitializer
from ipi.inputs.motion.constrained_dynamics import InputConstrainedDynamics
from ipi.inputs.motion.motion import InputMotion
from ipi.inputs.outputs import InputOutputs
from ipi.inputs.simulation import InputSimulation
from ipi.inputs.smotion.smotion import InputSmotion
from ipi.inputs.system import InputSysTemplate
from ipi.inputs.thermostats import InputThermo
from ipi.utils.io.inputs.io_xml import xml_parse_string

from polcouple.errors import InputError
from polcouple.ipi.input import (
    _REPEATABLE,
    evaluations_per_step,
    read_xml,
    thermostat_temperature,
    time_step_ps,
)
from polcouple.ipi.sockets import named_part, rename_sockets, socket_addresses

INPUTS = sorted((ROOT / "ipi_inputs").glob("*/input*.xml"))


def commented(text):
    """The input with a comment before and after every text and around every element."""
    return re.sub(r"(?<=>)([^<>]*)(?=<)", r"<!-- {part: bonded} 7 -->\1<!-- 8 -->", text)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_comments_are_no_text(path, tmp_path):
    text = path.read_text()
    (tmp_path / path.name).write_text(commented(text[text.index("<simulation") :]))
    found, plain = read_xml(tmp_path / path.name), read_xml(path)
    assert ElementTree.canonicalize(ElementTree.tostring(found), strip_text=True) == (
        ElementTree.canonicalize(ElementTree.tostring(plain), strip_text=True)
    )


def test_parts_addresses_and_steps_are_those_that_ipi_reads_around_comments(tmp_path):
    text = (SMALL / "input_mts.xml").read_text()
    path = tmp_path / "input.xml"
    path.write_text(commented(text[text.index("<simulation") :]))
    root = read_xml(path)
    own = xml_parse_string(path.read_text()).fields[0][1]
    sockets = [node for name, node in own.fields if name == "ffsocket"]
    assert sockets
    for node, address in zip(sockets, socket_addresses(root, path), strict=True):
        fields = dict(node.fields)
        assert fields["address"].fields[0][1].strip() == address.address
        assert f"{{part: {address.part}}}" in fields["parameters"].fields[0][1]
    assert time_step_ps(root, path) == time_step_ps(read_xml(SMALL / "input_mts.xml"), path)


def repeatable_in(element):
    """i-PI's own declaration: the tags that it takes any number of."""
    return set(element().dynamic)


def test_what_may_stand_twice_is_what_ipi_takes_any_number_of():
    for name, element in (
        ("simulation", InputSimulation),
        ("ffcommittee", InputFFCommittee),
        ("system_template", InputSysTemplate),
        ("output", InputOutputs),
        ("forces", InputForces),
        ("initialize", InputInitializer),
        ("thermostat", InputThermo),
        ("motion", InputMotion),
        ("smotion", InputSmotion),
        ("constrained_dynamics", InputConstrainedDynamics),
    ):
        assert repeatable_in(element) <= _REPEATABLE[name], name
    assert _REPEATABLE["simulation"] == repeatable_in(InputSimulation)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "<parameters>",
            "<parameters> {part: all} </parameters><parameters>",
            "<parameters> stands twice in <ffsocket>",
        ),
        ("<timestep", "<timestep> 1 </timestep><timestep", "<timestep> stands twice in <dynamics>"),
        ("<forces>", "<forces/><forces>", "<forces> stands twice in <system>"),
        (
            "<total_steps>",
            "<total_steps> 1 </total_steps><total_steps>",
            "<total_steps> stands twice in <simulation>",
        ),
    ],
)
def test_what_stands_twice_is_refused(tmp_path, old, new, said):
    text = (SMALL / "input.xml").read_text()
    assert old in text
    (tmp_path / "input.xml").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=said):
        read_xml(tmp_path / "input.xml")


@pytest.mark.parametrize("text", ["<address> mine </address>", "", "<address/>"])
def test_every_unix_socket_gets_a_name_of_its_own(text):
    root = ElementTree.fromstring(
        f"<simulation><ffsocket name='polcouple' mode='unix'>{text}</ffsocket></simulation>"
    )
    rename_sockets(root, "-0123")
    assert root.findtext(".//address") == ("mine" if "mine" in text else "localhost") + "-0123"


@pytest.mark.parametrize(
    "parameters",
    [
        "{case: ., part: electrode} note",
        "slow {part: electrode}",
        "{case: ., part: nonbonded, backend: metal, part: electrode}",
        '{"part": all, part: electrode}',
    ],
)
def test_a_part_that_ipi_may_read_otherwise_is_refused(parameters):
    """Of a key that stands twice i-PI takes the last; it drops what is outside the braces."""
    with pytest.raises(InputError, match=r"^<parameters> .*(are no dictionary|part stands twice)"):
        named_part(parameters)


def test_parts_are_named_or_not():
    assert named_part("") is None and named_part("{case: ., backend: metal}") is None
    assert named_part("{case: ., 'part': \"electrode\"}") == "electrode"


@pytest.mark.parametrize(
    ("levels", "weights", "others", "expected"),
    [
        (None, None, None, 1),
        ("[ 1, 4 ]", "[ 1, 0 ]", "[ 0, 1 ]", 1),
        ("[ 1, 4 ]", "[ 0, 1 ]", None, 4),
        ("[ 2, 4 ]", "[ 1, 0 ]", "[ 0, 1 ]", 2),
        ("[ 2, 4 ]", "[ 0.5, 0.5 ]", "[ 0, 1 ]", 8),
        ("[ 1, 2, 3 ]", "[ 0, 1, 0 ]", "[ 0, 0, 1 ]", 2),
    ],
)
def test_how_often_charges_are_asked_for_in_a_step(levels, weights, others, expected):
    text = "<simulation><ffsocket name='a'/><ffsocket name='b'>"
    text += "<parameters>{part: bonded}</parameters></ffsocket>"
    inner = "" if weights is None else f"<mts_weights>{weights}</mts_weights>"
    text += f"<system><forces><force forcefield='a'>{inner}</force>"
    text += "" if others is None else f"<force forcefield='b'><mts_weights>{others}</mts_weights></force>"
    text += "</forces><motion><dynamics>" + ("" if levels is None else f"<nmts>{levels}</nmts>")
    root = ElementTree.fromstring(text + "</dynamics></motion></system></simulation>")
    assert evaluations_per_step(root, INPUTS[0]) == expected


def test_what_i_pi_lets_rest_does_not_count():
    """A block of dynamics that the motion's mode does not name: its step, levels and thermostat are none."""
    root = ElementTree.fromstring(
        """<simulation><system><ensemble><temperature units="kelvin"> 300 </temperature></ensemble>
        <motion mode="constrained_dynamics">
          <dynamics mode="nvt">
            <timestep units="femtosecond"> 0.5 </timestep> <nmts> [ 1, 4 ] </nmts>
            <thermostat mode="langevin"><tau units="femtosecond"> 100 </tau></thermostat>
          </dynamics>
          <constrained_dynamics mode="nve"><timestep units="femtosecond"> 2 </timestep></constrained_dynamics>
        </motion></system></simulation>"""
    )
    assert time_step_ps(root, Path("input.xml")) == pytest.approx(0.002)
    assert evaluations_per_step(root, Path("input.xml")) == 1
    assert thermostat_temperature(root) is None
