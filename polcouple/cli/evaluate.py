"""``polcouple evaluate``: backends against the labels of a dataset, in a table and figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.cli.settings_help import add_settings_help
from polcouple.data.dataset import Dataset
from polcouple.learning.evaluate import evaluate_dataset, write_evaluation
from polcouple.log import log
from polcouple.output_paths import require_directory_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple evaluate``."""
    add_settings_help(parser)
    parser.add_argument("dataset", type=Path, metavar="DATASET.h5", help="labelled by `polcouple label`")
    parser.add_argument(
        "--backend",
        action="append",
        required=True,
        metavar="NAME[:KEY=VALUE,...]",
        dest="backends",
        help="a backend and its settings, such as nn:model=./mine; may be repeated",
    )
    parser.add_argument(
        "--labels", nargs="+", metavar="NAME", help="what to compare with, BACKEND@CHARGE (all there are)"
    )
    parser.add_argument("--folds", type=int, default=10, help="parts the frames are split into (10)")
    parser.add_argument("--split", choices=("blocks", "random"), default="blocks", help="(blocks)")
    parser.add_argument(
        "--all-frames", action="store_true", help="a dataset no model was trained on: test on every frame"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="for table, metrics and figures")


def run(args: argparse.Namespace) -> int:
    """Print a table for each set of labels; write them, the metrics and the figure where asked to."""
    if args.output is not None:
        require_directory_name(args.output)
    found = []
    for one in evaluate_dataset(
        Dataset(args.dataset),
        args.backends,
        args.labels or (),
        folds=args.folds,
        split=args.split,
        all_frames=args.all_frames,
    ):
        print(one.table, flush=True)
        found.append(one)
    if args.output is not None:
        write_evaluation(found, args.output)
        log(f"written to {args.output}")
    return 0
