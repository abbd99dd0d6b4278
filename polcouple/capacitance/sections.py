"""Tables, figures and words of the report on a sweep of voltages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.figure
import numpy as np

from polcouple.capacitance.frames import Frames
from polcouple.capacitance.statistics import PARTS, AtVoltage, Between
from polcouple.report.section import Figure, Section, Table
from polcouple.report.style import WIDTH_INCHES, line_styles
from polcouple.report.words import too_short
from polcouple.units import ATOMIC_TO_MICROFARAD_PER_CM2, BOHR_TO_ANGSTROM, HARTREE_TO_EV

_ERRORS = "Errors are one standard error, from blocks."
_UNIT = "µF/cm²"


def charge_section(found: Sequence[AtVoltage], label: str, area: float) -> Section:
    """Charge and the parts of the voltage against the voltage; ``area`` of a sheet in bohr^2."""
    columns: tuple[str, ...] = ("U (V)", "frames", "Q (e)", "error (e)", "blocks", "blocks long enough")
    columns += tuple(f"{part} (V){end}" for part in PARTS[1:] for end in ("", " error"))
    rows = [
        (
            one.voltage,
            one.frames,
            float(one.charge.value),
            float(one.charge.error),
            one.charge.blocks,
            "yes" if one.charge.converged else "no",
            *(
                float(value[i]) * HARTREE_TO_EV
                for i in range(1, len(PARTS))
                for value in (one.shares.value, one.shares.error)
            ),
        )
        for one in found
    ]
    caption = (
        "Charge of the first electrode, and how the voltage is shared: what fills the levels of either"
        f" electrode, and the double layers between them. {_ERRORS} Where blocks are not long enough against"
        " the correlation, the error is a lower bound."
    )
    return Section(
        "Charge against voltage",
        tuple(what_is_missing(found)),
        (Figure("charge", _charge_figure(found, label), f"Mean charge against voltage. {_ERRORS}"),),
        (Table("charge", columns, rows, caption),),
        numbers={
            "area_nm2": 1e-2 * area * BOHR_TO_ANGSTROM**2,
            "voltages": [dict(zip(columns, row, strict=True)) for row in rows],
        },
    )


def capacitance_section(
    found: Sequence[AtVoltage], steps: Sequence[Between], label: str, area: float
) -> Section:
    """Integral and differential capacitances, by both routes."""
    unit = ATOMIC_TO_MICROFARAD_PER_CM2 / area
    heads = tuple(f"{part} ({_UNIT}){end}" for part in PARTS for end in ("", " error"))
    integral = [(one.voltage, *_pairs(one.integral.value, one.integral.error, unit)) for one in found]
    fluctuating = [
        (
            one.voltage,
            *_pairs(one.differential.value, one.differential.error, unit),
            float(one.fluctuation.value) * unit,
            float(one.adiabatic.value) * unit,
            "yes" if one.differential.converged else "no",
        )
        for one in found
    ]
    swept = [
        (0.5 * (step.low + step.high), step.low, step.high, *_pairs(step.value, step.error, unit))
        for step in steps
    ]
    extra = (f"of fluctuations ({_UNIT})", f"at fixed nuclei ({_UNIT})", "blocks long enough")
    between = ("U (V)", "from (V)", "to (V)", *heads)
    tables = (
        Table("integral", ("U (V)", *heads), integral, f"Integral capacitance Q/U and its parts. {_ERRORS}"),
        Table(
            "differential_fluctuations",
            ("U (V)", *heads, *extra),
            fluctuating,
            "Differential capacitance at each voltage from fluctuations, and the two terms of the total:"
            f" <dQ²>/kT, and the mean dQ/dU at fixed nuclei. {_ERRORS}",
        ),
        Table(
            "differential_sweep",
            between,
            swept,
            f"Differential capacitance between neighbouring voltages. {_ERRORS}",
        ),
    )
    return Section(
        "Capacitance",
        (
            "Capacitances are of the area of one sheet. Those of the double layers and of the two electrodes"
            " are in series: 1/C = 1/C(double layer) + 1/C(first) + 1/C(second). An electrode without levels"
            " to fill has no capacitance of its own: its column is empty.",
        ),
        (
            Figure(
                "capacitance",
                _capacitance_figure(found, steps, label, unit),
                "Differential capacitance against voltage, total and in parts: from fluctuations at each"
                f" voltage (points) and from the sweep between two (lines, bands). {_ERRORS}",
            ),
        ),
        tables if steps else tables[:2],
        numbers={
            "integral": [dict(zip(("U (V)", *heads), row, strict=True)) for row in integral],
            "fluctuations": [dict(zip(("U (V)", *heads, *extra), row, strict=True)) for row in fluctuating],
            "sweep": [dict(zip(between, row, strict=True)) for row in swept],
        },
    )


def series_section(frames: Sequence[Frames], label: str) -> Section:
    """Charge against time, and how well the frames give what the runs recorded."""
    off = max(float(np.abs(one.charges - one.recorded).max()) for one in frames)
    return Section(
        "Charge in time",
        (
            f"Solved again on the recorded frames, whose positions have six digits, {label} gives the charges"
            f" that the runs recorded within {off:.1e} e.",
        ),
        (
            Figure(
                "charge_in_time",
                _series_figure(frames),
                "Charge of the first electrode in each run, after what is skipped. A drift says that the"
                " liquid is not in equilibrium with the voltage yet.",
            ),
        ),
        numbers={"recorded_charges_reproduced_within_e": off},
    )


def what_is_missing(found: Sequence[AtVoltage]) -> list[str]:
    """A line for each voltage whose run is too short for its errors."""
    missing = [(one.voltage, too_short(one.charge, one.length_ps)) for one in found]
    return [f"{volts:g} V: {words}; until then errors are lower bounds." for volts, words in missing if words]


def _pairs(values: np.ndarray, errors: np.ndarray, unit: float) -> list[float]:
    return [float(x) * unit for pair in zip(values, errors, strict=True) for x in pair]


def _charge_figure(found: Sequence[AtVoltage], label: str) -> matplotlib.figure.Figure:
    figure, axes = _axes()
    style = line_styles([label])[label]
    axes.errorbar(
        [one.voltage for one in found],
        [float(one.charge.value) for one in found],
        [float(one.charge.error) for one in found],
        marker="o",
        markersize=4,
        capsize=3,
        label=label,
        **style,
    )
    axes.set(xlabel="voltage U (V)", ylabel="charge of the first electrode (e)")
    axes.legend(frameon=False)
    return figure


def _capacitance_figure(
    found: Sequence[AtVoltage], steps: Sequence[Between], label: str, unit: float
) -> matplotlib.figure.Figure:
    figure, axes = _axes()
    known = [
        part
        for part in range(len(PARTS))
        if any(np.isfinite(one.differential.value[part]) for one in found) and not _same_as_total(found, part)
    ]
    styles = line_styles([PARTS[part] for part in known])
    for part in known:
        name, style = PARTS[part], styles[PARTS[part]]
        colour = style["color"]
        axes.errorbar(
            [one.voltage for one in found],
            [float(one.differential.value[part]) * unit for one in found],
            [float(one.differential.error[part]) * unit for one in found],
            marker="os^D"[part],
            markersize=5,
            capsize=3,
            color=colour,
            linestyle="none",
            label=name,
        )
        for step in steps:
            value, error = step.value[part] * unit, step.error[part] * unit
            axes.plot([step.low, step.high], [value, value], **style)
            axes.fill_between(
                [step.low, step.high], value - error, value + error, color=colour, alpha=0.18, linewidth=0
            )
    axes.set(xlabel="voltage U (V)", ylabel=f"differential capacitance ({_UNIT})", title=label)
    _limit(axes, found, steps, unit)
    axes.legend(frameon=False)
    return figure


def _same_as_total(found: Sequence[AtVoltage], part: int) -> bool:
    """The double layers of electrodes without levels to fill are all there is."""
    return part > 0 and all(one.differential.value[part] == one.differential.value[0] for one in found)


def _limit(axes: Any, found: Sequence[AtVoltage], steps: Sequence[Between], unit: float) -> None:
    """An axis for what is known: a part whose error is as large as itself may lie outside."""
    pairs = [(one.differential.value, one.differential.error) for one in found]
    pairs += [(step.value, step.error) for step in steps]
    values = [
        (float(value), float(error))
        for pair in pairs
        for value, error in zip(*pair, strict=True)
        if np.isfinite(value) and error < abs(value)
    ]
    if values:
        top = max(value + error for value, error in values) * unit
        axes.set_ylim(0.0, 1.1 * max(top, 1e-3))


def _series_figure(frames: Sequence[Frames]) -> matplotlib.figure.Figure:
    figure, axes = _axes()
    names = [f"{one.voltage:g} V" for one in frames]
    styles = line_styles(names)
    for name, one in zip(names, frames, strict=True):
        axes.plot(one.times, one.charges, label=name, **styles[name] | {"linewidth": 1.0})
    axes.set(xlabel="time (ps)", ylabel="charge of the first electrode (e)")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _axes() -> tuple[matplotlib.figure.Figure, Any]:
    figure = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 3.6), layout="constrained")
    return figure, figure.subplots()
