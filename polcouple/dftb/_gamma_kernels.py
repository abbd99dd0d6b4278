"""The compiled loops of :mod:`polcouple.dftb.gamma` over pairs of atoms and their images."""

from __future__ import annotations

import cmath
import math

import numpy as np

from polcouple.compile import compiled

#: decay constants closer than this (1/bohr) use the formula of equal ones ...
_SAME_TAU = 3.2e-6
#: ... and those closer than this part of their mean lose digits in the formula of unequal ones
_ALIKE = 0.02
#: points on a circle in the plane of complex differences, and its radius over the mean, that serve them
_ON_CIRCLE, _RADIUS = 16, 0.25


@compiled
def short_range(r: float, a: float, b: float) -> tuple[float, float]:
    """s(r) in Hartree and its slope for decay constants ``a``, ``b`` (1/bohr) at ``r`` (bohr)."""
    if abs(a - b) < _SAME_TAU:
        x = 0.5 * (a + b) * r
        decay = math.exp(-x)
        value = decay * (48.0 + x * (33.0 + x * (9.0 + x))) / (48.0 * r)
        slope = -decay * (48.0 + x * (48.0 + x * (24.0 + x * (7.0 + x)))) / (48.0 * r * r)
        return value, slope
    if a > b:  # so that both orders give the same bits
        a, b = b, a
    mean, half = 0.5 * (a + b), 0.5 * (b - a)
    if half > _ALIKE * mean:
        return _of_unequal(r, a, b)
    # the sum is analytic in the difference: Cauchy's integral formula, evaluated where the two are far apart
    value, slope = 0.0, 0.0
    for point in range(_ON_CIRCLE):
        z = _RADIUS * mean * cmath.exp(2j * math.pi * (point + 0.5) / _ON_CIRCLE)
        at_value, at_slope = _of_unequal(r, mean - z, mean + z)
        weight = z / ((z - half) * _ON_CIRCLE)
        value += (at_value * weight).real
        slope += (at_slope * weight).real
    return value, slope


@compiled
def _of_unequal(r, a, b):  # type: ignore[no-untyped-def]
    """s(r) and its slope for real or complex decay constants, which cancel as 1/(a - b)^3."""
    difference = a * a - b * b
    value, slope = 0.0 * a, 0.0 * a
    for _ in range(2):
        constant = b**4 * a / (2.0 * difference**2)
        over_r = (b**6 - 3.0 * b**4 * a * a) / difference**3
        decay = np.exp(-a * r)
        value += decay * (constant - over_r / r)
        slope += decay * (over_r / (r * r) - a * (constant - over_r / r))
        a, b, difference = b, a, -difference
    return value, slope


@compiled
def add_near(
    positions: np.ndarray,
    images: np.ndarray,
    alpha: float,
    r_cut: float,
    start: np.ndarray,
    tau: np.ndarray,
    reach: float,
    gamma: np.ndarray,
    pulls: np.ndarray,
) -> None:
    """Add erfc(alpha r)/r, or 1/r where ``alpha`` is 0, minus s(r) of all pairs of sites to ``gamma``.

    Args:
        positions: (n, 3) of the atoms in bohr.
        images: (m, 3) lattice vectors in bohr, the zero vector among them.
        alpha: Ewald's splitting parameter in 1/bohr.
        r_cut: of the first part in bohr.
        start: (n + 1,) where the sites of each atom begin.
        tau: (n_sites,) decay constants in 1/bohr.
        reach: of s in bohr.
        gamma: (n_sites, n_sites) in Hartree/e^2.
        pulls: (3, n_sites, n_sites) in Hartree/(bohr e^2): minus the derivative with the place of the first
            site is added; an empty array where nobody asks for it.
    """
    far = max(r_cut, reach) ** 2
    gauss = 2.0 * alpha / math.sqrt(math.pi)
    derived = pulls.size > 0
    for i in range(len(positions)):
        for j in range(i, len(positions)):
            for m in range(len(images)):
                x = positions[j, 0] + images[m, 0] - positions[i, 0]
                y = positions[j, 1] + images[m, 1] - positions[i, 1]
                z = positions[j, 2] + images[m, 2] - positions[i, 2]
                square = x * x + y * y + z * z
                if square >= far or square == 0.0:
                    continue
                r = math.sqrt(square)
                long = long_slope = 0.0
                if r < r_cut:
                    long = math.erfc(alpha * r) / r
                    if derived:
                        long_slope = -(long + gauss * math.exp(-alpha * alpha * square)) / r
                for s in range(start[i], start[i + 1]):
                    for t in range(start[j], start[j + 1]):
                        value, slope = long, long_slope
                        if r < reach:
                            near_value, near_slope = short_range(r, tau[s], tau[t])
                            value -= near_value
                            slope -= near_slope
                        gamma[s, t] += value
                        if i == j:
                            continue
                        gamma[t, s] += value
                        if derived:
                            slope /= r
                            pulls[0, s, t] += slope * x
                            pulls[1, s, t] += slope * y
                            pulls[2, s, t] += slope * z
                            pulls[0, t, s] -= slope * x
                            pulls[1, t, s] -= slope * y
                            pulls[2, t, s] -= slope * z
