"""Power series whose number of terms the compiler knows, so that it unrolls them inside a vector loop.

Series are padded with zeros to one of a few lengths: each is compiled by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload

from polcouple.compile import compiled

_LENGTHS = (8, 10, 12, 20)
#: numbers between two rows of a workspace
STRIDE = 16
_ROW1, _ROW2, _ROW3, _ROW4, _ROW5, _ROW6, _ROW7, _ROW8 = (np.uint64(STRIDE * k) for k in range(1, 9))


def padded_length(terms: int) -> int:
    """Number of terms of a series when it has been padded.

    Raises:
        ValueError: more than any accuracy needs.
    """
    for length in _LENGTHS:
        if terms <= length:
            return length
    raise ValueError(f"a series of {terms} terms, {_LENGTHS[-1]} are the most")


@compiled
def _horner8(u, c):
    return ((((((c[7] * u + c[6]) * u + c[5]) * u + c[4]) * u + c[3]) * u + c[2]) * u + c[1]) * u + c[0]


@compiled
def _horner10(u, c):
    return (_horner8(u, c[2:]) * u + c[1]) * u + c[0]


@compiled
def _horner12(u, c):
    return (_horner10(u, c[2:]) * u + c[1]) * u + c[0]


@compiled
def _horner20(u, c):
    squared = u * u
    fourth = squared * squared
    return _horner12(u, c[8:]) * (fourth * fourth) + _horner8(u, c[:8])


def horner(u: Any, coefficients: tuple[Any, ...]) -> Any:
    """c0 + u (c1 + u (c2 + ...)) for a tuple of coefficients of a padded length, lowest order first."""
    raise NotImplementedError("compiled code only")


@overload(horner, jit_options={"fastmath": True})
def _horner(u, coefficients):
    function = {8: _horner8, 10: _horner10, 12: _horner12, 20: _horner20}[len(coefficients)]
    return lambda u, coefficients: function(u, coefficients)


@compiled
def _rows8(w, k, u):
    p = ((w[k + _ROW7] * u + w[k + _ROW6]) * u + w[k + _ROW5]) * u + w[k + _ROW4]
    return (((p * u + w[k + _ROW3]) * u + w[k + _ROW2]) * u + w[k + _ROW1]) * u + w[k]


@compiled
def _rows10(w, k, u):
    return (_rows8(w, k + _ROW2, u) * u + w[k + _ROW1]) * u + w[k]


@compiled
def _rows12(w, k, u):
    return (_rows10(w, k + _ROW2, u) * u + w[k + _ROW1]) * u + w[k]


@compiled
def _rows20(w, k, u):
    squared = u * u
    fourth = squared * squared
    return _rows12(w, k + _ROW8, u) * (fourth * fourth) + _rows8(w, k, u)


def series_in_rows(w: Any, at: Any, u: Any, terms: tuple[Any, ...]) -> Any:
    """The same for coefficients in a flat workspace: term m stands at ``at`` + m STRIDE.

    ``terms`` is any tuple of a padded length.
    """
    raise NotImplementedError("compiled code only")


@overload(series_in_rows, jit_options={"fastmath": True})
def _series_in_rows(w, at, u, terms):
    function = {8: _rows8, 10: _rows10, 12: _rows12, 20: _rows20}[len(terms)]
    return lambda w, at, u, terms: function(w, at, u)
