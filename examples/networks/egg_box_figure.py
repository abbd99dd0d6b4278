"""What the real-space grid of labels adds to them, seen by networks that it was taken off for.

    python examples/networks/egg_box_figure.py frames.xyz folds/f* --element N --figure egg_box.png

Folds as potential_folds.py has them. Force components of the element's atoms less the networks', of frames
that these have not seen, against where the atom lies between two points of the grid; and the fitted sine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from polcouple.data.configurations import read_configurations
from polcouple.learning.potential_folds import read_folds


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--element", default="N")
    parser.add_argument("--figure", type=Path, required=True)
    args = parser.parse_args()
    configurations = read_configurations([args.data])
    places, missing, amplitudes = [], [], []
    for fold in read_folds(args.models, configurations):
        if fold.egg_box is None:
            parser.error("no egg box was taken off their labels")
        amplitudes.append(fold.egg_box.amplitudes[args.element])
        for one in (configurations[i] for i in fold.test):
            kinds = fold.potential.architecture.kinds(one.symbols)
            found = fold.potential.evaluate(kinds, one.positions, one.cell, one.periodic)
            of_element = np.array(one.symbols) == args.element
            along = one.positions @ np.linalg.inv(one.cell) * np.array(fold.egg_box.points)
            places.append(along[of_element].ravel() % 1.0)
            missing.append((one.forces - found.forces)[of_element].ravel())
    draw(np.concatenate(places), np.concatenate(missing), float(np.mean(amplitudes)), args)


def draw(places: np.ndarray, missing: np.ndarray, amplitude: float, args: argparse.Namespace) -> None:
    """Points, their medians in twenty parts, and the sine."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.8, 3.6), layout="constrained")
    axes.plot(places, 1e3 * missing, ".", ms=2, color="#bbbbbb", rasterized=True, label="components")
    part = np.minimum((places * 20).astype(int), 19)
    medians = [1e3 * np.median(missing[part == i]) for i in range(20)]
    axes.plot((np.arange(20) + 0.5) / 20, medians, "o", color="#d55e00", label="medians")
    x = np.linspace(0, 1, 201)
    axes.plot(x, 1e3 * amplitude * np.sin(2 * np.pi * x), color="#0072b2", label="from net forces")
    axes.set_ylim(-800, 800)
    axes.set_xlabel("place between two points of the grid")
    axes.set_ylabel(f"labels less networks on {args.element} / meV Å$^{{-1}}$")
    axes.legend(loc="upper right", ncols=3, fontsize=8, columnspacing=1.0, handletextpad=0.3)
    figure.savefig(args.figure, dpi=150)


if __name__ == "__main__":
    main()
