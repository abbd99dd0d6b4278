"""An HDF5 file that grows row by row and is whole whenever a process that writes to it is killed.

It is open only while something is read or written. HDF5 cannot make an array longer, or add one, without a
moment at which a killed process leaves nothing readable: that is done in a copy that then takes the file's
place, and by a quarter of the length at a time. All else writes over rows that are there, and how many rows
count is written last, in one attribute.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from polcouple.data.hdf5 import DAMAGE, read_array
from polcouple.errors import InputError
from polcouple.files import replacing

#: rows of numbers that are stored together, and by which arrays are made longer
BLOCK = 64
#: an array that is full is made longer by this part of its length
_GROWTH = 4
#: a run that records waits this long for somebody who reads the dataset, and the other way round (s)
_PATIENCE = 10.0


class GrowingFile:
    """An existing file.

    Args:
        path: of the file.

    Raises:
        InputError: it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise InputError(f"{path}: no such dataset; `polcouple sample` makes one")

    def replace(self, change: Callable[[h5py.File], None]) -> None:
        """Put a changed copy in the file's place, which is to be held open for writing meanwhile."""
        path = self.path.resolve()
        with replacing(path) as temporary:
            shutil.copy(path, temporary)
            with h5py.File(temporary, "r+") as file:
                change(file)

    @contextmanager
    def open(self, mode: str) -> Iterator[h5py.File]:
        """The file, ``r`` or ``r+``; who comes second waits.

        Raises:
            InputError: it is truncated, damaged, or in use for too long.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                file = h5py.File(self.path, mode)
                if mode == "r" or os.path.samestat(os.fstat(file.id.get_vfd_handle()), os.stat(self.path)):
                    break
                file.close()  # another writer has put a longer one in its place
            except OSError as error:
                if "truncated" in str(error):
                    raise InputError(f"{self.path}: truncated; copy it again or sample anew") from None
                if "unable to lock" not in str(error):
                    raise InputError(f"{self.path}: not a readable HDF5 file") from None
                if time.monotonic() > deadline:
                    raise InputError(f"{self.path}: another process has it open; try again") from None
                time.sleep(0.02)
        with file:
            try:
                yield file
            except DAMAGE as error:
                raise InputError(
                    f"{self.path}: damaged, or the disk is full ({' '.join(str(error).split())[:100]});"
                    " copy it again or sample anew"
                ) from error

    def array(self, file: h5py.File, name: str, rows: int | None = None) -> np.ndarray:
        """An array, or its first ``rows``.

        Raises:
            InputError: it is missing or damaged.
        """
        return read_array(self.path, file, name, rows)


def grow(group: h5py.Group, rows: int) -> None:
    """Make the arrays of a group hold so many rows, in whole blocks."""
    for array in group.values():
        if rows > len(array):
            array.resize(-(-rows // BLOCK) * BLOCK, axis=0)


def length_for(rows: int, before: int) -> int:
    """Rows to make room for where ``rows`` are needed and ``before`` were there."""
    return max(rows, before + before // _GROWTH)
