"""Figure of docs/moving.md: electrons and the first water layer of a quantum electrode against its potential.

python examples/held_level_figure.py DATASET.h5 [docs/figures]

The dataset is one of

    polcouple sample ipi_inputs/graphene_water_qm --backend dftb --potentials -1 -0.5 0 0.5 1 \\
        --frames 800 --every 0.01 --skip 0.25 -o DATASET.h5

Errors are standard errors of block averages.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.analysis.held_level import at_levels, differences
from polcouple.data.moving import MovingDataset
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV, KELVIN_TO_HARTREE

#: colours that differ for every eye (Okabe and Ito)
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
#: oxygens nearer to the sheet than this are its first layer, Angstrom
LAYER = 4.3
EDGES = np.arange(2.0, 6.6, 0.2)


def main(path: Path, folder: Path) -> None:
    """Write ``held_level.png`` and print what it shows."""
    dataset = MovingDataset(path)
    found = at_levels(dataset, 300.0 * KELVIN_TO_HARTREE)
    names = [one.name for one in dataset.sets()]
    frames = dataset.frames()
    water = {
        one.potential: WaterLayer(dataset, frames.positions[in_order(frames, names.index(one.name))])
        for one in found
    }
    volts = np.array([one.potential for one in found])
    figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.6), constrained_layout=True)
    draw_charge(axes[0], volts, found)
    for volt, colour in ((volts[0], ORANGE), (volts[len(volts) // 2], BLACK), (volts[-1], BLUE)):
        draw_density(axes[1], water[volt], colour, f"{volt:+.1f} V")
    axes[1].set(xlabel="distance from the sheet (Å)", ylabel="atoms per Å³", xlim=(EDGES[0], EDGES[-1]))
    axes[1].set_ylim(bottom=0.0)
    axes[1].legend(frameon=False, title="full: O, broken: H")
    cosines = [water[volt].cosine for volt in volts]
    axes[2].errorbar(volts, values(cosines), errors(cosines), fmt="o", color=BLACK, capsize=3, label="dipole")
    axes[2].axhline(0.0, color="0.7", linewidth=0.8)
    axes[2].set(xlabel="U (V)", ylabel="mean cosine of dipole, first layer")
    figure.savefig(folder / "held_level.png", dpi=150)
    for one, volt in zip(found, volts, strict=True):
        layer = water[volt]
        print(
            f"{volt:+.2f} V  Q {one.charge.value:+.3f} +- {one.charge.error:.3f} e"
            f"  cosine {layer.cosine.value:+.3f} +- {layer.cosine.error:.3f}"
            f"  O in the layer {layer.count.value:.2f} +- {layer.count.error:.2f}"
            f"  blocks long enough: {one.charge.converged} {layer.cosine.converged}"
        )


def draw_charge(axes: plt.Axes, volts: np.ndarray, found: list) -> None:
    """Charge against potential, and the capacitance in two ways."""
    charges = [one.charge for one in found]
    axes.errorbar(volts, values(charges), errors(charges), fmt="o-", color=BLACK, capsize=3, label="Q")
    axes.set(xlabel="U (V)", ylabel="Q = N$_0$ - N (e)")
    twin = axes.twinx()
    own = [one.capacitance for one in found]
    twin.errorbar(
        volts, values(own) / HARTREE_TO_EV, errors(own) / HARTREE_TO_EV, fmt="s", color=BLUE, capsize=3,
        label="dQ/dU by fluctuations",
    )  # fmt: skip
    between = differences(found)
    middles = 0.5 * (volts[1:] + volts[:-1])
    twin.errorbar(
        middles, np.array([one.value for one in between]) / HARTREE_TO_EV,
        np.array([one.error for one in between]) / HARTREE_TO_EV, fmt="^", color=ORANGE, capsize=3,
        label="by differences",
    )  # fmt: skip
    twin.set(ylabel="dQ/dU (e/V)", ylim=(0.0, 1.4))
    handles = [axes.get_legend_handles_labels(), twin.get_legend_handles_labels()]
    axes.legend(*[a + b for a, b in zip(*handles, strict=True)], frameon=False, loc="upper left")


class WaterLayer:
    """Density and orientation of the waters over the sheet.

    Args:
        dataset: of the frames.
        positions: (f, N, 3) in bohr.
    """

    def __init__(self, dataset: MovingDataset, positions: np.ndarray) -> None:
        symbols = np.array(dataset.symbols)
        carbons, oxygens = np.flatnonzero(symbols == "C"), np.flatnonzero(symbols == "O")
        height = float(dataset.cell[2, 2])
        volume = float(np.prod(np.diag(dataset.cell)[:2])) * BOHR_TO_ANGSTROM**2 * np.diff(EDGES)
        density, orientation = Blocks(), Blocks()
        for places in positions:
            above = places[:, 2] - places[carbons, 2].mean()
            above -= height * np.round(above / height)
            counts = [
                np.histogram(np.abs(above[symbols == one]) * BOHR_TO_ANGSTROM, EDGES)[0] / volume
                for one in ("O", "H")
            ]
            density.add(np.array(counts))
            arms = [places[oxygens + k] - places[oxygens] for k in (1, 2)]
            lattice = np.diag(dataset.cell)
            dipoles = sum(arm - lattice * np.round(arm / lattice) for arm in arms)
            cosines = np.sign(above[oxygens]) * dipoles[:, 2] / np.linalg.norm(dipoles, axis=1)
            near = np.abs(above[oxygens]) * BOHR_TO_ANGSTROM < LAYER
            orientation.add(np.array([cosines[near].sum(), near.sum()]))
        self.density = estimate(density)
        self.cosine = estimate(orientation, lambda mean: mean[0] / mean[1])
        self.count = estimate(orientation, lambda mean: mean[1])


def draw_density(axes: plt.Axes, layer: WaterLayer, colour: str, label: str) -> None:
    """Of oxygen and hydrogen, with bands of one standard error."""
    middles = 0.5 * (EDGES[1:] + EDGES[:-1])
    for row, style, name in ((0, "-", label), (1, "--", None)):
        value, error = layer.density.value[row], layer.density.error[row]
        axes.plot(middles, value, style, color=colour, label=name)
        axes.fill_between(middles, value - error, value + error, color=colour, alpha=0.15, linewidth=0)


def in_order(frames, number: int) -> np.ndarray:
    """Frames of one run in the order of their times."""
    own = np.flatnonzero(frames.trajectory == number)
    return own[np.argsort(frames.time[own])]


def values(found: list[Estimate]) -> np.ndarray:
    """Of estimates."""
    return np.array([float(one.value) for one in found])


def errors(found: list[Estimate]) -> np.ndarray:
    """Of estimates."""
    return np.array([float(one.error) for one in found])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/figures"))
