"""The electrode's charges in time: their means, fluctuations and autocorrelation."""

from __future__ import annotations

from collections import deque

import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate

#: the correlation is integrated up to so many integral times (A. Sokal's automatic window)
_WINDOW = 5.0


class ChargeStatistics:
    """Mean and fluctuation of each electrode atom's charge; add charges (n,) in e, or one, frame by frame."""

    def __init__(self) -> None:
        self._moments = Blocks()
        # moments are taken about the first frame, lest rounding makes fixed charges fluctuate
        self._first: np.ndarray | None = None

    def add(self, charges: np.ndarray) -> None:
        """Charges (n,) of one frame in e."""
        if self._first is None:
            self._first = charges.copy()
        change = charges - self._first
        self._moments.add(np.array([change, change**2]))

    @property
    def frames(self) -> int:
        """Number of frames added."""
        return self._moments.frames

    def mean(self) -> Estimate:
        """(n,) mean charge of each atom in e."""
        first = self._first
        return estimate(self._moments, lambda mean: first + mean[0])

    def fluctuation(self) -> Estimate:
        """Root mean square over the atoms of the standard deviation in time, in e."""
        return estimate(self._moments, lambda mean: np.sqrt(np.mean(_variance(mean))))

    def deviations(self) -> np.ndarray:
        """(n,) standard deviation in time of each atom's charge, in e."""
        return np.asarray(np.sqrt(_variance(self._moments.mean)))


def _variance(moments: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(moments[1] - moments[0] ** 2, 0.0))


class ChargeCorrelation:
    """Autocorrelation of the charges, summed over the atoms,

        C(k) = sum_i <dq_i(t) dq_i(t + k)> / sum_i <dq_i(t)^2>,      dq_i = q_i - <q_i>,

    over those times t that have ``lags`` frames after them: each contributes one product per lag, so that
    nothing is kept but the last frames, which a transform of the whole series would need.

    Args:
        mean: (n,) mean charges in e, of a first pass.
        lags: largest k.
    """

    def __init__(self, mean: np.ndarray, lags: int) -> None:
        self._mean = mean
        self._rows: deque[np.ndarray] = deque(maxlen=lags + 1)
        self._products = Blocks()

    def add(self, charges: np.ndarray) -> None:
        """Charges (n,) of one frame in e."""
        self._rows.append(charges - self._mean)
        if len(self._rows) == self._rows.maxlen:
            self._products.add(np.array(self._rows) @ self._rows[0])

    def correlation(self) -> Estimate:
        """(lags + 1,) C(k)."""
        return estimate(self._products, _normalised)

    def integral_time(self) -> tuple[Estimate, bool]:
        """Integral of C over time in frames, 1/2 + sum C(k), and whether C was followed for long enough.

        The sum ends at the first k that exceeds five integral times; if there is none it ends with the last
        lag, and what is missing is not known.
        """
        sums = 0.5 + np.cumsum(_normalised(self._products.mean)[1:])
        enough = np.flatnonzero(np.arange(1, len(sums) + 1) >= _WINDOW * sums)
        last = int(enough[0]) + 1 if len(enough) else len(sums)
        time = estimate(self._products, lambda mean: 0.5 + _normalised(mean)[1 : last + 1].sum())
        return time, bool(len(enough))


def _normalised(products: np.ndarray) -> np.ndarray:
    return np.asarray(products / products[0])
