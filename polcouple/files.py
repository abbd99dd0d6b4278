"""Files that are written whole or not at all, and directories that can be written to."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from polcouple.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new name beside ``path`` to write to; what is written there takes its place when the block ends.

    Where the block raises, ``path`` is as before and nothing is left of the new file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file; an existing one is replaced only when the new one is complete.

    Raises:
        OSError: what the file system refuses; the existing file is as before.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as NumPy's .npz, as :func:`write_whole` does."""
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    write_whole(path, stream.getvalue())


def require_writable(directory: Path) -> None:
    """Refuse a directory in which nothing can be written, by trying; what is made for that is removed again.

    Raises:
        InputError: with the reason.
    """
    made: list[Path] = []
    try:
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise InputError(
            f"{directory}: cannot be written ({error.strerror}); name another place with --output, or change"
            " the permissions"
        ) from None
    finally:
        for path in reversed(made):
            path.rmdir()
