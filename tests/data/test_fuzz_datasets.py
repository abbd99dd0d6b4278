"""Mutated datasets: frames and labels as they were, or one line that names the file; no hang, no crash."""

import multiprocessing

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nn_cases import TOTAL_CHARGE, labelled_dataset

from polcouple.data.dataset import Dataset, Frames
from polcouple.errors import PolcoupleError

RELAXED = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
#: far more than reading takes on a busy machine (s)
PATIENCE = 60.0


def everything(dataset):
    """All numbers of a dataset."""
    frames, labels = dataset.frames(), dataset.labels("dftb", TOTAL_CHARGE)
    return [frames.time, frames.site_potentials, frames.ion_positions, labels.charges, labels.energy]


def read(path, expected):
    """Message of the PolcoupleError (None if there was none) and whether the numbers were ``expected``."""
    try:
        dataset = Dataset(path)
        found = everything(dataset)
        dataset.label_sets()
        dataset.append(Frames(*(column[:1] for column in found[:3])))
    except PolcoupleError as error:
        return str(error), False
    same = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, expected, strict=True))
    return None, same


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Bytes of a dataset, its numbers, and where the bytes that are not numbers lie."""
    path = tmp_path_factory.mktemp("fuzz") / "data.h5"
    made = labelled_dataset(path, 20)
    numbers = everything(made)
    data = path.read_bytes()
    structure = np.ones(len(data), bool)
    with h5py.File(path) as file:

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                item.id.chunk_iter(
                    lambda c: structure.__setitem__(slice(c.byte_offset, c.byte_offset + c.size), False)
                )

        file.visititems(visit)
    # zeros are mostly padding
    return data, numbers, np.flatnonzero(structure & (np.frombuffer(data, np.uint8) > 0)).tolist()


@pytest.fixture(scope="module")
def reader():
    """A process of its own: HDF5 may hang or crash, and the test must not."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield lambda path, expected: pool.apply_async(read, (path, expected)).get(PATIENCE)


def require_one_line(message, path):
    assert "\n" not in message
    assert len(message) < 500
    assert str(path) in message


@settings(RELAXED, max_examples=300)
@given(data=st.data())
def test_damaged_structure(dataset, reader, tmp_path_factory, data):
    """HDF5's own bytes."""
    content, numbers, structure = dataset
    path = tmp_path_factory.getbasetemp() / "structure.h5"
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.sampled_from(structure))
        damaged[where] = data.draw(
            st.sampled_from([0, 1, 255, damaged[where] ^ 1, damaged[where] ^ 128]) | st.integers(0, 255)
        )
    path.write_bytes(damaged)
    message, _ = reader(path, numbers)
    if message is not None:
        require_one_line(message, path)


@settings(RELAXED, max_examples=100)
@given(where=st.integers(0, 10**9), change=st.integers(1, 255))
def test_changed_numbers_are_noticed(dataset, reader, tmp_path_factory, where, change):
    """Any byte of any array that is read."""
    content, numbers, _ = dataset
    path = tmp_path_factory.getbasetemp() / "numbers.h5"
    with h5py.File(_written(path, content)) as file:
        names = ["frames/site_potentials", "frames/ion_positions", "labels/dftb@-0.5/charges"]
        array = file[names[where % 3]]
        # rows beyond n_frames are space that is not read
        chunk = array.id.get_chunk_info(where % int(file["frames"].attrs["n_frames"]))
    damaged = bytearray(content)
    damaged[chunk.byte_offset + where % chunk.size] ^= change
    message, same = reader(_written(path, bytes(damaged)), numbers)
    assert message is not None and not same
    require_one_line(message, path)


@settings(RELAXED, max_examples=60)
@given(length=st.integers(0, 10**9))
def test_files_cut_off(dataset, reader, tmp_path_factory, length):
    content, numbers, _ = dataset
    path = tmp_path_factory.getbasetemp() / "short.h5"
    message, _ = reader(_written(path, content[: length % len(content)]), numbers)
    require_one_line(message, path)


@pytest.mark.parametrize(
    ("array", "rows"), [("frames/ion_positions", 45 << 48), ("labels/dftb@-0.5/charges", 1 << 40)]
)
def test_absurd_sizes(dataset, reader, tmp_path, array, rows):
    """Rows beyond the file's; HDF5 would look for their chunks for years."""
    content, numbers, _ = dataset
    path = _written(tmp_path / "absurd.h5", content)
    with h5py.File(path, "r+") as file:
        values, chunks = file[array][:], file[array].chunks
        del file[array]
        # takes no space for its rows, as a damaged number of them does not
        lazy = file.create_dataset(
            array, data=values, chunks=chunks, maxshape=(None, *values.shape[1:]), fletcher32=True
        )
        lazy.resize(rows, axis=0)
    message, same = reader(path, numbers)
    assert same or message is not None


@pytest.mark.parametrize("mark", [b"origin", b"fingerprint", b"Hartree/e", b"dftb"])
def test_texts_are_not_on_the_heap(dataset, mark):
    """HDF5 1.14 reads a damaged heap for ever (HDFGroup/hdf5 issue 1707)."""
    content, _, _ = dataset
    assert mark in content
    assert b"GCOL" not in content


def _written(path, content):
    path.write_bytes(content)
    return path
