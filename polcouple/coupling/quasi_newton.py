"""Quasi-Newton steps: an inverse Jacobian with rank-one updates.

C. G. Broyden, Math. Comput. 19, 577 (1965).
"""

from __future__ import annotations

import numpy as np

from polcouple.lattice.matrix import Matrix


class Broyden:
    """Steps towards the fixed point of a map, output = input.

    Args:
        inverse: (n, n) inverse of the Jacobian of input minus output.
    """

    def __init__(self, inverse: Matrix) -> None:
        self._inverse = inverse
        self._updates: list[tuple[np.ndarray, np.ndarray]] = []
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def step(self, residual: np.ndarray) -> np.ndarray:
        """Change of the input (n,) that should remove ``residual`` = output - input."""
        if self._last is not None:
            taken, before = self._last
            predicted = self.apply(before - residual)
            overlap = float(taken @ predicted)
            if abs(overlap) > 1e-12 * float(taken @ taken):
                self._updates.append(((taken - predicted) / overlap, taken))
        return self.apply(residual)

    def remember(self, step: np.ndarray, residual: np.ndarray) -> None:
        """Record the step taken from the point where ``residual`` was found."""
        self._last = (step, residual)

    def apply(self, vector: np.ndarray) -> np.ndarray:
        """The inverse Jacobian times ``vector`` (n,)."""
        result = self._inverse @ vector
        for left, right in self._updates:
            result = result + left * float(right @ result)
        return result
