"""What is held while the atoms move: the total charge or the Fermi level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from polcouple.dftb.filling import Filling, fermi_filling, held_filling
from polcouple.errors import InputError
from polcouple.units import HARTREE_TO_EV


@dataclass(frozen=True)
class TotalCharge:
    """The number of electrons stays.

    Attributes:
        charge: of all atoms in e, any real number that the valence allows.
    """

    charge: float

    def fill(
        self, energies: np.ndarray, degeneracies: np.ndarray, neutral: float, temperature: float
    ) -> Filling:
        """Fill levels (n,) in Hartree; ``neutral`` is the number of electrons of the neutral atoms."""
        return fermi_filling(energies, degeneracies, neutral, temperature, -self.charge)

    def check(self, neutral: float, capacity: float) -> None:
        """Refuse a charge that leaves no electron, or more than the ``capacity`` of the basis.

        Raises:
            InputError: see above.
        """
        if not 0.0 < neutral - self.charge < capacity:
            raise InputError(
                f"total charge {self.charge:g} e leaves {neutral - self.charge:g} electrons to atoms whose"
                f" basis holds between 0 and {capacity:g}: the valence does not allow it"
            )

    def check_levels(self, energies: np.ndarray) -> None:
        """Any levels will do."""


@dataclass(frozen=True)
class FermiLevel:
    """The Fermi level stays, and the number of electrons follows.

    Attributes:
        level: in Hartree, on the scale of the levels: in a periodic cell from the cell's average
            electrostatic potential, without periodicity from the vacuum far away.
    """

    level: float

    def fill(
        self, energies: np.ndarray, degeneracies: np.ndarray, neutral: float, temperature: float
    ) -> Filling:
        """Fill levels (n,) in Hartree."""
        return held_filling(energies, degeneracies, self.level, temperature)

    def check(self, neutral: float, capacity: float) -> None:
        """Refuse a level that is no number.

        Raises:
            InputError: see above.
        """
        if not np.isfinite(self.level):
            raise InputError(f"the Fermi level must be a finite number, got {self.level}")

    def check_levels(self, energies: np.ndarray) -> None:
        """Refuse a Fermi level that lies below or above all levels ``energies`` (n,) in Hartree.

        Raises:
            InputError: see above.
        """
        low, high = float(energies.min()), float(energies.max())
        if not low < self.level < high:
            raise InputError(
                f"Fermi level {self.level * HARTREE_TO_EV:.3f} eV lies outside the bands, which reach from"
                f" {low * HARTREE_TO_EV:.3f} to {high * HARTREE_TO_EV:.3f} eV"
            )


#: what is held
Ensemble: TypeAlias = TotalCharge | FermiLevel
