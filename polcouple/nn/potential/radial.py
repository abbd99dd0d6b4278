"""Radial functions: orthonormal combinations of spherical Bessel functions that end smoothly at the cut-off.

E. Kocer, J. K. Mason, H. Erturk, J. Chem. Phys. 150, 154102 (2019). For each l, with u_ln the n-th positive
zero of j_l,

    f_nl(r) = c (u_l,n+1 / j_l+1(u_ln) j_l(u_ln r/R) - u_ln / j_l+1(u_l,n+1) j_l(u_l,n+1 r/R)),
    c = sqrt(2 / (u_ln^2 + u_l,n+1^2)) / R^(3/2),

vanishes at the cut-off R with its first two derivatives. Gram and Schmidt's recursion makes them g_nl,
orthonormal with the weight r^2; n runs from 0 to n_max - l.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import spherical_jn

#: intervals of the tables; values are right to 1e-10 of the largest
_INTERVALS = 128
#: below this fraction of the cut-off a series takes the place of j_l(x) / x^l
_SMALL = 1e-2


def channels(n_max: int) -> list[tuple[int, int]]:
    """(l, n) of every radial function, in their order."""
    return [(order, n) for order in range(n_max + 1) for n in range(n_max - order + 1)]


@cache
def bessel_zeros(order: int, count: int) -> np.ndarray:
    """The first ``count`` positive zeros of j_l; those of j_l+1 lie between those of j_l."""
    zeros = np.pi * np.arange(1, count + order + 1)
    for n in range(1, order + 1):
        zeros = np.array(
            [brentq(lambda x, n=n: spherical_jn(n, x), *ends, xtol=1e-14) for ends in _neighbours(zeros)]
        )
    return zeros[:count]


def _neighbours(values: np.ndarray) -> np.ndarray:
    return np.column_stack([values[:-1], values[1:]])


@cache
def _combination(order: int, count: int) -> np.ndarray:
    """(count, count + 1) g_nl sqrt(R)^3 as sums of j_l(u_lk r/R)."""
    u = bessel_zeros(order, count + 1)
    at_zero = spherical_jn(order + 1, u)
    raw = np.zeros((count, count + 1))
    for n in range(count):
        scale = np.sqrt(2.0 / (u[n] ** 2 + u[n + 1] ** 2))
        raw[n, n] = scale * u[n + 1] / at_zero[n]
        raw[n, n + 1] = -scale * u[n] / at_zero[n + 1]
    done, d_last = [raw[0]], 1.0
    for n in range(1, count):
        low, middle, high = u[n - 1 : n + 2] ** 2
        e = low * high / ((low + middle) * (middle + high))
        d = 1.0 - e / d_last
        done.append((raw[n] + np.sqrt(e / d_last) * done[-1]) / np.sqrt(d))
        d_last = d
    return np.array(done)


def radial_functions(n_max: int, cutoff: float, distances: np.ndarray) -> np.ndarray:
    """(functions, distances) g_nl in the order of :func:`channels`; zero beyond the cut-off.

    Their unit is that of the cut-off to the power -3/2.
    """
    return _over_power(n_max, cutoff, distances) * np.array(
        [distances**order for order, _ in channels(n_max)]
    )


def _over_power(n_max: int, cutoff: float, distances: np.ndarray) -> np.ndarray:
    """The same divided by r^l, which is smooth at the origin."""
    rows = []
    for order in range(n_max + 1):
        count = n_max - order + 1
        u = bessel_zeros(order, count + 1)
        x = u[:, None] * distances / cutoff
        ratio = _reduced(order, x) * (u[:, None] / cutoff) ** order
        rows.append(_combination(order, count) @ ratio / cutoff**1.5)
    return np.where(distances < cutoff, np.concatenate(rows), 0.0)


@cache
def radial_table(n_max: int, cutoff: float) -> np.ndarray:
    """g_nl / r^l as piecewise polynomials of degree five with two continuous derivatives.

    Returns:
        (intervals, 6, functions) coefficients of powers of t, r = cutoff (interval + t) / intervals.
    """
    h = cutoff / _INTERVALS
    at = np.arange(_INTERVALS + 1) * h
    values = _over_power(n_max, cutoff, at)
    values[:, -1] = 0.0
    first, second = _derivatives(n_max, cutoff, at)
    f0, f1 = values[:, :-1], values[:, 1:]
    d0, d1 = first[:, :-1] * h, first[:, 1:] * h
    s0, s1 = 0.5 * second[:, :-1] * h**2, 0.5 * second[:, 1:] * h**2
    rise = f1 - f0 - d0 - s0
    slope = d1 - d0 - 2 * s0
    bend = s1 - s0
    coefficients = [
        f0,
        d0,
        s0,
        10 * rise - 4 * slope + bend,
        -15 * rise + 7 * slope - 2 * bend,
        6 * rise - 3 * slope + bend,
    ]
    return np.ascontiguousarray(np.transpose(coefficients, (2, 0, 1)))


def _derivatives(n_max: int, cutoff: float, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives of g_nl / r^l; zero at the cut-off.

    With s_l = j_l(x) / x^l: s_l' = -x s_l+1 and s_l'' = -s_l+1 + x^2 s_l+2.
    """
    firsts, seconds = [], []
    for order in range(n_max + 1):
        count = n_max - order + 1
        u = bessel_zeros(order, count + 1)[:, None]
        x = u * distances / cutoff
        up, further = _reduced(order + 1, x), _reduced(order + 2, x)
        scale = (u / cutoff) ** (order + 1)
        mix = _combination(order, count) / cutoff**1.5
        firsts.append(mix @ (-x * up * scale))
        seconds.append(mix @ ((x**2 * further - up) * scale * u / cutoff))
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    inside = distances < cutoff * (1.0 - 1e-12)
    return np.where(inside, first, 0.0), np.where(inside, second, 0.0)


def _reduced(order: int, x: np.ndarray) -> np.ndarray:
    """j_l(x) / x^l."""
    small = x < _SMALL
    safe = np.where(small, 1.0, x)
    odd = np.prod(np.arange(1.0, 2 * order + 2, 2))
    series = (1.0 - x**2 / (4 * order + 6) + x**4 / (8 * (2 * order + 3) * (2 * order + 5))) / odd
    return np.where(small, series, spherical_jn(order, safe) / safe**order)
