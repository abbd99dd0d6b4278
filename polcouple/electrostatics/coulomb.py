"""Electrostatics without periodicity: 1/r, with the interfaces of :mod:`polcouple.electrostatics.ewald`."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from polcouple.errors import InputError

#: pairs worked on at once; bounds the memory
_CHUNK = 2_000_000


def coulomb_matrix(positions: np.ndarray) -> np.ndarray:
    """1/|r_i - r_j| between all pairs of n atoms at ``positions`` (n, 3) in bohr, 0 on the diagonal.

    Returns:
        (n, n) in 1/bohr.

    Raises:
        InputError: two atoms at the same place.
    """
    distances = cdist(positions, positions)
    np.fill_diagonal(distances, np.inf)
    return 1.0 / _apart(distances)


def coulomb_potential(sites: np.ndarray, positions: np.ndarray, charges: np.ndarray) -> np.ndarray:
    """Potential (n,) in Hartree/e at ``sites`` (n, 3) of ``charges`` (m,) in e at ``positions`` (m, 3).

    Lengths are in bohr.

    Raises:
        InputError: a charge at a site.
    """
    step = max(1, _CHUNK // max(len(sites), 1))
    potentials = np.zeros(len(sites))
    for start in range(0, len(positions), step):
        block = slice(start, start + step)
        potentials += (1.0 / _apart(cdist(sites, positions[block]), start)) @ charges[block]
    return potentials


def coulomb_energy_forces(positions: np.ndarray, charges: np.ndarray) -> tuple[float, np.ndarray]:
    """Energy in Hartree and forces (n, 3) in Hartree/bohr of charges (n,) in e at positions (n, 3) in bohr.

    Raises:
        InputError: two atoms at the same place.
    """
    n = len(positions)
    energy, forces = 0.0, np.zeros((n, 3))
    step = max(1, _CHUNK // max(n, 1))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        distances = cdist(positions[rows], positions)
        distances[rows - start, rows] = np.inf
        inverse = 1.0 / _apart(distances)
        qq = charges[rows, None] * charges
        energy += 0.5 * float((qq * inverse).sum())
        slopes = qq * inverse**3
        forces[rows] = slopes.sum(axis=1)[:, None] * positions[rows] - slopes @ positions
    return energy, forces


def coulomb_forces_between(
    sites: np.ndarray, site_charges: np.ndarray, positions: np.ndarray, charges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Forces between two sets of point charges, those within a set left out.

    Arguments as in :func:`coulomb_potential`, ``site_charges`` (n,) in e. Returns the forces on the sites
    (n, 3) and on the charges (m, 3) in Hartree/bohr.
    """
    on_sites, on_charges = np.zeros((len(sites), 3)), np.zeros((len(positions), 3))
    step = max(1, _CHUNK // max(len(sites), 1))
    for start in range(0, len(positions), step):
        block = slice(start, start + step)
        inverse = 1.0 / _apart(cdist(sites, positions[block]), start)
        slopes = site_charges[:, None] * charges[block] * inverse**3
        on_sites += slopes.sum(axis=1)[:, None] * sites - slopes @ positions[block]
        on_charges[block] = slopes.sum(axis=0)[:, None] * positions[block] - slopes.T @ sites
    return on_sites, on_charges


def _apart(distances: np.ndarray, first_column: int = 0) -> np.ndarray:
    if distances.size and distances.min() < 1e-8:
        i, j = np.unravel_index(int(distances.argmin()), distances.shape)
        raise InputError(f"atoms {i} and {j + first_column} (from 0) lie at the same place")
    return distances
