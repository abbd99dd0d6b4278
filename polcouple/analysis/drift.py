"""The drift of an energy in time with its error, however long the series is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate, scaled

#: a longer series is averaged in groups first, which leaves the longer blocks as they are
_MOST_ROWS = 4096


def drift(time: np.ndarray, energy: np.ndarray) -> Estimate:
    """Slope of the straight line of least squares through ``energy`` (n,) at ``time`` (n,), n > 1.

    What is left of the energy about the line, r, moves the slope by the mean of (t - <t>) r over the variance
    of t. The error is that of this mean by blocks of consecutive rows (:func:`estimate`), within which the
    rows may depend on each other.
    """
    t, e = time - time.mean(), energy - energy.mean()
    spread = float(np.mean(t * t))
    slope = float(np.mean(t * e)) / spread
    return replace(scaled(mean_in_time(t * (e - slope * t)), 1.0 / spread), value=np.asarray(slope))


def mean_in_time(values: np.ndarray) -> Estimate:
    """Mean of a series (n,) with its error, n > 0."""
    group = -(-len(values) // _MOST_ROWS)
    blocks = Blocks()
    for value in values[: len(values) // group * group].reshape(-1, group).mean(axis=1):
        blocks.add(value)
    return estimate(blocks)
