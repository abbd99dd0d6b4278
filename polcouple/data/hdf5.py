"""Reading HDF5 files that may be damaged.

The HDF5 library trusts the bytes of a file: absurd sizes, a damaged heap of strings or a chunk's wrong length
keep it busy for ever or crash the process (https://github.com/HDFGroup/hdf5/issues/1707). What it does not
check is checked here before it acts on it; arrays have checksums, and texts are kept off the heap.
"""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np

from polcouple.errors import InputError

#: format of a dataset of electrodes that move
MOVING = "polcouple moving dataset"

#: what h5py raises when bytes of a file are damaged
DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
)


def write_array(group: h5py.Group, name: str, values: np.ndarray, unit: str) -> None:
    """An array of constant shape."""
    set_text(group.create_dataset(name, data=values, fletcher32=True), "unit", unit)


def write_growing(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str, unit: str, block: int, fill: float = 0
) -> None:
    """An empty array whose rows have ``shape``; rows that are numbers are stored ``block`` together.

    Space is taken when the array is made longer, so that to write a row changes nothing but the row.
    """
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    array = group.create_dataset(
        name,
        (0, *shape),
        dtype,
        maxshape=(None, *shape),
        chunks=(1 if shape else block, *shape),
        fillvalue=fill,
        fletcher32=True,
        dcpl=creation,
    )
    set_text(array, "unit", unit)


def read_array(path: Path, file: h5py.File, name: str, rows: int | None = None) -> np.ndarray:
    """An array, or its first ``rows``.

    Raises:
        InputError: it is missing or damaged.
    """
    array = sound_array(path, file, name)
    rows = array.shape[0] if rows is None else min(rows, array.shape[0])
    if rows * math.prod(array.shape[1:]) * array.dtype.itemsize > path.stat().st_size:
        raise InputError(f"{path}: /{name} has shape {array.shape}, larger than the file: it is damaged")
    try:
        return np.asarray(array[:rows])
    except OSError:
        raise InputError(f"{path}: array /{name} cannot be read; the file is damaged") from None


def sound_array(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """An array that HDF5 can be trusted with: its type is NumPy's own, its chunks have the right length.

    Raises:
        InputError: it is missing or damaged.
    """
    array = file.get(name)
    if not isinstance(array, h5py.Dataset) or array.ndim == 0:
        raise InputError(f"{path}: array /{name} is missing")
    sound = array.id.get_type().equal(h5py.h5t.py_create(array.dtype, logical=True))
    if array.chunks:
        length = math.prod(array.chunks) * array.dtype.itemsize + (4 if array.fletcher32 else 0)
        lengths: set[int] = set()
        array.id.chunk_iter(lambda chunk: lengths.add(chunk.size))
        sound = sound and lengths <= {length}
    if not sound:
        raise InputError(f"{path}: array /{name} cannot be read; the file is damaged")
    return array


def set_text(item: h5py.HLObject, name: str, text: str) -> None:
    """An attribute of fixed length."""
    item.attrs[name] = np.bytes_(text.encode())


def text(item: h5py.HLObject, name: str) -> str:
    """A text attribute, empty where there is none; files of earlier versions have them on the heap."""
    value = item.attrs.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)
