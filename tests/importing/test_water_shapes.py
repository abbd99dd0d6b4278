"""Rigid waters, whatever their residues are called, and what is no water."""

import gzip
import io
import math
from pathlib import Path

import numpy as np
import openmm
import pytest
from imported_systems import AMBER, aqueous_parts
from openmm.unit import Quantity, nanometer

from polcouple.cli import main
from polcouple.errors import InputError
from polcouple.importing.amber import read_amber
from polcouple.importing.openmm_files import source_of_field
from polcouple.importing.source import PairOptions
from polcouple.importing.waters import count_rigid, hold_waters, waters_of

AMBER_DATA = Path(__file__).parent.parent / "data" / "amber"
FILE = Path("a.prmtop")


def peptide(folder, residue):
    """Its prmtop with waters of another name, and its rst7."""
    prmtop, rst7 = folder / f"{residue}.prmtop", folder / "peptide.rst7"
    rst7.write_bytes(gzip.decompress((AMBER_DATA / "peptide.rst7.gz").read_bytes()))
    text = gzip.decompress((AMBER_DATA / "peptide.prmtop.gz").read_bytes()).decode()
    head, flag, rest = text.partition("%FLAG RESIDUE_LABEL")
    labels, other, tail = rest.partition("%FLAG RESIDUE_POINTER")
    assert "HOH " in labels
    prmtop.write_text(head + flag + labels.replace("HOH ", f"{residue:4s}") + other + tail)
    return prmtop, rst7


@pytest.mark.parametrize("residue", ["SOL", "TIP3"])
@pytest.mark.parametrize("rigid", ["water", "hydrogens"])
def test_waters_of_a_prmtop_by_other_names(tmp_path, residue, rigid):
    """TIP3P's distances, as where OpenMM knows the name."""
    options = PairOptions(7.0, 6.0, rigid)
    source = read_amber(*peptide(tmp_path, residue), options)
    waters = waters_of(source.system, source.elements)
    assert count_rigid(source.system, waters) == len(waters) == 67
    known = read_amber(*peptide(tmp_path, "WAT"), options)
    assert constraints_of(source.system) == pytest.approx(constraints_of(known.system), abs=1e-9)
    oxygen, a, b = waters[0]
    assert constraints_of(source.system)[oxygen, a] == pytest.approx(0.09572, abs=1e-7)
    expected = 2 * 0.09572 * math.sin(math.radians(104.52) / 2)
    assert constraints_of(source.system)[a, b] == pytest.approx(expected, abs=2e-5)


def test_the_command_says_how_many(tmp_path, capsys):
    files = list(map(str, peptide(tmp_path, "OPC")))
    for rigid, number in (("water", 67), ("none", 0)):
        words = ["import", str(tmp_path / rigid), *files, "--electrode", "resname GRA", "--cutoff", "7"]
        with pytest.raises(SystemExit) as end:
            main([*words, "--rigid", rigid])
        assert end.value.code == 0
        assert f"{number} of 67 waters are rigid" in capsys.readouterr().out


def test_waters_of_a_force_field_by_other_names():
    """OpenMM's ForceField holds those called HOH; the others get the same lengths."""
    _, topology, places, cell = aqueous_parts("amber14/tip3p.xml", model="tip3p", carbon=AMBER)
    found = []
    for name in ("HOH", "OPC"):
        for residue in topology.residues():
            residue.name = name if residue.name in ("HOH", "OPC") else residue.name
        files = ["amber14/tip3p.xml", io.StringIO(AMBER)]
        positions, box = Quantity(places, nanometer), Quantity(cell, nanometer)
        source = source_of_field(files, topology, positions, box, PairOptions(7.0, 6.0, "water"))
        found.append(constraints_of(source.system))
    assert len(found[0]) == 3 * sum(r.name == "OPC" for r in topology.residues()) > 100
    assert found[1] == pytest.approx(found[0], abs=1e-7)


def constraints_of(system):
    """Length in nm by pair of particles, the lower one first."""
    every = (system.getConstraintParameters(i) for i in range(system.getNumConstraints()))
    return {(min(i, j), max(i, j)): length._value for i, j, length in every}


def bonded(elements, bonds, angles=()):
    """A System of particles (``M``: without mass) with bonds of 0.1 nm and angles of 1.9 radians."""
    system = openmm.System()
    for element in elements:
        system.addParticle({"M": 0.0, "H": 1.0}.get(element, 16.0))
    force, bends = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    for pair in bonds:
        force.addBond(*pair, 0.1, 4e5)
    for triple in angles:
        bends.addAngle(*triple, 1.9, 400.0)
    system.addForce(force)
    system.addForce(bends)
    return system


def test_what_is_a_water():
    """Four-site water, backwards; hydronium, protonated methanol and hydroxide are none."""
    elements = ["H", "H", "O", "M", "O", "H", "H", "H", "C", "O", "H", "H", "O", "H"]
    bonds = [(0, 2), (1, 2), (2, 3), (4, 5), (4, 6), (4, 7), (8, 9), (9, 10), (9, 11), (12, 13)]
    angles = [(0, 2, 1), (5, 4, 6), (10, 9, 11)]
    system = bonded(elements, bonds, angles)
    assert waters_of(system, elements) == [(2, 0, 1)]
    for pair in ((4, 5), (4, 6), (4, 7)):
        system.addConstraint(*pair, 0.1)
    hold_waters(FILE, system, elements)
    found = constraints_of(system)
    assert set(found) == {(4, 5), (4, 6), (4, 7), (0, 2), (1, 2), (0, 1)}
    assert found[0, 1] == pytest.approx(0.2 * math.sin(0.95))
    assert np.allclose([found[0, 2], found[1, 2]], 0.1)
    hold_waters(FILE, system, elements)
    assert system.getNumConstraints() == 6


def test_a_water_without_an_angle():
    elements = ["O", "H", "H"]
    with pytest.raises(
        InputError, match=r"a.prmtop: the water of particle 1 has no harmonic bonds and angle"
    ):
        hold_waters(FILE, bonded(elements, [(0, 1), (0, 2)]), elements)
