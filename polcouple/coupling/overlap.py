"""Forces that no liquid has: two atoms in one place, or a time step that flung them there."""

from __future__ import annotations

import numpy as np

from polcouple.case.model import Case
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_ANGSTROM

#: oxygens of water have them when they are 0.4 diameters apart, Hartree/bohr
_LARGEST = 1e3


def require_usable(
    case: Case, positions: np.ndarray, energy: float, forces: np.ndarray, replica: int
) -> None:
    """Refuse forces that are none, or larger than any structure has that atoms could come out of.

    Args:
        positions: (N, 3) in bohr.
        energy: in Hartree.
        forces: (N, 3) in Hartree/bohr.

    Raises:
        InputError: naming the atom and the closest one of other molecules.
    """
    largest = np.abs(forces).max()
    if largest < _LARGEST and np.isfinite(energy):
        return
    strength = np.linalg.norm(forces, axis=1)
    atom = int(np.where(np.isfinite(strength), strength, np.inf).argmax())
    apart = (positions - positions[atom]) @ np.linalg.inv(case.lattice)
    distances = np.linalg.norm((apart - np.rint(apart)) @ case.lattice, axis=1)
    molecules = case.topology.molecules
    distances[molecules == molecules[atom]] = np.inf
    other = int(distances.argmin())
    near = distances[other] * BOHR_TO_ANGSTROM
    raise InputError(
        f"replica {replica}: the force on atom {atom} is {strength[atom]:.2g} Hartree/bohr, and atom {other}"
        f" is {near:.2g} Angstrom away: atoms overlap or the time step is too long; minimise the structure or"
        " shorten the step"
    )
