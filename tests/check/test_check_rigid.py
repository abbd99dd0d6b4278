"""`polcouple check` of rigid water: motion and constraints must be the case's."""

import dataclasses
import re
import shutil

import numpy as np
import pytest
from conftest import SMALL
from rigid_cases import write_rigid_case

from polcouple.case.model import read_case
from polcouple.check.inputs import check_input
from polcouple.check.simulation import load_input
from polcouple.units import ANGSTROM_TO_BOHR

#: in input.xml, what names the atoms that do not move
FIXED = "<fixatoms.*</fixatoms>"


@pytest.fixture(scope="module")
def rigid_directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("rigid")
    write_rigid_case(directory)
    return directory


def problems(directory, text=None, case=None, name="input.xml"):
    """Findings about an input, or about ``text`` in its place, that are no notes."""
    path = directory / name
    if text is not None:
        path = directory / "changed.xml"
        path.write_text(text)
    found = check_input(load_input(path), case or read_case(directory), path, None, "ffdirect" not in name)
    return [str(finding) for finding in found if finding.severity != "note"]


@pytest.mark.parametrize("name", ["input.xml", "input_nve.xml", "input_ffdirect.xml"])
def test_what_is_written_passes(rigid_directory, name):
    assert problems(rigid_directory, name=name) == []
    assert not (rigid_directory / "input_mts.xml").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("96, 98, 97, 98, ", "96, 98, 97, 99, ", "1 pairs of atoms lack a <constraint>, the first 97 and 98"),
        ("96, 98, 97, 98, ", "96, 98, 97, 99, ", "1 pairs of atoms have a <constraint> too many"),
        ("<values>.*?</values>", '<values units="angstrom"> [%s] </values>', "97 is 1.010000 Angstrom"),
        ("<timestep[^>]*> 2.0 ", '<timestep units="femtosecond"> 3.0 ', "warning: .*3 fs is too long"),
        ("<timestep[^>]*> 2.0 ", '<timestep units="femtosecond"> 8.0 ', "error: .*8 fs is too long"),
        ('mode="langevin"', 'mode="pile_g"', "pile_g does not go with constraints"),
        ("constrained_dynamics", "dynamics", "<motion mode='dynamics'> does not keep the shape"),
        ('nbeads="1"', 'nbeads="4"', "4 beads"),
        (FIXED, f"<fixatoms> {[*range(1, 96)]} </fixatoms>", "1 of 96 electrode atoms may move"),
        (FIXED, f"<fixatoms> {[96, *range(96)]} </fixatoms>", "atom 96 is in a constraint and in <fix"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_case(rigid_directory, old, new, says):
    text = (rigid_directory / "input.xml").read_text()
    if "%s" in new:
        new %= ", ".join(["1.01, 1.01, 1.64"] * 158)
    if old == "constrained_dynamics":
        text = re.sub("<csolver/>|<constraint.*</constraint>", "", text, flags=re.S)
    changed, count = re.subn(old, new, text, flags=re.S)
    assert count
    found = problems(rigid_directory, changed)
    assert any(re.search(says, finding) for finding in found), found


def test_heavy_hydrogens_take_longer_steps(rigid_directory):
    """4 fs is too long, and no longer where i-PI's masses are repartitioned."""
    case = read_case(rigid_directory)
    masses = case.topology.masses.copy()
    for hydrogen in (1, 2):
        masses[case.water_oxygens + hydrogen] *= 3
    text = re.sub("(<timestep[^>]*>) 2.0", r"\1 4.0", (rigid_directory / "input.xml").read_text())
    assert any("4 fs is too long" in finding for finding in problems(rigid_directory, text))
    heavy = f'<masses mode="manual"> [ {", ".join(map(str, masses.tolist()))} ] </masses>\n<velocities'
    assert problems(rigid_directory, text.replace("<velocities", heavy)) == []
    found = problems(rigid_directory, text.replace("<velocities", heavy).replace("4.0 </time", "9.0 </time"))
    assert any("error" in f and "has 3.02 u, 3.5 fs is usual" in f for f in found), found


def test_flexible_water_is_not_constrained(rigid_directory):
    text = (rigid_directory / "input.xml").read_text()
    found = problems(rigid_directory, text, read_case(SMALL))
    assert any("the case has no rigid molecules" in finding for finding in found), found


def test_a_run_that_loses_the_shape_is_refused(rigid_directory, tmp_path, small_case):
    """Whatever moves the atoms: positions of flexible water are not the case's."""
    from polcouple.case.structure_guard import Rounding, StructureGuard
    from polcouple.errors import InputError

    case = read_case(rigid_directory)
    guard = StructureGuard(case)
    guard.check(case.positions, case.cell)
    images = case.positions.copy()
    images[case.water_oxygens + 1] += case.cell[0]
    guard.check(images, case.cell)
    with pytest.raises(InputError, match=r"from 0; \w+ \d+ [OH]-H\) are .* rigid molecule 1\.\d+; start"):
        guard.check(small_case.positions, small_case.cell)
    # a file with three digits of a nanometre moves both ends by up to 0.005 Angstrom a direction
    half = 0.005 * ANGSTROM_TO_BOHR
    written = 2.0 * half * np.round(case.positions / (2.0 * half))
    written[case.electrode_indices] = case.electrode.positions
    guard.check(written, case.cell, Rounding(positions=half))
    # and whoever computes with such a frame does not know the file any more
    guard.check(written, case.cell)
    bent = case.positions.copy()
    bent[case.water_oxygens[3] + 1] += 0.02 * (bent[case.water_oxygens[3] + 1] - bent[case.water_oxygens[3]])
    with pytest.raises(InputError, match="in the case's rigid molecule"):
        guard.check(bent, case.cell)
    with pytest.raises(InputError, match="in the case's rigid molecule"):
        guard.check(small_case.positions, small_case.cell, Rounding(positions=half))


def test_system_yaml(rigid_directory, tmp_path):
    from polcouple.errors import InputError

    for path in rigid_directory.iterdir():
        shutil.copy(path, tmp_path)
    path = tmp_path / "system.yaml"
    whole = path.read_text()
    spring = "model: rigid\n    bond_kcal_per_mol_angstrom2: 5.0"
    for old, new, says in (
        ("model: rigid", spring, "rigid water has no bond_kcal_per_mol_angstrom2; leave it out"),
        ("    model: rigid\n", "", "flexible water needs bond_kcal.*; give it, or write model: rigid"),
        ("model: rigid", "model: rigit", "force_field.water.model"),
    ):
        path.write_text(whole.replace(old, new))
        with pytest.raises(InputError, match=says):
            read_case(tmp_path)


def test_sampling_takes_the_input_that_there_is(rigid_directory, monkeypatch):
    """Multiple time stepping for flexible water; rigid cases have no such input."""
    from polcouple.cli import commands
    from polcouple.cli import sample as command

    taken = []
    monkeypatch.setattr(command, "sample", lambda wanted, output: taken.append(wanted.plan.input))
    for case in (SMALL, rigid_directory):
        with pytest.raises(SystemExit):
            commands.main(["sample", str(case), "-o", "x.h5", "--frames", "1"])
    assert taken == ["input_mts.xml", "input.xml"]


def test_hydrogens_on_springs_beside_rigid_water(rigid_directory):
    """The first water loses its constraints, in case and input: 2 fs are long for it, inner steps are not."""
    case = read_case(rigid_directory)
    topology = case.topology
    case.__dict__["topology"] = dataclasses.replace(
        topology, constraints=topology.constraints[3:], constraint_lengths=topology.constraint_lengths[3:]
    )
    text = (rigid_directory / "input.xml").read_text()
    text = text.replace("96, 97, 96, 98, 97, 98, 99", "99")
    text = re.sub(r"<values>\s*\[ ([\d.]+, ){3}", "<values> [ ", text)
    (found,) = problems(rigid_directory, text, case)
    assert "2 fs is long for hydrogens whose bonds are springs, such as atom 97" in found
    assert (
        problems(rigid_directory, text.replace("<csolver/>", "<csolver/> <nmts> [ 2 ] </nmts>"), case) == []
    )
