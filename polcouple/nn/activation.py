"""Softplus and its slope for many numbers at once, in single precision.

NumPy takes three passes and two transcendental functions for both. Here one exponential is made of a power
series and the exponents of numbers in memory, which compilers turn into loops over whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from polcouple.compile import compiled

_ZERO, _ONE, _TWO = (np.float32(number) for number in (0.0, 1.0, 2.0))
#: exp(-x) is nothing beyond this x
_FARTHEST = np.float32(80.0)
_PER_LOG_2 = np.float32(1.0 / np.log(2.0))
#: a number's exponent stands 23 bits up, with this one for 2^0
_EXPONENT_ZERO, _EXPONENT_ONE = np.float32(127.0), np.float32(2.0**23)


def _fitted(function: Callable[[np.ndarray], np.ndarray], low: float, high: float, terms: int) -> list[Any]:
    """Power series of ``function`` from ``low`` to ``high``, in single precision, lowest order first."""
    found = Chebyshev.interpolate(function, terms - 1, [low, high]).convert(kind=Polynomial)
    return [np.float32(c) for c in found.coef]


_P1, _P2, _P3, _P4, _P5, _P6 = _fitted(lambda x: np.expm1(x * np.log(2.0)) / x, -0.5, 0.5, 6)
_L0, _L1, _L2, _L3, _L4 = _fitted(
    lambda y: 2.0 * (np.arctanh(np.sqrt(y)) / np.sqrt(y) - 1.0) / y, 1e-9, 1 / 9, 5
)


@compiled
def activate(x, bias, value, scratch, bits):
    """Put softplus(x + bias) into ``value`` (k, n, w) and its slope in place of x.

    With e = exp(-|x|) these are max(x, 0) + log(1 + e), and 1/(1 + e) or e/(1 + e). Whole powers of two in e
    are the exponents of the numbers in the first half of ``scratch``, whose memory is that of ``bits``.
    """
    width = np.uint64(x.shape[2])
    for member in range(x.shape[0]):
        for atom in range(x.shape[1]):
            row, shift, out = x[member, atom], bias[member, 0], value[member, atom]
            for t in range(width):
                row[t] += shift[t]
                doublings = min(abs(row[t]), _FARTHEST) * _PER_LOG_2
                whole = np.rint(doublings)
                part = whole - doublings
                scratch[width + t] = _power_of_two(part)
                bits[t] = np.int32((_EXPONENT_ZERO - whole) * _EXPONENT_ONE)
            for t in range(width):
                e = scratch[t] * scratch[width + t]
                slope = _ONE / (_ONE + e)
                out[t] = max(row[t], _ZERO) + _log_of_more(e)
                row[t] = slope if row[t] > _ZERO else e * slope


@compiled
def _power_of_two(x):
    """2^x for x from -1/2 to 1/2."""
    p = ((_P6 * x + _P5) * x + _P4) * x + _P3
    return ((p * x + _P2) * x + _P1) * x + _ONE


@compiled
def _log_of_more(e):
    """log(1 + e) for e from 0 to 1: twice the artanh of e/(2 + e), a series in its square."""
    s = e / (_TWO + e)
    square = s * s
    p = ((_L4 * square + _L3) * square + _L2) * square + _L1
    return s * ((p * square + _L0) * square + _TWO)
