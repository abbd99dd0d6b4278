"""Functions on atoms that densities are expanded in: Gaussians times real solid harmonics.

    f_nlm(r) = N_nl r^l S_lm(r/|r|) exp(-a_n r^2),   sum_m S_lm(u) S_lm(v) = P_l(u . v)

N_n0 makes the integral of f_n00 one; those of l > 0 integrate to zero. Sampled on a grid of spacing h they
do so to exp(-pi^2 / (a_n h^2)): 3e-11 of the narrowest at 0.2 Angstrom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from polcouple.lattice.cell import heights, lattice_images

#: what is left out of the widest function's peak
_TAIL = 1e-9
#: points that are worked on at once
_POINTS = 1500


@dataclass(frozen=True)
class DensityBasis:
    """The functions of an atom.

    Attributes:
        exponents: a in 1/bohr^2; the charge of an atom sits in function ``seat`` of l = 0.
        l_max: highest l, 3 at most.
        seat: see above.
    """

    exponents: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    l_max: int = 3
    seat: int = 1

    @property
    def reach(self) -> float:
        """Beyond it (bohr) functions are left out."""
        return float(np.sqrt(-np.log(_TAIL) / min(self.exponents)))

    def values(self, vectors: np.ndarray) -> np.ndarray:
        """(p, n, (l_max + 1)^2) at ``vectors`` (p, 3) from an atom in bohr; number l^2 + l + m last."""
        squares = np.einsum("pi,pi->p", vectors, vectors)
        exponents = np.array(self.exponents)
        shape = np.exp(-squares[:, None] * exponents)
        found = shape[:, :, None] * solid_harmonics(vectors, self.l_max)[:, None, :]
        for momentum in range(self.l_max + 1):
            own = slice(momentum**2, (momentum + 1) ** 2)
            found[:, :, own] *= ((exponents / np.pi) ** 1.5 * exponents ** (0.5 * momentum))[:, None]
        return np.asarray(found)


def solid_harmonics(vectors: np.ndarray, l_max: int) -> np.ndarray:
    """(p, (l_max + 1)^2) r^l S_lm of ``vectors`` (p, 3), with sum_m S_lm(u) S_lm(v) = P_l(u . v)."""
    x, y, z = vectors.T
    rr = x * x + y * y + z * z
    found = [np.ones(len(vectors))]
    if l_max > 0:
        found += [y, z, x]
    if l_max > 1:
        root = np.sqrt(3.0)
        found += [root * x * y, root * y * z, 1.5 * z * z - 0.5 * rr, root * x * z]
        found += [0.5 * root * (x * x - y * y)]
    if l_max > 2:
        a, b, c = np.sqrt(5.0 / 8.0), np.sqrt(15.0), np.sqrt(3.0 / 8.0)
        found += [a * y * (3.0 * x * x - y * y), b * x * y * z, c * y * (5.0 * z * z - rr)]
        found += [0.5 * z * (5.0 * z * z - 3.0 * rr), c * x * (5.0 * z * z - rr)]
        found += [0.5 * b * z * (x * x - y * y), a * x * (x * x - 3.0 * y * y)]
    return np.stack(found, axis=1)


def near_points(
    points: np.ndarray, positions: np.ndarray, cell: np.ndarray | None, reach: float
) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
    """Points (p, 3) in blocks: the block, and atom, point of the block and vector of every pair in reach.

    Args:
        positions: (n, 3) of the atoms in bohr, in any image.
        cell: (3, 3) in bohr of periodic atoms, or None.
    """
    origin = np.arange(len(positions))
    if cell is not None:
        fractional = positions @ np.linalg.inv(cell)
        images, origin = lattice_images(fractional - np.floor(fractional), reach / heights(cell))
        positions = images @ cell
        inside = points @ np.linalg.inv(cell)
        points = (inside - np.floor(inside)) @ cell
    tree = cKDTree(positions)
    for start in range(0, len(points), _POINTS):
        block = slice(start, min(start + _POINTS, len(points)))
        found = tree.sparse_distance_matrix(cKDTree(points[block]), reach, output_type="coo_matrix")
        order = np.argsort(found.col, kind="stable")
        image, row = found.row[order], found.col[order]
        yield block, origin[image], row, points[block][row] - positions[image]


def summed_by_point(values: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """(n, ...) sums of ``values`` (pairs, ...) over the pairs of each point; ``rows`` ascend."""
    found = np.zeros((n, *values.shape[1:]))
    if len(rows):
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        found[rows[first]] = np.add.reduceat(values, first, axis=0)
    return found
