"""Gaussian's cube format: a field on a grid of the cell with the atoms in it, in bohr."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from polcouple.files import replacing
from polcouple.lattice.cell import folded

#: bytes of a value in a file
BYTES = 13
_PER_LINE = 6


def write_cube(
    path: Path,
    comment: str,
    symbols: Sequence[str],
    positions: np.ndarray,
    cell: np.ndarray,
    shape: tuple[int, int, int],
    planes: Iterable[np.ndarray],
) -> None:
    """Write a file, whole or not at all, while its values are made.

    Args:
        comment: what the values are, one line.
        symbols: of n atoms.
        positions: (n, 3) in bohr; brought into the cell.
        cell: (3, 3) in bohr.
        shape: points along the three vectors; the first is at the cell's corner.
        planes: blocks (b, n_y, n_z) of values along the first axis.
    """
    inside = folded(positions @ np.linalg.inv(cell)) @ cell
    lines = [comment, "written by polcouple; lengths in bohr", _row(len(symbols), np.zeros(3))]
    lines += [_row(points, vector / points) for points, vector in zip(shape, cell, strict=True)]
    for symbol, position in zip(symbols, inside, strict=True):
        number = atomic_numbers[symbol]
        lines.append(f"{number:5d}{number:12.6f}" + "".join(f"{x:14.8f}" for x in position))
    full, rest = divmod(shape[2], _PER_LINE)
    column = ("%13.5E" * _PER_LINE + "\n") * full + ("%13.5E" * rest + "\n" if rest else "")
    with replacing(path) as temporary, temporary.open("w") as stream:
        stream.write("\n".join(lines) + "\n")
        for block in planes:
            for plane in block:
                stream.writelines(column % tuple(values) for values in plane.tolist())


def _row(number: int, vector: np.ndarray) -> str:
    return f"{number:5d}" + "".join(f"{x:16.10f}" for x in vector)
