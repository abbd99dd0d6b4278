"""Sampling of atoms that move, at several potentials side by side: killed and gone on with, nothing mixed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from moving_cases import write_ring
from run_cases import in_this_process

from polcouple.data.moving import MovingDataset
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel
from polcouple.units import KELVIN_TO_HARTREE

WORDS = ["--frames", "12", "--every", "0.005", "--skip", "0.01", "--backend", "dftb"]


def command(case, path, *words):
    return ["sample", str(case), "-o", str(path), *WORDS, *words]


def ended(case, path, *words):
    return in_this_process(*command(case, path, *words))


def processes_in(directory):
    """Of programs whose working directory is below ``directory``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if Path(os.readlink(process / "cwd")).is_relative_to(directory):
                found.append(int(process.name))
    return found


def in_order(dataset, number):
    """Times and positions of the frames of one run."""
    frames = dataset.frames()
    own = np.flatnonzero(frames.trajectory == number)
    own = own[np.argsort(frames.time[own])]
    return frames.time[own], frames.positions[own]


@pytest.mark.slow
def test_a_sampling_that_was_killed_goes_on(tmp_path):
    """i-PI, drivers and the program that follows them are all killed; the data are those without that."""
    case = write_ring(tmp_path / "ring")
    path, potentials = tmp_path / "d.h5", ["--potentials", "-0.5", "0", "0.5", "--workers", "2"]
    program = [sys.executable, "-m", "polcouple.cli"]
    process = subprocess.Popen(program + command(case, path, *potentials), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (path.exists() and len(MovingDataset(path)) >= 5):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    for pid in processes_in(case):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while processes_in(case):
        time.sleep(0.05)
    left = len(MovingDataset(path))
    assert 5 <= left < 36
    done = ended(case, path, *potentials)
    assert done.returncode == 0, done.stderr
    whole = tmp_path / "whole.h5"
    done = ended(case, whole, *potentials, "--run-directory", str(tmp_path / "other"))
    assert done.returncode == 0, done.stderr
    assert "36 frames, 36 labels" in done.stdout and "of 420 of all runs" in done.stdout
    assert "dN/dmu by differences" in done.stdout
    killed, expected = MovingDataset(path), MovingDataset(whole)
    assert expected.temperature == killed.temperature == 300.0
    labels = killed.labels()
    assert sorted(labels.frame.tolist()) == list(range(36))
    assert np.array_equal(killed.frames().trajectory[labels.frame], labels.set)
    for number in range(3):
        (times, places), (all_times, all_places) = in_order(killed, number), in_order(expected, number)
        assert times == pytest.approx(0.01 + 0.005 * np.arange(1, 13))
        assert all_times == pytest.approx(times)
        np.testing.assert_allclose(places, all_places, atol=1e-5)
    dftb = MovingDftb(killed.symbols, 2000.0 * KELVIN_TO_HARTREE)
    row = 17
    level = killed.sets()[labels.set[row]].fermi_level
    exact = dftb.solve(killed.frames().positions[labels.frame[row]], killed.cell, FermiLevel(level))
    assert labels.grand_potential[row] == pytest.approx(exact.grand_potential, abs=1e-9)
    np.testing.assert_allclose(labels.forces[row], exact.forces, atol=1e-6)
    again = ended(case, path, *potentials)
    assert again.returncode == 0 and "36 frames, 36 labels already" in again.stdout
    for words, message in (
        (
            ["--every", "0.01"],
            "its frames are from `polcouple sample: input.xml, backend dftb, a frame every 0.005",
        ),
        (["--set", "temperature_kelvin=1000", "--frames", "13"], "temperature_kelvin was 2000.0, now 1000.0"),
    ):
        refused = ended(case, path, *potentials, *words)
        assert refused.returncode == 2 and message in refused.stderr
    assert len(MovingDataset(path)) == 36


def test_potentials_are_for_electrodes_that_move(small_directory, tmp_path):
    refused = ended(small_directory, tmp_path / "d.h5", "--potentials", "0", "--backend", "fixed")
    assert refused.returncode == 2
    assert "--total-charges are for an electrode that moves; write mobile: true" in refused.stderr


NETWORK = """
  <ffsocket name="network" mode="unix" pbc="False"> <address> network </address> </ffsocket>
"""


def test_runs_at_several_potentials_do_not_wait_for_another_program(tmp_path):
    """The case's multiple time steps are for a network's driver, which somebody has to start."""
    case = write_ring(tmp_path / "ring")
    text = (case / "input.xml").read_text().replace("<ffsocket", f"{NETWORK}<ffsocket", 1)
    forces = "<force forcefield='network'> <mts_weights> [-1, 1] </mts_weights> </force>"
    (case / "input_mts.xml").write_text(text.replace("<forces>", f"<forces> {forces}", 1))
    path, potentials = tmp_path / "d.h5", ["--potentials", "0", "0.5", "--frames", "1"]
    refused = ended(case, path, *potentials, "--input", "input_mts.xml")
    assert refused.returncode != 0 and "Traceback" not in refused.stderr
    assert "another program serves 'network'" in refused.stderr and "--input" in refused.stderr
    assert ended(case, path, *potentials).returncode == 0
    assert len(MovingDataset(path)) == 2
