"""A case made in Python, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from polcouple.case.case import Case
from polcouple.case.checks import check_case
from polcouple.case.given_system import read_given_system
from polcouple.case.schema import FORMATS, GivenSystemSection, SystemSection
from polcouple.case.system_yaml import validated
from polcouple.errors import InputError

#: what messages call the content of system.yaml, and the atoms
_SYSTEM, _ATOMS = Path("system"), Path("the structure")


def create_case(
    system: Mapping[str, Any],
    symbols: Sequence[str],
    positions: ArrayLike,
    cell: ArrayLike,
    directory: Path | str = ".",
) -> Case:
    """A case of what system.yaml would say and of its atoms.

    Args:
        system: keys and values as in system.yaml (docs/cases.md).
        symbols: chemical symbol of each of the N atoms, in the order of ``system``'s topology.
        positions: (N, 3) in bohr; the electrode's are where it stays.
        cell: (3, 3) lattice vectors in bohr, one per row; the first along x, the second in the xy plane.
        directory: where relative paths in ``system`` start.

    Raises:
        InputError: unknown keys, atoms and topology disagree, lengths that cannot be in bohr, or a cell that
            is not neutral.
    """
    if not isinstance(system, Mapping):
        raise InputError(f"{_SYSTEM}: give a mapping of what system.yaml would say")
    kind = FORMATS.get(str(system.get("format")), SystemSection)
    section: SystemSection | GivenSystemSection = validated(system, kind, lambda place: str(_SYSTEM))
    given = None
    if isinstance(section, GivenSystemSection):
        given = read_given_system(Path(directory) / section.force_field.openmm_system)
    places, vectors = _numbers(positions, "positions"), _numbers(cell, "cell")
    if places.shape != (len(symbols), 3) or vectors.shape != (3, 3):
        raise InputError(
            f"{_ATOMS}: {len(symbols)} symbols, positions of shape {places.shape} and a cell of shape"
            f" {vectors.shape}; give (N,), (N, 3) and (3, 3)"
        )
    case = Case(Path(directory), section, tuple(symbols), places, vectors, given)
    try:
        check_case(case, _SYSTEM, _ATOMS)
    except InputError as error:
        fault, in_file, _ = str(error).partition("; name the unit")
        raise InputError(f"{fault}; give positions and cell in bohr" if in_file else fault) from None
    return case


def _numbers(values: ArrayLike, name: str) -> np.ndarray:
    """A copy, so that nobody changes it afterwards.

    Raises:
        InputError: what is not a number.
    """
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{_ATOMS}: {name} must be an array of numbers, in bohr") from None
    if not np.isfinite(array).all():
        raise InputError(f"{_ATOMS}: {name} must be finite numbers, in bohr")
    return array
