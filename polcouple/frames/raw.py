"""What a reader of one format hands on: a frame as the file has it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
#: what a compressed file that is not whole raises
DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)


@dataclass(frozen=True, eq=False)
class RawFrame:
    """One frame of a file.

    Attributes:
        positions: (N, 3) in bohr.
        cell: (3, 3) vectors per row in bohr, or None where the file has none.
        names: of the N atoms, or None where the format has none.
        names_are_elements: they are chemical symbols; otherwise a force field's names (OW, HW1, NA).
        resolution: (N, 3) or one number, in bohr: what the last digit of a coordinate stands for.
        cell_rounding: how far components of the cell's vectors may be rounded, in bohr.
        residue_names: of the N atoms' residues, or None where they are not read.
    """

    positions: np.ndarray
    cell: np.ndarray | None
    names: tuple[str, ...] | None
    names_are_elements: bool
    resolution: np.ndarray | float
    cell_rounding: float
    residue_names: tuple[str, ...] | None = None


def suffix_of(path: Path) -> str:
    """The suffix that tells the format: the one before that of a compressed file."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in _OPENERS else suffix


def open_text(path: Path) -> TextIO:
    """A text file that may be compressed."""
    opened: TextIO = _OPENERS.get(path.suffix.lower(), open)(path, "rt", errors="replace")
    return opened


def last_digits(numbers: list[str]) -> np.ndarray:
    """What the last digit of each number stands for, in a column of one format.

    All have as many digits after the point as the one that has most: a program that drops zeros has not
    rounded the number.
    """
    parts = [number.lower().partition("e") for number in numbers]
    digits = max((len(mantissa.partition(".")[2]) for mantissa, _, _ in parts), default=0)
    return np.array([10.0 ** (int(exponent or 0) - digits) for _, _, exponent in parts])


def last_decimal(numbers: np.ndarray) -> float:
    """What the last decimal stands for of numbers that were written with equally many; 0 for more than 8."""
    for decimals in range(9):
        if np.abs(np.round(numbers, decimals) - numbers).max(initial=0.0) < 1e-10:
            return float(10.0**-decimals)
    return 0.0


def cell_of(lengths_and_angles: np.ndarray) -> np.ndarray:
    """(3, 3) vectors per row of a, b, c and alpha, beta, gamma in degrees; a along x, b in the xy plane."""
    from ipi.utils.mathtools import abc2h

    a, b, c, alpha, beta, gamma = lengths_and_angles
    return np.asarray(abc2h(a, b, c, *np.deg2rad([alpha, beta, gamma]))).T
