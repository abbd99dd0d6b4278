"""The next geometry's populations from those before it, as polynomials in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import comb

import numpy as np


def continued(values: Sequence[np.ndarray]) -> np.ndarray:
    """The next of one or more equidistant arrays, on the polynomial through all of them."""
    n = len(values)
    terms = (-((-1) ** k) * comb(n, k) * values[n - k] for k in range(1, n + 1))
    return np.asarray(np.sum(list(terms), axis=0))


class Extrapolation:
    """Continues equidistant populations by the polynomial through the last of them.

    The self-consistent solution that follows forgets where it started, so that nothing of the past enters the
    forces but what the accuracy of self-consistency leaves.

    Args:
        points: through which the polynomial goes, at most; 4 are a cubic.
    """

    def __init__(self, points: int = 4) -> None:
        self._history: deque[np.ndarray] = deque(maxlen=points)

    def add(self, populations: np.ndarray) -> None:
        """Remember the populations (n_sites,) of one more step."""
        self._history.append(populations)

    def next(self) -> np.ndarray | None:
        """Populations (n_sites,) to start the next step from, or None if there was no step."""
        return continued(self._history) if self._history else None
