"""Reading what i-PI wrote: property columns and extras trajectories."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from polcouple.errors import InputError
from polcouple.ipi.units import Dimension, to_atomic_units

#: what is read of a property output
_DIMENSIONS: dict[str, Dimension] = {
    "step": "number",
    "time": "time",
    "temperature": "temperature",
    "conserved": "energy",
    "potential": "energy",
    "kinetic_md": "energy",
    "kinetic_cv": "energy",
}
#: first column, last one of a vector, name, and arguments (...) and unit {...} in either order
_HEADER_LINE = re.compile(
    r"#\s*col(?:umn|s\.)\s*(\d+)(?:\s*-\s*(\d+))?\s*-->\s*(\w+)((?:\s*\([^)]*\)|\s*\{[^}]*\})*)"
)
_UNIT = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True)
class Column:
    """A property of one number: its name, where it stands in a row, and its unit in atomic units."""

    name: str
    start: int
    factor: float


def read_properties(path: Path) -> dict[str, np.ndarray]:
    """Columns of a property output in atomic units; an unfinished last line is ignored.

    Returns:
        (n,) arrays by i-PI's names of the properties: ``step``, and of :data:`_DIMENSIONS` those that are
        there, converted from the unit that i-PI names in the header. A property with an argument, such as
        ``temperature(O)``, is another one and left out.

    Raises:
        InputError: the file is missing, its rows do not match its header, or a unit is unknown.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give the directory of a run") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a property output of i-PI") from None
    columns, width = property_columns(text.splitlines(), path)
    if not width:
        raise InputError(f"{path}: no header '# column   1     --> ...' of i-PI's, which tells what is where")
    lines = [line for line in text.split("\n")[:-1] if line.strip() and not line.startswith("#")]
    try:
        rows = np.array([[float(word) for word in line.split()] for line in lines]).reshape(-1, width)
    except ValueError:
        raise InputError(f"{path}: rows do not match the {width} columns of the header") from None
    return {column.name: rows[:, column.start] * column.factor for column in columns}


def last_properties(path: Path) -> dict[str, float]:
    """The last complete row of :func:`read_properties`, without reading a long file whole.

    Empty where there is none yet, or nothing that can be read.
    """
    try:
        with path.open() as stream:
            columns, width = property_columns(stream, path)
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 8192 - 32 * width))
            lines = [line for line in stream.read().split("\n")[:-1] if line and not line.startswith("#")]
        values = [float(word) for word in lines[-1].split()]
    except (FileNotFoundError, IndexError, ValueError, InputError):
        return {}
    if len(values) != width:
        return {}
    return {column.name: values[column.start] * column.factor for column in columns}


def read_extras(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Steps (n,) and values (n, m) of an extras trajectory; an unfinished last frame is ignored.

    Raises:
        InputError: the file is missing or holds no frame.
    """
    frames = list(iterate_extras(path))
    if not frames:
        raise InputError(f"{path}: no complete frame")
    return np.array([step for step, _ in frames]), np.array([values for _, values in frames])


def last_of_each(steps: np.ndarray) -> np.ndarray:
    """(n,) mask of the rows or frames that no later one with the same or an earlier step supersedes.

    i-PI appends to its files: after a restart from a checkpoint some steps are written twice, and the later
    one, from which the run went on, counts.
    """
    later = np.append(np.minimum.accumulate(steps[::-1])[::-1][1:], np.iinfo(int).max)
    return np.asarray(steps < later)


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


def last_extras(path: Path, count: int) -> tuple[int, np.ndarray] | None:
    """Step and values (``count``,) of the last complete frame, without reading a long file whole.

    None where there is none yet, or nothing that can be read.
    """
    try:
        with path.open("rb") as stream:
            # a number takes 26 characters at i-PI's most digits
            text = _tail(stream, 2 * (40 * count + 200)).decode(errors="replace")
        frames = text.split("#EXTRAS(")[1:]
        for frame in reversed(frames):
            head, _, body = frame.partition("\n")
            values = np.array(body.split(), dtype=float) if body.endswith(("\n", "\n ")) else np.empty(0)
            if len(values) == count:
                return int(head.partition("Step:")[2].split()[0]), values
    except (OSError, ValueError, IndexError):
        pass
    return None


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


def property_columns(lines: Iterable[str], path: Path) -> tuple[list[Column], int]:
    """What a property output's header says of the columns that are known, and the number of all.

    Its lines are ``# column   1     --> time{picosecond} : ...``; of a vector ``# cols.    3-8   --> ...``.

    Raises:
        InputError: a unit that i-PI does not have.
    """
    columns, width = [], 0
    for number, line in enumerate(lines, start=1):
        if not line.startswith("#"):
            break
        found = _HEADER_LINE.match(line)
        if found is None:
            continue
        first, last, name, qualifiers = found.groups()
        width = int(last or first)
        dimension = _DIMENSIONS.get(name)
        if dimension is None or "(" in qualifiers:
            continue
        unit = _UNIT.search(qualifiers)
        where = f"{path}: line {number}: {name}"
        factor = to_atomic_units(dimension, unit.group(1) if unit else "", where)
        columns.append(Column(name, int(first) - 1, factor))
    return columns, width
