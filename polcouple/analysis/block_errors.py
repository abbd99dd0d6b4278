"""Means and their errors from correlated frames, in memory that does not grow with their number.

Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989): the frames are averaged in blocks, the scatter of the
block means gives an error of the mean, and the error grows with the block length until blocks are longer than
the correlation and no further. For anything that is not itself a mean (a ratio, the position of a peak) the
error of every block length is the jackknife's; for a mean the two are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

#: blocks kept at most; when as many are full, neighbours are joined
_MOST_BLOCKS = 128
#: blocks at least for an error: with 8 it is known to a quarter of itself
LEAST_BLOCKS = 8
#: a block this many times as long as the statistical inefficiency underestimates the error by some 5 %
_LENGTHS = 3.0
#: an error below this fraction of its value is one of rounding
_ROUNDING = 1e-9


class Blocks:
    """Sums of an array over blocks of consecutive frames.

    Add one array a frame. Between 64 and 128 blocks of equal length are kept, fewer while there are fewer
    frames; the length is a power of two.
    """

    def __init__(self) -> None:
        self._full: list[np.ndarray] = []
        self._open: np.ndarray | None = None
        self._in_open = 0
        self.length = 1

    def add(self, value: np.ndarray | float) -> None:
        """Append the value of one frame."""
        value = np.asarray(value, dtype=float)
        self._open = value.copy() if self._open is None else self._open + value
        self._in_open += 1
        if self._in_open < self.length:
            return
        self._full.append(self._open)
        self._open, self._in_open = None, 0
        if len(self._full) == _MOST_BLOCKS:
            self._full = [a + b for a, b in zip(self._full[::2], self._full[1::2], strict=True)]
            self.length *= 2

    @property
    def frames(self) -> int:
        """Number of values added."""
        return len(self._full) * self.length + self._in_open

    @property
    def means(self) -> np.ndarray:
        """(n_blocks, ...) means over the complete blocks."""
        return np.array(self._full) / self.length

    @property
    def mean(self) -> np.ndarray:
        """Mean over all frames, those after the last complete block included."""
        total = np.sum(self._full, axis=0)
        return np.asarray(total if self._open is None else total + self._open) / self.frames


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value with its standard error.

    Attributes:
        value: number or array.
        error: of the same shape; NaN where there are too few blocks.
        blocks: number of blocks the error rests on; its t distribution has ``blocks`` - 1 degrees of freedom.
        converged: whether the blocks are long against the correlation; if not, the error is a lower bound.
        stretch: how many times as long the series would have to be, at least, for the correlation that it
            shows; 1 where that is not known, or nothing is missing.
    """

    value: np.ndarray
    error: np.ndarray
    blocks: int
    converged: bool
    stretch: float = 1.0


def scaled(result: Estimate, factor: float) -> Estimate:
    """The same in another unit."""
    return replace(result, value=result.value * factor, error=result.error * abs(factor))


def of_counts(result: Estimate) -> Estimate:
    """The same of numbers that atoms are counted for: where no block differs, the error is not known.

    Atoms that had no time to leave are one sample, however many frames show them; nor is it known how often
    atoms are where none was seen.
    """
    changed = result.error > _ROUNDING * np.abs(result.value)
    error = np.where(changed, result.error, np.nan)
    return replace(result, error=error, converged=result.converged and bool(changed.any()))


def identity(mean: np.ndarray) -> np.ndarray:
    """The mean itself."""
    return mean


def estimate(blocks: Blocks, function: Callable[[np.ndarray], np.ndarray | float] = identity) -> Estimate:
    """``function`` of the mean over the frames, with its error.

    An array has one block length, chosen by the mean over its elements of the error's square relative to
    that with the shortest blocks.
    """
    value = np.asarray(function(blocks.mean), dtype=float)
    means = blocks.means
    counts, errors = [], []
    while len(means) >= LEAST_BLOCKS:
        counts.append(len(means))
        errors.append(_jackknife(means, function))
        even = len(means) // 2 * 2
        means = 0.5 * (means[:even:2] + means[1:even:2])
    if not errors:
        return Estimate(value, np.full_like(value, np.nan), len(means), False, LEAST_BLOCKS / len(means))
    chosen, shortfall = _level(np.array(errors), np.array(counts))
    return Estimate(value, errors[chosen], counts[chosen], shortfall <= 1.0, max(shortfall, 1.0))


def _jackknife(means: np.ndarray, function: Callable[[np.ndarray], np.ndarray | float]) -> np.ndarray:
    """Error of ``function`` of the mean over independent blocks."""
    count = len(means)
    total = means.sum(axis=0)
    left_out = np.array([function((total - block) / (count - 1)) for block in means])
    return np.asarray(np.sqrt((count - 1) / count * np.sum((left_out - left_out.mean(axis=0)) ** 2, axis=0)))


def _level(errors: np.ndarray, counts: np.ndarray) -> tuple[int, float]:
    """Which block length to trust, and how many times as long it had to be for the correlation it shows.

    Of length L among n, L^3 > 2 n g^2 with the statistical inefficiency g (R. M. Lee et al., Phys. Rev. E 83,
    066706 (2011)): there the bias of short blocks and the scatter of few cost the same. Where no length
    is long enough, the longest one.
    """
    levels = errors.reshape(len(errors), -1)
    known = np.isfinite(levels).all(axis=0) & (levels[0] > 0)
    if not known.any():
        return 0, 1.0
    inefficiency = np.mean((levels[:, known] / levels[0, known]) ** 2, axis=1)
    lengths = 2.0 ** np.arange(len(errors))
    good = np.flatnonzero(lengths**3 > 2 * counts[0] * inefficiency**2)
    chosen = int(good[0]) if len(good) else len(errors) - 1
    return chosen, float(_LENGTHS * inefficiency[chosen] / lengths[chosen])
