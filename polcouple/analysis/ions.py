"""How long ions stay near the sheet.

MDAnalysis has this (`lib.correlations`, with which the tests compare), but for lists of all frames, and it
averages the ratios of single frames, which for a few ions differs from the ratio of the averages.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate, of_counts

#: events at least for a rate whose error means something
_LEAST_DEPARTURES = 10


class Survival:
    """Probability that an ion near the sheet has stayed there since; add presence frame by frame.

        S(k) = <number of ions present in all of the frames t to t + k> / <number present at t>

    over those times t that have ``lags`` frames after them (R. W. Impey, P. A. Madden and I. R. McDonald,
    J. Phys. Chem. 87, 5071 (1983)).

    Args:
        lags: largest k.
        intermittency: an ion that is away for no more than so many frames has not left.
    """

    def __init__(self, lags: int, intermittency: int) -> None:
        self._lags = lags
        self._intermittency = intermittency
        self._rows: deque[np.ndarray] = deque(maxlen=lags + 1 + intermittency)
        self._away: np.ndarray | None = None
        self._survivors = Blocks()
        self._present = Blocks()

    @property
    def origins(self) -> int:
        """Number of times t."""
        return self._survivors.frames

    def add(self, present: np.ndarray) -> None:
        """Whether each ion, (n,) bool, is near the sheet."""
        self._present.add(present.sum())
        if self._away is None:
            # one that has not been there yet has not been away for a moment
            self._away = np.full(len(present), self._intermittency + 1)
        back = present & (self._away > 0) & (self._away <= self._intermittency)
        self._rows.append(present.copy())
        for ion in np.flatnonzero(back):
            for ago in range(1, int(self._away[ion]) + 1):
                self._rows[-1 - ago][ion] = True
        self._away = np.where(present, 0, np.minimum(self._away + 1, self._intermittency + 1))
        if len(self._rows) == self._rows.maxlen:
            window = np.array(self._rows)[: self._lags + 1]
            self._survivors.add(np.logical_and.accumulate(window).sum(axis=1))

    def probability(self) -> Estimate:
        """(lags + 1,) S(k)."""
        return estimate(self._survivors, lambda mean: mean / mean[0] if mean[0] > 0 else np.nan * mean)

    def number(self) -> Estimate:
        """Mean number of ions near the sheet."""
        return of_counts(estimate(self._present))

    def leaving_rate(self) -> Estimate:
        """Fraction of the ions near the sheet that leave per frame: the inverse of the residence time.

        Departures over time spent there, within ``lags`` of every start: the maximum-likelihood rate of an
        exponential law. From few departures the error is not known.
        """
        rate = estimate(self._survivors, _departures_over_time)
        stayed = self._survivors.mean
        # each departure is seen from as many starts as there are lags
        departures = (stayed[0] - stayed[-1]) * self._survivors.frames / self._lags
        return replace(rate, converged=rate.converged and bool(departures >= _LEAST_DEPARTURES))


def _departures_over_time(stayed: np.ndarray) -> float:
    time = stayed[:-1].sum()
    return float((stayed[0] - stayed[-1]) / time) if time > 0 else np.nan
