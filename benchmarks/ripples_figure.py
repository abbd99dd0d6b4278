"""Figure of docs/moving.md: ripples of a free-standing sheet."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.phonons_figure import BLACK, BLUE, ORANGE
from benchmarks.ripples import over_harmonic, paired, ratios
from benchmarks.ripples_waves import Waves
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM


def draw(path: Path, response: np.ndarray, dftb: np.ndarray, seen: Waves) -> None:
    """Mean squares by |q|, and over those of the harmonic sheet.

    Those of `dftb` are over those of `response` with the same random numbers, whose mean is the harmonic
    sheet's. Runs are |h|^2 (frames, m).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.8), constrained_layout=True)
    q = np.array([seen.q[own.start] for own in seen.shells]) * ANGSTROM_TO_BOHR
    harmonic = np.array([seen.harmonic[own].mean() for own in seen.shells]) * BOHR_TO_ANGSTROM**2
    left.plot(q, harmonic, color=BLACK, linewidth=1.2, label="harmonic, from the Hessian")
    right.axhline(1.0, color=BLACK, linewidth=1.2)
    for name, found, colour, marker, shift in (
        ("response", over_harmonic(response, seen)[0], BLUE, "o", -0.006),
        ("dftb", ratios(paired(response, dftb), seen)[0], ORANGE, "s", 0.006),
    ):
        style = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4.5, "capsize": 2.0}
        left.errorbar(q, harmonic * found.value, harmonic * found.error, label=name, **style)
        right.errorbar(q + shift, found.value, found.error, **style)
    left.set(xscale="log", yscale="log", ylabel=r"$\langle |h(q)|^2 \rangle$ ($\mathrm{\AA}^2$)")
    left.set_xticks(ticks := [0.5, 0.7, 1.0, 1.4, 2.0], [f"{tick:g}" for tick in ticks])
    left.set_xticks([], minor=True)
    left.legend(frameon=False)
    right.set(ylabel=r"$\langle |h(q)|^2 \rangle$ over harmonic")
    for axes in (left, right):
        axes.set_xlabel(r"$|q|$ ($\mathrm{\AA}^{-1}$)")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
