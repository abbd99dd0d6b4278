"""Figure of docs/moving.md: the phonons of graphene."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.phonons import PATH, TO_CM, Bending, Constants, along_path, commensurate, reciprocal
from polcouple.units import BOHR_TO_ANGSTROM

#: colours that differ for every eye (Okabe and Ito)
BLUE, ORANGE, BLACK = "#0072B2", "#D55E00", "#000000"
#: wave vectors on each part of the path
_STEPS = 60


def draw(path: Path, own: Constants, other: Constants | None, bent: Bending) -> None:
    """Frequencies along the path, those of ``other`` at its own wave vectors, and ZA at small ones."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.0, 4.2), width_ratios=[2.2, 1.0], constrained_layout=True
    )
    waves, at, corners = along_path(_STEPS)
    found = [own.out_of_plane(wave) for wave in waves]
    across = np.array([across for across, _ in found])
    # between zero and the supercell's own wave vectors the interpolation bends ZA below zero
    small = np.linalg.norm(waves @ reciprocal(own.side), axis=1)
    near = small < np.linalg.norm(np.array([1.0, 0.0]) / own.shape[0] @ reciprocal(own.side))
    across[near, 0] = TO_CM * bent.frequency(small[near], own.side)
    left.plot(at, across, color=ORANGE, linewidth=1.5)
    left.plot(at, [within for _, within in found], color=BLUE, linewidth=1.5)
    if other is not None:
        known = [np.zeros(2), *commensurate(other.shape[0])]
        mine = [k for k, wave in enumerate(waves) if any(np.abs(wave - one).max() < 1e-9 for one in known)]
        for k in mine:
            left.plot([at[k]] * 6, other.modes(waves[k])[0], "o", color=BLACK, markersize=4, fillstyle="none")
    for corner in corners:
        left.axvline(corner, color="0.8", linewidth=0.8, zorder=0)
    left.set_xticks(corners, PATH)
    left.set(xlim=(0.0, corners[-1]), ylabel="frequency (cm$^{-1}$)")
    left.set_ylim(bottom=0.0, top=1900.0)
    handles = [
        plt.Line2D([], [], color=BLUE, label="in the plane"),
        plt.Line2D([], [], color=ORANGE, label="out of the plane"),
    ]
    if other is not None:
        handles.append(
            plt.Line2D([], [], color=BLACK, marker="o", fillstyle="none", linestyle="", label="DFTB+")
        )
    left.legend(handles=handles, frameon=False, loc=(0.33, 0.03))
    for name, (x, y), colour in (
        ("E$_{2g}$", (at[0], own.out_of_plane(waves[0])[1][3]), BLUE),
        ("ZO", (at[0], own.out_of_plane(waves[0])[0][1]), ORANGE),
        ("A$_1$'", (corners[2], own.out_of_plane(waves[2 * _STEPS])[1][3]), BLUE),
        ("ZA", (0.4 * corners[1], across[24, 0]), ORANGE),
    ):
        left.annotate(
            name, (x, y), (-18, 8) if name == "ZA" else (5, 6), textcoords="offset points", color=colour
        )
    q, omega = bent.q / BOHR_TO_ANGSTROM, TO_CM * bent.omega
    line = np.linspace(0.9 * q[0], 1.05 * q[-1], 50)
    right.loglog(line, omega[0] * (line / q[0]) ** 2, color="0.6", linewidth=1.0, label="$\\propto q^2$")
    right.loglog(q, omega, "o", color=ORANGE, label="ZA")
    right.set_xticks([0.1, 0.2, 0.3, 0.5], ["0.1", "0.2", "0.3", "0.5"])
    right.set_yticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    right.minorticks_off()
    right.set(xlabel="q (Å$^{-1}$), Γ to M", ylabel="frequency (cm$^{-1}$)")
    right.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
