"""What acts on the liquid from outside: walls, and the field of a slab."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from polcouple.case.case import Case
from polcouple.case.virtual_sites import whole_parents
from polcouple.engines.native import bonded
from polcouple.lattice.cell import heights
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, KCAL_TO_KJ, KJ_PER_MOL_TO_HARTREE


def add_walls(case: Case, positions: np.ndarray, forces: np.ndarray) -> float:
    """Add the forces of a case's walls; returns their energy in Hartree.

    Args:
        case: the system.
        positions: (N, 3) in bohr, any image of an atom.
        forces: (N, 3) in Hartree/bohr, added to.
    """
    if case.system.force_field.walls is None:
        return 0.0
    energy: float = bonded.walls(case.wall_atoms, positions, *_walls(case), forces)
    return energy


@lru_cache(maxsize=4)
def _walls(case: Case) -> tuple[Any, ...]:
    """What :func:`polcouple.engines.native.bonded.walls` needs to know of a case's walls."""
    walls = case.system.force_field.walls
    assert walls is not None
    height = float(heights(case.lattice)[2])
    return (
        np.linalg.inv(case.lattice)[:, 2] * height,
        height,
        0.5 * (walls.lower_angstrom + walls.upper_angstrom) * ANGSTROM_TO_BOHR,
        0.5 * (walls.upper_angstrom - walls.lower_angstrom) * ANGSTROM_TO_BOHR,
        walls.spring_kcal_per_mol_angstrom2 * KCAL_TO_KJ * KJ_PER_MOL_TO_HARTREE * BOHR_TO_ANGSTROM**2,
    )


def add_slab(case: Case, charges: np.ndarray, positions: np.ndarray, forces: np.ndarray) -> float:
    """Add the forces of a slab's field, if the case is one; returns its energy in Hartree.

    The energy of the electrode's own dipole moment is left out.

    Args:
        case: the system.
        charges: (n_electrode,) in e.
        positions: (N, 3) in bohr, any image of an atom.
        forces: (N, 3) in Hartree/bohr, added to.
    """
    slab = case.slab_field
    if slab is None:
        return 0.0
    own = float(charges @ slab.heights(positions[case.electrode_indices]))
    moments = case.electrolyte.charges * slab.heights(case.electrolyte_positions(positions))
    dipole = float(moments.sum()) + own
    pulls = np.zeros((len(moments), 3))
    pulls[:, 2] = -slab.gradient(dipole) * case.electrolyte.charges
    add_to_atoms(case, pulls, positions, forces)
    forces[case.electrode_indices, 2] -= slab.gradient(dipole) * charges
    return slab.energy(dipole) - 0.5 * slab.curvature * own**2


def add_to_atoms(case: Case, pulls: np.ndarray, positions: np.ndarray, forces: np.ndarray) -> None:
    """Add the forces on the charges that move, virtual sites among them, to those on atoms.

    Args:
        case: the system.
        pulls: (m, 3) in the order of :attr:`polcouple.case.case.Case.electrolyte`.
        positions: (N, 3) in bohr, any image of an atom.
        forces: (N, 3), added to.
    """
    liquid, sites = case.electrolyte_indices, case.topology.sites
    forces[liquid] += pulls[: len(liquid)]
    if len(sites):
        parents = whole_parents(sites, positions, case.lattice)
        sites.spread(parents, pulls[len(liquid) :], forces)
