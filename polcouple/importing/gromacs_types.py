"""Parameters by types of a .top: of bonds, angles, constraints, CMAPs, and of pairs of atom types.

GROMACS has a table for each function type, in which types count in both orders and the last line of the same
types is the one that counts; an interaction without parameters takes those of its own function type and of no
other. OpenMM's reader (8.6) keeps both orders apart and takes angles of any function type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polcouple.errors import InputError

Key = tuple[str, ...]
#: types, function type, parameters
Fields = list[str]


class Table:
    """One of the tables.

    Args:
        name: of its heading.
        types: how many each line names.
    """

    def __init__(self, name: str, types: int) -> None:
        self.name = name
        self._types = types
        self._lines: dict[tuple[Key, str], Fields] = {}

    def add(self, fields: Fields) -> None:
        """A line of it."""
        self._lines[_either(fields[: self._types]), fields[self._types]] = fields

    def parameters(self, types: Sequence[str], function: str) -> Fields | None:
        """Those of the given types, None where there are none."""
        found = self._lines.get((_either(types), function))
        return None if found is None else found[self._types + 1 :]

    def require_known(self, names: set[str]) -> None:
        """Refuse types that no atom has.

        Raises:
            InputError: with the line.
        """
        for (types, _), fields in self._lines.items():
            for name in types:
                if name not in names:
                    raise InputError(
                        f"[ {self.name} ] '{' '.join(fields[:6])}' names {name}, which is no type of"
                        " [ atomtypes ]; mend the name, or leave the line out"
                    )


class CmapTable:
    """``[ cmaptypes ]``, whose types count in the order of the line."""

    def __init__(self) -> None:
        self._lines: dict[Key, Fields] = {}

    def add(self, fields: Fields) -> None:
        """A line of it.

        Raises:
            ValueError: it has too few values, or the types are there with others.
        """
        types = tuple(fields[:5])
        if len(fields) < 8 or len(fields) < 8 + int(fields[6]) * int(fields[7]):
            raise ValueError("too few values")
        if fields[5] != "1":
            raise ValueError(f"unsupported function type {fields[5]}; what can be honoured is 1")
        known = self._lines.setdefault(types, fields)
        if known != fields:
            raise ValueError(f"a second map for {' '.join(types)}; keep one")

    def parameters(self, types: Sequence[str]) -> Fields | None:
        """Function type, sizes and values of the given types, None where there are none."""
        found = self._lines.get(tuple(types))
        return None if found is None else found[5:]


def fill(kind: Any, rows: list[Fields], atoms: int, types: Sequence[str], table: Table, what: str) -> None:
    """Give the bonds, angles or constraints of a molecule type their parameters.

    Args:
        rows: of the molecule type; those without parameters get them.
        atoms: how many each row names.
        types: of the molecule's atoms.

    Raises:
        InputError: there are none for one of them.
    """
    for fields in rows:
        if len(fields) > atoms + 1:
            continue
        own = [types[int(atom) - 1] for atom in fields[:atoms]]
        found = table.parameters(own, fields[atoms])
        if found is None:
            raise InputError(_missing(what, kind, fields[:atoms], own, f" and function type {fields[atoms]}"))
        fields += found


def fill_cmaps(kind: Any, types: Sequence[str], table: CmapTable) -> None:
    """Give the CMAPs of a molecule type their maps.

    Raises:
        InputError: there is none for one of them.
    """
    for fields in kind.cmaps:
        own = [types[int(atom) - 1] for atom in fields[:5]]
        found = table.parameters(own)
        if found is None:
            raise InputError(_missing("cmap", kind, fields[:5], own, ", in this order"))
        fields[5:] = found


def _missing(what: str, kind: Any, atoms: Sequence[str], types: Sequence[str], more: str) -> str:
    return (
        f"No parameters specified for {what} {' '.join(atoms)} of {kind.name}: none of its types"
        f" ({' '.join(types)}){more}; add them to the line or to the tables"
    )


def _either(types: Sequence[str]) -> Key:
    """The same for both orders."""
    return min(tuple(types), tuple(types[::-1]))
