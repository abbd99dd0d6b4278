"""What acts on the liquid from outside: walls, and the field of a slab."""

from __future__ import annotations

import numpy as np

from polcouple.case.case import Case
from polcouple.engines.native import bonded
from polcouple.lattice.cell import heights
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, KCAL_TO_KJ, KJ_PER_MOL_TO_HARTREE


def add_external(case: Case, charges: np.ndarray, positions: np.ndarray, forces: np.ndarray) -> float:
    """Add the forces of a case's walls and slab field; returns their energy in Hartree.

    The energy of the electrode's own dipole moment in the slab's field is left out.

    Args:
        case: the system.
        charges: (N,) of all atoms in e.
        positions: (N, 3) in bohr, any image of an atom.
        forces: (N, 3) in Hartree/bohr, added to.
    """
    energy = 0.0
    walls = case.system.force_field.walls
    if walls is not None:
        height = float(heights(case.lattice)[2])
        energy += bonded.walls(
            case.wall_atoms,
            positions,
            np.linalg.inv(case.lattice)[:, 2] * height,
            height,
            0.5 * (walls.lower_angstrom + walls.upper_angstrom) * ANGSTROM_TO_BOHR,
            0.5 * (walls.upper_angstrom - walls.lower_angstrom) * ANGSTROM_TO_BOHR,
            walls.spring_kcal_per_mol_angstrom2 * KCAL_TO_KJ * KJ_PER_MOL_TO_HARTREE * BOHR_TO_ANGSTROM**2,
            forces,
        )
    slab = case.slab_field
    if slab is not None:
        moments = charges * slab.heights(positions)
        dipole, own = float(moments.sum()), float(moments[case.electrode_indices].sum())
        forces[:, 2] -= slab.gradient(dipole) * charges
        energy += slab.energy(dipole) - 0.5 * slab.curvature * own**2
    return energy
