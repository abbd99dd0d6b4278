"""Interpolation in the tables of .skf files, with derivatives, as DFTB+ does it.

Between grid points values are those of the 8-point Lagrange polynomial through the nearest rows; beyond the
last row a fifth-order polynomial takes value, slope and curvature to zero within 1 bohr.
"""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled

#: rows that a value is interpolated from
POINTS = 8
#: distance over which a value goes to zero beyond the last row, bohr
TAIL = 1.0


def tail_coefficients(table: np.ndarray, step: float) -> np.ndarray:
    """(3, k): the cubic, quartic and quintic coefficient of each column of ``table`` (n, k) beyond its end.

    The variable is 1 at the last row and 0 at ``TAIL`` bohr from it.
    """
    fit = np.polynomial.polynomial.polyfit(np.arange(1 - POINTS, 1), np.eye(POINTS), POINTS - 1)
    end, reach = table[-POINTS:], TAIL / step
    value, slope, curvature = fit[0] @ end, reach * (fit[1] @ end), 2.0 * reach**2 * (fit[2] @ end)
    return np.array(
        [
            10.0 * value + 4.0 * slope + 0.5 * curvature,
            -15.0 * value - 7.0 * slope - curvature,
            6.0 * value + 3.0 * slope + 0.5 * curvature,
        ]
    )


@compiled
def interpolate(
    table: np.ndarray, step: float, tail: np.ndarray, distances: np.ndarray, results: np.ndarray
) -> None:
    """Values and slopes of all columns at ``distances`` (p,) in bohr into ``results`` (2, p, k).

    Args:
        table: (n, k); its first row belongs to ``step``.
        step: grid spacing in bohr.
        tail: (3, k), :func:`tail_coefficients`.
        distances: (p,) in bohr.
        results: (2, p, k), values and derivatives with the distance.
    """
    rows, columns = table.shape
    weights, slopes = np.empty(POINTS), np.empty(POINTS)
    for p in range(len(distances)):
        x = distances[p] / step
        if x >= rows:
            y = max(1.0 - (distances[p] - rows * step) / TAIL, 0.0)
            for c in range(columns):
                a, b, d = tail[0, c], tail[1, c], tail[2, c]
                results[0, p, c] = y * y * y * (a + y * (b + y * d))
                results[1, p, c] = -y * y * (3.0 * a + y * (4.0 * b + 5.0 * y * d)) / TAIL
            continue
        last = min(max(int(x) + POINTS // 2, POINTS), rows)
        x -= last - POINTS + 1
        for k in range(POINTS):
            weights[k], slopes[k] = 1.0, 0.0
            for j in range(POINTS):
                if j != k:
                    slopes[k] = (slopes[k] * (x - j) + weights[k]) / (k - j)
                    weights[k] *= (x - j) / (k - j)
        for c in range(columns):
            value, slope = 0.0, 0.0
            for k in range(POINTS):
                value += weights[k] * table[last - POINTS + k, c]
                slope += slopes[k] * table[last - POINTS + k, c]
            results[0, p, c] = value
            results[1, p, c] = slope / step
