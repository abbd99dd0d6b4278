"""Runs at a held potential: how much charge flowed, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from polcouple.analysis.block_errors import Estimate, scaled
from polcouple.analysis.differences import Quantity
from polcouple.analysis.electrode_series import ChargeStatistics
from polcouple.analysis.levels import read_levels
from polcouple.analysis.runs import Run
from polcouple.lattice.cell import base_area
from polcouple.report.section import Cell, Figure, Section, Table
from polcouple.report.style import WIDTH_INCHES, line_styles
from polcouple.report.words import as_numbers, too_short
from polcouple.units import ATOMIC_TO_MICROFARAD_PER_CM2, EV_TO_HARTREE

_POTENTIAL = "Potential: minus the electrode's Fermi level over e, counted from the cell's average potential."
_VOLTAGE = (
    "Potential of the first electrode less that of the last: held, and as their Fermi levels have it."
    " Capacitance: half the difference of the electrodes' charges, over the voltage."
)


def section(runs: Sequence[Run], names: Sequence[str]) -> tuple[Section, list[Quantity]]:
    """Charge and potential of every electrode of named runs at a voltage or Fermi level."""
    held = runs[0].case.system.potential
    assert held is not None
    electrodes = [one.name for one in runs[0].case.system.electrodes]
    first = electrodes[0]
    series = [_charges(run) for run in runs]
    levels = [read_levels(run) for run in runs]
    statistics = [[_statistics(column) for column in charges.T] for _, charges in series]
    means = [[one.mean() for one in own] for own in statistics]
    spreads = [[one.fluctuation() for one in own] for own in statistics]
    potentials: list[list[Estimate | None]] = [
        [
            None if found is None else _statistics(-found[:, number]).mean()
            for number in range(len(electrodes))
        ]
        for found in levels
    ]
    rows: list[tuple[Cell, ...]] = [
        (electrode, name, means[run][number], spreads[run][number], potentials[run][number])
        for number, electrode in enumerate(electrodes)
        for run, name in enumerate(names)
    ]
    columns = ("electrode", "run", "charge (e)", "its fluctuation (e)", "potential (V)")
    words = [f"The Fermi level of {first} is held at {held.fermi_level_ev} eV."]
    tables = [Table("held_potential", columns, rows, f"{_POTENTIAL} Errors by blocks.")]
    numbers: dict[str, dict[str, Any]] = {
        name: {
            electrode: {
                "charge_e": as_numbers(means[run][number]),
                "fluctuation_e": as_numbers(spreads[run][number]),
                "potential_volt": None if (one := potentials[run][number]) is None else as_numbers(one),
            }
            for number, electrode in enumerate(electrodes)
        }
        for run, name in enumerate(names)
    }
    if held.voltage_volt is not None:
        words = [f"{first} is held at {held.voltage_volt:g} V against {electrodes[-1]}."]
        found = [_voltage(run, *one) for run, one in zip(runs, zip(series, levels, strict=True), strict=True)]
        tables.append(Table("held_voltage", ("run", *found[0]), _rows(names, found), _VOLTAGE))
        for name, cells in zip(names, found, strict=True):
            numbers[name] |= {
                column: as_numbers(cell) if isinstance(cell, Estimate) else cell
                for column, cell in cells.items()
            }
    canvas = Canvas(figsize=(WIDTH_INCHES, 3.0), layout="constrained")
    axes = canvas.subplots()
    for (name, style), (times, charges) in zip(line_styles(names).items(), series, strict=True):
        axes.plot(times, charges[:, 0], label=name, **style)
    axes.set(xlabel="time / ps", ylabel=f"charge of {first} / e")
    axes.legend(fontsize="small")
    return Section(
        "Charge at the held potential",
        tuple(words),
        (Figure("held_potential_charge", canvas, f"Charge of {first}."),),
        tuple(tables),
        numbers=numbers,
    ), [Quantity(f"charge of {first} (e)", [one[0] for one in means])]


def _voltage(run: Run, series: tuple[np.ndarray, np.ndarray], levels: np.ndarray | None) -> dict[str, Cell]:
    """What was held, how well, and the capacitance that it shows."""
    held = run.case.system.potential
    assert held is not None and held.voltage_volt is not None
    cells: dict[str, Cell] = {"voltage held (V)": held.voltage_volt}
    if levels is not None:
        voltage = levels[:, -1] - levels[:, 0]
        cells["of the levels, mean (V)"] = float(voltage.mean())
        cells["farthest from it (V)"] = float(np.abs(voltage - held.voltage_volt).max())
    if held.voltage_volt:
        unit = ATOMIC_TO_MICROFARAD_PER_CM2 / (base_area(run.case.cell) * held.voltage_volt * EV_TO_HARTREE)
        times, charges = series
        separated = _statistics(0.5 * (charges[:, 0] - charges[:, -1])).mean()
        cells["integral capacitance (µF/cm²)"] = scaled(separated, unit)
        cells["remark"] = too_short(separated, float(times[-1] - times[0]))
    return cells


def _rows(names: Sequence[str], found: Sequence[dict[str, Cell]]) -> list[tuple[Cell, ...]]:
    """A run a row; what one of them has not written stays empty."""
    return [
        (name, *(cells.get(column) for column in found[0])) for name, cells in zip(names, found, strict=True)
    ]


def _charges(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """(f,) times in ps and (f, n_electrodes) charges of the electrodes in e."""
    times, totals = [], []
    for step, charges in run.charges():
        times.append(step * run.time_step_ps)
        totals.append([float(charges[own].sum()) for own in run.case.electrode_slices])
    return np.array(times), np.array(totals)


def _statistics(charges: np.ndarray) -> ChargeStatistics:
    """Of a series (f,) of charges in e."""
    statistics = ChargeStatistics()
    for charge in charges:
        statistics.add(np.asarray(charge))
    return statistics
