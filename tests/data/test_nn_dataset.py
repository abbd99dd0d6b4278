"""Datasets: what is written comes back, what is wrong is refused, a killed writer loses nothing."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from nn_cases import TOTAL_CHARGE, electrolyte, frames, labelled_dataset, sheet

from polcouple.data.dataset import CONVERGED, PENDING, Dataset, Frames
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError, ModelMismatchError


@pytest.fixture
def dataset(tmp_path):
    return labelled_dataset(tmp_path / "data.h5", 20)


def test_round_trip_of_frames_and_labels(tmp_path):
    electrode, liquid = sheet(), electrolyte()
    dataset = Dataset.create(tmp_path / "d.h5", electrode, liquid, store_positions=True, origin="a test")
    made = frames(electrode, 70)
    positions = np.random.default_rng(1).normal(size=(70, len(liquid), 3))
    for part in (slice(0, 30), slice(30, 70)):
        dataset.append(
            Frames(made.time[part], made.site_potentials[part], made.ion_positions[part], positions[part])
        )
    again = Dataset(tmp_path / "d.h5")
    read = again.frames(positions=True)
    assert len(again) == 70 and again.origin == "a test"
    np.testing.assert_array_equal(read.site_potentials, made.site_potentials)
    np.testing.assert_array_equal(read.ion_positions, made.ion_positions)
    np.testing.assert_array_equal(read.positions, positions.astype(np.float32))
    np.testing.assert_array_equal(again.electrode.positions, electrode.positions)
    assert again.electrolyte.symbols == liquid.symbols


def test_labels_of_some_frames_leave_the_others_pending(dataset):
    charges = np.full((2, 24), -1.0 / 24)
    dataset.write_labels(
        "response", -1.0, [7, 3], charges, np.array([0.7, 0.3]), np.zeros(2), np.array([True] * 2)
    )
    labels = dataset.labels("response", -1.0)
    assert list(np.flatnonzero(labels.status == CONVERGED)) == [3, 7]
    assert (labels.status == PENDING).sum() == 18
    assert labels.energy[3] == 0.3 and labels.energy[7] == 0.7
    assert np.isnan(labels.charges[0]).all()
    with pytest.raises(InputError, match=r"response@-1: frame 0 is missing \(18 of 20"):
        dataset.complete_labels("response", -1.0)


def test_frames_appended_after_labelling_are_pending(dataset):
    dataset.append(frames(dataset.electrode, 60, seed=2))
    labels = dataset.labels("dftb", TOTAL_CHARGE)
    assert (labels.status == PENDING).sum() == 60 and len(labels.charges) == 80


def test_a_reader_is_waited_for(dataset):
    """HDF5 gives a file to one writer or to readers."""
    words = "import h5py, sys, time; h5py.File(sys.argv[1]); print('open', flush=True); time.sleep(1)"
    reader = subprocess.Popen([sys.executable, "-c", words, str(dataset.path)], stdout=subprocess.PIPE)
    assert reader.stdout.readline()
    dataset.append(frames(dataset.electrode, 3, seed=2))
    assert reader.wait(20) == 0
    assert len(dataset) == 23


def test_units_are_attributes(dataset):
    with h5py.File(dataset.path) as file:
        units = {
            name: file[name].attrs["unit"].decode()
            for name in ("frames/site_potentials", "labels/dftb@-0.5/charges")
        }
    assert units == {"frames/site_potentials": "Hartree/e", "labels/dftb@-0.5/charges": "e"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.__delitem__("frames/site_potentials"), "array /frames/site_potentials is missing"),
        (lambda f: f["frames/site_potentials"].__setitem__((4, 2), np.nan), "frame 4 holds NaN"),
        (lambda f: f["electrode/positions"].__setitem__((0, 0), 1.0), "/electrode was changed"),
        (lambda f: f["frames"].attrs.__setitem__("n_frames", 500), "damaged file"),
        (lambda f: f.attrs.__setitem__("format", "other"), "not a polcouple dataset"),
        (lambda f: f.attrs.__setitem__("version", 99), "version 99"),
    ],
)
def test_damaged_files_are_refused(dataset, damage, message):
    with h5py.File(dataset.path, "r+") as file:
        damage(file)
    with pytest.raises(InputError, match=message) as caught:
        Dataset(dataset.path)
    assert "\n" not in str(caught.value) and str(dataset.path) in str(caught.value)


def test_truncated_and_foreign_files_are_refused(dataset, tmp_path):
    content = dataset.path.read_bytes()
    dataset.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="truncated"):
        Dataset(dataset.path)
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        Dataset(tmp_path / "text.h5")
    with pytest.raises(InputError, match="no such dataset"):
        Dataset(tmp_path / "none.h5")


def test_labels_unfit_for_training_are_refused(dataset):
    good = dataset.labels("dftb", TOTAL_CHARGE).charges
    one = np.array([np.nan])
    dataset.write_labels("dftb", TOTAL_CHARGE, [5], good[[5]], one, one, np.array([False]))
    with pytest.raises(InputError, match="frame 5 did not converge"):
        dataset.complete_labels("dftb", TOTAL_CHARGE)
    dataset.write_labels("dftb", TOTAL_CHARGE, [5], good[[5]] + 0.1, one, one, np.array([True]))
    with pytest.raises(InputError, match=r"frame 5 sum to 1\.9000 e"):
        dataset.complete_labels("dftb", TOTAL_CHARGE)
    dataset.write_labels("dftb", TOTAL_CHARGE, [5], good[[5]] * np.nan, one, one, np.array([True]))
    with pytest.raises(InputError, match="frame 5 holds NaN"):
        dataset.labels("dftb", TOTAL_CHARGE)
    with pytest.raises(InputError, match=r"no labels dftb@3; there are: dftb@-0\.5"):
        dataset.labels("dftb", 3.0)


def test_bad_frames_are_refused_and_nothing_is_added(dataset):
    made = frames(dataset.electrode, 2)
    with pytest.raises(InputError, match="hold NaN"):
        dataset.append(Frames(made.time, made.site_potentials * np.nan, made.ion_positions))
    with pytest.raises(InputError, match="shape"):
        dataset.append(Frames(made.time, made.site_potentials[:, :9], made.ion_positions))
    assert len(dataset) == 20


def test_another_system_is_refused(dataset):
    dataset.require_system(sheet(), electrolyte())
    with pytest.raises(ModelMismatchError, match="another electrode"):
        dataset.require_system(sheet(2, 2), electrolyte())
    other = Electrolyte(("K",), np.array([1.0]), np.array([0]))
    with pytest.raises(ModelMismatchError, match="another electrolyte"):
        dataset.require_system(sheet(), other)


def test_existing_files_are_never_overwritten(dataset):
    with pytest.raises(InputError, match="exists already"):
        Dataset.create(dataset.path, sheet(), electrolyte())


def test_a_flake_keeps_its_periodicity(tmp_path):
    flake = Electrode(("C",), np.zeros((1, 3)), np.eye(3), (False, False, False))
    Dataset.create(tmp_path / "f.h5", flake, electrolyte())
    assert Dataset(tmp_path / "f.h5").electrode.pbc == (False, False, False)


def _append_for_ever(path, ready):
    dataset = Dataset(path)
    ready.set()
    while True:
        made = frames(dataset.electrode, 3, seed=len(dataset))
        dataset.append(made)


def test_a_killed_writer_leaves_a_complete_shorter_dataset(tmp_path):
    path = tmp_path / "killed.h5"
    Dataset.create(path, sheet(), electrolyte())
    # not forked: libraries that other tests have loaded run threads
    context = multiprocessing.get_context("spawn")
    lengths = [0]
    for delay in (0.05, 0.08, 0.13):
        ready = context.Event()
        process = context.Process(target=_append_for_ever, args=(path, ready))
        process.start()
        assert ready.wait(60)
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        dataset = Dataset(path)
        lengths.append(len(dataset))
        assert np.isfinite(dataset.frames().site_potentials).all()
    assert lengths[-1] > 0 and lengths == sorted(lengths) and all(length % 3 == 0 for length in lengths)


def written_parts(path, before, after):
    """(start, stop) of what differs and is written at once: chunks of arrays, and other bytes one by one."""
    parts = []
    with h5py.File(path) as file:

        def visit(name, item):
            if isinstance(item, h5py.Dataset) and item.chunks:
                item.id.chunk_iter(lambda c: parts.append((c.byte_offset, c.byte_offset + c.size)))

        file.visititems(visit)
    differs = np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8)
    parts = [(start, stop) for start, stop in parts if differs[start:stop].any()]
    for start, stop in parts:
        differs[start:stop] = False
    return parts, [(int(place), int(place) + 1) for place in np.flatnonzero(differs)]


@pytest.mark.parametrize("what", ["frames", "labels"])
def test_whatever_part_of_a_write_reached_the_file_it_can_be_read(tmp_path, what):
    """A killed writer has written some of the rows, in any order, and what counts them not yet."""
    path = tmp_path / "torn.h5"
    dataset, made = Dataset.create(path, sheet(), electrolyte()), frames(sheet(), 12)
    first, second = (
        Frames(made.time[part], made.site_potentials[part], made.ion_positions[part])
        for part in (slice(0, 6), slice(6, 12))
    )

    def label(rows):
        n = len(rows)
        charges = np.full((n, 24), TOTAL_CHARGE / 24)
        dataset.write_labels(
            "dftb", TOTAL_CHARGE, rows, charges, np.ones(n), np.ones(n), np.ones(n, bool), {"accuracy": "1"}
        )

    dataset.append(first)
    label([0, 1, 2])
    before = path.read_bytes()
    dataset.append(second) if what == "frames" else label([3, 4, 5])
    after = path.read_bytes()
    assert len(before) == len(after)
    chunks, others = written_parts(path, before, after)
    # the structure of the file stays as it is, but for the number of frames
    assert len(others) == (1 if what == "frames" else 0)
    assert len(chunks) >= 3
    if what == "labels":  # the last one is status, which is written after the others
        with h5py.File(path) as file:
            status = file[f"labels/dftb@{TOTAL_CHARGE:g}/status"].id.get_chunk_info(0).byte_offset
        chunks = [(start, stop) for start, stop in chunks if start != status]
    random = np.random.default_rng(0)
    for _ in range(20):
        torn = bytearray(before)
        for start, stop in chunks:
            if random.random() < 0.5:
                torn[start:stop] = after[start:stop]
        path.write_bytes(torn)
        again = Dataset(path)
        np.testing.assert_array_equal(again.frames().site_potentials, made.site_potentials[:6])
        labels = again.labels("dftb", TOTAL_CHARGE)
        assert labels.status.tolist() == [CONVERGED] * 3 + [PENDING] * 3
        assert again.label_settings("dftb", TOTAL_CHARGE) == {"accuracy": "1"}


def test_an_array_that_is_full_is_made_longer_in_a_copy(tmp_path):
    """The file that was there is untouched, so that a killed process leaves it."""
    electrode, path = sheet(), tmp_path / "long.h5"
    dataset = Dataset.create(path, electrode, electrolyte())
    dataset.append(frames(electrode, 64))
    os.link(path, tmp_path / "first.h5")
    dataset.append(frames(electrode, 3))
    assert len(Dataset(tmp_path / "first.h5")) == 64 and len(dataset) == 67
    with h5py.File(path) as file:
        assert len(file["frames/time"]) == 128
    inode = path.stat().st_ino
    dataset.append(frames(electrode, 3))
    assert path.stat().st_ino == inode and len(dataset) == 70
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.h5", "long.h5"]


def test_two_writers_lose_nothing_when_the_file_is_made_longer(tmp_path):
    path = tmp_path / "both.h5"
    Dataset.create(path, sheet(), electrolyte())
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_often, args=(path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(Dataset(path)) == 2 * 60


def _append_often(path):
    dataset = Dataset(path)
    for _ in range(60):
        dataset.append(frames(dataset.electrode, 1))
