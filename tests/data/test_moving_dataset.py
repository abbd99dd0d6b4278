"""Datasets of electrodes that move: rows are whole, sets are not mixed, several may write."""

import h5py
import numpy as np
import pytest

from polcouple.data.dataset import Dataset
from polcouple.data.moving import MovingDataset, is_moving
from polcouple.data.moving_rows import CONVERGED, UNCONVERGED, LabelSet, MovingFrames, MovingLabels
from polcouple.errors import InputError, ModelMismatchError
from polcouple.units import EV_TO_HARTREE

SYMBOLS, ELECTRODE, CELL = ("C", "C", "O", "H", "H"), np.array([0, 1]), 20.0 * np.eye(3)
SET = LabelSet("dftb", fermi_level=-0.15, reference=-0.16, settings={"temperature_kelvin": "300.0"})


@pytest.fixture
def dataset(tmp_path):
    start = np.arange(15.0).reshape(5, 3)
    return MovingDataset.create(
        tmp_path / "d.h5", SYMBOLS, start, CELL, ELECTRODE, {"a.json": "{}"}, "a test"
    )


def frames(count, trajectory=0, first=0):
    rng = np.random.default_rng(first)
    return MovingFrames(
        0.1 * np.arange(first, first + count), np.full(count, trajectory), rng.normal(size=(count, 5, 3))
    )


def labels(frame, number=0, seed=0, status=CONVERGED):
    rng, n = np.random.default_rng(seed), len(frame)
    columns = rng.normal(size=(6, n))
    return MovingLabels(
        np.asarray(frame), np.full(n, number), *columns, rng.normal(size=(n, 2)), rng.normal(size=(n, 5, 3)),
        np.full(n, status),
    )  # fmt: skip


def test_frames_and_labels_come_back(dataset):
    assert dataset.number_of(SET) == 0
    for first in range(0, 300, 100):
        dataset.append(frames(100, first=first), labels(range(100), seed=first))
    again = MovingDataset(dataset.path)
    assert len(again) == 300 and again.symbols == SYMBOLS and again.case_files == {"a.json": "{}"}
    assert np.array_equal(again.start, np.arange(15.0).reshape(5, 3))
    found, kept = again.frames(), again.labels()
    assert np.array_equal(found.positions[200:], frames(100, first=200).positions)
    assert np.array_equal(kept.frame, np.arange(300))
    assert np.array_equal(kept.forces[100:200], labels(range(100), seed=100).forces)
    assert again.sets() == [SET] and is_moving(again.path)
    assert SET.name == "dftb@-4.08171eV" and SET.potential == pytest.approx(-0.01 / EV_TO_HARTREE)
    with h5py.File(again.path) as file:
        assert file["labels/forces"].attrs["unit"] == b"Hartree/bohr"


def test_two_writers_add_to_one_file(dataset):
    other = MovingDataset(dataset.path)
    number = dataset.number_of(SET)
    charged = LabelSet("dftb", total_charge=-1.0, settings=SET.settings)
    assert (number, other.number_of(charged), dataset.number_of(charged)) == (0, 1, 1)
    for first in range(70):
        one = (dataset, other)[first % 2]
        one.append(frames(1, first % 2, first), labels([0], first % 2, first))
    kept = dataset.labels()
    assert np.array_equal(kept.frame, np.arange(70)) and np.array_equal(kept.set, np.arange(70) % 2)


def test_labels_of_other_settings_are_refused(dataset):
    dataset.number_of(SET)
    hot = LabelSet("dftb", fermi_level=-0.2, settings={"temperature_kelvin": "500.0"})
    with pytest.raises(InputError, match=r"were made with temperature_kelvin 300\.0, not 500\.0"):
        dataset.number_of(hot)
    assert len(dataset.sets()) == 1


def test_what_is_not_finite_is_refused_unless_it_did_not_converge(dataset):
    dataset.number_of(SET)
    bad = labels([0])
    bad.forces[0, 2, 1] = np.nan
    with pytest.raises(InputError, match="new forces hold NaN or infinity; nothing was added"):
        dataset.append(frames(1), bad)
    assert len(dataset) == 0
    dataset.append(frames(1), MovingLabels(**{**vars(bad), "status": np.array([UNCONVERGED])}))
    dataset.overwrite(np.array([0]), labels([0]))
    assert dataset.labels().status.tolist() == [CONVERGED]


def test_rows_that_a_killed_writer_left_do_not_count(dataset):
    dataset.number_of(SET)
    dataset.append(frames(2), labels([0, 1]))
    with h5py.File(dataset.path, "r+") as file:  # written, and killed before the counts
        file["frames/positions"][2] = 7.0
        file["labels/frame"][2] = 2
    assert len(MovingDataset(dataset.path)) == 2
    dataset.append(frames(1, first=5), labels([0], seed=5))
    assert np.array_equal(dataset.frames().positions[2], frames(1, first=5).positions[0])


def test_other_files_and_systems(dataset, tmp_path):
    with pytest.raises(ModelMismatchError, match="holds frames of another system"):
        dataset.require_atoms(("C",) * 5, CELL, ELECTRODE)
    with pytest.raises(InputError, match="holds frames of an electrode that moves"):
        Dataset(dataset.path)
    with h5py.File(dataset.path, "r+") as file:
        file["frames/positions"].resize(0, axis=0)
        file.attrs.modify("counts", np.array([3, 0]))
    with pytest.raises(InputError, match="/frames/time has shape"):
        MovingDataset(dataset.path)
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        MovingDataset(tmp_path / "text.h5")
