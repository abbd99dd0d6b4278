"""Orientation of water near the sheet."""

from __future__ import annotations

import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.analysis.slab import Grid, Slab
from polcouple.case.model import Case
from polcouple.units import ANGSTROM_TO_BOHR

_BIN = 0.2 * ANGSTROM_TO_BOHR
_COSINE_BINS = 40
#: waters farther than this are not looked at
_FARTHEST = 15.0 * ANGSTROM_TO_BOHR


class WaterOrientation:
    """Cosine of the angle between water's dipole and the sheet's normal, which points into the liquid.

    Negative: hydrogens towards the sheet. Kept as a histogram over oxygen height and cosine.
    """

    def __init__(self, case: Case, slab: Slab) -> None:
        self._case = case
        self._slab = slab
        bins = round(_FARTHEST / _BIN)
        self._grid = Grid(0.0, _FARTHEST / bins, bins)
        self._histogram = Blocks()

    @property
    def heights(self) -> np.ndarray:
        """(n_heights,) middle heights of the bins, bohr."""
        return self._grid.centres

    @property
    def cosines(self) -> np.ndarray:
        """(n_cosines,) middle cosines of the bins."""
        return (np.arange(_COSINE_BINS) + 0.5) * 2.0 / _COSINE_BINS - 1.0

    def add(self, positions: np.ndarray) -> None:
        """Positions (N, 3) of all atoms in bohr."""
        oxygens = self._case.water_oxygens
        heights = self._slab.heights(positions[oxygens, 2])
        near = (heights >= 0) & (heights < _FARTHEST)
        cosines = self._slab.normal * dipole_cosines(positions, oxygens[near], self._case.lattice)
        columns = np.minimum(((cosines + 1.0) * 0.5 * _COSINE_BINS).astype(int), _COSINE_BINS - 1)
        rows = self._grid.indices(heights[near])
        flat = np.bincount(rows * _COSINE_BINS + columns, minlength=self._grid.number * _COSINE_BINS)
        self._histogram.add(flat.reshape(self._grid.number, _COSINE_BINS))

    def profile(self) -> Estimate:
        """(n_heights,) mean cosine; NaN where no water was."""
        return estimate(self._histogram, self._mean_cosine)

    def mean_within(self, distance: float) -> Estimate:
        """Mean cosine of the waters nearer to the sheet than ``distance`` (bohr)."""
        shares = self._grid.shares_below(distance)
        return estimate(self._histogram, lambda mean: self._mean_cosine(shares @ mean))

    def distribution(self, distance: float) -> Estimate:
        """(n_cosines,) probability density of the cosine within ``distance`` (bohr); 1/2 if random."""
        shares = self._grid.shares_below(distance)

        def density(mean: np.ndarray) -> np.ndarray:
            counts = shares @ mean
            return np.asarray(counts / counts.sum() * 0.5 * _COSINE_BINS)

        return estimate(self._histogram, density)

    def _mean_cosine(self, counts: np.ndarray) -> np.ndarray:
        number = counts.sum(axis=-1)
        with np.errstate(invalid="ignore"):
            return np.asarray(counts @ self.cosines / np.where(number > 0, number, np.nan))


def dipole_cosines(positions: np.ndarray, oxygens: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Cosine of each water's dipole with z; molecules may be split.

    Args:
        positions: (N, 3) in bohr.
        oxygens: (m,) indices.
        cell: (3, 3) in bohr, reduced.
    """
    from MDAnalysis.lib.distances import minimize_vectors
    from MDAnalysis.lib.mdamath import triclinic_box

    box = triclinic_box(*cell)
    dipoles = sum(minimize_vectors(positions[oxygens + i] - positions[oxygens], box) for i in (1, 2))
    return np.asarray(dipoles[:, 2] / np.linalg.norm(dipoles, axis=1))
