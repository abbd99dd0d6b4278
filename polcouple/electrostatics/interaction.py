"""Coulomb interaction between the atoms of an electrode, in a periodic cell or without one."""

from __future__ import annotations

import numpy as np

from polcouple.electrode import Electrode
from polcouple.electrostatics.coulomb import coulomb_energy_forces, coulomb_matrix
from polcouple.electrostatics.ewald import ewald_energy_forces, ewald_matrix


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


def interaction_forces(electrode: Electrode, charges: np.ndarray) -> np.ndarray:
    """Forces (n, 3) in Hartree/bohr between point charges (n,) in e at the electrode's atoms.

    They are the derivatives of 1/2 q^T A q with A from :func:`interaction_matrix`.
    """
    if all(electrode.pbc):
        return ewald_energy_forces(electrode.positions, charges, electrode.cell)[1]
    return coulomb_energy_forces(electrode.positions, charges)[1]
