"""What is known of electrodes at held levels, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polcouple.analysis.block_errors import Estimate
from polcouple.analysis.held_level import AtLevel, differences
from polcouple.number_words import fixed, is_rounding, significant
from polcouple.units import HARTREE_TO_EV


def lines(found: Sequence[AtLevel], temperature_kelvin: float) -> list[str]:
    """A table of the levels and one of the differences between neighbours.

    Args:
        found: in the order of their levels.
        temperature_kelvin: of the nuclei.
    """
    head = ("U (V)", "mu (eV)", "frames", "N", "Q (e)", "sd(N)", "C (e/V)", "= fluctuation", "+ fixed nuclei")
    rows = [
        (
            "-" if one.potential is None else fixed(one.potential, 3, sign=True),
            fixed(one.level * HARTREE_TO_EV, 4),
            str(one.frames),
            _told(one.electrons),
            _told(one.charge),
            _told(one.spread),
            *(_told(part, HARTREE_TO_EV) for part in (one.capacitance, one.fluctuation, one.adiabatic)),
        )
        for one in found
    ]
    text = [
        f"nuclei at {temperature_kelvin:g} K; errors in brackets are one standard error of the last digits"
    ]
    text += _table([head, *rows])
    between = [
        (
            f"{one.low * HARTREE_TO_EV:.4f} to {one.high * HARTREE_TO_EV:.4f}",
            _with_error(one.value / HARTREE_TO_EV, one.error / HARTREE_TO_EV),
        )
        for one in differences(found)
    ]
    if between:
        text += _table([("mu (eV)", "dN/dmu by differences (e/V)"), *between])
    short = [one.name for one in found if not one.electrons.converged or not one.capacitance.converged]
    if short:
        text.append(
            f"{', '.join(short)}: too short for the correlation of N; these errors are lower bounds, sample"
            " more"
        )
    return text


def _told(one: Estimate, divisor: float = 1.0) -> str:
    return _with_error(float(one.value) / divisor, float(one.error) / divisor)


def _with_error(value: float, error: float) -> str:
    """Such as 0.298(12), the error in units of the last digit; without one where it is not known."""
    if not np.isfinite(value):
        return "-"
    if not np.isfinite(error) or is_rounding(error, value):
        return significant(value)
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{fixed(value, decimals)}({round(error * 10**decimals)})"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
