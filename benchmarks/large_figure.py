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
_PANELS = (
    ("first step", "processor time before the first step / s"),
    ("step", "processor time of a step / ms"),
    ("mib", "memory / MiB"),
)


def draw(rows: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> None:
    """Draw the ``rows`` of each way, as :mod:`benchmarks.large` measures them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
    for panel, (quantity, label) in zip(panels, _PANELS, strict=True):
        for way, sizes in rows.items():
            name, colour, mark = _WAYS[way]
            atoms = np.array([row["atoms"] for row in sizes])
            values = np.array([row[quantity] for row in sizes])
            scale = 1e3 if quantity == "step" else 1.0
            panel.loglog(atoms, scale * values, marker=mark, color=colour, label=name)
        panel.set(xlabel="atoms", ylabel=label)
        panel.grid(alpha=0.3)
    panels[0].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
