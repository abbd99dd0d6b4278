"""Figures of how well charges are predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.learning.evaluation import PAPER_TOLERANCE, Metrics


def parity_figure(
    path: Path,
    charges: Mapping[str, Mapping[str, np.ndarray]],
    scores: Mapping[str, Mapping[str, Metrics]],
) -> None:
    """Predicted against reference charges with the band that counts as right; a row for each set of labels.

    Args:
        charges: (f, n) in e, by name of the labels, then of the model; the labels' own are ``reference``.
        scores: metrics by the same names, for the titles.
    """
    from matplotlib.figure import Figure

    n_models = len(next(iter(charges.values()))) - 1
    figure = Figure(figsize=(3.4 * n_models + 0.4, 3.9 * len(charges)), layout="constrained")
    panels = figure.subplots(len(charges), n_models, squeeze=False)
    for axes, (labels, by_model) in zip(panels, charges.items(), strict=True):
        reference = by_model["reference"]
        low, high = np.percentile(reference, [0.02, 99.98])
        limits = np.array([low - 0.004, high + 0.004])
        models = [name for name in by_model if name != "reference"]
        for axis, model in zip(axes, models, strict=True):
            parity_panel(axis, reference, by_model[model], limits, gridsize=70)
            metrics = scores[labels][model]
            axis.set_title(
                f"{model}\nwithin {PAPER_TOLERANCE:g} e: {100 * metrics.within_tolerance:.1f} %,  "
                f"R² = {_shown(metrics.r2)}",
                fontsize=9,
            )
            axis.set(xlim=limits, ylim=limits, aspect="equal", xlabel=f"{labels} / e")
        axes[0].set_ylabel("predicted charge / e")
    figure.savefig(path, dpi=150)


def parity_panel(
    axis: Any, reference: np.ndarray, predicted: np.ndarray, limits: np.ndarray, gridsize: int
) -> None:
    """Density of predicted against reference charges (f, n) in e, the diagonal, and the tolerance's band.

    ``axis`` is a Matplotlib axes, ``limits`` (2,) the range in e of both of its directions.
    """
    axis.hexbin(
        reference.ravel(),
        predicted.ravel(),
        gridsize=gridsize,
        extent=(*limits, *limits),
        bins="log",
        cmap="viridis",
        mincnt=1,
        linewidths=0.1,
    )
    axis.plot(limits, limits, color="black", linewidth=0.8)
    for sign in (-1, 1):
        axis.plot(limits, limits + sign * PAPER_TOLERANCE, color="black", linewidth=0.8, linestyle=":")


def _shown(r2: float) -> str:
    return f"1 - {1 - r2:.0e}" if r2 > 0.999 else f"{r2:.2f}"
