"""Replicas that exchange their temperatures: how often, and the temperature of each ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.figure
import numpy as np

from polcouple.analysis.replicas import Exchanges
from polcouple.report.energy_sections import (
    TICKS,
    read_temperature,
    temperatures_in_time,
    thinned,
)
from polcouple.report.section import Cell, Figure, Section, Table
from polcouple.report.style import WIDTH_INCHES, line_styles


def replica_sections(
    directory: Path, skip_ps: float, names: Sequence[str], exchanges: Exchanges
) -> list[Section]:
    """Who had which ensemble, and each ensemble's temperature in time.

    Args:
        names: of the replicas, in i-PI's order.

    Raises:
        InputError: the run does not write its temperature.
    """
    found = [read_temperature(directory, skip_ps, name) for name in names]
    # of a run at work one may be behind
    count = min(len(steps) for steps, *_ in found)
    steps, time = found[0][0][:count], found[0][1][:count]
    temperatures = np.array([temperature[:count] for *_, temperature in found])
    ensembles = exchanges.at(steps)
    sections = [_who_was_where(names, time, ensembles, exchanges)]
    for number, ensemble in enumerate(exchanges.names):
        own = temperatures[(ensembles == number).argmax(axis=1), np.arange(count)]
        asked = float(ensemble.removesuffix(" K")) if ensemble.endswith(" K") else None
        sections.append(temperatures_in_time(time, own, asked, ensemble)[0])
    return sections


def _who_was_where(
    names: Sequence[str], time: np.ndarray, ensembles: np.ndarray, exchanges: Exchanges
) -> Section:
    canvas = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, 2.6), layout="constrained")
    axes = canvas.subplots()
    shown = thinned(len(time))
    # a little beside each other, that all can be seen
    beside = np.linspace(-0.12, 0.12, len(names))
    for number, (name, style) in enumerate(line_styles(names).items()):
        axes.step(time[shown], ensembles[shown, number] + beside[number], where="post", label=name, **style)
    axes.set_yticks(range(len(exchanges.names)), exchanges.names)
    axes.set(xlabel="time / ps", ylim=(-0.5, len(exchanges.names) - 0.5))
    axes.locator_params(axis="x", nbins=TICKS)
    canvas.legend(fontsize="small", ncols=4, loc="outside upper center")
    shares = [
        [float(np.mean(ensembles[:, one] == at)) for at in range(len(names))] for one in range(len(names))
    ]
    rows: list[tuple[Cell, ...]] = [
        (name, *(100.0 * share for share in own)) for name, own in zip(names, shares, strict=True)
    ]
    columns = ("replica", *(f"share of its time at {name} (%)" for name in exchanges.names))
    return Section(
        "Replicas",
        (
            f"{len(exchanges.steps)} steps with an exchange in the whole run. What stands under one of"
            f" {', '.join(exchanges.names)} is of the frames that had it, from whichever replica. Energy"
            " accounts, the ions' residence and the charges' memory follow a replica: the frames of one"
            " temperature are pieces of several trajectories.",
        ),
        (Figure("replicas", canvas, "Where each replica was."),),
        (Table("replica_shares", columns, rows, "All shares become equal in a long run."),),
        numbers={"exchanges": len(exchanges.steps), "share_of_time": dict(zip(names, shares, strict=True))},
    )
