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


def energy_of_electrons(
    positions: np.ndarray, cell: np.ndarray, fixed: np.ndarray, each: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """E of the charges ``fixed + m each`` (n,) as coefficients (3,) of 1, m and m^2.

    Args:
        positions: (n, 3) in A.
        cell: (3, 3) a lattice vector per row, A.

    Returns:
        The coefficients in eV, and those of the derivative by the positions, (3, n, 3) in eV/A.
    """
    k, factors, at = _at(positions, cell)
    one, two = at @ fixed, at @ each
    energies = [(factors * (a.conj() * b).real).sum() for a, b in ((one, one), (one, two), (two, two))]
    fields = [2.0 * (((1j * factors * s.conj())[:, None] * at).real.T @ k) for s in (one, two)]
    gradients = [
        fixed[:, None] * fields[0],
        fixed[:, None] * fields[1] + each[:, None] * fields[0],
        each[:, None] * fields[1],
    ]
    return np.array([energies[0], 2.0 * energies[1], energies[2]]), np.array(gradients)


def _at(positions: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Waves k (w, 3), their factors (w,), and exp(i k r) at the atoms (w, n)."""
    cell = np.ascontiguousarray(cell, float)
    steps, k, factors = _waves(cell.tobytes())
    phases = np.exp(2j * np.pi * (positions @ np.linalg.inv(cell)))
    at = np.ones((len(k), len(positions)), complex)
    for axis, highest in enumerate(np.abs(steps).max(axis=0)):
        powers = phases[:, axis] ** np.arange(-highest, highest + 1)[:, None]
        at *= powers[steps[:, axis] + highest]
    return k, factors, at


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
