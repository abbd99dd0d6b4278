"""Cubic interpolation between two points with the slopes there, by Hermite's polynomials."""

from __future__ import annotations

import numpy as np


def hermite_weights(x: float, h: float, order: int = 0) -> np.ndarray:
    """(2, 2) weights of the values (first row) and slopes at 0 and ``h`` in the cubic at ``x``.

    ``order`` 1 or 2: in its first or second derivative with respect to x.
    """
    t = x / h
    if order == 0:
        values = [(1 + 2 * t) * (1 - t) ** 2, t * t * (3 - 2 * t)]
        slopes = [h * t * (1 - t) ** 2, h * t * t * (t - 1)]
    elif order == 1:
        values = [6 * t * (t - 1) / h, 6 * t * (1 - t) / h]
        slopes = [(1 - t) * (1 - 3 * t), t * (3 * t - 2)]
    else:
        values = [(12 * t - 6) / h**2, (6 - 12 * t) / h**2]
        slopes = [(6 * t - 4) / h, (6 * t - 2) / h]
    return np.array([values, slopes])
