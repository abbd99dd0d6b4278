"""The file that i-PI starts from, read as i-PI reads it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from polcouple.errors import InputError, nearest
from polcouple.units import ANGSTROM_TO_BOHR

#: i-PI's own value of an Angstrom in bohr: its factors are multiples of it
_IPI_ANGSTROM = 1.8897261
#: what to write in line 2
_CELL = "write '# CELL(abcABC): a b c 90 90 90 positions{angstrom} cell{angstrom}', angles in degrees"
#: no cell is smaller (bohr^3)
_NO_VOLUME = 1e-6
#: no cell has three angles below this, in degrees
_RADIANS = 3.2
#: names in i-PI's table of masses that are no elements: a photon, an electron, a mixture, a molecule
_NO_ELEMENTS = {"L", "X", "Z", "H2"}


def frames_of(path: Path) -> int:
    """Number of frames of an xyz file.

    Raises:
        InputError: it cannot be read, or a frame does not begin with its number of atoms.
    """
    lines = _lines(path)
    frames, at = 0, 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        if frames and not _is_count(lines[at]):
            raise InputError(
                f"{path}: line {at + 1} '{lines[at].strip()[:40]}' follows the atoms that the lines before it"
                " announce; correct their number, or take the line out"
            )
        frames += 1
        at += 2 + _count(path, lines, at)
    return frames


def read_init_xyz(
    path: Path,
    units: str = "automatic",
    cell_units: str = "automatic",
    own_cell: Sequence[Sequence[float]] | None = None,
    elements: Collection[str] = (),
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Symbols, (N, 3) positions and (3, 3) cell rows in bohr of an i-PI xyz file.

    i-PI's own reader parses it; the units are those that i-PI takes, with this project's constants.
    ``own_cell`` is one in bohr that stands for the file's; ``elements`` are those that are expected.

    Raises:
        InputError: naming the line at fault and the reason.
    """
    from ipi.utils.io import read_file_raw

    _check_lines(path, elements)
    try:
        with path.open() as stream:
            frame = read_file_raw("xyz", stream)
    except Exception as error:  # i-PI's reader raises bare exceptions of any kind
        raise InputError(  # the atoms' lines are sound
            f"{path}: line 2: i-PI cannot read the cell ({error or type(error).__name__}); {_CELL}"
        ) from None
    length, cell_length = _units_in_bohr(path, frame["comment"], units, cell_units)
    positions = frame["data"].reshape(-1, 3) * length
    cell = frame["cell"].T * cell_length if own_cell is None else np.array(own_cell, dtype=float)
    if own_cell is None and (frame["cell"] == -np.eye(3)).all():  # which i-PI's reader puts in its place
        extended = "Lattice=" in frame["comment"]
        found = "has the cell in extended xyz's form, which i-PI does not read" if extended else "has no cell"
        raise InputError(f"{path}: line 2 {found}; {_CELL}")
    if not np.isfinite(cell).all():
        raise InputError(f"{path}: line 2 has a cell that is not finite")
    if own_cell is None:
        _check_cell_of_line(path, cell)
    return tuple(str(name) for name in frame["names"]), positions, cell


def _check_cell_of_line(path: Path, cell: np.ndarray) -> None:
    """Lengths and angles that no cell has, whichever way it is turned."""
    if abs(np.linalg.det(cell)) < _NO_VOLUME:
        raise InputError(f"{path}: line 2: the cell spans no volume; {_CELL}")
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    if angles.max() < _RADIANS:
        raise InputError(
            f"{path}: line 2: cell with angles of {', '.join(f'{angle:.4g}' for angle in angles)} degrees, in"
            f" radians? {_CELL}"
        )


def _lines(path: Path) -> list[str]:
    """All lines of a text file.

    Raises:
        InputError: it is missing, not a file, or no text.
    """
    if path.is_dir():
        raise InputError(f"{path}: a directory; a case needs the initial structure in i-PI's xyz format")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; a case needs the initial structure in i-PI's xyz format"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if raw.startswith(b"\x1f\x8b"):
        raise InputError(f"{path}: compressed; unpack it with gunzip")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is no UTF-8 text; save it as plain text") from None
    if text.startswith("\ufeff"):
        raise InputError(f"{path}: line 1 begins with a byte-order mark; save it without")
    # as i-PI's reader takes them: other characters, such as a form feed, end no line
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _count(path: Path, lines: list[str], at: int) -> int:
    """Number of atoms in line ``at`` (from 0)."""
    text = lines[at].strip() if at < len(lines) else ""
    if not _is_count(text):
        found = f"holds '{text[:40]}'" if text else "is empty"
        raise InputError(f"{path}: line {at + 1} should hold the number of atoms, and {found}")
    return int(text)


def _is_count(line: str) -> bool:
    text = line.strip()
    return text.isascii() and text.isdigit() and len(text) < 10


def _check_lines(path: Path, elements: Collection[str]) -> None:
    """Every line of the first frame, so that a message can name it."""
    lines = _lines(path)
    count = _count(path, lines, 0)
    if count == 0 or len(lines) < 2:
        raise InputError(f"{path}: line 1 announces {count} atoms, and there is nothing to read")
    atoms = lines[2 : 2 + count]
    for number, line in enumerate(atoms, start=3):
        fields = line.split()
        if not fields:
            raise InputError(f"{path}: line {number} is empty; an atom is expected there")
        _require_element(path, number, fields[0], elements)
        try:
            position = [float(field) for field in fields[1:4]]
        except ValueError:
            position = []
        if len(position) < 3:
            raise InputError(
                f"{path}: line {number} '{line.strip()[:40]}' is no symbol with three coordinates"
            )
        if not np.isfinite(position).all():
            raise InputError(
                f"{path}: atom {number - 3} (line {number}) has a position that is not a finite number"
            )
    if len(atoms) < count:
        raise InputError(
            f"{path}: line 1 announces {count} atoms, {len(atoms)} are there; the file is truncated"
        )
    frames_of(path)


def _require_element(path: Path, number: int, label: str, elements: Collection[str]) -> None:
    """Refuse a force-field label: i-PI takes masses by the element's symbol, and so does OpenMM.

    Of the elements that may be meant, those in ``elements`` are named, if there are such.

    Raises:
        InputError: with the elements that may be meant.
    """
    from ipi.utils.units import Elements

    known = Elements.mass_list.keys() - _NO_ELEMENTS
    if label in known and label.isalpha():
        return
    letters = re.match(r"[A-Za-z]*", label)
    assert letters is not None
    word = letters.group()
    meant = [guess for guess in dict.fromkeys((word[:1].upper(), word[:2].capitalize())) if guess in known]
    if word in known and len(word) == 2:  # as in Na+
        meant = [word]
    meant = [guess for guess in meant if guess in elements] or meant
    hint = f"; write {' or '.join(meant)}, whichever it is" if len(meant) > 1 else ""
    if len(meant) == 1:
        hint = f"; write {meant[0]}"
    raise InputError(
        f"{path}: line {number}: '{label[:20]}' of atom {number - 3} is no element symbol, by which i-PI"
        f" finds its mass{hint}, in {path.name} and in system.yaml"
    )


def _units_in_bohr(path: Path, comment: str, units: str, cell_units: str) -> tuple[float, float]:
    """Units of positions and cell in bohr, as i-PI takes them from attributes and comment."""
    from ipi.utils.io.io_units import auto_units

    where = f"{path}: line 2"
    try:
        # i-PI reads the cell once by the comment alone, which must name a unit whatever <file> says
        _, _, of_comment = auto_units(comment, "length", mode="xyz")
        _, length, cell_length = auto_units(comment, "length", units, cell_units, "xyz")
    except ValueError as error:
        raise InputError(f"{where} and i-PI's <file> disagree ({error}); leave one of them out") from None
    length_unit(of_comment, f"{where}: cell")
    return length_unit(length, f"{where}: positions"), length_unit(cell_length, f"{where}: cell")


def length_unit(unit: str, where: str) -> float:
    """An i-PI unit of length in bohr; i-PI's default without a name.

    Raises:
        InputError: i-PI does not have it.
    """
    from ipi.utils.units import UnitMap, UnitPrefix, UnitPrefixRE

    if unit in ("", "automatic", "atomic_unit"):
        return 1.0
    match = UnitPrefixRE.match(unit)
    prefix, base = match.groups()[:2] if match else ("", "")
    factor = UnitPrefix.get(prefix, 0.0) * UnitMap["length"].get(base.lower(), 0.0)
    if factor <= 0.0 or base in ("radian", "degree"):
        known = ["angstrom", "atomic_unit", "nanometer"]
        cure = "atomic_unit" if unit in ("bohr", "au") else "angstrom"
        raise InputError(f"{where} in '{unit[:40]}', unknown to i-PI{nearest(unit, known)}; use {cure}")
    return factor / _IPI_ANGSTROM * ANGSTROM_TO_BOHR
