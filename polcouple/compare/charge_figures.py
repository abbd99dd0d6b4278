"""Figures of replayed charges: histograms, the sum before projection, and sorted errors.

They follow figures 2, 4, 5 and 7 of Di Pasquale et al., J. Chem. Theory Comput. 17, 4477 (2021).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from polcouple.compare.replay import Replay
from polcouple.learning.evaluation import PAPER_TOLERANCE
from polcouple.report.section import Figure
from polcouple.report.style import WIDTH_INCHES, line_styles

#: sorted errors are drawn at so many quantiles
_QUANTILES = 801
#: errors below this cannot be told from rounding (e)
_SMALLEST_ERROR = 1e-9


def styles(replay: Replay) -> dict[str, dict[str, Any]]:
    """Line of each of the compared models and baselines."""
    models = [name for name in replay.charges if name != replay.reference]
    return line_styles(models, list(replay.baselines))


def labels(replay: Replay, name: str) -> np.ndarray:
    """(f, n) bins of the charges ``name``, before the correction of their sum where there was one."""
    charges = replay.charges[name] if name in replay.charges else replay.baselines[name]
    if name in replay.unprojected_sums:
        deficit = replay.total_charge - replay.unprojected_sums[name]
        charges = charges - deficit[:, None] / charges.shape[1]
    return replay.binning.labels(charges)


def histogram_figure(replay: Replay) -> Figure:
    """Histograms of labels, a row per model: as they are, and with labels off by one counted as right."""
    reference = labels(replay, replay.reference)
    count = replay.binning.n_bins
    centres = replay.binning.edges[:-1] + 0.5 * replay.binning.width
    expected = np.bincount(reference.ravel(), minlength=count) / reference.size
    drawn = styles(replay)
    canvas = Canvas(figsize=(WIDTH_INCHES, 1.45 * len(drawn) + 0.7), layout="constrained")
    grid = canvas.subplots(len(drawn), 2, sharex=True, sharey=True, squeeze=False)
    for row, (name, style) in zip(grid, drawn.items(), strict=True):
        predicted = labels(replay, name)
        distance = np.abs(predicted - reference)
        filtered = np.where(distance <= 1, reference, predicted)
        row[0].set_title(name, fontsize=9, loc="left")
        panels = (
            (row[0], predicted, f"exact bin: {100 * (distance == 0).mean():.1f} %"),
            (row[1], filtered, f"within one bin: {100 * (distance <= 1).mean():.1f} %"),
        )
        for axis, shown, text in panels:
            axis.bar(centres, expected, replay.binning.width, color="#d9d9d9")
            share = np.bincount(shown.ravel(), minlength=count) / shown.size
            axis.stairs(share, replay.binning.edges, **style)
            axis.text(0.03, 0.93, text, transform=axis.transAxes, va="top", fontsize=8)
        row[0].set_ylabel("fraction", fontsize=9)
    # the constants' single bin may leave the axis
    grid[0][0].set_ylim(0, 2.0 * expected.max())
    used = np.flatnonzero(expected)
    for axis in grid[-1]:
        axis.set_xlim(
            replay.binning.edges[max(used[0] - 2, 0)], replay.binning.edges[min(used[-1] + 3, count)]
        )
        axis.set_xlabel("charge / e")
    return Figure(
        "charge_histograms",
        canvas,
        f"Histograms of the charges of all atoms and frames in bins of {replay.binning.width:g} e. Grey: the"
        f" reference, {replay.reference}. Left: charges as predicted. Right: where the bin is at most one"
        " off, the reference's bin is put in its place (the paper's filter). The number is the share of"
        " charges in the right bin: a histogram alone compares distributions, and cannot tell right charges"
        " on the wrong atoms from right ones.",
    )


def total_charge_figure(replay: Replay) -> Figure | None:
    """Sum of the charges before it is corrected, against time; None where no model needs the correction."""
    if not replay.unprojected_sums:
        return None
    drawn = styles(replay)
    canvas = Canvas(figsize=(WIDTH_INCHES, 3.2), layout="constrained")
    axis, counts = canvas.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    for name, sums in replay.unprojected_sums.items():
        axis.plot(replay.times, sums, **drawn[name], label=name)
        counts.hist(
            sums,
            bins=12,
            orientation="horizontal",
            histtype="step",
            color=drawn[name]["color"],
            linewidth=1.5,
        )
    exact = [name for name in drawn if name not in replay.unprojected_sums]
    axis.axhline(replay.total_charge, color="black", linestyle=":", linewidth=1.3, label=", ".join(exact))
    counts.axhline(replay.total_charge, color="black", linestyle=":", linewidth=1.3)
    axis.set(xlabel=replay.time_label, ylabel="sum of charges / e")
    counts.set_xlabel("frames")
    canvas.legend(loc="outside upper center", fontsize=8, frameon=False)
    return Figure(
        "total_charge",
        canvas,
        f"Total charge that each network predicts before the deficit is spread evenly over the atoms. Dotted:"
        f" the total charge of {replay.total_charge:g} e, which the others have by construction.",
    )


def sorted_error_figure(replay: Replay) -> Figure:
    """Errors in bins, sorted: signed on the left, magnitudes on a logarithmic axis on the right."""
    reference = replay.charges[replay.reference]
    width = replay.binning.width
    threshold = PAPER_TOLERANCE / width
    rank = np.linspace(0, 100, _QUANTILES)
    canvas = Canvas(figsize=(WIDTH_INCHES, 3.6), layout="constrained")
    signed, magnitude = canvas.subplots(1, 2)
    drawn = styles(replay)
    for name, charges in replay.compared.items():
        error = (charges - reference) / width
        signed.plot(rank, np.percentile(error, rank), **drawn[name], label=name)
        size = np.maximum(np.percentile(np.abs(error), rank), _SMALLEST_ERROR / width)
        magnitude.plot(rank, size, **drawn[name])
    for level in (-threshold, threshold):
        signed.axhline(level, color="black", linewidth=0.8, linestyle=(0, (8, 3)))
    magnitude.axhline(threshold, color="black", linewidth=0.8, linestyle=(0, (8, 3)))
    signed.annotate(f"{PAPER_TOLERANCE:g} e", (2, threshold), (0, 3), textcoords="offset points", fontsize=8)
    signed.set(xlabel="charges, sorted / %", ylabel=f"error / bins of {width:g} e")
    magnitude.set(xlabel="charges, sorted / %", ylabel="size of the error / bins", yscale="log")
    canvas.legend(loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    return Figure(
        "sorted_errors",
        canvas,
        f"Errors of all charges against {replay.reference}, sorted, in bins of {width:g} e; left signed,"
        f" right in size. Dashed: the paper's threshold of {PAPER_TOLERANCE:g} e. Where a curve is inside the"
        " threshold says little by itself: the null baselines are inside for most charges.",
    )
