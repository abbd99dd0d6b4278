"""Runs at a held potential: how much charge flowed, and what it did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Canvas

from polcouple.analysis.block_errors import Estimate, scaled
from polcouple.analysis.differences import Quantity
from polcouple.analysis.electrode_series import ChargeStatistics
from polcouple.analysis.runs import Run, labels
from polcouple.lattice.cell import base_area
from polcouple.report.section import Cell, Figure, Section, Table
from polcouple.report.style import WIDTH_INCHES, line_styles
from polcouple.report.words import as_numbers
from polcouple.units import ATOMIC_TO_MICROFARAD_PER_CM2, EV_TO_HARTREE


def section(runs: Sequence[Run]) -> tuple[Section, list[Quantity]]:
    """Charge of the first electrode in time, of runs at a voltage or at a Fermi level; one line a run."""
    held = runs[0].case.system.potential
    assert held is not None
    names = labels(runs)
    series = [_charges(run) for run in runs]
    statistics = [_statistics(charges) for _, charges, _ in series]
    means = [one.mean() for one in statistics]
    spreads = [one.fluctuation() for one in statistics]
    electrode = runs[0].case.system.electrodes[0].name
    columns = ["run", f"charge of {electrode} (e)", "its fluctuation (e)"]
    rows: list[tuple[Cell, ...]] = list(zip(names, means, spreads, strict=True))
    words = [f"The Fermi level of {electrode} is held at {held.fermi_level_ev} eV."]
    if held.voltage_volt is not None:
        words = [f"{electrode} is held at {held.voltage_volt:g} V against the other electrode."]
    if held.voltage_volt:
        voltage = held.voltage_volt * EV_TO_HARTREE
        unit = ATOMIC_TO_MICROFARAD_PER_CM2 / (base_area(runs[0].case.cell) * voltage)
        columns.append("integral capacitance (µF/cm²)")
        separated = [_statistics(half).mean() for _, _, half in series]
        rows = [(*row, scaled(mean, unit)) for row, mean in zip(rows, separated, strict=True)]
    canvas = Canvas(figsize=(WIDTH_INCHES, 3.0), layout="constrained")
    axes = canvas.subplots()
    for (name, style), (times, charges, _) in zip(line_styles(names).items(), series, strict=True):
        axes.plot(times, charges, label=name, **style)
    axes.set(xlabel="time / ps", ylabel=f"charge of {electrode} / e")
    axes.legend(fontsize="small")
    caption = f"Charge of {electrode}. Errors by blocks."
    if held.voltage_volt is not None:
        caption += " The capacitance is of half the difference of the electrodes' charges."
    found = Section(
        "Charge at the held potential",
        tuple(words),
        (Figure("held_potential_charge", canvas, caption),),
        (Table("held_potential", tuple(columns), rows, caption),),
        numbers={
            str(name): {
                column: as_numbers(cell)
                for column, cell in zip(columns[1:], cells, strict=True)
                if isinstance(cell, Estimate)
            }
            for name, *cells in rows
        },
    )
    return found, [Quantity(f"charge of {electrode} (e)", means)]


def _charges(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every frame: time in ps, the first electrode's charge and half the difference of both (e)."""
    frames = []
    for step, charges in run.charges():
        totals = [float(charges[own].sum()) for own in run.case.electrode_slices]
        frames.append((step * run.time_step_ps, totals[0], 0.5 * (totals[0] - totals[-1])))
    times, first, half = np.array(frames).T
    return times, first, half


def _statistics(charges: np.ndarray) -> ChargeStatistics:
    """Of a series (f,) of charges in e."""
    statistics = ChargeStatistics()
    for charge in charges:
        statistics.add(np.asarray(charge))
    return statistics
