"""What is around the atoms: point charges and the forces between the two, or potentials that are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from polcouple.electrode import Electrode
from polcouple.electrostatics.coulomb import coulomb_forces_between, coulomb_potential
from polcouple.electrostatics.two_sets import COARSEST, FINEST, FieldOfCharges
from polcouple.errors import InputError

#: error of a potential in Hartree/e over that of populations in e which may not show it
_POTENTIAL_SHARE = 0.01


class Field(Protocol):
    """What is around the atoms, at one place of theirs.

    Attributes:
        potentials: (n_atoms,) at the atoms in Hartree/e.
    """

    @property
    def potentials(self) -> np.ndarray: ...

    def forces(self, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Forces on the atoms (n_atoms, 3), of ``charges`` (n_atoms,) in e, and on what is around (m, 3)."""
        ...


class Surroundings(Protocol):
    """What makes potentials at the atoms."""

    def field(self, atoms: Electrode, accuracy: float) -> Field:
        """At the atoms, good enough for populations of ``accuracy`` in e."""
        ...


@dataclass(frozen=True, eq=False)
class GivenPotentials:
    """Potentials that stay with the atoms wherever they go: forces are those at constant potentials.

    Attributes:
        values: (n_atoms,) in Hartree/e.
    """

    values: np.ndarray

    @property
    def potentials(self) -> np.ndarray:
        """See :class:`Field`."""
        return self.values

    def field(self, atoms: Electrode, accuracy: float) -> Field:
        """See :class:`Surroundings`.

        Raises:
            InputError: another number of atoms.
        """
        if self.values.shape != (len(atoms),):
            raise InputError(f"potentials have shape {self.values.shape}, there are {len(atoms)} atoms")
        return self

    def forces(self, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """None: see :class:`Field`."""
        return np.zeros((len(self.values), 3)), np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class PointCharges:
    """Charges that are no part of the electronic problem; they repeat with the cell of the atoms.

    Attributes:
        positions: (m, 3) in bohr; a copy that cannot be written to, so that what was computed stays true.
        charges: (m,) in e; likewise.

    Raises:
        InputError: shapes that do not fit, or values that are not finite.
    """

    positions: np.ndarray
    charges: np.ndarray

    def __post_init__(self) -> None:
        for name in ("positions", "charges"):
            own = np.array(getattr(self, name), dtype=float)
            own.flags.writeable = False
            object.__setattr__(self, name, own)
        if self.positions.shape != (len(self.charges), 3):
            raise InputError(
                f"{len(self.charges)} point charges and positions of shape {self.positions.shape} do not fit"
            )
        bad = ~np.isfinite(self.charges) | ~np.isfinite(self.positions).all(axis=1)
        if bad.any():
            raise InputError(f"point charge {int(np.argmax(bad))} (from 0): charge or position is not finite")

    def __len__(self) -> int:
        return len(self.charges)

    def field(self, atoms: Electrode, accuracy: float) -> Field:
        """See :class:`Surroundings`; the forces among the point charges are not included.

        Raises:
            InputError: a charge at an atom.
        """
        if not len(self):
            return GivenPotentials(np.zeros(len(atoms)))
        if not all(atoms.pbc):
            return _OpenField(atoms.positions, self)
        of_potential = float(np.clip(_POTENTIAL_SHARE * accuracy, FINEST, COARSEST))
        return FieldOfCharges(atoms.positions, self.positions, self.charges, atoms.cell, of_potential)


class _OpenField:
    """Of point charges, without periodicity, at ``places`` (n_atoms, 3)."""

    def __init__(self, places: np.ndarray, around: PointCharges) -> None:
        self._places, self._around = places, around
        self.potentials = coulomb_potential(places, around.positions, around.charges)

    def forces(self, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return coulomb_forces_between(self._places, charges, self._around.positions, self._around.charges)
