"""Parameters of the native engine's Coulomb sum that follow from the accuracy of the forces.

The estimates are those of :mod:`polcouple.electrostatics.splitting` for the field in place of the potential:
independent charges as dense as in water, each wave vector weighted with k^2, and an alias that is read with
the gradient of the window with its own wave vector squared.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.fft import next_fast_len

from polcouple.electrostatics import splitting as split

#: relative error of the forces in flexible water at 300 K, over this, is the estimated error of the field
#: (Hartree/(bohr e)); measured errors are 0.2 to 0.95 of what is asked for
FIELD = 0.045
#: widths of the window, in mesh points
_WIDTHS = range(6, 15)
_OVERSAMPLING = (1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.75, 2.0)


def choose_force_splitting(cell: np.ndarray, r_cut: float, accuracy: float) -> split.Splitting:
    """The cheapest parameters for forces of a relative root mean square error below ``accuracy`` in water.

    Args:
        cell: (3, 3) in bohr, one lattice vector per row.
        r_cut: cut-off of the real-space sum in bohr.
        accuracy: from 1e-10 to 1e-2.
    """
    target = accuracy * FIELD
    beta = 4.0
    while _truncation_error(beta, r_cut) > 0.6 * target:
        beta += 0.125
    lengths = np.linalg.norm(cell, axis=1)
    points = lengths * beta / (np.pi * r_cut)
    volume = abs(float(np.linalg.det(cell)))
    choices = []
    for width in _WIDTHS:
        for oversampling in _OVERSAMPLING:
            shape, error = _best_window(width, oversampling, beta, r_cut, float(lengths.max()))
            if error < 0.8 * target:
                counts = np.ceil(oversampling * points).astype(int)
                grid = tuple(next_fast_len(max(int(n), 2), real=axis == 2) for axis, n in enumerate(counts))
                choices.append((_cost(width, float(np.prod(grid)), volume), width, shape, error, grid))
                break
    _, width, shape, error, grid = min(choices)
    estimate = float(np.hypot(error, _truncation_error(beta, r_cut))) / FIELD
    return split.Splitting(r_cut, beta, (grid[0], grid[1], grid[2]), width, shape, estimate)


def _truncation_error(beta: float, r_cut: float) -> float:
    """Root mean square error of the field in Hartree/(bohr e) of ending the reciprocal sum at k_max."""
    t = beta * np.concatenate([np.linspace(1.0, 2.0, 2000), np.geomspace(2.0, 50.0, 2000)[1:]])
    tail = (split.transform(beta, t) / split.transform(beta, np.zeros(1))) ** 2
    # the tail oscillates and falls as 1/t^2: the integral converges
    return float(np.sqrt(8.0 * split.SQUARED_CHARGE_DENSITY * np.trapezoid(tail, t) / r_cut))


@cache
def _best_window(
    width: int, oversampling: float, beta: float, r_cut: float, longest: float
) -> tuple[float, float]:
    """The window's shape with the least aliasing, and its root mean square error of the field in water."""
    k_max = beta / r_cut
    spacing = np.pi / (oversampling * k_max)
    k = np.geomspace(min(2.0 * np.pi / longest, 0.5 * k_max), k_max, 32)
    theta = spacing * k[:, None] * (np.arange(16) + 0.5) / 16
    smooth = split.transform(beta, k * r_cut) / split.transform(beta, np.zeros(1))

    def error(shape: float) -> float:
        here = split.window_transform(width, shape, theta)
        leaked = np.zeros(len(k))
        for m in (-2, -1, 1, 2):
            ratio = (split.window_transform(width, shape, theta + 2.0 * np.pi * m) / here) ** 2
            other = (2.0 * np.pi * m / spacing + k) ** 2
            leaked += (ratio.mean(axis=1)) * (k**2 + other)
        return float(
            np.sqrt(24.0 * split.SQUARED_CHARGE_DENSITY * np.trapezoid((smooth / k) ** 2 * leaked, k))
        )

    return split.best_shape(error, width)


def _cost(width: int, points: float, volume: float) -> float:
    """Time of one evaluation in ns, about: spreading and reading in a half-filled cell, and the mesh's."""
    lanes = -(-width // 8) * 8
    return 0.5 * 0.0148 * volume * 1.2 * width**2 * lanes + 15.0 * points


def force_series(parameters: split.Splitting, accuracy: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Series of force and energy, D in 1/bohr^3 and P in 1/bohr (:mod:`polcouple.engines.native.pairs`).

    Args:
        accuracy: relative, of the forces.
    """
    energy = split.short_range_polynomial(parameters, 0.1 * accuracy * FIELD)
    exact = split.short_range_polynomial(parameters, 1e-14)
    scale = 4.0 / parameters.r_cut**2
    slope = np.polynomial.polynomial.polyder(exact) * scale
    nodes = np.linspace(-1.0, 1.0, 2001)
    values = np.polynomial.polynomial.polyval(nodes, slope)
    radius = parameters.r_cut * np.sqrt(0.5 * (nodes + 1.0))
    for terms in range(4, len(slope) + 1):
        fitted = np.polynomial.Chebyshev.fit(nodes, values, terms - 1, domain=[-1, 1])
        if np.abs((fitted(nodes) - values) * radius).max() < 0.02 * accuracy * FIELD:
            break
    series = fitted.convert(kind=np.polynomial.Polynomial).coef
    return tuple(map(float, series)), tuple(map(float, energy))
