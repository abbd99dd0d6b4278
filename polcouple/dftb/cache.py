"""Arrays kept on disk between runs: .npz files without pickles, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np


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
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
