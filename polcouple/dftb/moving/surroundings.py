"""What is around the atoms: point charges and the forces between the two, or potentials that are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from polcouple.electrode import Electrode
from polcouple.electrostatics.coulomb import coulomb_forces_between, coulomb_potential
from polcouple.electrostatics.ewald import ewald_forces_between, ewald_potential
from polcouple.errors import InputError

#: of periodic sums, Hartree/e
_ACCURACY = 1e-11


class Surroundings(Protocol):
    """What makes potentials at the atoms."""

    def potentials(self, atoms: Electrode) -> np.ndarray:
        """Potential (n_atoms,) at the atoms in Hartree/e."""
        ...

    def forces(self, atoms: Electrode, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Forces on the atoms (n_atoms, 3), of ``charges`` (n_atoms,), and on what is around (m, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class GivenPotentials:
    """Potentials that stay with the atoms wherever they go: forces are those at constant potentials.

    Attributes:
        values: (n_atoms,) in Hartree/e.
    """

    values: np.ndarray

    def potentials(self, atoms: Electrode) -> np.ndarray:
        """See :class:`Surroundings`.

        Raises:
            InputError: another number of atoms.
        """
        if self.values.shape != (len(atoms),):
            raise InputError(f"potentials have shape {self.values.shape}, there are {len(atoms)} atoms")
        return self.values

    def forces(self, atoms: Electrode, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """None: see :class:`Surroundings`."""
        return np.zeros((len(atoms), 3)), np.zeros((0, 3))


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

    def potentials(self, atoms: Electrode) -> np.ndarray:
        """Potential (n_atoms,) of the charges at the atoms in Hartree/e."""
        if not len(self):
            return np.zeros(len(atoms))
        if all(atoms.pbc):
            return ewald_potential(atoms.positions, self.positions, self.charges, atoms.cell, _ACCURACY)
        return coulomb_potential(atoms.positions, self.positions, self.charges)

    def forces(self, atoms: Electrode, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Forces on the atoms (n_atoms, 3), of ``charges`` (n_atoms,), and on the point charges (m, 3).

        Charges in e, forces in Hartree/bohr. The forces among the point charges are not included.
        """
        if not len(self):
            return np.zeros((len(atoms), 3)), np.zeros((0, 3))
        if all(atoms.pbc):
            return ewald_forces_between(
                atoms.positions, charges, self.positions, self.charges, atoms.cell, _ACCURACY
            )
        return coulomb_forces_between(atoms.positions, charges, self.positions, self.charges)
