"""Energy of Gaussian charges in a periodic cell, by waves: what reaches further than a network's cut-off.

    E = 2 pi k_e / V  sum over waves k != 0 of exp(-w^2 k^2) / k^2 |S(k)|^2,   S(k) = sum Q_i exp(i k r_i),

for Gaussians of the width w. Without k = 0 the cell's average potential is zero and a net charge has a
uniform background, as in the labels. Time and memory go with atoms times waves. Angstrom, e, eV.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

#: w in A
WIDTH = 1.0
#: waves with a smaller factor than this are left out
_LEAST = 1e-3
_COULOMB = HARTREE_TO_EV * BOHR_TO_ANGSTROM


class Waves:
    """The waves at the atoms of one frame.

    Args:
        positions: (n, 3) in A.
        cell: (3, 3) a lattice vector per row, A.
    """

    def __init__(self, positions: np.ndarray, cell: np.ndarray) -> None:
        steps, self._k, self._weights = _waves(cell.tobytes())
        phases = np.exp(2j * np.pi * (positions @ np.linalg.inv(cell)))
        found = None
        for axis, highest in enumerate(np.abs(steps).max(axis=0)):
            powers = phases[:, axis] ** np.arange(-highest, highest + 1)[:, None]
            part = powers[steps[:, axis] + highest]
            found = part if found is None else found * part
        assert found is not None
        self._at = found

    def structure(self, charges: np.ndarray) -> np.ndarray:
        """(waves,) S of charges (n,)."""
        return np.asarray(self._at @ charges)

    def energy(self, one: np.ndarray, other: np.ndarray) -> float:
        """Half the energy between two sets of charges with these S; with ``one`` twice, its own energy."""
        return float((self._weights * (one.real * other.real + one.imag * other.imag)).sum())

    def potentials(self, structure: np.ndarray) -> np.ndarray:
        """(n,) of charges with this S at the atoms, V."""
        return 2.0 * np.asarray(((self._weights * structure.conj()) @ self._at).real)

    def gradients(self, structure: np.ndarray) -> np.ndarray:
        """(n, 3) of the potential at the atoms, V/A."""
        turned = (1j * self._weights * structure.conj())[:, None] * self._at
        return 2.0 * np.asarray(turned.real.T @ self._k)

    def structure_change(self, charges: np.ndarray, moves: np.ndarray, changes: np.ndarray) -> np.ndarray:
        """(waves,) change of S with ``moves`` (n, 3) of the atoms and ``changes`` (n,) of the charges."""
        return np.asarray((self._at * (changes + 1j * charges * (self._k @ moves.T))).sum(axis=1))

    def potential_changes(self, structure: np.ndarray, change: np.ndarray, moves: np.ndarray) -> np.ndarray:
        """(n,) change of the potentials with that of S and with ``moves`` of the atoms."""
        return self.potentials(change) + (self.gradients(structure) * moves).sum(axis=1)


@lru_cache(maxsize=8)
def _waves(cell: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half of the waves of a cell: steps along the reciprocal vectors, k (1/A), and factors (eV/e^2)."""
    vectors = np.frombuffer(cell).reshape(3, 3)
    reciprocal = 2.0 * np.pi * np.linalg.inv(vectors).T
    longest = np.sqrt(-np.log(_LEAST)) / WIDTH
    reach = np.floor(longest * np.linalg.norm(vectors, axis=1) / (2.0 * np.pi)).astype(int)
    steps = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in reach], indexing="ij"), -1).reshape(-1, 3)
    steps = steps[len(steps) // 2 + 1 :]
    k = steps @ reciprocal
    square = (k**2).sum(axis=1)
    kept = square < longest**2
    factors = 4.0 * np.pi * _COULOMB / abs(np.linalg.det(vectors)) * np.exp(-(WIDTH**2) * square) / square
    return steps[kept], k[kept], factors[kept]
