"""The figure of growth: preparation, a step and memory against the number of atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

#: label, colour of Okabe and Ito's palette, mark
_WAYS = {
    "response": ("response", "#0072B2", "o"),
    "nn": ("nn", "#009E73", "^"),
    "lammps": ("LAMMPS ELECTRODE, inverted matrix", "#D55E00", "s"),
}
_TICKS = (6707, 26828, 107312)
_PANELS = (
    ("first step", "processor time to the first step / s"),
    ("step", "processor time of a step / ms"),
    ("mib", "memory of the driver, of LAMMPS / MiB"),
)


def draw(rows: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> None:
    """Draw the ``rows`` of each way, as :mod:`benchmarks.large` measures them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    figure, panels = pyplot.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
    for panel, (quantity, label) in zip(panels, _PANELS, strict=True):
        for way, sizes in rows.items():
            name, colour, mark = _WAYS[way]
            atoms = np.array([row["atoms"] for row in sizes])
            values = np.array([row[quantity] for row in sizes])
            scale = 1e3 if quantity == "step" else 1.0
            panel.loglog(atoms, scale * values, marker=mark, color=colour, label=name)
        panel.set(xlabel="atoms", ylabel=label, xlim=(5e3, 1.5e5))
        panel.xaxis.set_major_locator(FixedLocator(_TICKS))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        for labels in (panel.yaxis.set_major_formatter, panel.yaxis.set_minor_formatter):
            labels(FuncFormatter(_plain))
        panel.grid(alpha=0.3, which="both")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _plain(value: float, _: int) -> str:
    """A tick at 1, 2 or 5 times a power of ten in plain digits, none at others."""
    first = round(value / 10.0 ** np.floor(np.log10(value)), 6)
    return f"{value:,.10g}" if first in (1.0, 2.0, 5.0) else ""
