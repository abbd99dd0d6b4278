"""What a run did with its energy, its temperature and its time, in tables and figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np

from polcouple.analysis.block_errors import Estimate
from polcouple.analysis.conserved import drift_and_spread, read_conserved
from polcouple.analysis.drift import drift, mean_in_time
from polcouple.ipi.files import run_files
from polcouple.ipi.input import holds_temperature, read_xml
from polcouple.ipi.output import last_of_each, read_properties
from polcouple.ipi.units import to_atomic_units
from polcouple.number_words import significant
from polcouple.report.section import Cell, Figure, Section, Table
from polcouple.report.style import WIDTH_INCHES, line_styles
from polcouple.report.words import as_numbers
from polcouple.units import ATOMIC_TIME_TO_FS, KELVIN_TO_HARTREE

#: points of a curve at most
_POINTS = 2000
#: of an axis of times, whose numbers may be long
TICKS = 6


def energy_section(directory: Path, skip_ps: float, system: str | None = None) -> tuple[Section, Estimate]:
    """The conserved quantity with and without the refreshes' work, and the drift of the latter.

    ``system`` is the prefix of one of several.

    Raises:
        InputError: as :func:`polcouple.analysis.conserved.read_conserved`.
    """
    data = read_conserved(directory, system)
    kept = data.time >= skip_ps
    time = data.time[kept]
    curves = {"as i-PI has it": data.conserved[kept], "less the work of the refreshes": data.corrected[kept]}
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 3.2), layout="constrained")
    axes = canvas.subplots()
    rows: list[tuple[Cell, ...]] = []
    drifts = {}
    for (name, style), energy in zip(line_styles(list(curves)).items(), curves.values(), strict=True):
        shown = thinned(len(time))
        axes.plot(time[shown], energy[shown] - energy[0], label=name, **style)
        drifts[name] = drift(time, energy)
        rows.append((name, drifts[name], drift_and_spread(time, energy)[1], float(energy[-1] - energy[0])))
    axes.set(xlabel="time / ps", ylabel="conserved quantity / kJ/mol per cell")
    axes.locator_params(axis="x", nbins=TICKS)
    axes.legend(fontsize="small")
    columns = (
        "conserved quantity",
        "drift (kJ/mol/ps)",
        "fluctuation about it (kJ/mol)",
        "last - first (kJ/mol)",
    )
    work = float(data.refresh_work[kept][-1] - data.refresh_work[kept][0])
    section = Section(
        title_of("Energy account", system),
        (
            "Exchanging the charges does work on the atoms wherever they are held for several steps or have"
            " no energy. Less this work, i-PI's conserved quantity tells the integrator's own error. All is"
            f" of the whole cell. Work of the refreshes in this time: {significant(work)} kJ/mol.",
        ),
        (Figure(name_of("conserved", system), canvas, "Conserved quantity, from its first value on."),),
        (
            Table(
                name_of("energy", system),
                columns,
                rows,
                "Slope of the straight line through the conserved quantity, with its error by blocks.",
            ),
        ),
        numbers={name: {"drift_kj_per_mol_ps": as_numbers(one)} for name, one in drifts.items()}
        | {"refresh_work_kj_per_mol": work},
    )
    return section, drifts["less the work of the refreshes"]


def read_temperature(
    directory: Path, skip_ps: float, system: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) steps, times in ps and temperatures in K, of the run or of one of its systems.

    Raises:
        InputError: the run does not write its temperature.
    """
    path = run_files(directory, system).properties("step", "time", "temperature")
    properties = read_properties(path)
    steps = properties["step"].astype(int)
    time = properties["time"] * ATOMIC_TIME_TO_FS * 1e-3
    kept = last_of_each(steps) & (time >= skip_ps)
    return steps[kept], time[kept], properties["temperature"][kept] / KELVIN_TO_HARTREE


def temperature_section(
    directory: Path, skip_ps: float, system: str | None = None
) -> tuple[Section, Estimate]:
    """Temperature in time, its mean, and the one that was asked for; of several systems, of one.

    Raises:
        InputError: as :func:`read_temperature`.
    """
    _, time, temperature = read_temperature(directory, skip_ps, system)
    asked = asked_temperature(directory) if system is None else None
    return temperatures_in_time(time, temperature, asked, system)


def temperatures_in_time(
    time: np.ndarray, temperature: np.ndarray, asked: float | None, system: str | None
) -> tuple[Section, Estimate]:
    """The section of a series (n,) of temperatures in K at times in ps."""
    mean = mean_in_time(temperature)
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 2.6), layout="constrained")
    axes = canvas.subplots()
    shown = thinned(len(time))
    (style,) = line_styles(["temperature"]).values()
    axes.plot(time[shown], temperature[shown], **style | {"linewidth": 0.8})
    words = []
    if asked is not None:
        axes.axhline(asked, color="0.4", linestyle=":")
        words.append(f"Asked for: {asked:g} K (dotted).")
    axes.set(xlabel="time / ps", ylabel="temperature / K")
    axes.locator_params(axis="x", nbins=TICKS)
    rows: list[tuple[Cell, ...]] = [
        ("temperature", mean, float(np.std(temperature)), float(temperature.min()), float(temperature.max()))
    ]
    columns = ("quantity", "mean (K)", "standard deviation (K)", "lowest (K)", "highest (K)")
    section = Section(
        title_of("Temperature", system),
        tuple(words),
        (Figure(name_of("temperature", system), canvas, "Temperature as i-PI has it."),),
        (Table(name_of("temperature_mean", system), columns, rows, "Mean with its error by blocks."),),
        numbers={"mean_kelvin": as_numbers(mean), "asked_for_kelvin": asked},
    )
    return section, mean


def time_section(driver: Mapping[str, Any]) -> Section:
    """Where the wall time of the last start went, by what its driver says."""
    seconds: Mapping[str, float] = driver.get("seconds") or {}
    count = driver.get("evaluations") or 0
    wall = seconds.get("wall", 0.0)
    parts = {name: value for name, value in seconds.items() if name != "wall"}
    rows: list[tuple[Cell, ...]] = [
        (name, value, 1e3 * value / count, 100.0 * value / wall) for name, value in parts.items()
    ]
    if rows:
        rows.append(("in all", wall, 1e3 * wall / count, 100.0))
    columns = ("work", "seconds", "ms for each step", "share (%)")
    return Section(
        "Where the time went",
        () if rows else ("The driver has not told yet; it does at the end of a start.",),
        tables=(Table("seconds", columns, rows, f"Wall time of the last start, {count} evaluations, the first"
                      " with its preparations included."),) if rows else (),
        numbers={"seconds": dict(seconds), "evaluations": count},
    )  # fmt: skip


def title_of(title: str, system: str | None) -> str:
    """Of a section, of one of several systems."""
    return title if system is None else f"{title}, {system}"


def name_of(name: str, system: str | None) -> str:
    """Of a figure or table, which has small letters and digits alone."""
    return name if system is None else f"{name}_{re.sub('[^a-z0-9]', '_', system.lower())}"


def asked_temperature(directory: Path) -> float | None:
    """Of i-PI's ensemble, in K; None where the input names none, or nothing holds it."""
    path = directory / "input.xml"
    root = read_xml(path)
    element = root.find(".//ensemble/temperature")
    if element is None or not holds_temperature(root):
        return None
    unit = to_atomic_units("temperature", element.get("units", ""), f"{path}: <temperature>")
    return float(element.text or "nan") * unit / KELVIN_TO_HARTREE


def thinned(count: int) -> slice:
    """Every so many rows, that no curve has too many points."""
    return slice(None, None, max(1, count // _POINTS))
