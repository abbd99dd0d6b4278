"""Potentials that each left out another part of the frames, judged on it and joined to one committee.

    for k in 0 2 4 6 8; do
      polcouple train potential frames.xyz -o folds/f$k --members 2 --test-fraction 0.2 --test-from 0.$k
    done
    python examples/networks/potential_folds.py frames.xyz folds/f* --output mine --figure errors.png

Writes the table of errors on the frames left out, the correlation of error and disagreement frame by frame,
and a model of all members.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from polcouple.data.configurations import read_configurations
from polcouple.learning.potential_folds import FoldScores, read_folds, score_folds, write_committee
from polcouple.learning.potential_scores import score_table


def draw(scores: FoldScores, path: Path) -> None:
    """Error against disagreement, a point a frame."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(4.5, 4.0), layout="constrained")
    axes.loglog(1e3 * scores.disagreements, 1e3 * scores.errors, "o", color="#0072b2", alpha=0.7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(ticker.ScalarFormatter())
        axis.set_minor_formatter(ticker.NullFormatter())
    axes.set_xlabel("disagreement of the networks / meV Å$^{-1}$")
    axes.set_ylabel("error of the forces / meV Å$^{-1}$")
    figure.savefig(path, dpi=150)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, help="directory of the joined model")
    parser.add_argument("--keep", type=int, metavar="N", help="networks of each part in that model (all)")
    parser.add_argument("--origin", default="", help="of the frames, for its card")
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    configurations = read_configurations([args.data])
    folds = read_folds(args.models, configurations)
    scores = score_folds(folds, configurations)
    print(score_table(scores.rows))
    if np.isfinite(scores.disagreements).all():
        correlation = np.corrcoef(scores.disagreements, scores.errors)[0, 1]
        print(f"correlation of error and disagreement over {len(scores.errors)} frames: {correlation:.2f}")
        if args.figure is not None:
            draw(scores, args.figure)
    if args.output is not None:
        write_committee(args.output, folds, configurations, scores.rows, args.models, args.origin, args.keep)
        print(f"written to {args.output}")


if __name__ == "__main__":
    main()
