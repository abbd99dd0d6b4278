"""`polcouple electron-density`: its files read by ASE, and what it refuses before it begins."""

import csv
import json
import shutil
import signal
import threading
from types import SimpleNamespace

import ase.io
import ase.io.cube
import numpy as np
import pytest
from conftest import CAPACITOR, ROOT, SMALL
from mobile_cases import QUANTUM
from run_cases import in_this_process

from polcouple.cli import electron_density as electron_density_command
from polcouple.nn.density.basis import DensityBasis
from polcouple.nn.density.features import Surroundings
from polcouple.nn.density.files import DensityModel
from polcouple.nn.density.model import DensityDesign, DensityPart
from polcouple.nn.model_files import save_model
from polcouple.units import BOHR_TO_ANGSTROM


def electron_density(output, *words, case=SMALL, frames=None, backend="fixed"):
    """The command in this process: status, what it printed, what went wrong."""
    words = [str(case), str(frames or case / "init.xyz"), "--backend", backend, "-o", str(output), *words]
    done = in_this_process("electron-density", *words)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    output = tmp_path_factory.mktemp("density") / "out"
    status, said, wrong = electron_density(output, "--spacing", "0.4")
    assert status == 0, wrong
    return output, said


def test_cubes_are_read_by_ase(written, small_case):
    with (written[0] / "excess.cube").open() as file:
        found = ase.io.cube.read_cube(file)
    data, atoms = found["data"], found["atoms"]
    assert atoms.get_chemical_symbols() == list(small_case.electrode.symbols)
    assert atoms.cell.array == pytest.approx(small_case.cell * BOHR_TO_ANGSTROM, abs=1e-5)
    apart = atoms.positions - small_case.electrode.positions * BOHR_TO_ANGSTROM
    apart = apart @ np.linalg.inv(atoms.cell.array)
    assert apart == pytest.approx(np.round(apart), abs=1e-6)
    volume = abs(np.linalg.det(small_case.cell)) / data.size
    assert data.sum() * volume == pytest.approx(-small_case.total_charge, abs=1e-5)
    lowest = np.unravel_index(data.argmax(), data.shape)
    sheet = small_case.electrode.positions[0, 2] / small_case.cell[2, 2] * data.shape[2]
    assert lowest[2] == pytest.approx(sheet % data.shape[2], abs=0.5)


def test_profiles_and_summary(written, small_case):
    with (written[0] / "profiles.csv").open() as file:
        rows = list(csv.DictReader(file))
    z, excess = (
        np.array([float(row[name]) for row in rows]) for name in ("z_angstrom", "excess_per_angstrom3")
    )
    area = np.linalg.norm(np.cross(*small_case.cell[:2])) * BOHR_TO_ANGSTROM**2
    assert excess.sum() * (z[1] - z[0]) * area == pytest.approx(-small_case.total_charge, abs=1e-3)
    assert rows[0]["excess_per_angstrom3_error"] == ""  # of a single frame there is none
    with (written[0] / "summary.json").open() as file:
        summary = json.load(file)
    assert summary["frames"] == 1 and summary["backend"] == "fixed"
    assert summary["electrodes"]["sheet"]["excess_electrons"] == pytest.approx(-small_case.total_charge)
    assert summary["electrodes"]["sheet"]["fermi_level_ev"] is None
    assert f"{-small_case.total_charge:+.4f} excess electrons" in written[1]
    assert {path.name for path in written[0].iterdir()} == {
        "excess.cube", "induced.cube", "potential.cube", "profiles.csv", "profiles.png", "views.png",
        "section.png", "summary.json",
    }  # fmt: skip


def test_density_model(tmp_path, small_case):
    """Its cubes hold the charge, and are not the same above and below the sheet: dipoles across it."""
    words = ["--model", "graphene_density", "--spacing", "0.4", "--grids", "model_excess", "model_induced"]
    status, _, wrong = electron_density(tmp_path / "out", *words, backend="response")
    assert status == 0, wrong
    found = {}
    for name in ("model_excess", "model_induced"):
        with (tmp_path / "out" / f"{name}.cube").open() as file:
            found[name] = ase.io.cube.read_cube(file)["data"]
    volume = abs(np.linalg.det(small_case.cell)) / found["model_excess"].size
    assert found["model_excess"].sum() * volume == pytest.approx(-small_case.total_charge, abs=1e-4)
    assert found["model_induced"].sum() * volume == pytest.approx(0.0, abs=1e-4)
    induced = found["model_induced"]
    below = np.roll(induced[:, :, ::-1], 1, axis=2)  # the sheet is at z = 0
    assert np.abs(induced - below).sum() > 0.2 * np.abs(induced).sum()
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["model"] == "graphene_density"


@pytest.fixture
def moving_model(tmp_path):
    """Of graphene and water, with small random weights."""
    rng, parts = np.random.default_rng(3), []
    for charged in (False, True):
        around = Surroundings(("C", "H", "O"), 5.0, 3, 1, charged)
        design = DensityDesign(DensityBasis((0.3, 0.6), 1, 0), around, True)
        parts.append(DensityPart(design, 0.1 * rng.normal(size=(3, design.length))))
    k = 3 * 3 * 2  # elements, functions, l
    trained = np.stack([np.zeros((3, k)), np.full((3, k), 20.0)], axis=1)
    model = DensityModel("mine", *parts, ("C",), trained)
    save_model(tmp_path / "mine", model.description(), model.arrays(), "card")
    return str(tmp_path / "mine")


def moving_density(output, *words):
    """The command on the first frame of the case whose atoms all move."""
    case = ROOT / "ipi_inputs" / "graphene_water_qm"
    words = ["electron-density", str(case), str(case / "init.xyz"), "-o", str(output), *words]
    done = in_this_process(*words)
    return done.returncode, done.stdout, done.stderr


def test_atoms_that_move(tmp_path, moving_model):
    """At a charge, and at the case's Fermi level by a grand potential: the grid holds the electrons."""
    for number, words in enumerate((["--total-charge", "-0.5"], ["--potential", "graphene_water_grand"])):
        output = tmp_path / f"out{number}"
        status, said, wrong = moving_density(output, "--model", moving_model, "--spacing", "0.3", *words)
        assert status == 0, wrong
        with (output / "model_excess.cube").open() as file:
            found = ase.io.cube.read_cube(file)
        volume = found["atoms"].get_volume() / BOHR_TO_ANGSTROM**3 / found["data"].size
        electrons = float(said.split(" excess electrons")[0].split()[-1])
        assert found["data"].sum() * volume == pytest.approx(electrons, abs=1e-3)
        assert number or electrons == 0.5
    assert 0.01 < electrons < 1.0  # above the level of the neutral sheet


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model", "graphene_density"], "needs a number of electrons: give --total-charge Q"),
        (["--model", "graphene_density", "--total-charge", "0"], "knows C, and not H, O; train one"),
        (["--total-charge", "0", "--backend", "dftb"], "is mobile"),
    ],
)
def test_atoms_that_move_refused(words, expected, tmp_path):
    status, _, wrong = moving_density(tmp_path / "out", *words)
    assert status == 2 and expected in wrong and len(wrong.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_shipped_capacitor_at_its_voltage(tmp_path):
    """Frames of a case of two electrodes with metal: the drop is the voltage, to a millivolt and better."""
    status, said, wrong = electron_density(
        tmp_path / "out", "--spacing", "0.3", "--grids", case=CAPACITOR, backend="metal"
    )
    assert status == 0, wrong
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["drop_volt"]["value"] == pytest.approx(1.0, abs=1e-4)
    assert "potential drop between the electrodes 1.0000 V" in said
    assert not list((tmp_path / "out").glob("*.cube"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--spacing", "1e-4"], "too large; a spacing of"),
        (["--spacing", "0"], "not a positive length"),
        (["--backend", "mettal"], "did you mean 'metal'"),
        (["--voltage", "1"], "difference between two electrodes, there are 1"),
        (["--grids", "charge"], "invalid choice"),
        (["--total-charge", "nan"], "is not a finite number"),
        (["--states", "-1", "0"], "give --wfc FILE"),
        (["--wfc", "none.hsd", "--backend", "dftb"], "none.hsd: cannot be read"),
        (["--wfc", "none.hsd"], "backend 'fixed' has no orbitals; use dftb"),
        (["--model", "graphene_densty"], "did you mean 'graphene_density'"),
        (["--model", "graphene_nacl_response"], "a model of kind 'response', and no density"),
        (["--grids", "model_excess"], "needs a density model; give --model MODEL"),
    ],
)
def test_refused_in_one_line_before_it_begins(words, expected, tmp_path):
    status, said, wrong = electron_density(tmp_path / "out", *words)
    assert status == 2 and expected in wrong
    assert "Traceback" not in wrong and not said.strip()
    assert not (tmp_path / "out").exists()


def test_a_disk_too_small(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1e6))
    status, _, wrong = electron_density(tmp_path / "out")
    assert status == 2 and "GB are free there; give a larger --spacing or fewer --grids" in wrong


def test_frames_of_another_case(tmp_path):
    status, _, wrong = electron_density(tmp_path / "out", frames=CAPACITOR / "init.xyz")
    assert status == 2 and "frame 0 has" in wrong and wrong.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_electrode_that_moves(tmp_path):
    """Refused in one line, and nothing that shows progress or waits for Ctrl-C is left."""
    before, running = signal.getsignal(signal.SIGINT), set(threading.enumerate())
    status, _, wrong = electron_density(tmp_path / "out", case=QUANTUM, backend="dftb")
    assert status == 2 and "is mobile" in wrong and wrong.count("\n") == 1
    assert signal.getsignal(signal.SIGINT) is before
    assert set(threading.enumerate()) <= running
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(written):
    status, _, wrong = electron_density(written[0])
    assert status == 2 and "not empty; choose another name" in wrong


def test_stopped_between_frames(tmp_path, small_case, monkeypatch):
    """Ctrl-C ends the reading; what was read is averaged and written, and the status tells."""

    def endless(path, case):
        for number in range(100):
            if number == 2:
                signal.raise_signal(signal.SIGINT)
            yield case.positions.copy()

    monkeypatch.setattr(electron_density_command, "read_frames", endless)
    before = signal.getsignal(signal.SIGINT)
    status, said, wrong = electron_density(tmp_path / "out", "--spacing", "0.6", "--grids")
    assert status == 130, wrong
    assert "writing the means over the 3 frame(s) so far" in said
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["frames"] == 3
    assert signal.getsignal(signal.SIGINT) is before
