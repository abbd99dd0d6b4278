"""Power series whose number of terms the compiler knows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload


def padded_length(terms: int, real: Any) -> int:
    """Number of terms of a series padded with zeros: few numbers occur, since each is compiled by itself."""
    step = 2 if real is np.float32 else 10
    return -(-terms // step) * step


def horner(u: Any, coefficients: tuple[Any, ...]) -> Any:
    """c0 + u (c1 + u (c2 + ...)) for a tuple of coefficients, lowest order first; unrolled when compiled."""
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * u + coefficient
    return value


@overload(horner, jit_options={"fastmath": True})
def _horner(u, coefficients):
    """One expression for each number of terms; numba unrolls no loop over a tuple inside a vector loop."""
    expression = f"coefficients[{len(coefficients) - 1}]"
    for order in range(len(coefficients) - 2, -1, -1):
        expression = f"({expression} * u + coefficients[{order}])"
    return eval(f"lambda u, coefficients: {expression}")


def series_in_rows(w: Any, first_row: int, stride: int, lane: Any, u: Any, terms: tuple[Any, ...]) -> Any:
    """The same for coefficients in a flat workspace: term m of ``lane`` stands in row ``first_row`` + m.

    ``first_row`` and ``stride`` are literals and ``terms`` any tuple with an entry a term, so that the
    compiler knows how far apart the rows are.
    """
    raise NotImplementedError("compiled code only")


@overload(series_in_rows, jit_options={"fastmath": True}, prefer_literal=True)
def _series_in_rows(w, first_row, stride, lane, u, terms):
    rows = [
        first_row.literal_value * stride.literal_value + stride.literal_value * m for m in range(len(terms))
    ]
    expression = f"w[lane + np.uint64({rows[-1]})]"
    for row in rows[-2::-1]:
        expression = f"({expression} * u + w[lane + np.uint64({row})])"
    return eval(f"lambda w, first_row, stride, lane, u, terms: {expression}")
