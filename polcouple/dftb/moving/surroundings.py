"""Point charges around the atoms: their potentials at the atoms, and the forces between the two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.electrode import Electrode
from polcouple.electrostatics.coulomb import coulomb_forces_between, coulomb_potential
from polcouple.electrostatics.ewald import ewald_forces_between, ewald_potential
from polcouple.errors import InputError

#: of periodic sums, Hartree/e
_ACCURACY = 1e-11


@dataclass(frozen=True, eq=False)
class PointCharges:
    """Charges that are no part of the electronic problem; they repeat with the cell of the atoms.

    Attributes:
        positions: (m, 3) in bohr.
        charges: (m,) in e.

    Raises:
        InputError: shapes that do not fit, or values that are not finite.
    """

    positions: np.ndarray
    charges: np.ndarray

    def __post_init__(self) -> None:
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
