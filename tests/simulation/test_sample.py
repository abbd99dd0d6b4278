"""Sampling into a dataset: right times, resumable, and the frames are what i-PI's atoms saw."""

import re
import shutil

import ase.io
import numpy as np
import pytest
from conftest import CAPACITOR
from run_cases import in_this_process

from polcouple.case.model import read_case
from polcouple.coupling.recorder import open_datasets
from polcouple.data.dataset import Dataset
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.errors import ModelMismatchError
from polcouple.units import ANGSTROM_TO_BOHR


def sample(case, dataset, frames, *words):
    command = ("sample", case, "-o", dataset, "--frames", frames, "--every", "0.01", "--threads", 1)
    return in_this_process(*command, "--backend", "fixed", *words)


@pytest.mark.slow
def test_sample_resumes_and_extends(small_directory, small_case, tmp_path):
    path = tmp_path / "frames.h5"
    first = sample(small_directory, path, 2, "--skip", "0.01", "--positions")
    assert first.returncode == 0, first.stderr
    before = Dataset(path).frames(positions=True)
    assert before.time == pytest.approx([0.02, 0.03])
    second = sample(small_directory, path, 4, "--skip", "0.01", "--positions")
    assert second.returncode == 0, second.stderr
    frames = Dataset(path).frames(positions=True)
    assert frames.time == pytest.approx([0.02, 0.03, 0.04, 0.05])
    assert np.array_equal(frames.site_potentials[:2], before.site_potentials)
    for positions, potentials in zip(frames.positions, frames.site_potentials, strict=True):
        exact = ewald_potential(
            small_case.electrode.positions,
            positions.astype(float),
            small_case.electrolyte.charges,
            small_case.cell,
        )
        # single-precision positions
        assert np.abs(exact - potentials).max() < 3e-6
    ions = small_case.electrolyte.ion_indices
    assert np.abs(frames.ion_positions - frames.positions[:, ions]).max() < 1e-4


@pytest.mark.slow
def test_times_are_those_of_steps_where_a_step_has_several_evaluations(small_directory, tmp_path):
    """All forces on the inner level of multiple time stepping: i-PI's own positions say where a frame is."""
    text = (small_directory / "input.xml").read_text()
    weighted = '<force forcefield="polcouple"><mts_weights> [ 0, 1 ] </mts_weights></force>'
    text = text.replace('<force forcefield="polcouple"/>', weighted)
    text = text.replace("> 0.5 </timestep>", "> 2.0 </timestep><nmts> [ 1, 4 ] </nmts>")
    text = re.sub(r'(<trajectory [^>]*stride=")\d+', r"\g<1>1", text)
    (small_directory / "input_inner.xml").write_text(text)
    path = tmp_path / "frames.h5"
    done = sample(small_directory, path, 3, "--positions", "--input", "input_inner.xml")
    assert done.returncode == 0, done.stderr
    frames = Dataset(path).frames(positions=True)
    assert frames.time == pytest.approx([0.01, 0.02, 0.03])
    run = small_directory / "sample_frames"
    (trajectory,) = run.glob("simulation.p*_0.xyz")
    steps = ase.io.read(trajectory, ":", format="extxyz")
    case = read_case(small_directory)
    for frame, step in zip(frames.positions, (5, 10, 15), strict=True):
        apart = frame - steps[step].positions[case.electrolyte_indices] * ANGSTROM_TO_BOHR
        apart -= np.rint(apart @ np.linalg.inv(case.cell)) @ case.cell
        assert np.abs(apart).max() < 1e-3


def test_finished_dataset_is_left_alone(small_directory, tmp_path, small_case):
    path = tmp_path / "frames.h5"
    open_datasets(path, small_case, False, "test")
    done = sample(small_directory, path, 0)
    assert done.returncode == 2
    assert "ask for at least one frame" in done.stderr


def test_dataset_of_another_system_is_refused(small_case, tmp_path):
    from conftest import REFERENCE

    from polcouple.case.model import read_case

    path = tmp_path / "frames.h5"
    open_datasets(path, small_case, False, "test")
    with pytest.raises(ModelMismatchError, match="another electrode"):
        open_datasets(path, read_case(REFERENCE), False, "test")


@pytest.mark.slow
def test_two_electrodes_have_a_dataset_each_and_stay_in_step(tmp_path):
    case = tmp_path / "case"
    shutil.copytree(CAPACITOR, case)
    path = tmp_path / "frames.h5"
    for frames in (2, 3):
        ended = sample(case, path, frames, "--backend", "metal")
        assert ended.returncode == 0, ended.stderr
    lower, upper = (Dataset(tmp_path / f"frames_{name}.h5") for name in ("lower", "upper"))
    assert not path.exists() and len(lower.electrode) == len(upper.electrode) == 60
    assert lower.frames().time == pytest.approx([0.01, 0.02, 0.03])
    assert np.array_equal(lower.frames().time, upper.frames().time)
    assert np.array_equal(lower.frames().ion_positions, upper.frames().ion_positions)
    assert np.abs(lower.frames().site_potentials - upper.frames().site_potentials).max() > 1e-3
