"""The charges of one run: each electrode's in time, and how its atoms' charges are distributed."""

from __future__ import annotations

import matplotlib.figure
import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.analysis.runs import Run
from polcouple.report.energy_sections import TICKS, name_of, thinned, title_of
from polcouple.report.section import Cell, Figure, Section, Table
from polcouple.report.style import WIDTH_INCHES, line_styles
from polcouple.report.words import as_numbers

_BINS = 120
#: percents of the atoms that are below, of the curves in time
_PERCENTS = (0.0, 10.0, 50.0, 90.0, 100.0)


def charge_series_section(run: Run, system: str | None = None) -> Section | None:
    """Read a run's charges twice, frame by frame; None where the run has written none.

    ``system`` names it where the page has several.

    Raises:
        InputError: the charges are not written, or not of this electrode.
    """
    parts = list(zip(run.case.system.electrodes, run.case.electrode_slices, strict=True))
    times: list[float] = []
    totals: list[list[float]] = []
    spread: list[np.ndarray] = []
    moments = [Blocks() for _ in parts]
    for step, charges in run.charges():
        times.append(step * run.time_step_ps)
        totals.append([float(charges[own].sum()) for _, own in parts])
        spread.append(np.array([np.percentile(charges[own], _PERCENTS) for _, own in parts]))
        for blocks, (_, own) in zip(moments, parts, strict=True):
            blocks.add(np.array([charges[own].sum(), charges[own].mean(), np.mean(charges[own] ** 2)]))
    if not times:
        return None
    shares = np.array(spread)
    edges = [np.linspace(low, high, _BINS + 1) for low, high in _ranges(shares)]
    counts = [np.zeros(_BINS) for _ in parts]
    for _, charges in run.charges():
        for count, edge, (_, own) in zip(counts, edges, parts, strict=True):
            count += np.histogram(charges[own], edge)[0]
    names = [section.name for section, _ in parts]
    in_time = _in_time(names, np.array(times), np.array(totals), shares)
    rows: list[tuple[Cell, ...]] = [
        (name, *_estimates(blocks), float(low), float(high))
        for name, blocks, (low, high) in zip(names, moments, _extremes(shares), strict=True)
    ]
    columns = (
        "electrode",
        "its charge (e)",
        "spread of its atoms' charges (e)",
        "lowest of an atom (e)",
        "highest of an atom (e)",
    )
    return Section(
        title_of("Electrode charges", system),
        (
            f"{len(times)} frames. Spread: root of the mean square distance of the atoms' charges from their"
            " mean, over atoms and frames.",
        ),
        (
            Figure(
                name_of("charges_in_time", system),
                in_time,
                "Top: charge of each electrode. Bottom: charges of its atoms, the median, the middle 80 %"
                " (band) and the extremes (thin).",
            ),
            Figure(
                name_of("charge_distribution", system),
                _distribution(names, edges, counts),
                "How often an electrode's atom has which charge, over all frames; the area is one.",
            ),
        ),
        (
            Table(
                name_of("electrode_charges", system),
                columns,
                rows,
                "Means over the run with errors by blocks.",
            ),
        ),
        numbers={
            name: {
                "total_e": as_numbers(_estimates(blocks)[0]),
                "spread_e": as_numbers(_estimates(blocks)[1]),
                "charge_e": (0.5 * (edge[1:] + edge[:-1])).tolist(),
                "counts": count.tolist(),
            }
            for name, blocks, edge, count in zip(names, moments, edges, counts, strict=True)
        },
    )


def _estimates(blocks: Blocks) -> tuple[Estimate, Estimate]:
    """Total charge, and the spread of the atoms' charges about their mean."""
    return (
        estimate(blocks, lambda mean: mean[0]),
        estimate(blocks, lambda mean: np.sqrt(max(mean[2] - mean[1] ** 2, 0.0))),
    )


def _extremes(shares: np.ndarray) -> np.ndarray:
    """(electrodes, 2) lowest and highest charge of an atom."""
    return np.stack([shares[:, :, 0].min(axis=0), shares[:, :, -1].max(axis=0)], axis=1)


def _ranges(shares: np.ndarray) -> np.ndarray:
    """The same, a little wider where all charges are equal."""
    found = _extremes(shares)
    narrow = found[:, 1] - found[:, 0] < 1e-9
    found[narrow] += np.array([-1e-3, 1e-3])
    return found


def _in_time(
    names: list[str], times: np.ndarray, totals: np.ndarray, shares: np.ndarray
) -> matplotlib.figure.Figure:
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 5.4), layout="constrained")
    whole, atoms = canvas.subplots(2, 1, sharex=True)
    shown = thinned(len(times))
    for number, (name, style) in enumerate(line_styles(names).items()):
        own, colour = shares[shown, number], style["color"]
        whole.plot(times[shown], totals[shown, number], label=name, **style)
        atoms.plot(times[shown], own[:, 2], **style)
        atoms.fill_between(times[shown], own[:, 1], own[:, 3], color=colour, alpha=0.25, linewidth=0)
        for edge in (0, 4):
            atoms.plot(times[shown], own[:, edge], color=colour, linewidth=0.5)
    whole.set(ylabel="charge of the electrode / e")
    whole.ticklabel_format(useOffset=False)
    if np.ptp(totals) < 1e-6:
        whole.set_ylim(totals.min() - 0.5, totals.max() + 0.5)
    atoms.set(xlabel="time / ps", ylabel="charges of its atoms / e")
    atoms.locator_params(axis="x", nbins=TICKS)
    if len(names) > 1:
        whole.legend(fontsize="small")
    return canvas


def _distribution(
    names: list[str], edges: list[np.ndarray], counts: list[np.ndarray]
) -> matplotlib.figure.Figure:
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 2.8), layout="constrained")
    axes = canvas.subplots()
    for (name, style), edge, count in zip(line_styles(names).items(), edges, counts, strict=True):
        axes.stairs(count / (count.sum() * np.diff(edge)), edge, label=name, **style)
    axes.set(xlabel="charge of an atom / e", ylabel="probability density / 1/e", ylim=(0, None))
    if len(names) > 1:
        axes.legend(fontsize="small")
    return canvas
