"""Errors and cost of grand potentials on the end of each trajectory of a dataset, one row a model.

    python -m benchmarks.grand_potentials DATASET.h5 NAME=MODEL ... [--given NAME=FILE.npz ...]

MODEL is what `polcouple train grand-potential` or `polcouple train mace` made. Test frames are those of both
with their own fractions, in the same order for every model. FILE.npz has predictions of another program for
them: ``forces`` (frames, atoms, 3) in eV/A and, where it has them, ``electrons`` (frames,) more than those of
neutral atoms, ``maxwell`` (1/A) and ``microseconds`` (an atom). Cost is processor time of one thread,
neighbour list included, the median.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from polcouple.data.grand_frames import GrandFrames, grand_frames
from polcouple.learning.grand_options import GrandOptions
from polcouple.learning.grand_scores import maxwell
from polcouple.learning.grand_training import split_in_time
from polcouple.nn.grand.model import load_grand_model
from polcouple.threads import limit_linear_algebra

#: colours that colour-blind people tell apart (Okabe and Ito), with markers
_STYLES = (
    ("#0072B2", "o"),
    ("#E69F00", "s"),
    ("#CC79A7", "^"),
    ("#009E73", "D"),
    ("#D55E00", "v"),
    ("#000000", "x"),
)


@dataclass(frozen=True, eq=False)
class Row:
    """Of a model: forces (l, n, 3), electrons (l,) or NaN, Maxwell's violation and cost or NaN."""

    name: str
    forces: np.ndarray
    electrons: np.ndarray
    maxwell: float
    microseconds: float


def of_model(name: str, directory: Path, frames: GrandFrames, rows: np.ndarray) -> Row:
    """Predictions of a model, ours or MACE's."""
    potential = load_grand_model(directory)
    kinds = potential.kinds(frames.symbols)
    forces, electrons, seconds = [], [], []
    for row in rows:
        start = time.process_time()
        found = potential.evaluate(kinds, frames.positions[row], frames.cell, float(frames.levels[row]))
        seconds.append(time.process_time() - start)
        forces.append(found.forces)
        electrons.append(found.electrons)
    violated = maxwell(potential, frames, rows[:: max(1, len(rows) // 5)][:5])
    cost = 1e6 * float(np.median(seconds[1:])) / len(kinds)
    return Row(name, np.array(forces), np.array(electrons), violated, cost)


def given(name: str, path: Path, rows: np.ndarray) -> Row:
    """Predictions of another program."""
    with np.load(path) as file:
        electrons = file["electrons"] if "electrons" in file else np.full(len(rows), np.nan)
        one = [float(file[key]) if key in file else float("nan") for key in ("maxwell", "microseconds")]
        if len(file["forces"]) != len(rows):
            raise SystemExit(f"{path}: forces of {len(file['forces'])} frames, the test has {len(rows)}")
        return Row(name, file["forces"], electrons, *one)


def table(frames: GrandFrames, rows: np.ndarray, found: list[Row]) -> str:
    """In Markdown: forces meV/A and electrons e (mean absolute errors), at all and at each potential."""
    levels = frames.levels[rows]
    volts = levels if frames.reference is None else frames.reference - levels
    parts = {"all": np.ones(len(rows), bool)}
    parts |= {f"{one:+.1f} V": np.abs(volts - one) < 1e-3 for one in np.unique(np.round(volts, 3))}
    lines = [
        f"| | {' | '.join(parts)} | max. dF/dmu - dn/dR, 1/A | us an atom |",
        "|---|" + "---:|" * (len(parts) + 2),
    ]
    for row in found:
        errors, more = row.forces - frames.forces[rows], row.electrons - frames.electrons[rows]
        cells = [
            f"{1e3 * np.abs(errors[part]).mean():.1f}, {np.abs(more[part]).mean():.4f}"
            for part in parts.values()
        ]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {row.maxwell:.0e} | {row.microseconds:.0f} |")
    return "\n".join(lines)


def figure(path: Path, frames: GrandFrames, rows: np.ndarray, found: list[Row]) -> None:
    """Mean absolute errors of forces and electrons against the potential."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    volts = (frames.reference or 0.0) - frames.levels[rows]
    at = np.unique(np.round(volts, 3))
    shown, axes = pyplot.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for row, (color, marker) in zip(found, cycle(_STYLES), strict=False):
        errors = 1e3 * np.abs(row.forces - frames.forces[rows]).mean(axis=(1, 2))
        more = np.abs(row.electrons - frames.electrons[rows])
        for axis, values in zip(axes, (errors, more), strict=True):
            means = [values[np.abs(volts - one) < 1e-3].mean() for one in at]
            axis.plot(at, means, color=color, marker=marker, ms=5, lw=1, label=row.name)
    for axis, what, ticks in zip(
        axes,
        ("forces, meV/\u00c5", "electrons, e"),
        ((20, 50, 100, 200, 500, 1000), (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)),
        strict=True,
    ):
        axis.set(xlabel="potential, V", ylabel=f"error of {what}", yscale="log")
        axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.grid(lw=0.3)
    shown.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    shown.savefig(path, dpi=150)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL")
    parser.add_argument("--given", nargs="+", default=[], metavar="NAME=FILE.npz")
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    limit_linear_algebra()
    frames = grand_frames(args.dataset)
    rows = split_in_time(frames, GrandOptions()).test
    found = [of_model(*_named(word), frames, rows) for word in args.models]
    found += [given(*_named(word), rows) for word in args.given]
    means = frames.electrons[rows].copy()
    train = split_in_time(frames, GrandOptions()).train
    for level in np.unique(frames.levels):
        means[frames.levels[rows] == level] = frames.electrons[train][frames.levels[train] == level].mean()
    nothing = Row("no forces, mean electrons", np.zeros_like(frames.forces[rows]), means, np.nan, np.nan)
    print(table(frames, rows, [*found, nothing]))
    if args.figure is not None:
        figure(args.figure, frames, rows, [*found, nothing])


def _named(word: str) -> tuple[str, Path]:
    name, _, path = word.partition("=")
    return name, Path(path)


if __name__ == "__main__":
    main()
