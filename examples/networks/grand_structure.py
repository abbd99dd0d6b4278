"""What the liquid looks like at any potential: runs by networks beside DFTB's frames of a dataset.

    python examples/networks/grand_structure.py OMEGA.h5 FIGURE.png SIMULATION=U ... [--mace SIMULATION=U ...]
        [--skip PS]

SIMULATION is the directory of a run of ipi_inputs/graphene_water_qm by `polcouple-driver --potential`, with
the positions of simulation.positions_0.xyz and the extras ``excess_electrons`` in simulation.electrons_0.
Above: g(r) of oxygens with oxygens and with carbons, and how high oxygens and hydrogens are above the sheet's
mean height, at the lowest and the highest of the potentials. Below, against the potential: how water in the
first layer is turned, how many molecules are in it, and the electrons. Errors are standard errors of the mean
by the scatter of four blocks in time. As much of a run is used as --skip leaves.
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
#: bins of the distances and of the heights (A); oxygens lower than the last are the first layer
RADII, HEIGHTS, LAYER = np.arange(2.0, 4.3, 0.2), np.arange(1.0, 10.1, 0.5), 4.3
#: of the lowest and the highest potential; of DFTB, the network and MACE (Okabe and Ito)
COLORS = ("#0072B2", "#D55E00")
SOURCES = {"DFTB": ("#000000", "o"), "network": ("#009E73", "s"), "MACE": ("#CC79A7", "^")}

Quantity = Callable[["Frames"], np.ndarray]


@dataclass(frozen=True, eq=False)
class Frames:
    """Symbols (n,), cell (3, 3), positions (frames, n, 3) in A, and electrons (frames,)."""

    symbols: np.ndarray
    cell: np.ndarray
    positions: np.ndarray
    electrons: np.ndarray

    def part(self, rows: np.ndarray) -> Frames:
        """Some of the frames."""
        return Frames(self.symbols, self.cell, self.positions[rows], self.electrons[rows])


def distances(frames: Frames, one: str, other: str) -> np.ndarray:
    """(bins,) g(r) with the density in the whole cell, most of which is empty: good for comparisons."""
    first, second = (np.flatnonzero(frames.symbols == symbol) for symbol in (one, other))
    vectors = _nearest(frames, frames.positions[:, first, None] - frames.positions[:, None, second])
    lengths = np.linalg.norm(vectors, axis=-1)
    counts = np.histogram(lengths[lengths > 1e-9], RADII)[0]
    shells = 4.0 / 3.0 * np.pi * np.diff(RADII**3)
    density = len(second) / abs(np.linalg.det(frames.cell))
    return np.asarray(counts / (len(lengths) * len(first) * density * shells))


def heights(frames: Frames, symbol: str) -> np.ndarray:
    """(bins,) atoms per A above the sheet's mean height."""
    z = _above(frames, symbol)
    return np.asarray(np.histogram(z, HEIGHTS)[0] / (len(z) * np.diff(HEIGHTS)))


def first_layer(frames: Frames) -> np.ndarray:
    """(2,) mean cosine of the dipoles in the first layer with the normal away from the sheet; molecules."""
    oxygens, z = np.flatnonzero(frames.symbols == "O"), _above(frames, "O")
    near = np.abs(z) < LAYER
    arms = [frames.positions[:, oxygens + k] - frames.positions[:, oxygens] for k in (1, 2)]
    dipoles = sum(_nearest(frames, arm) for arm in arms)
    cosines = np.sign(z) * dipoles[..., 2] / np.linalg.norm(dipoles, axis=-1)
    return np.array([cosines[near].mean() if near.any() else np.nan, near.sum() / len(z)])


def electrons(frames: Frames) -> np.ndarray:
    """(1,) their mean."""
    return np.array([frames.electrons.mean()])


def _above(frames: Frames, symbol: str) -> np.ndarray:
    """(frames, atoms) heights above the sheet's mean, A."""
    sheet = frames.positions[:, frames.symbols == "C", 2].mean(axis=1)
    z = frames.positions[:, frames.symbols == symbol, 2] - sheet[:, None]
    return np.asarray(z - frames.cell[2, 2] * np.round(z / frames.cell[2, 2]))


def _nearest(frames: Frames, vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors - np.round(vectors @ np.linalg.inv(frames.cell)) @ frames.cell)


def with_error(frames: Frames, of: Quantity) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error (bins,) over blocks."""
    parts = np.array_split(np.arange(len(frames.positions)), BLOCKS)
    each = np.array([of(frames.part(part)) for part in parts])
    # without molecules in the layer a block has no orientation
    known = np.isfinite(each).sum(axis=0)
    return of(frames), np.nanstd(each, axis=0, ddof=1) / np.sqrt(known)


def of_run(directory: Path, like: Frames, skip: float, every: float) -> Frames:
    """Of a run whose frames are ``every`` ps apart."""
    read = ase.io.read(directory / "simulation.positions_0.xyz", ":")
    counts = np.loadtxt(directory / "simulation.electrons_0")
    kept = slice(round(skip / every), min(len(read), len(counts)))
    return Frames(like.symbols, like.cell, np.array([one.positions for one in read])[kept], counts[kept])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("figure", type=Path)
    parser.add_argument("runs", nargs="+", metavar="SIMULATION=U")
    parser.add_argument("--mace", nargs="+", default=[], metavar="SIMULATION=U")
    parser.add_argument("--skip", type=float, default=0.5, metavar="PS")
    parser.add_argument("--every", type=float, default=0.01, metavar="PS", help="between a run's frames")
    args = parser.parse_args()
    data = grand_frames(args.dataset)
    if data.reference is None:
        raise SystemExit(f"{args.dataset}: its labels know no zero of the potential")
    volts = np.round(data.reference - data.levels, 3)
    whole = Frames(np.array(data.symbols), data.cell, data.positions, data.electrons)
    found = {"DFTB": {float(one): whole.part(np.flatnonzero(volts == one)) for one in np.unique(volts)}}
    for name, words in (("network", args.runs), ("MACE", args.mace)):
        named = [word.rpartition("=")[::2] for word in words]
        runs = {float(u): of_run(Path(one), whole, args.skip, args.every) for one, u in named}
        found[name] = dict(sorted(runs.items()))
    shown, axes = pyplot.subplots(2, 4, figsize=(12, 5.6), layout="constrained")
    draw_profiles(axes[0], found)
    draw_against_potential(axes[1], found)
    for letter, axis in zip("abcdefg", axes.flat, strict=False):
        axis.set_title(letter, loc="left", fontweight="bold", fontsize=10)
    shown.savefig(args.figure, dpi=150)


def draw_profiles(axes: np.ndarray, found: dict[str, dict[float, Frames]]) -> None:
    """At the lowest and the highest potential of the network's runs that DFTB has."""
    panels: list[tuple[str, str, np.ndarray, Quantity]] = [
        ("g(r) O-O", "r, \u00c5", RADII, lambda one: distances(one, "O", "O")),
        ("g(r) O-C", "r, \u00c5", RADII, lambda one: distances(one, "O", "C")),
        ("O per \u00c5", "height above the sheet, \u00c5", HEIGHTS, lambda one: heights(one, "O")),
        ("H per \u00c5", "height above the sheet, \u00c5", HEIGHTS, lambda one: heights(one, "H")),
    ]
    both = [u for u in found["network"] if u in found["DFTB"]]
    for u, color in zip(dict.fromkeys((both[0], both[-1])), COLORS, strict=False):
        for (what, _, bins, of), axis in zip(panels, axes, strict=True):
            middle = 0.5 * (bins[1:] + bins[:-1])
            mean, error = with_error(found["network"][u], of)
            axis.plot(middle, mean, color=color, lw=1.2, label=f"network, {u:+g} V")
            axis.fill_between(middle, mean - error, mean + error, color=color, alpha=0.25, lw=0)
            exact, own = with_error(found["DFTB"][u], of)
            axis.errorbar(middle, exact, own, color=color, fmt="o", ms=3, lw=0.8, label=f"DFTB, {u:+g} V")
            apart = np.abs(mean - exact) / np.maximum(np.hypot(error, own), 1e-9)
            seen = exact + mean > 0.02 * (exact + mean).max()
            print(f"{u:+g} V {what}: {apart[seen].mean():.2f} standard errors apart in the mean")
            if u in found["MACE"]:
                axis.plot(
                    middle,
                    with_error(found["MACE"][u], of)[0],
                    "--",
                    color=color,
                    lw=1,
                    label=f"MACE, {u:+g} V",
                )
    for (what, label, _, _), axis in zip(panels, axes, strict=True):
        axis.set(xlabel=label, ylabel=what)
        axis.set_ylim(bottom=0.0)
    axes[0].legend(fontsize=7, frameon=False)


def draw_against_potential(axes: np.ndarray, found: dict[str, dict[float, Frames]]) -> None:
    """Orientation and number of molecules in the first layer, and electrons; the last panel has the names."""
    words = ("cosine of the dipoles, first layer", "molecules in the first layer", "excess electrons, e")
    for name, runs in found.items():
        if not runs:
            continue
        color, marker = SOURCES[name]
        volts = np.array(list(runs))
        pairs = [(with_error(one, first_layer), with_error(one, electrons)) for one in runs.values()]
        values = np.array([[*layer[0], *count[0]] for layer, count in pairs])
        errors = np.array([[*layer[1], *count[1]] for layer, count in pairs])
        for number, axis in enumerate(axes[:3]):
            line = "-" if name == "network" else ""
            axis.errorbar(
                volts, values[:, number], errors[:, number],
                color=color, marker=marker, ms=4, lw=1, ls=line, capsize=2, label=name,
            )  # fmt: skip
        for u, value, error in zip(volts, values, errors, strict=True):
            cells = " ".join(f"{a:+.3f} +- {b:.3f}" for a, b in zip(value, error, strict=True))
            print(f"{name} {u:+g} V: cosine, molecules, electrons {cells}")
    for what, axis in zip(words, axes, strict=False):
        axis.set(xlabel="potential, V", ylabel=what)
        axis.grid(lw=0.3)
    axes[3].axis("off")
    axes[3].legend(*axes[0].get_legend_handles_labels(), loc="center left", frameon=False)


if __name__ == "__main__":
    main()
