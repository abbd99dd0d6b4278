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
WIDTH = 0.8
#: waves with a smaller factor than this are left out
_LEAST = 1e-3
_COULOMB = HARTREE_TO_EV * BOHR_TO_ANGSTROM


class Waves:
    """Of Gaussian charges on atoms at ``positions`` (n, 3) in ``cell`` (3, 3), lattice vectors in rows, A."""

    def __init__(self, positions: np.ndarray, cell: np.ndarray) -> None:
        cell = np.ascontiguousarray(cell, float)
        steps, self._k, self._factors = _waves(cell.tobytes())
        phases = np.exp(2j * np.pi * (positions @ np.linalg.inv(cell)))
        self._at = np.ones((len(self._k), len(positions)), complex)
        for axis, highest in enumerate(np.abs(steps).max(axis=0)):
            powers = phases[:, axis] ** np.arange(-highest, highest + 1)[:, None]
            self._at *= powers[steps[:, axis] + highest]

    def between(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(a, b) interactions in eV of charges (n, a) with others (n, b); of one with itself twice its E."""
        weighted = self._factors[:, None] * (self._at @ ones).conj()
        return np.asarray(2.0 * (weighted.T @ (self._at @ others)).real)

    def field(self, charges: np.ndarray) -> np.ndarray:
        """(n, 3) gradient at the atoms of the potential of charges (n,), eV/(e A)."""
        weighted = 1j * self._factors * (self._at @ charges).conj()
        return np.asarray(2.0 * ((weighted[:, None] * self._at).real.T @ self._k))


def energy_of_electrons(waves: Waves, fixed: np.ndarray, each: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E of the charges ``fixed + m each`` (n,) as coefficients (3,) of 1, m and m^2.

    Returns:
        The coefficients in eV, and those of the derivative by the positions, (3, n, 3) in eV/A.
    """
    both = np.column_stack([fixed, each])
    pairs = waves.between(both, both)
    fields = [waves.field(fixed), waves.field(each)]
    gradients = [
        fixed[:, None] * fields[0],
        fixed[:, None] * fields[1] + each[:, None] * fields[0],
        each[:, None] * fields[1],
    ]
    return np.array([0.5 * pairs[0, 0], pairs[0, 1], 0.5 * pairs[1, 1]]), np.array(gradients)


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
