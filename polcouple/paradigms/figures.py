"""Pictures of the comparison: local models in shades of one colour, each other one in its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.figure
import numpy as np

from polcouple.paradigms.measures import FIRST_LAYER, SLICES
from polcouple.paradigms.probe import HEIGHTS
from polcouple.paradigms.scores import Scores
from polcouple.report.style import WIDTH_INCHES, line_styles

#: unexplained parts below this are drawn there
_LEAST = 1e-7
#: so many of the local models have a line in figures with a line for each model
_DRAWN = 3


def cutoff_figure(cutoffs: Sequence[float], scores: Mapping[str, Scores]) -> matplotlib.figure.Figure:
    """1 - R^2 against the cut-off."""
    figure, axes = _new(3.6)
    styles = _styles(cutoffs, scores)
    local = [name for name in scores if name.startswith("local")]
    for name, own in scores.items():
        left = max(1.0 - own.explained, _LEAST)
        if name.startswith("latent"):
            at = float(name.split()[1])
            axes.plot([at], [left], label=name, marker="D", **styles[name])
        elif name not in local:
            axes.axhline(left, label=name, **styles[name])
    values = [max(1.0 - scores[name].explained, _LEAST) for name in local]
    axes.plot(cutoffs, values, marker="o", label="local", color="#0072B2", linewidth=1.5)
    axes.set(xlabel="cut-off (Å)", ylabel="unexplained part, 1 - R²", yscale="log")
    axes.set_xlim(0.0, 1.05 * max(cutoffs))
    return _with_legend(figure, axes)


def wave_figure(cutoffs: Sequence[float], scores: Mapping[str, Scores]) -> matplotlib.figure.Figure:
    """Unexplained part against the wavelength."""
    figure, axes = _new(3.6)
    styles = _styles(cutoffs, scores)
    for name in _drawn(cutoffs, scores):
        own = scores[name]
        left = np.maximum(1.0 - own.by_wave, _LEAST)
        axes.plot(2.0 * np.pi / own.waves, left, marker=".", label=name, **styles[name])
    axes.set(
        xlabel="wavelength along the electrode (Å)", ylabel="unexplained part", xscale="log", yscale="log"
    )
    ticks = [3, 5, 10, 20, 30]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    return _with_legend(figure, axes)


def image_figure(
    cutoffs: Sequence[float], scores: Mapping[str, Scores], truth: Scores
) -> matplotlib.figure.Figure:
    """Image charge against the ion's height."""
    figure, axes = _new(3.6)
    styles = _styles(cutoffs, scores)
    axes.axhline(-1.0, color="#BBBBBB", linewidth=0.8)
    axes.plot(
        HEIGHTS, truth.images, label="dftb (reference)", color="black", linestyle="none", marker="o", ms=4
    )
    for name in _drawn(cutoffs, scores):
        axes.plot(HEIGHTS, scores[name].images, label=name, **styles[name])
    axes.set(
        xlabel="height of the ion (Å)",
        ylabel="image charge over the ion's",
        xlim=(2.8, 20.0),
        ylim=(-1.4, 0.2),
    )
    return _with_legend(figure, axes)


def force_figure(cutoffs: Sequence[float], scores: Mapping[str, Scores]) -> matplotlib.figure.Figure:
    """Error of forces against the distance."""
    figure, axes = _new(3.6)
    styles = _styles(cutoffs, scores)
    middle = 0.5 * (SLICES[1:] + SLICES[:-1])
    axes.axvspan(0.0, FIRST_LAYER, color="#EEEEEE")
    for name in _drawn(cutoffs, scores):
        axes.plot(middle, scores[name].slices, marker=".", label=name, **styles[name])
    axes.set(
        xlabel="distance from the electrode (Å)",
        ylabel="error of a force (meV/Å)",
        yscale="log",
        xlim=(0, 42),
    )
    return _with_legend(figure, axes)


def _drawn(cutoffs: Sequence[float], scores: Mapping[str, Scores]) -> list[str]:
    """Of the local models the nearest-sighted, the farthest-sighted and one between; all others."""
    shown = np.unique(np.linspace(0, len(cutoffs) - 1, _DRAWN).astype(int))
    left_out = {f"local {one:g} Å" for i, one in enumerate(cutoffs) if i not in shown}
    return [name for name in scores if name not in left_out]


def _styles(cutoffs: Sequence[float], scores: Mapping[str, Scores]) -> dict[str, dict[str, Any]]:
    names = list(scores)
    local = [name for name in names if name.startswith("local")]
    others = [name for name in names[1:] if name not in local]
    # the first colour is the local models', in shades; the fifth, a lighter blue, is too like them
    styles = line_styles(["local", *others[:3], "light blue", *others[3:]], names[:1])
    shades = np.linspace(0.35, 1.0, max(len(local), 2))
    for name, shade in zip(local, shades, strict=False):
        styles[name] = {"color": "#0072B2", "alpha": float(shade), "linestyle": "-", "linewidth": 1.5}
    return styles


def _new(height: float) -> tuple[matplotlib.figure.Figure, Any]:
    figure = matplotlib.figure.Figure(figsize=(WIDTH_INCHES, height + 0.6), layout="constrained")
    return figure, figure.subplots()


def _with_legend(figure: matplotlib.figure.Figure, axes: Any) -> matplotlib.figure.Figure:
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False, fontsize=8
    )
    return figure
