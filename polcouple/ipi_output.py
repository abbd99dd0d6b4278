"""Reading what i-PI wrote: property columns and extras trajectories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from polcouple.errors import InputError


def read_properties(path: Path) -> dict[str, np.ndarray]:
    """Columns of a property output by their names, units left off; an unfinished last line is ignored.

    Raises:
        InputError: the file is missing or its columns do not match its header.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give the directory of a run") from None
    names = list(_column_names(text.splitlines()))
    lines = [line for line in text.split("\n")[:-1] if line and not line.startswith("#")]
    try:
        rows = np.array([[float(word) for word in line.split()] for line in lines]).reshape(-1, len(names))
    except ValueError:
        raise InputError(f"{path}: rows do not match the {len(names)} columns of the header") from None
    return dict(zip(names, rows.T, strict=True))


def last_properties(path: Path) -> dict[str, float]:
    """The last complete row, without reading a long file whole; empty where there is none yet."""
    try:
        with path.open() as stream:
            names = list(_column_names(stream))
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 4096))
            lines = [line for line in stream.read().split("\n")[:-1] if line and not line.startswith("#")]
        return dict(zip(names, map(float, lines[-1].split()), strict=True))
    except (FileNotFoundError, IndexError, ValueError):
        return {}


def read_extras(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Steps (n,) and values (n, m) of an extras trajectory; an unfinished last frame is ignored.

    Raises:
        InputError: the file is missing or holds no frame.
    """
    frames = list(iterate_extras(path))
    if not frames:
        raise InputError(f"{path}: no complete frame")
    return np.array([step for step, _ in frames]), np.array([values for _, values in frames])


def iterate_extras(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Step and values (m,) of one frame of an extras trajectory after the other, of a file of any length.

    A frame that a crash cut off is left out, wherever it is: a run that goes on appends to the file.

    Raises:
        InputError: the file is missing, or holds something that is not a number.
    """
    size = None
    for step, text in _extras_frames(path):
        try:
            values = np.array(text.split(), dtype=float)
        except ValueError:
            raise InputError(f"{path}: step {step} holds something that is not a number") from None
        size = size or len(values)
        if len(values) == size:
            yield step, values


def _extras_frames(path: Path) -> Iterator[tuple[int, str]]:
    """Step and text of every frame whose last line is complete."""
    step, body = 0, ""
    try:
        with path.open() as stream:
            for line in stream:
                before, header, after = line.partition("#EXTRAS(")
                if header:
                    if body.endswith("\n") and not before.strip():
                        yield step, body
                    step, body = int(after.partition("Step:")[2].split()[0]), ""
                else:
                    body += line
            if body.endswith("\n"):
                yield step, body
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the run's input must write this extra") from None
    except (IndexError, UnicodeDecodeError, ValueError):
        raise InputError(f"{path}: damaged after step {step}") from None


def cut_unfinished(path: Path) -> None:
    """Remove the last row or frame if i-PI, killed or on a full disk, did not finish it.

    A run that goes on appends to the file and does these steps again; what was cut off in the middle would
    merge with what follows. Properties, extras and xyz trajectories are known, other files are left alone.
    """
    with path.open("r+b") as stream:
        head = stream.readline() + stream.readline()
        if b"#EXTRAS(" in head:
            end = _end_of_frames(stream, b"#EXTRAS(", 0)
        elif b"# CELL" in head:
            end = _end_of_frames(stream, b"# CELL", 1)
        elif head.startswith(b"# column"):
            end = stream.seek(0, os.SEEK_END) - len(_tail(stream, 1 << 16).rpartition(b"\n")[2])
        else:
            return
        stream.truncate(end)


def _end_of_frames(stream: BinaryIO, mark: bytes, before: int) -> int:
    """Where the last complete frame ends; a line with ``mark`` is in each, after ``before`` others."""
    stream.seek(0)
    height, size, seen = 0, 0, 0
    for line in stream:
        seen += mark in line
        if seen == 2:
            break
        height += seen
        size += len(line)
    end = stream.seek(0, os.SEEK_END)
    tail = _tail(stream, 3 * size)
    found = tail.rfind(mark)
    if seen < 2 or found < 0:
        return end
    lines = tail[found:].splitlines(keepends=True)
    whole = lines[: height - before]
    if len(whole) == height - before and whole[-1].endswith(b"\n"):
        return end - sum(map(len, lines[height - before :]))
    start = tail[:found].rsplit(b"\n", 1 + before)[1:]
    return end - len(tail) + found - sum(map(len, start)) - before


def _tail(stream: BinaryIO, length: int) -> bytes:
    """At most ``length`` last bytes."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, end - length))
    return stream.read()


def _column_names(lines: Iterable[str]) -> Iterator[str]:
    """Names in header lines of the form ``# column   1     --> time{picosecond} : ...``."""
    for line in lines:
        if not line.startswith("#"):
            return
        name = line.partition("-->")[2].partition(":")[0].partition("{")[0].strip()
        if name:
            yield name
