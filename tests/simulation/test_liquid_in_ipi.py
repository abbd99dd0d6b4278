"""Cases whose electrode i-PI does not have: ipi_atoms: liquid, with the electrode in electrode.xyz."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import CAPACITOR, ROOT
from ipi.utils.units import Constants, unit_to_user
from run_cases import extras, properties

from benchmarks.ipi_share import liquid_in_ipi
from polcouple.case.model import read_case
from polcouple.case.schema import Potential
from polcouple.check.inputs import check_input
from polcouple.check.simulation import load_input
from polcouple.errors import InputError
from polcouple.frames.reading import read_frames
from polcouple.propagation.case_copy import write_case_that_holds
from polcouple.propagation.pes import PolcouplePES

SMALL = ROOT / "ipi_inputs" / "graphene_nacl_small"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The liquid's case, to be copied and not to be changed."""
    directory = tmp_path_factory.mktemp("case") / "liquid"
    liquid_in_ipi(SMALL, directory)
    return directory


@pytest.fixture
def liquid(original, tmp_path):
    return shutil.copytree(original, tmp_path / "liquid")


def test_the_case_is_the_same(liquid, small_case):
    case = read_case(liquid)
    assert case.symbols == small_case.symbols
    assert np.array_equal(case.positions, small_case.positions) and np.array_equal(case.cell, small_case.cell)
    assert np.array_equal(case.ipi_indices, small_case.electrolyte_indices)
    own = case.positions[case.electrolyte_indices]
    assert np.array_equal(case.of_ipi(case.positions), own)
    assert np.array_equal(case.whole(own + 1.0)[case.electrode_indices], case.electrode.positions)
    assert np.array_equal(case.whole(own + 1.0)[case.electrolyte_indices], own + 1.0)


def test_an_electrode_between_molecules(tmp_path, small_case):
    """Atoms that i-PI has need not follow one another."""
    system = small_case.system.model_copy(update={"ipi_atoms": "liquid"})
    (electrode,) = system.electrodes
    moved = electrode.model_copy(update={"first_atom": 3, "last_atom": 2 + len(small_case.electrode)})
    order = np.r_[small_case.electrolyte_indices[:3], small_case.electrode_indices]
    order = np.r_[order, small_case.electrolyte_indices[3:]]
    case = type(small_case)(
        tmp_path,
        system.model_copy(update={"electrodes": [moved]}),
        tuple(np.array(small_case.symbols)[order]),
        small_case.positions[order],
        small_case.cell,
    )
    own = small_case.positions[small_case.electrolyte_indices]
    assert np.array_equal(case.of_ipi(case.positions), own)
    assert np.array_equal(case.whole(own), case.positions)


def test_forces_are_the_same_bits(liquid, small_case):
    """Through the potential that i-PI asks."""
    answers = [
        PolcouplePES(case=str(case), backend="fixed").compute_structure(read_case(case).cell.T, positions)
        for case, positions in (
            (SMALL, small_case.positions),
            (liquid, small_case.positions[small_case.electrolyte_indices]),
        )
    ]
    (energy, forces, _, text), (other_energy, other_forces, _, other_text) = answers
    assert energy == other_energy and text == other_text
    assert np.array_equal(forces[small_case.electrolyte_indices], other_forces)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "electrode.xyz").unlink(), "electrode.xyz: no such file"),
        (
            lambda d: shutil.copy(SMALL / "init.xyz", d / "init.xyz"),
            "liquid has 483 atoms, init.xyz holds 579",
        ),
        (lambda d: shutil.copy(d / "init.xyz", d / "electrode.xyz"), "electrodes have 96 atoms"),
        (
            lambda d: replaced(d / "electrode.xyz", "60.0", "61.0"),
            "its cell differs from that of init.xyz by 1",
        ),
        (lambda d: replaced(d / "electrode.xyz", "C ", "Xy"), "line 3: 'Xy' of atom 0 is no element"),
        (lambda d: replaced(d / "init.xyz", "O ", "Na"), "atom 0 of init.xyz is Na, the topology expects O"),
        (lambda d: replaced(d / "system.yaml", "liquid", "some"), "ipi_atoms: Input should be 'all' or"),
    ],
)
def test_faults_are_named(liquid, spoil, message):
    spoil(liquid)
    with pytest.raises(InputError, match=message) as error:
        read_case(liquid)
    assert "\n" not in str(error.value)


def replaced(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_check_finds_nothing_and_then_the_centre_of_mass(liquid):
    path, case = liquid / "input.xml", read_case(liquid)

    def found():
        return [str(one) for one in check_input(load_input(path), case, path, 100) if one.severity == "error"]

    assert not found()
    replaced(path, "<fixcom> False", "<fixcom> True")
    (finding,) = found()
    assert "<fixcom> is True" in finding


def test_trajectories_of_i_pi_and_of_others(liquid, small_case, tmp_path):
    """Frames of the liquid alone get the electrode; whole frames keep the refusal of one that moved."""
    case, frame = read_case(liquid), tmp_path / "frame.xyz"
    shutil.copy(liquid / "init.xyz", frame)
    (positions,) = read_frames(frame, case)
    assert np.array_equal(positions, small_case.positions)
    shutil.copy(SMALL / "init.xyz", frame)
    (positions,) = read_frames(frame, case)
    assert np.abs(positions - small_case.positions).max() < 1e-12
    lines = frame.read_text().splitlines()
    lines[2] = "C   0.5 0.0 0.0"
    frame.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="electrode atom 0 is"):
        list(read_frames(frame, case))


def run(*words):
    done = subprocess.run(
        [sys.executable, "-m", "polcouple.cli", *map(str, words)], capture_output=True, text=True, timeout=400
    )
    assert "Traceback" not in done.stderr
    return done


def last_positions(directory):
    """As i-PI's RESTART has them, in bohr."""
    text = (directory / "RESTART").read_text().partition("<beads")[2]
    words = text.partition("<q")[2].partition("[")[2].partition("]")[0]
    return np.array([float(word) for word in words.split(",")]).reshape(-1, 3)


@pytest.mark.slow
def test_the_trajectory_is_the_same_and_goes_on(liquid, tmp_path, small_case):
    """NVE from rest with charges that answer the liquid; RESTART; a changed electrode is refused.

    By an engine without lists of neighbours, so that forces do not depend on what came before.
    """
    whole = shutil.copytree(SMALL, tmp_path / "whole")
    for case in (whole, liquid):
        path = case / "input_nve.xml"
        replaced(path, '<velocities mode="thermal" units="kelvin"> 300 </velocities>', "")
        replaced(path, 'stride="1000" format="xyz"', 'stride="1" format="xyz"')
        replaced(path, 'stride="100" extra_type', 'stride="1" extra_type')
    common = ("--backend", "metal", "--threads", 1, "--platform", "Reference", "--input", "input_nve.xml")
    runs = {}
    for name, case, steps in (("whole", whole, 20), ("liquid", liquid, 20), ("halves", liquid, 10)):
        runs[name] = tmp_path / name / "run"
        done = run("run", case, *common, "--steps", steps, "--output", runs[name])
        assert done.returncode == 0, done.stderr
    again = ("run", liquid, "--output", runs["halves"], "--restart", "--until", 20)
    assert run(*again).returncode == 0
    moving = small_case.electrolyte_indices
    ends = {name: last_positions(path) for name, path in runs.items()}
    # i-PI's Angstrom differs from ours in the eighth digit, and so does the place of an electrode that it has
    assert np.abs(ends["whole"][moving] - ends["liquid"]).max() < 1e-8
    # the last digit, as with all atoms in i-PI
    assert np.abs(ends["halves"] - ends["liquid"]).max() < 1e-13
    charges = [extras(path / "simulation.charges_0")[-1] for path in runs.values()]
    assert len(charges[0]) == len(small_case.electrode) and np.ptp(charges, axis=0).max() < 1e-8
    out = {name: properties(path / "simulation.out") for name, path in runs.items()}
    np.testing.assert_allclose(out["whole"][:, [2, 4, 5]], out["liquid"][:, [2, 4, 5]], rtol=1e-7)
    # the liquid's own temperature, which i-PI does not print where it has the electrode
    own = 2.0 * out["liquid"][:, 5] / (3 * len(moving) * Constants.kb)
    np.testing.assert_allclose(out["liquid"][:, 3], unit_to_user("temperature", "kelvin", own), rtol=1e-9)

    compared = run("compare", runs["liquid"], runs["whole"], "--output", tmp_path / "report")
    assert compared.returncode == 0, compared.stderr
    charges = run(
        "charges",
        liquid,
        runs["liquid"] / "simulation.positions_0.xyz",
        *("--backend", "metal", "--output", tmp_path / "charges.npz"),
    )
    assert charges.returncode == 0, charges.stderr
    replaced(liquid / "electrode.xyz", " 0.0000000000", " 0.0000300000")
    refused = run(*again[:-1], 30)
    assert refused.returncode == 2 and "the start structure is another one" in refused.stderr


def test_copies_of_a_sweep_over_voltages_have_the_electrodes(tmp_path):
    capacitor = tmp_path / "capacitor"
    liquid_in_ipi(CAPACITOR, capacitor)
    write_case_that_holds(capacitor, "input.xml", tmp_path / "0.5V", Potential(voltage_volt=0.5))
    copy = read_case(tmp_path / "0.5V")
    assert np.array_equal(copy.positions, read_case(capacitor).positions)
    assert copy.system.potential.voltage_volt == 0.5
