"""Whether quantities of two runs differ by more than their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.analysis.block_errors import Estimate

#: chance alone makes any of the tests call a difference with this probability at most
SIGNIFICANCE = 0.05
#: chance with which the smallest detectable difference would have been seen
_POWER = 0.8


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number that every run has: its name with unit, and its estimates, one a run (None: not there)."""

    name: str
    estimates: Sequence[Estimate | None]


@dataclass(frozen=True)
class Difference:
    """Run B less run A in one quantity.

    Attributes:
        quantity: its name.
        other: index of run B; A is the first run.
        difference, error: in the quantity's unit.
        p_value: of Welch's t test; ``corrected`` by Holm for the number of tests (0 to 1).
        detectable: the difference that the test alone would see with a chance of 80 %.
        verdict: ``differ``, ``no difference seen`` or ``too short to tell``.
    """

    quantity: str
    other: int
    difference: float
    error: float
    p_value: float
    corrected: float
    detectable: float
    verdict: str


def differences(quantities: Sequence[Quantity]) -> list[Difference]:
    """Every run against the first in every quantity.

    Among twenty tests one falls below p = 0.05 by chance, so the p-values are corrected for their number
    (S. Holm, Scand. J. Statist. 6, 65 (1979)). Where the errors are lower bounds nothing is decided.
    """
    tests = [
        (quantity, other, a, b)
        for quantity in quantities
        for other, b in enumerate(quantity.estimates)
        for a in quantity.estimates[:1]
        if other > 0 and a is not None and b is not None and _testable(a, b)
    ]
    p_values = np.array([_welch(a, b)[0] for _, _, a, b in tests])
    corrected = _holm(p_values)
    found = []
    for (quantity, other, a, b), p, p_corrected in zip(tests, p_values, corrected, strict=True):
        if not (a.converged and b.converged):
            verdict = "too short to tell"
        else:
            verdict = "differ" if p_corrected < SIGNIFICANCE else "no difference seen"
        error = float(np.hypot(a.error, b.error))
        difference = float(b.value - a.value)
        detectable = _welch(a, b)[1]
        found.append(
            Difference(
                quantity.name, other, difference, error, float(p), float(p_corrected), detectable, verdict
            )
        )
    return found


def _testable(a: Estimate, b: Estimate) -> bool:
    """Both have an error, and not both are constants."""
    return bool(np.isfinite([a.value, b.value, a.error, b.error]).all() and np.hypot(a.error, b.error) > 0)


def _welch(a: Estimate, b: Estimate) -> tuple[float, float]:
    """Two-sided p-value, and the difference that would be seen with a chance of ``_POWER``."""
    from scipy import stats

    means = [
        scale * np.sqrt(e.blocks) for e in (a, b) for scale in (float(e.error),)
    ]  # standard deviations of the block means
    p_value = stats.ttest_ind_from_stats(
        float(a.value), means[0], a.blocks, float(b.value), means[1], b.blocks, equal_var=False
    ).pvalue
    squares = np.array([float(a.error) ** 2, float(b.error) ** 2])
    freedom = squares.sum() ** 2 / np.sum(squares**2 / (np.array([a.blocks, b.blocks]) - 1))
    reach = stats.t.ppf(1 - SIGNIFICANCE / 2, freedom) + stats.t.ppf(_POWER, freedom)
    return float(p_value), float(reach * np.sqrt(squares.sum()))


def _holm(p_values: np.ndarray) -> np.ndarray:
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
