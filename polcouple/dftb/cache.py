"""Arrays kept on disk between runs: .npz files without pickles, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from polcouple.files import replacing


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
