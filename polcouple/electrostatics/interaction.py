"""Coulomb interaction between the atoms of an electrode, in a periodic cell or without one."""

from __future__ import annotations

import numpy as np

from polcouple.electrode import Electrode
from polcouple.electrostatics.coulomb import coulomb_matrix
from polcouple.electrostatics.ewald import ewald_matrix


def interaction_matrix(electrode: Electrode) -> np.ndarray:
    """Interaction of unit point charges at all pairs of the electrode's n atoms.

    Returns:
        (n, n) in Hartree/e^2: the Ewald kernel with neutralising background where the electrode is periodic,
        1/r with a diagonal of 0 where it is not.

    Raises:
        InputError: two atoms at the same place, or a cell without a volume.
    """
    if all(electrode.pbc):
        return ewald_matrix(electrode.positions, electrode.cell)
    return coulomb_matrix(electrode.positions)
