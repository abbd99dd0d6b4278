"""A Fermi level that lies outside those that a grand potential was trained at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from polcouple.number_words import fixed

#: what is done about it
Outside = Literal["warn", "refuse"]


def outside_text(name: str, level: float, trained: Sequence[float], reference: float | None) -> str | None:
    """One line where ``level`` lies outside; None where it does not.

    Args:
        name: of the model.
        level: mu in eV, and ``trained`` the levels of the training, ascending.
        reference: the level at 0 V, where it is known.
    """
    low, high = trained[0], trained[-1]
    if low - 1e-6 <= level <= high + 1e-6:
        return None
    volts = (
        ""
        if reference is None
        else f" ({fixed(reference - high, 2, sign=True)} to {fixed(reference - low, 2, sign=True)} V)"
    )
    return (
        f"{name}: a Fermi level of {level:.3f} eV lies outside those it was trained at, {low:.3f} to"
        f" {high:.3f} eV{volts}"
    )
