"""Reading what i-PI wrote: property columns and extras trajectories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

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
    try:
        frames = path.read_text().split("#EXTRAS(")[1:]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the run's input must write this extra") from None
    steps, values = [], []
    for frame in frames:
        header, _, body = frame.partition("\n")
        steps.append(int(header.partition("Step:")[2].split()[0]))
        values.append([float(word) for word in body.split()])
    while values and len(values[-1]) != len(values[0]):
        steps.pop()
        values.pop()
    if not values:
        raise InputError(f"{path}: no complete frame")
    return np.array(steps), np.array(values)


def _column_names(lines: Iterable[str]) -> Iterator[str]:
    """Names in header lines of the form ``# column   1     --> time{picosecond} : ...``."""
    for line in lines:
        if not line.startswith("#"):
            return
        name = line.partition("-->")[2].partition(":")[0].partition("{")[0].strip()
        if name:
            yield name
