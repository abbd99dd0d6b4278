"""Symmetry and sum rules of a block-circulant matrix that is known by the columns of one part.

Coordinates are numbered kind by kind within an atom: coordinate k of atom i is k + i * kinds. A matrix of
them is block-circulant over the same parts as the atoms.
"""

from __future__ import annotations

import numpy as np

from polcouple.lattice.matrix import SMALLEST, Matrix, RepeatingMatrix, fill_block_circulant


def coordinate_orbits(orbits: np.ndarray, kinds: int) -> np.ndarray:
    """Orbits (parts, b * kinds) of ``kinds`` coordinates an atom, from those of the atoms (parts, b)."""
    return np.asarray((orbits[:, :, None] * kinds + np.arange(kinds)).reshape(len(orbits), -1))


def symmetrised(columns: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Columns (n, b) of the mean of the matrix and its transpose.

    Args:
        columns: (n, b) of the first part's coordinates.
        orbits, shape: of :func:`polcouple.lattice.convolution.lattice_orbits`, of the coordinates.
    """
    parts = np.arange(len(orbits)).reshape(shape)
    opposite = np.roll(parts[::-1, ::-1, ::-1], 1, axis=(0, 1, 2)).ravel()
    blocks = columns[orbits]
    mean = np.empty_like(columns)
    mean[orbits] = 0.5 * (blocks + blocks[opposite].swapaxes(1, 2))
    return mean


def without_uniform(columns: np.ndarray, orbits: np.ndarray, kinds: int) -> np.ndarray:
    """Columns of P M P of a symmetric M, with P taking the mean over all atoms from each kind of coordinate.

    Forces that sum to zero and do not change when all atoms move alike are such a matrix; P is the nearest
    one to an M that keeps these sum rules but for rounding.

    Args:
        columns: (n * kinds, b * kinds) of M.
        orbits: (parts, b) of the atoms.
    """
    n, size = orbits.size, orbits.shape[1]
    blocks = columns.reshape(n, kinds, size, kinds)
    means = blocks.mean(axis=0)
    of_all = means.mean(axis=1)
    rows = np.empty((n, kinds, kinds))
    rows[orbits] = means.transpose(1, 2, 0)
    projected = blocks - means - rows[:, :, None] + of_all[:, None]
    return np.asarray(projected.reshape(columns.shape))


def filled(columns: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> Matrix:
    """The matrix as what multiplies a vector in the least time; arguments as of :func:`symmetrised`."""
    if len(columns) >= SMALLEST and len(orbits) > 1:
        return RepeatingMatrix(columns, orbits, shape)
    return fill_block_circulant(columns, orbits, shape)
