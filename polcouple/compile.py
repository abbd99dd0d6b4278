"""How the loops over atoms are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with an on-disk cache, or without one where no directory can be written; releases the GIL."""
    return _compiled(function, fastmath=True)


def compiled_strictly(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with arithmetic as it is written: for loops that look for numbers which are none."""
    return _compiled(function, fastmath=False)


def _compiled(function: Callable[..., Any], fastmath: bool) -> Callable[..., Any]:
    options = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
