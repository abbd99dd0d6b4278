"""Whether quantities of two runs differ by more than their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polcouple.analysis.block_errors import Estimate

#: chance alone makes any of the tests call a difference with this probability at most
SIGNIFICANCE = 0.05
#: verdicts, in the order in which they are worth reading
DIFFER, TOO_SHORT, SAME = "differ", "too short to tell", "no difference seen"
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
        p_value: of Welch's t test; ``corrected`` by Holm for the number of tests (0 to 1). NaN where an error
            is not known.
        detectable: the difference that the test alone would see with a chance of 80 %.
        verdict: one of :data:`DIFFER`, :data:`TOO_SHORT` and :data:`SAME`.
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
    """Every run against the first in every quantity that both have, but for constants that are equal.

    Among twenty tests one falls below p = 0.05 by chance, so the p-values are corrected for their number
    (S. Holm, Scand. J. Statist. 6, 65 (1979)). An error that is a lower bound is widened for the test: the
    whole run counts as one independent value that scatters as its blocks do. What differs even then differs;
    for the rest the runs are too short to tell.
    """
    tests = [
        (quantity, other, a, b)
        for quantity in quantities
        for other, b in enumerate(quantity.estimates)
        for a in quantity.estimates[:1]
        if other > 0 and a is not None and b is not None and _comparable(a, b)
    ]
    found = []
    for quantity, other, a, b in tests:
        p_value, detectable = _welch(_widened(a), _widened(b))
        error = float(np.hypot(a.error, b.error))
        difference = float(b.value - a.value)
        found.append(Difference(quantity.name, other, difference, error, p_value, p_value, detectable, ""))
    corrected = _holm(np.array([one.p_value for one in found]))
    return [
        replace(one, corrected=float(p), verdict=_verdict(float(p), a.converged and b.converged))
        for one, p, (_, _, a, b) in zip(found, corrected, tests, strict=True)
    ]


def _verdict(p_corrected: float, converged: bool) -> str:
    if p_corrected < SIGNIFICANCE:
        return DIFFER
    return SAME if converged and np.isfinite(p_corrected) else TOO_SHORT


def _comparable(a: Estimate, b: Estimate) -> bool:
    """Both have a value, and they are not both the same number without an error."""
    values = np.isfinite([a.value, b.value]).all()
    return bool(values and not (a.value == b.value and not a.error > 0 and not b.error > 0))


def _widened(estimate: Estimate) -> Estimate:
    """With the error that the run has if it is no longer than the correlation; see :func:`differences`."""
    if estimate.converged:
        return estimate
    return replace(estimate, error=estimate.error * np.sqrt(max(estimate.blocks, 1)))


def _welch(a: Estimate, b: Estimate) -> tuple[float, float]:
    """Two-sided p-value, and the difference that would be seen with a chance of ``_POWER``.

    NaN where an error is not known. Constants differ for certain.
    """
    from scipy import stats

    squares = np.array([float(a.error) ** 2, float(b.error) ** 2])
    if not np.isfinite(squares).all():
        return np.nan, np.nan
    if not squares.any():
        return 0.0, 0.0
    freedom = squares.sum() ** 2 / np.sum(squares**2 / (np.array([a.blocks, b.blocks]) - 1))
    error = float(np.sqrt(squares.sum()))
    p_value = 2.0 * stats.t.sf(abs(float(b.value - a.value)) / error, freedom)
    reach = stats.t.ppf(1 - SIGNIFICANCE / 2, freedom) + stats.t.ppf(_POWER, freedom)
    return float(p_value), float(reach * error)


def _holm(p_values: np.ndarray) -> np.ndarray:
    """Of the p-values that are known; the others stay NaN."""
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known])]
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    corrected = np.full(len(p_values), np.nan)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
