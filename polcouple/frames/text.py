"""PDB and GROMACS .gro: fixed columns, few digits, any number of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from polcouple.errors import InputError
from polcouple.frames.ipi import names_units, units_of
from polcouple.frames.raw import RawFrame, cell_of, open_text
from polcouple.units import ANGSTROM_TO_BOHR, NM_TO_BOHR

#: PDB has three decimals of lengths and coordinates, and two of angles in degrees
_PDB_LENGTH, _PDB_ANGLE = 1e-3, np.deg2rad(1e-2)


def read_pdb(path: Path) -> Iterator[RawFrame]:
    """Frames of a PDB file, which end with END or ENDMDL; a cell holds until another one is given.

    i-PI names its units in the title; without them they are Angstrom, as the format has it. A cell of 1 x 1 x
    1 is the format's way to say that there is none.

    Raises:
        InputError: columns that are not the format's, as of files with too many atoms or digits.
    """
    unit = cell_unit = ANGSTROM_TO_BOHR
    cell: np.ndarray | None = None
    names: list[str] = []
    places: list[tuple[float, ...]] = []
    elements: list[bool] = []

    def frame() -> RawFrame:
        angle = 0.0 if cell is None else _PDB_ANGLE * float(np.abs(cell).max())
        rounding = _PDB_LENGTH * cell_unit + angle
        return RawFrame(
            np.array(places) * unit, cell, tuple(names), all(elements), _PDB_LENGTH * unit, rounding
        )

    with open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            record, where = line[:6].rstrip(), f"{path}: line {number}"
            if record == "TITLE" and names_units(line):
                unit, cell_unit = units_of(line, where)
            elif record == "CRYST1":
                columns = [line[6:15], line[15:24], line[24:33], line[33:40], line[40:47], line[47:54]]
                values = np.array(_numbers(columns, where))
                cell = None if np.all(values[:3] == 1.0) else cell_of(values) * cell_unit
            elif record in ("ATOM", "HETATM"):
                columns = [line[30:38], line[38:46], line[46:54]]
                if [column[4:5] for column in columns] != [".", ".", "."]:
                    raise InputError(f"{where}: coordinates are not in PDB's columns; use xyz, gro or xtc")
                places.append(tuple(_numbers(columns, where)))
                element = line[76:78].strip()
                elements.append(bool(element))
                names.append(element.capitalize() or line[12:16].strip())
            elif record in ("END", "ENDMDL") and places:
                yield frame()
                names, places, elements = [], [], []
    if places:
        yield frame()


def read_gro(path: Path) -> Iterator[RawFrame]:
    """Frames of a .gro file, in nm with any number of decimals; a box of zeros is none.

    Raises:
        InputError: the file is cut off or its columns are not the format's.
    """
    number = 0
    with open_text(path) as stream:
        while (title := stream.readline()).strip() or title.endswith("\n"):
            count_line = stream.readline()
            if not title.strip() and not count_line.strip():
                number += 2
                continue
            where = f"{path}: line {number + 2}"
            if not count_line.strip().isdigit():
                raise InputError(f"{where}: '{count_line.strip()[:40]}' is no number of atoms")
            count = int(count_line)
            lines = list(islice(stream, count))
            box = stream.readline()
            if len(lines) < count or not box.endswith("\n"):
                raise InputError(f"{where}: the frame of {count} atoms is cut off; remove it")
            points = [match.start() for match in re.finditer(r"\.", lines[0][20:])] if lines else []
            if len(points) < 3 or points[2] - points[1] != points[1] - points[0]:
                raise InputError(f"{path}: line {number + 3}: positions are not in .gro's columns")
            width = points[1] - points[0]
            places = [
                _numbers([line[20 + i * width : 20 + (i + 1) * width] for i in range(3)], where)
                for line in lines
            ]
            vectors = _numbers(box.split(), f"{path}: line {number + 3 + count}")
            decimals = len(box.split()[0].partition(".")[2]) if vectors else 0
            yield RawFrame(
                np.array(places) * NM_TO_BOHR,
                _gro_cell(vectors, f"{path}: line {number + 3 + count}"),
                tuple(line[10:15].strip() for line in lines),
                False,
                10.0 ** (5 - width) * NM_TO_BOHR,
                10.0**-decimals * NM_TO_BOHR,
                tuple(line[5:10].strip() for line in lines),
            )
            number += 3 + count


def _gro_cell(box: list[float], where: str) -> np.ndarray | None:
    """Vectors per row in bohr of a .gro box: v1(x) v2(y) v3(z) v1(y) v1(z) v2(x) v2(z) v3(x) v3(y)."""
    if len(box) not in (3, 9):
        raise InputError(f"{where}: a box of {len(box)} numbers; 3 or 9 are .gro's")
    if not any(box):
        return None
    xx, yy, zz, xy, xz, yx, yz, zx, zy = [*box, *[0.0] * (9 - len(box))]
    return np.array([[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]]) * NM_TO_BOHR


def _numbers(words: list[str], where: str) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        raise InputError(f"{where}: '{' '.join(words)[:60]}' are not numbers") from None
