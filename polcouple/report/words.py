"""What sections share: numbers with errors in words and tables, curves with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from polcouple.analysis.block_errors import Estimate
from polcouple.number_words import fixed, is_rounding, significant
from polcouple.units import BOHR_TO_ANGSTROM

if TYPE_CHECKING:
    from polcouple.analysis.gather import Liquid

PER_BOHR2_TO_PER_NM2 = 100.0 / BOHR_TO_ANGSTROM**2
#: profiles are shown up to this distance from the sheet (Angstrom)
SHOWN = 20.0
BAND = "Bands: one standard error, from blocks."


def say_instead(axes: Any, text: str) -> None:
    """What an empty panel means."""
    axes.text(0.5, 0.6, text, transform=axes.transAxes, ha="center", va="center")


def draw_curve(
    axes: Any,
    x: np.ndarray,
    result: Estimate,
    style: dict[str, Any],
    label: str,
    shown: np.ndarray | slice = slice(None),
) -> None:
    """A line with its band of one standard error."""
    value, error = result.value[shown], np.nan_to_num(result.error[shown])
    axes.plot(x[shown], value, label=label, **style)
    axes.fill_between(x[shown], value - error, value + error, color=style["color"], alpha=0.25, linewidth=0)


def with_error(result: Estimate, unit: str = "") -> str:
    """``1.23 ± 0.04 V``: two digits of the error; ``1.2 ± ?`` where it is not known.

    An error that is a lower bound, of a series too short for its correlation, reads ``± >0.04``.
    """
    value, error = float(result.value), float(result.error)
    unit = f" {unit}" if unit else ""
    if not np.isfinite(value):
        return "not known"
    if not np.isfinite(error):
        return f"{significant(value, 3)} ± ?{unit}"
    if is_rounding(error, value):
        return f"{significant(value)} ± 0{unit}"
    decimals = 1 - int(np.floor(np.log10(error)))
    bound = "" if result.converged else ">"
    if not -2 <= decimals <= 6:
        return f"{significant(value)} ± {bound}{error:.2g}{unit}"
    decimals = max(decimals, 0)
    return f"{fixed(value, decimals)} ± {bound}{fixed(error, decimals)}{unit}"


def known(value: Any) -> Any:
    """None for a number that is not finite: nothing could be said."""
    return None if isinstance(value, float | np.ndarray) and not np.isfinite(value) else value


def as_numbers(result: Estimate) -> dict[str, Any]:
    """Value and error for numbers.json."""
    error = float(result.error) if np.isfinite(result.error) else None
    return {"value": known(float(result.value)), "error": error, "error_converged": result.converged}


def remark(*results: Estimate) -> str:
    """For a table, where the errors of a row are lower bounds."""
    if all(result.converged for result in results):
        return ""
    if not any(np.isfinite(result.value) for result in results):
        return "never there"
    unknown = not any(np.isfinite(result.error) for result in results)
    return f"run too short: errors are {'not known' if unknown else 'lower bounds'}"


def too_short(result: Estimate, length_ps: float) -> str:
    """What a series of this length lacks for an error that can be trusted; empty where nothing."""
    if result.converged:
        return ""
    needed = "more" if result.stretch <= 1.0 else f"at least {significant(result.stretch * length_ps, 2)} ps"
    return f"too short: {significant(length_ps, 3)} ps, {needed} needed"


def unconverged(result: Estimate) -> Estimate:
    """The same with an error that is a lower bound."""
    return replace(result, converged=False)


def finite(values: np.ndarray) -> list[float | None]:
    """Numbers for JSON, None for those that are not finite."""
    return [float(value) if np.isfinite(value) else None for value in values]


def listed(liquids: Sequence[Liquid], results: Sequence[Estimate], unit: str = "") -> str:
    """``1.23 ± 0.04 V (response), 1.30 ± 0.05 V (fixed)``; of one run without its name."""
    parts = [
        with_error(result, unit) + (f" ({liquid.label})" if len(liquids) > 1 else "")
        for liquid, result in zip(liquids, results, strict=True)
    ]
    return ", ".join(parts)
