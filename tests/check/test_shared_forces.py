"""Sums of forces where the liquid's own come from another program: what is one sum, and what is not."""

import re

import pytest

from polcouple.case.model import read_case
from polcouple.check.forces import require_whole_forces
from polcouple.check.inputs import check_input
from polcouple.check.simulation import load_input
from polcouple.cli.commands import main
from polcouple.errors import InputError
from polcouple.ipi.input import read_xml
from polcouple.ipi.sockets import other_sockets, rename_sockets, socket_addresses

#: a force field as other programs have it: batches and some atoms only are their affair
LAMMPS = """
  <ffsocket name="lammps" mode="unix" pbc="False">
    <address> liquid </address>
    <activelist> [ ACTIVE ] </activelist>
    <parameters> {partial_charges: own} </parameters>
  </ffsocket>"""
COMPONENT = '<force forcefield="lammps"/>'


@pytest.fixture
def shared(small_directory):
    """A case whose input.xml shares the forces with another program."""
    path = small_directory / "input.xml"
    text = path.read_text().replace("{part: all}", "{part: electrode}")
    text = text.replace("</ffsocket>", f"</ffsocket>{LAMMPS}", 1).replace(
        "[ ACTIVE ]", str([*range(96, 579)])
    )
    path.write_text(text.replace("<forces>", f"<forces>\n      {COMPONENT}"))
    return path


def change(path, old, new):
    text, count = re.subn(old, new, path.read_text(), flags=re.S)
    assert count, old
    path.write_text(text)


def test_another_programs_liquid_is_one_sum(shared):
    require_whole_forces(shared, read_case(shared.parent))
    root = read_xml(shared)
    assert [(a.address, a.part) for a in socket_addresses(root, shared)] == [("polcouple", "electrode")]
    assert other_sockets(root) == ["'lammps' at unix socket /tmp/ipi_liquid"]
    rename_sockets(root, "-own")
    assert [e.findtext("address").strip() for e in root.iter("ffsocket")] == ["polcouple-own", "liquid"]


def test_check_says_what_it_takes_for_granted(shared):
    found = list(check_input(load_input(shared), read_case(shared.parent), shared, None))
    assert [finding.severity for finding in found] == ["note"]
    assert "'lammps' must give the liquid's bonds and all interactions among its own atoms" in str(found[0])


def test_check_evaluates_the_electrode_part(shared, capsys):
    with pytest.raises(SystemExit) as status:
        main(["check", str(shared.parent), "--threads", "1"])
    assert status.value.code == 0, capsys.readouterr().out
    with pytest.raises(SystemExit) as status:
        main(["check", str(shared.parent), "--platform", "CPU"])
    assert status.value.code != 0
    assert "--platform CPU does not compute part: electrode" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["bonded", "nonbonded", "all", "electrode"])
def test_parts_of_ours_beside_it_count_twice(shared, part):
    change(shared, "{partial_charges: own}", f"{{part: {part}}}")
    with pytest.raises(InputError, match=r"beside one with \{part: electrode\} the liquid's own forces come"):
        require_whole_forces(shared, read_case(shared.parent))


def test_a_program_with_all_atoms_reaches_the_liquid(shared):
    change(shared, "<activelist>.*</activelist>", "")
    require_whole_forces(shared, read_case(shared.parent))


def test_inside_ipi_no_atoms_can_be_chosen(shared):
    direct = """<ffdirect name="lammps"><pes> harmonic </pes><activelist> [ 96, 97 ] </activelist>
      <parameters> {k1: 1.0} </parameters></ffdirect>"""
    change(shared, '<ffsocket name="lammps".*?</ffsocket>', direct)
    with pytest.raises(InputError, match="'lammps' has no effect in an <ffdirect>"):
        require_whole_forces(shared, read_case(shared.parent))


def test_our_own_potential_inside_ipi_is_no_other_program(shared):
    """Its part is ``all`` where none is named."""
    direct = """<ffdirect name="lammps"><pes> custom </pes><pes_path> polcouple_pes.py </pes_path>
      <parameters> {case: .} </parameters></ffdirect>"""
    change(shared, '<ffsocket name="lammps".*?</ffsocket>', direct)
    with pytest.raises(InputError, match="1 x electrode"):
        require_whole_forces(shared, read_case(shared.parent))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (COMPONENT, "", "no other force field gives them"),
        (COMPONENT, '<force forcefield="lammps" weight="0.0"/>', "no other force field gives them"),
        (
            "97, 98, 99",
            "97, 99",
            "1 atoms of the liquid are in no other program's <activelist>, the first is 98",
        ),
        ('<force forcefield="polcouple"/>', "", "the forces add up to 'lammps'; use one"),
        (COMPONENT, '<force forcefield="lamps"/>', "'lamps'> names no"),
        (
            COMPONENT,
            '<force forcefield="lammps"><mts_weights> [1, 0] </mts_weights></force>',
            "2 mts_weights",
        ),
        ("{part: electrode}", "{part: electrodes}", "the forces add up|unknown"),
        (
            '<force forcefield="polcouple"/>',
            '<force forcefield="polcouple" weight="0.5"/>',
            "'polcouple' sum to 0.5",
        ),
    ],
)
def test_what_is_not_one_sum(shared, old, new, message):
    change(shared, re.escape(old), new)
    with pytest.raises(InputError, match=message):
        require_whole_forces(shared, read_case(shared.parent))
        socket_addresses(read_xml(shared), shared)
