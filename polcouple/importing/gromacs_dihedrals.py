"""Dihedral parameters of a .top by types, chosen as GROMACS chooses them.

Of the ``[ dihedraltypes ]`` that fit, wildcards X included, GROMACS takes the first with the most types that
are no wildcards, and with it the lines of the same types that follow it directly. Types count in both orders.
Function types 1 and 9 share their parameters, and so do 3 and 5. The same line once more has no effect; other
parameters for the same types take the place of the first, and are refused for function type 9.

OpenMM's reader (8.6) takes the last that fits where each has a wildcard, adds terms of function type 9 that
are there twice, and puts two given types in the middle, which for harmonic impropers are the outer ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polcouple.errors import InputError

#: function types that share parameters
_SHARED = {"1": "19", "9": "19", "2": "2", "3": "35", "4": "4", "5": "35"}
#: fields of a line that has parameters of its own: atoms, function type, parameters
_COMPLETE = {"1": 8, "4": 8, "9": 8, "5": 8, "3": 11, "2": 7}

#: types of four atoms, function type, parameters; lines of the same types that follow one another are one
Entry = list[list[str]]


class DihedralTypes:
    """Lines of ``[ dihedraltypes ]`` on their way to OpenMM's reader."""

    def __init__(self) -> None:
        self._last: tuple[str, ...] = ()

    def line(self, text: str, known: Mapping[tuple[str, ...], Entry]) -> str | None:
        """What to hand on of a line, or None; ``known`` are the reader's entries so far.

        Raises:
            InputError: a second block of other parameters.
        """
        fields = text.split()
        if len(fields) > 3 and fields[2].isdigit() and len(fields[2]) == 1:
            outer = fields[2] == "2"
            first, second = fields[:2]
            fields = [*((first, "X", "X", second) if outer else ("X", first, second, "X")), *fields[2:]]
        if len(fields) < 5:
            return text
        function = fields[4]
        key = (*fields[:4], function)
        backwards = (*fields[3::-1], function)
        if backwards in known and key not in known:
            key = backwards
            fields[:4] = fields[3::-1]
        follows, self._last = key == self._last, key
        if function == "9" and key in known and not follows:
            if any(entry[5:] == fields[5:] for entry in known[key]):
                return None
            raise InputError(
                f"[ dihedraltypes ] has a second block for {' '.join(key[:4])} with other parameters; keep"
                " one"
            )
        return " ".join(fields)


def fill_dihedrals(top: Any) -> None:
    """Give all dihedrals of a GromacsTopFile of OpenMM their parameters.

    Raises:
        InputError: there are none for one of them.
    """
    table: list[Entry] = list(top._dihedralTypes.values())
    for kind in top._moleculeTypes.values():
        types = [_bonded_type(top._atomTypes, atom[1]) for atom in kind.atoms]
        filled = []
        for fields in kind.dihedrals:
            function = fields[4]
            if len(fields) >= _COMPLETE[function]:
                filled.append(fields)
                continue
            own = [types[int(atom) - 1] for atom in fields[:4]]
            found = _best(table, own, _SHARED[function])
            if found is None:
                raise InputError(
                    f"No parameters specified for the dihedral of atoms {' '.join(fields[:4])} of {kind.name}"
                    f" ({' '.join(own)})"
                )
            # function type 9 may have several terms, others have one
            lines = found if function == "9" else found[:1]
            filled += [[*fields[:4], line[4], *line[5:]] for line in lines]
        kind.dihedrals[:] = filled


def _best(table: list[Entry], types: list[str], functions: str) -> Entry | None:
    """The first entry with the most types that are no wildcards."""
    best, most = None, -1
    for entry in table:
        if entry[0][4] not in functions:
            continue
        for order in (types, types[::-1]):
            pairs = list(zip(entry[0][:4], order, strict=True))
            if all(known in ("X", own) for known, own in pairs):
                exact = sum(known == own for known, own in pairs)
                if exact > most:
                    best, most = entry, exact
    return best


def _bonded_type(atom_types: Mapping[str, list[str]], name: str) -> str:
    found = atom_types.get(name)
    if found is None:
        raise KeyError(name)
    return found[1] or name
