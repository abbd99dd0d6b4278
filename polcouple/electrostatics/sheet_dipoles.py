"""Dipoles across a flat sheet of equal atoms in an outward field: what charges on its atoms cannot show.

A field along the sheet's normal n moves no charge between atoms of one plane, and charges of the plane make
no field along n at its atoms: in linear response dipoles p along n are a problem of their own,

    (1/alpha + T) p = E,     T_AB = erf(k R)/R^3 - 2 k/sqrt(pi) exp(-k^2 R^2)/R^2 (A != B)

with k = eta/sqrt(2) for Gaussian dipoles of exponent eta^2, and R all images in the plane. An atom's alpha
is chosen so that a sheet alone in a uniform field has the polarisability that is known of it. Beyond a
distance the sum is an integral. The cell's images across the plane add what the boundary condition says: a
periodic cell holds the average field, so that dipoles feel +4 pi/V of their sum, which a slab's field takes
away.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import erf

from polcouple.errors import ConvergenceError
from polcouple.lattice.cell import base_area
from polcouple.lattice.pairs import neighbour_pairs

#: beyond it (bohr) the sheet is a continuum
_FAR = 30.0
_TOLERANCE = 1e-8


class SheetDipoles:
    """One flat sheet in a cell whose third direction is across it.

    Args:
        positions: (n, 3) of its atoms in bohr, all at one height.
        cell: (3, 3) in bohr, periodic.
        polarisability: of an atom of the sheet alone, in a uniform field, in bohr^3.
        width: eta in 1/bohr.
        slab: what a slab's field adds to an atom's potential per height and dipole (its curvature).
    """

    def __init__(
        self,
        positions: np.ndarray,
        cell: np.ndarray,
        polarisability: float,
        width: float,
        slab: float = 0.0,
    ) -> None:
        n = len(positions)
        pairs = neighbour_pairs(positions, cell, (True, True, False), _FAR)
        distances = np.linalg.norm(pairs.vectors, axis=1)
        k = width / np.sqrt(2.0)
        near = erf(k * distances) / distances**3
        near -= 2.0 * k / np.sqrt(np.pi) * np.exp(-((k * distances) ** 2)) / distances**2
        self._near = csr_array((near, pairs.second, pairs.first), shape=(n, n))
        beyond = 2.0 * np.pi / (base_area(cell) * _FAR)
        alone = float(self._near.sum()) / n + n * beyond
        self._inverse = 1.0 / polarisability - alone
        self._common = beyond - 4.0 * np.pi / abs(float(np.linalg.det(cell))) + slab

    def solve(self, fields: np.ndarray) -> np.ndarray:
        """(n,) dipoles in e bohr in outward ``fields`` (n,) in Hartree/(e bohr), of all but the sheet.

        Raises:
            ConvergenceError: dipoles that amplify each other.
        """
        n = len(fields)
        operator = LinearOperator(
            (n, n), matvec=lambda p: self._inverse * p + self._near @ p + self._common * p.sum(), dtype=float
        )
        found, failed = cg(operator, fields, rtol=_TOLERANCE, maxiter=500)
        if failed:
            raise ConvergenceError("dipoles across the sheet did not converge: atoms are too close together")
        return np.asarray(found)
