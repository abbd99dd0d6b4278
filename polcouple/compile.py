"""How the loops over atoms are compiled."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numba

from polcouple.log import log


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with an on-disk cache, or without one where no directory can be written; releases the GIL."""
    return _compiled(function, fastmath=True)


def compiled_strictly(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with arithmetic as it is written: for loops that look for numbers which are none."""
    return _compiled(function, fastmath=False)


def tell_of_first_time(loop: Callable[..., Any]) -> None:
    """Log that loops are being compiled, where nothing of the module of ``loop`` is in the cache yet."""
    path = Path(inspect.unwrap(loop).__code__.co_filename)
    cache = cast(Any, loop).stats.cache_path
    if cache is not None and not any(Path(cache).glob(f"{path.stem}.*.nbi")):
        log("compiling the loops over atoms: once on this machine, a minute or two")


def _compiled(function: Callable[..., Any], fastmath: bool) -> Callable[..., Any]:
    options = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
