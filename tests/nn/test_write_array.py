"""Arrays compressed by zlib's best strategy are plain HDF5, and smaller than by its default."""

import h5py
import numpy as np
import pytest

from polcouple.nn.packed import write_array


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "float64"])
def test_any_reader_reads_it(tmp_path, dtype):
    values = np.random.default_rng(3).normal(scale=9.0, size=(130, 77)).astype(dtype)
    with h5py.File(tmp_path / "one.h5", "w") as file:
        write_array(file, "a/b", values)
        write_array(file, "small", values[:2, :3])
    with h5py.File(tmp_path / "one.h5") as file:
        assert file["a/b"].dtype == values.dtype and np.array_equal(file["a/b"][...], values)
        assert file["a/b"].compression == "gzip"
        assert np.array_equal(file["small"][...], values[:2, :3])


def test_codes_are_smaller_than_by_default(tmp_path):
    """Most weights of a packed network are few whole numbers about zero."""
    codes = np.random.default_rng(4).normal(scale=0.8, size=(512, 512)).round().astype(np.int8)
    with h5py.File(tmp_path / "one.h5", "w") as file:
        best = write_array(file, "best", codes).id.get_storage_size()
        usual = file.create_dataset(
            "usual", data=codes, chunks=codes.shape, compression="gzip", compression_opts=9
        )
        assert best < 0.95 * usual.id.get_storage_size()
