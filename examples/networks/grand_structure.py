"""What the liquid looks like at two potentials: runs by a grand potential beside DFTB's frames of a dataset.

    python examples/networks/grand_structure.py OMEGA.h5 FIGURE.png SIMULATION=U ... [--skip PS]

SIMULATION is the directory of a run of ipi_inputs/graphene_water_qm by `polcouple-driver --potential`, with
the positions of simulation.positions_0.xyz. Drawn are g(r) of oxygens with oxygens and with carbons, and
how high oxygens and hydrogens are above the sheet's mean height; bands are standard errors of the mean by
the scatter of four blocks in time. As much of a run is used as --skip leaves.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import ase.io
import numpy as np
from matplotlib import pyplot

from polcouple.data.grand_frames import grand_frames

#: blocks in time: 1 ps of the dataset's runs, which is not much longer than water remembers
BLOCKS = 4
#: bins of the distances and of the heights (A)
RADII, HEIGHTS = np.arange(2.0, 4.3, 0.2), np.arange(1.0, 10.1, 0.5)
#: of the first and the second potential (Okabe and Ito)
COLORS = ("#0072B2", "#D55E00")


@dataclass(frozen=True, eq=False)
class Frames:
    """Symbols (n,), cell (3, 3) and positions (frames, n, 3), in A."""

    symbols: np.ndarray
    cell: np.ndarray
    positions: np.ndarray


def distances(frames: Frames, one: str, other: str) -> np.ndarray:
    """(bins,) g(r) with the density in the whole cell, most of which is empty: good for comparisons."""
    first, second = (np.flatnonzero(frames.symbols == symbol) for symbol in (one, other))
    inverse = np.linalg.inv(frames.cell)
    vectors = frames.positions[:, first, None] - frames.positions[:, None, second]
    vectors -= np.round(vectors @ inverse) @ frames.cell
    lengths = np.linalg.norm(vectors, axis=-1)
    counts = np.histogram(lengths[lengths > 1e-9], RADII)[0]
    shells = 4.0 / 3.0 * np.pi * np.diff(RADII**3)
    density = len(second) / abs(np.linalg.det(frames.cell))
    return np.asarray(counts / (len(lengths) * len(first) * density * shells))


def heights(frames: Frames, symbol: str) -> np.ndarray:
    """(bins,) atoms per A above the sheet's mean height."""
    sheet = frames.positions[:, frames.symbols == "C", 2].mean(axis=1)
    z = frames.positions[:, frames.symbols == symbol, 2] - sheet[:, None]
    z -= frames.cell[2, 2] * np.round(z / frames.cell[2, 2])
    return np.asarray(np.histogram(z, HEIGHTS)[0] / (len(z) * np.diff(HEIGHTS)))


def with_error(frames: Frames, of: Callable[[Frames], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error (bins,) over blocks."""
    parts = np.array_split(frames.positions, BLOCKS)
    each = np.array([of(Frames(frames.symbols, frames.cell, part)) for part in parts])
    return each.mean(axis=0), each.std(axis=0, ddof=1) / np.sqrt(BLOCKS)


def of_run(directory: Path, like: Frames, skip: float, every: float) -> Frames:
    """Positions of a run whose frames are ``every`` ps apart."""
    read = ase.io.read(directory / "simulation.positions_0.xyz", ":")
    positions = np.array([atoms.positions for atoms in read])[round(skip / every) :]
    return Frames(like.symbols, like.cell, positions)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("figure", type=Path)
    parser.add_argument("runs", nargs="+", metavar="SIMULATION=U")
    parser.add_argument("--skip", type=float, default=0.5, metavar="PS")
    parser.add_argument("--every", type=float, default=0.01, metavar="PS", help="between a run's frames")
    args = parser.parse_args()
    data = grand_frames(args.dataset)
    if data.reference is None:
        raise SystemExit(f"{args.dataset}: its labels know no zero of the potential")
    panels: list[tuple[str, str, np.ndarray, Callable[[Frames], np.ndarray]]] = [
        ("g(r) O-O", "r, \u00c5", RADII, lambda one: distances(one, "O", "O")),
        ("g(r) O-C", "r, \u00c5", RADII, lambda one: distances(one, "O", "C")),
        ("O per \u00c5", "height above the sheet, \u00c5", HEIGHTS, lambda one: heights(one, "O")),
        ("H per \u00c5", "height above the sheet, \u00c5", HEIGHTS, lambda one: heights(one, "H")),
    ]
    shown, axes = pyplot.subplots(2, 2, figsize=(8, 6), layout="constrained")
    symbols = np.array(data.symbols)
    for word, color in zip(args.runs, COLORS, strict=False):
        directory, _, potential = word.rpartition("=")
        rows = np.abs(data.reference - data.levels - float(potential)) < 1e-3
        labelled = Frames(symbols, data.cell, data.positions[rows])
        run = of_run(Path(directory), labelled, args.skip, args.every)
        for (what, _, bins, of), axis in zip(panels, axes.flat, strict=True):
            middle = 0.5 * (bins[1:] + bins[:-1])
            mean, error = with_error(run, of)
            axis.plot(middle, mean, color=color, lw=1.2, label=f"network, {float(potential):+g} V")
            axis.fill_between(middle, mean - error, mean + error, color=color, alpha=0.25, lw=0)
            exact, own = with_error(labelled, of)
            axis.errorbar(
                middle, exact, own, color=color, fmt="o", ms=3, lw=0.8, label=f"DFTB, {float(potential):+g} V"
            )
            apart = np.abs(mean - exact) / np.maximum(np.hypot(error, own), 1e-9)
            seen = exact + mean > 0.02 * (exact + mean).max()
            print(f"{potential} V {what}: {apart[seen].mean():.2f} standard errors apart in the mean")
    for (what, label, _, _), axis in zip(panels, axes.flat, strict=True):
        axis.set(xlabel=label, ylabel=what)
    axes[0, 0].legend(fontsize=8)
    shown.savefig(args.figure, dpi=150)


if __name__ == "__main__":
    main()
