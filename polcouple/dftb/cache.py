"""Arrays kept on disk between runs: .npz files without pickles, written whole or not at all.

Several processes may want the same file, as replicas that start together do: one computes it while the others
wait (:func:`kept`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from polcouple.files import replacing

_T = TypeVar("_T")


def default_cache_directory() -> Path:
    """$POLCOUPLE_CACHE, else polcouple/ in $XDG_CACHE_HOME, else ~/.cache/polcouple."""
    if "POLCOUPLE_CACHE" in os.environ:
        return Path(os.environ["POLCOUPLE_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polcouple"


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Arrays of a cache file, or None when there is no such file or it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a cache file; a directory that cannot be written to costs time in the next run, nothing else."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def kept(
    path: Path, read: Callable[[Path], _T | None], made: Callable[[], _T], write: Callable[[Path, _T], None]
) -> _T:
    """What ``read`` finds in the cache file ``path``, else what ``made`` makes and ``write`` keeps there."""
    found = read(path)
    if found is None:
        with _alone(path):
            found = read(path)  # another process may have made it meanwhile
            if found is None:
                found = made()
                write(path, found)
    return found


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from computing the cache file ``path`` until the block ends.

    Where no lock can be had, as in a directory that cannot be written to, each computes for itself.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o666)
    except OSError:
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
