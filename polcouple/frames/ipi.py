"""i-PI's own xyz: the units of positions and cell stand in the comment, and are bohr where they do not."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from polcouple.errors import InputError
from polcouple.frames.raw import RawFrame, last_digits, open_text
from polcouple.ipi.units import to_atomic_units

#: trajectories of i-PI that hold positions
_POSITIONS = ("positions", "x_centroid")
_QUANTITY = re.compile(r"(\w+)\{([^}]*)\}\s*cell\{")
_CELL_UNIT = re.compile(r"\bcell\{([^}]*)\}")
#: the last decimal of lengths and angles (in radians) of the cell in i-PI's own files
_CELL_LENGTH, _CELL_ANGLE = 1e-5, np.deg2rad(1e-5)


def is_ipi_xyz(path: Path) -> bool:
    """Whether the comment line of an xyz file's first frame is i-PI's and not extended xyz."""
    with open_text(path) as stream:
        stream.readline()
        comment = stream.readline()
    if "Lattice=" in comment or "Properties=" in comment:
        return False
    return bool(re.search(r"\bCELL[(\[{](abcABC|H|GENH)|\bpositions\{", comment))


def read_ipi_xyz(path: Path) -> Iterator[RawFrame]:
    """Frames of i-PI's xyz files, one after the other.

    Raises:
        InputError: a frame is damaged, holds another quantity than positions, or has a unit that i-PI does
            not know.
    """
    from ipi.utils.io import read_file_raw

    line_number = 1
    with open_text(path) as stream:
        while first := stream.readline():
            if not first.strip():
                line_number += 1
                continue
            where = f"{path}: line {line_number}"
            if not first.strip().isdigit():
                raise InputError(f"{where}: '{first.strip()[:40]}' is no number of atoms")
            count = int(first)
            comment = stream.readline()
            lines = [stream.readline() for _ in range(count)]
            if not all(lines) or not lines[-1].endswith("\n"):
                raise InputError(f"{where}: the frame that begins here is cut off; remove it")
            try:
                raw = read_file_raw("xyz", io.StringIO(first + comment + "".join(lines)))
                digits = last_digits([word for line in lines for word in line.split()[1:4]])
                resolution = digits.reshape(count, 3)
            except Exception:  # i-PI's reader raises bare exceptions of any kind
                raise InputError(f"{where}: the frame that begins here is damaged") from None
            unit, cell_unit = units_of(comment, f"{path}: line {line_number + 1}")
            cell = np.asarray(raw["cell"]).T * cell_unit
            has_cell = cell[0, 0] > 0
            yield RawFrame(
                np.asarray(raw["data"]).reshape(-1, 3) * unit,
                cell if has_cell else None,
                tuple(str(name) for name in raw["names"]),
                True,
                resolution * unit,
                _CELL_LENGTH * cell_unit + _CELL_ANGLE * float(np.abs(cell).max()),
            )
            line_number += count + 2


def names_units(comment: str) -> bool:
    """Whether a line is one of i-PI's that name a quantity and both units."""
    return _QUANTITY.search(comment) is not None


def units_of(comment: str, where: str) -> tuple[float, float]:
    """Units of positions and cell in bohr, as i-PI's comment (or a PDB's title) names them.

    Raises:
        InputError: the frame holds another quantity, or a unit is unknown.
    """
    quantity = _QUANTITY.search(comment) or re.search(r"\b(positions)\{([^}]*)\}", comment)
    if quantity is not None and quantity.group(1) not in _POSITIONS:
        raise InputError(f"{where}: these are {quantity.group(1)}; give a trajectory of positions")
    cell_unit = _CELL_UNIT.search(comment)
    return (
        to_atomic_units("length", quantity.group(2) if quantity else "", f"{where}: positions"),
        to_atomic_units("length", cell_unit.group(1) if cell_unit else "", f"{where}: cell"),
    )
