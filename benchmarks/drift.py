"""Slope of a conserved quantity with its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: blocks that the error of a drift is from
_BLOCKS = 20


@dataclass(frozen=True)
class Drift:
    """How a conserved quantity changes.

    Attributes:
        slope: per unit of time.
        error: its standard error.
        spread: about the line.
        walk: standard deviation of what a random walk goes in a unit of time.
    """

    slope: float
    error: float
    spread: float
    walk: float


def drift(times: np.ndarray, energies: np.ndarray) -> Drift:
    """Of energies (n,) at every step.

    Forces that err a little at random make a random walk of the energy, and a line through one has a slope;
    its fit knows only how far the energy is from the line. The error has both: that of the fit to means of
    twenty blocks, and that of a random walk of which the steps have the variance
    var(d) + 2 cov(d, next d), with d the differences of successive means: what a mean errs by for itself
    cancels. The slope of a walk of n steps s has the variance 6/5 s^2 / n. Where there is no walk, the error
    is up to three times too large.
    """
    slope, offset = np.polyfit(times, energies, 1)
    length = len(energies) // _BLOCKS
    means, at = (
        values[: length * _BLOCKS].reshape(_BLOCKS, length).mean(axis=1) for values in (energies, times)
    )
    _, covariance = np.polyfit(at, means, 1, cov=True)
    steps, apart = np.diff(means) - np.diff(means).mean(), float(at[1] - at[0])
    walked = max(0.0, float(np.mean(steps**2) + 2.0 * np.mean(steps[1:] * steps[:-1])))
    error = float(np.sqrt(covariance[0, 0] + 1.2 * walked / (_BLOCKS * apart**2)))
    spread = float(np.std(energies - slope * times - offset))
    return Drift(float(slope), error, spread, float(np.sqrt(walked / apart)))
