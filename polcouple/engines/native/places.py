"""Where the engine computes: at a case's atoms and, after them, its virtual sites."""

from __future__ import annotations

import numpy as np

from polcouple.case.model import Case
from polcouple.case.virtual_sites import whole_parents
from polcouple.compile import compiled


class Places:
    """Positions of places from those of atoms, and forces the other way.

    Args:
        case: the system of N atoms.

    Attributes:
        liquid: (m,) places that move: the liquid's atoms, and the sites, as in
            :attr:`polcouple.case.case.Case.electrolyte`.
    """

    def __init__(self, case: Case) -> None:
        self._n = len(case)
        self._sites = case.topology.sites
        self._lattice = case.lattice
        self.liquid = np.concatenate([case.electrolyte_indices, self._n + np.arange(len(self._sites))])

    def __len__(self) -> int:
        return self._n + len(self._sites)

    def of_atoms(self, positions: np.ndarray) -> np.ndarray:
        """A copy of positions (N, 3) in bohr, of any images, and sites next to the first atom of each."""
        places = np.empty((len(self), 3))
        places[: self._n] = positions
        if len(self._sites):
            places[self._n :] = self._sites.positions(self._parents(positions))
        return places

    def onto_atoms(self, positions: np.ndarray, forces: np.ndarray) -> np.ndarray:
        """(N, 3) forces of which those (n, 3) on places are made; of atoms at ``positions`` (N, 3)."""
        atoms = forces[: self._n]
        if len(self._sites):
            self._sites.spread(self._parents(positions), forces[self._n :], atoms)
        return atoms

    def _parents(self, positions: np.ndarray) -> np.ndarray:
        return whole_parents(self._sites, positions, self._lattice)


@compiled
def add_forces(forces, order, pairs, mesh, last):
    """Add the forces on the first ``last`` places to those on atoms."""
    for k in range(last):
        j = order[k]
        for axis in range(3):
            total = np.float64(mesh[k, axis])
            for part in range(pairs.shape[0]):
                total += pairs[part, k, axis]
            forces[j, axis] += total
