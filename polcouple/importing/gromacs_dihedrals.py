"""Dihedral parameters of a .top by types, chosen as GROMACS chooses them.

Of the ``[ dihedraltypes ]`` that fit, wildcards X included, GROMACS takes the first with the most types that
are no wildcards, and for function type 9 with it the lines of the same types that follow it directly. Types
count in both orders. Function types 1 and 9 share their parameters, other function types have their own. The
same line once more has no effect; other parameters for the same types take the place of the first, and are
refused for function type 9.

OpenMM's reader (8.6) takes the last that fits where each has a wildcard, adds terms of function type 9 that
are there twice, and puts two given types in the middle, which for harmonic impropers are the outer ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polcouple.errors import InputError

#: function types that share parameters
_SHARED = {"1": "19", "9": "19", "2": "2", "3": "3", "4": "4", "5": "5"}


@dataclass
class _Entry:
    """A line of the table: its types in both orders, and its parameters."""

    types: tuple[str, ...]
    parameters: list[str]

    def is_of(self, types: tuple[str, ...]) -> bool:
        return self.types in (types, types[::-1])


class DihedralTypes:
    """``[ dihedraltypes ]``."""

    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = {shared: [] for shared in _SHARED.values()}

    def add(self, fields: list[str]) -> None:
        """A line of it: four types, function type, parameters.

        Raises:
            ValueError: a second block of other parameters.
        """
        types, function, parameters = tuple(fields[:4]), fields[4], fields[5:]
        entries = self._entries[_SHARED[function]]
        follows = bool(entries) and entries[-1].types == types
        same = [entry for entry in entries if entry.is_of(types)]
        others = [entry for entry in same if _numbers(entry.parameters) != _numbers(parameters)]
        if function == "9" and others and not follows:
            raise ValueError(f"a second block for {' '.join(types)} with other parameters; keep one")
        if function != "9":
            for entry in others:
                entry.parameters = parameters
        if not same or (function == "9" and len(others) == len(same)):
            entries.append(_Entry(types, parameters))

    def fill(self, kind: Any, types: Sequence[str]) -> None:
        """Give the dihedrals of a molecule type their parameters.

        Args:
            types: of the molecule's atoms.

        Raises:
            InputError: there are none for one of them.
        """
        filled = []
        for fields in kind.dihedrals:
            if len(fields) > 5:
                filled.append(fields)
                continue
            own = [types[int(atom) - 1] for atom in fields[:4]]
            found = self._best(own, fields[4])
            if not found:
                raise InputError(
                    f"No parameters specified for the dihedral of atoms {' '.join(fields[:4])} of {kind.name}"
                    f" ({' '.join(own)}, function type {fields[4]})"
                )
            filled += [[*fields, *entry.parameters] for entry in found]
        kind.dihedrals[:] = filled

    def _best(self, types: list[str], function: str) -> list[_Entry]:
        """The first entry with the most types that are no wildcards, and those that go with it."""
        entries = self._entries[_SHARED[function]]
        best, most = -1, -1
        for number, entry in enumerate(entries):
            for order in (types, types[::-1]):
                pairs = list(zip(entry.types, order, strict=True))
                if all(known in ("X", own) for known, own in pairs):
                    exact = sum(known == own for known, own in pairs)
                    if exact > most:
                        best, most = number, exact
        if best < 0:
            return []
        end = best + 1
        # function type 9 may have several terms, others have one
        while function == "9" and end < len(entries) and entries[end].types == entries[best].types:
            end += 1
        return entries[best:end]

    def require_known(self, names: set[str]) -> None:
        """Refuse types that no atom has.

        Raises:
            InputError: with the line.
        """
        for entries in self._entries.values():
            for entry in entries:
                for name in entry.types:
                    if name != "X" and name not in names:
                        raise InputError(
                            f"[ dihedraltypes ] of {' '.join(entry.types)} names {name}, which is no type of"
                            " [ atomtypes ]; mend the name, or leave the line out"
                        )


def four_types(fields: list[str]) -> list[str]:
    """A line of ``[ dihedraltypes ]`` with four types: two are the inner, of harmonic impropers outer ones.

    Raises:
        ValueError: it has too few columns.
    """
    if len(fields) > 2 and fields[2].isdigit() and len(fields[2]) == 1:
        first, second = fields[:2]
        outer = fields[2] == "2"
        fields = [*((first, "X", "X", second) if outer else ("X", first, second, "X")), *fields[2:]]
    if len(fields) < 6:
        raise ValueError("too few columns")
    return fields


def _numbers(words: Sequence[str]) -> list[float]:
    return [float(word) for word in words]
