"""What a line of a molecule's sections in a .top may hold: atoms, function type, numbers of parameters.

GROMACS takes a line's own parameters, with those of its B state or without, or none, and then those of its
types. OpenMM's reader (8.6) takes no notice of how many there are, nor of atoms that do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polcouple.importing.words import is_number

#: numbers of parameters by function type
Counts = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Section:
    """Of one heading.

    Attributes:
        atoms: how many each line names.
        counts: numbers of parameters that a line may have, by function type.
        typed: whether a line may have none.
    """

    atoms: int
    counts: Counts
    typed: bool = True

    def check(self, fields: Sequence[str], n_atoms: int) -> None:
        """Refuse a line of a molecule of ``n_atoms``.

        Raises:
            ValueError: with what is wrong.
        """
        check_atoms(fields[: self.atoms], n_atoms)
        self.check_parameters(fields)

    def check_parameters(self, fields: Sequence[str]) -> None:
        """Refuse a number of parameters.

        Raises:
            ValueError: with what is wrong.
        """
        if len(fields) <= self.atoms:
            raise ValueError("too few columns; the function type is missing")
        function, given = fields[self.atoms], fields[self.atoms + 1 :]
        if function not in self.counts:
            raise ValueError(
                f"unsupported function type {function}; what can be honoured is {', '.join(self.counts)}"
            )
        if given and not is_number(given[0]):
            raise ValueError(f"'{given[0]}' is no number; is a macro's #define missing?")
        found = next((i for i, word in enumerate(given) if not is_number(word)), len(given))
        known = self.counts[function]
        if found not in known and not (found == 0 and self.typed):
            raise ValueError(f"{found} parameters; function type {function} has {known[0]}")


def check_atoms(fields: Sequence[str], n_atoms: int) -> None:
    """Refuse numbers of atoms, counted from 1, that are none or there twice.

    Raises:
        ValueError: with the number.
    """
    for field in fields:
        if not field.isdigit() or not 1 <= int(field) <= n_atoms:
            raise ValueError(f"'{field}' is no atom of a molecule of {n_atoms}")
    if len({int(field) for field in fields}) < len(fields):
        raise ValueError("names an atom twice")


_BONDS: Counts = {"1": (2, 4), "2": (2, 4)}
_ANGLES: Counts = {"1": (2, 4), "2": (2, 4), "5": (4, 8)}
_PERIODIC = (3, 6)
_DIHEDRALS: Counts = {"1": _PERIODIC, "2": (2, 4), "3": (6, 12), "4": _PERIODIC, "5": (4, 8), "9": _PERIODIC}
_CONSTRAINTS: Counts = {"1": (1, 2), "2": (1, 2)}
_LENNARD_JONES: Counts = {"1": (2, 4)}

#: sections of a molecule
SECTIONS = {
    "bonds": Section(2, _BONDS),
    "angles": Section(3, _ANGLES),
    "dihedrals": Section(4, _DIHEDRALS),
    "pairs": Section(2, _LENNARD_JONES),
    "constraints": Section(2, _CONSTRAINTS),
    "settles": Section(1, {"1": (2,)}, typed=False),
    "cmap": Section(5, {"1": ()}),
    "virtual_sites2": Section(3, {"1": (1,)}, typed=False),
    "virtual_sites3": Section(4, {"1": (2,), "3": (2,), "4": (3,)}, typed=False),
}
#: tables of types
TABLES = {
    "bondtypes": Section(2, _BONDS, typed=False),
    "angletypes": Section(3, _ANGLES, typed=False),
    "dihedraltypes": Section(4, _DIHEDRALS, typed=False),
    "pairtypes": Section(2, _LENNARD_JONES, typed=False),
    "constrainttypes": Section(2, _CONSTRAINTS, typed=False),
    "nonbond_params": Section(2, {"1": (2,)}, typed=False),
}
