"""One colour and one kind of line per model, the same in every figure of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Okabe and Ito's colours for the colour-blind, without the yellow that vanishes on white
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
_GREYS = ("#000000", "#888888")

#: of a figure whose text can be read on a phone; wider ones scroll there
WIDTH_INCHES = 5.2

#: of a diverging map with zero at its centre; blue and red are told apart by everybody
DIVERGING = "RdBu_r"


def line_styles(models: Sequence[str], baselines: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Keywords of ``Axes.plot`` by name: colours for models, dotted greys for null baselines."""
    styles: dict[str, dict[str, Any]] = {
        name: {"color": _COLOURS[i % len(_COLOURS)], "linestyle": _DASHES[i % len(_DASHES)], "linewidth": 1.5}
        for i, name in enumerate(models)
    }
    for i, name in enumerate(baselines):
        styles[name] = {"color": _GREYS[i % len(_GREYS)], "linestyle": ":", "linewidth": 1.3}
    return styles
