"""Names of what a command is asked to write: refused before any work where it would hold something else."""

from __future__ import annotations

from pathlib import Path

from polcouple.errors import InputError

#: suffixes of files, which no directory of a report or a model should have
_OF_FILES = {
    ".csv", ".dat", ".gz", ".h5", ".hdf5", ".htm", ".html", ".json", ".md", ".npy", ".npz", ".pdf", ".png",
    ".txt", ".xyz", ".yaml", ".yml", ".zip",
}  # fmt: skip


def require_suffix(path: Path, *suffixes: str) -> None:
    """Refuse a file whose name promises another format than the one that is written.

    Raises:
        InputError: naming the suffixes there are.
    """
    if path.suffix not in suffixes:
        raise InputError(f"{path}: the format written here is {' or '.join(suffixes)}; name the file so")


def require_directory_name(path: Path) -> None:
    """Refuse a file's name where a directory is written.

    Raises:
        InputError: with a name that will do.
    """
    if path.suffix.lower() in _OF_FILES:
        raise InputError(
            f"{path}: a directory is written, and no {path.suffix} file; name it, say, {path.stem}"
        )
