"""``polcouple compare``: the same frames through several backends, and the runs they drive."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.backends.base import backend_names
from polcouple.cli.options import add_engine_arguments
from polcouple.cli.settings_help import add_settings_help
from polcouple.compare.comparison import Comparison, compare_backends
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple compare``."""
    add_settings_help(parser)
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="directories of finished runs; or one case, with --steps (it is run first) or --frames",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="for the report")
    parser.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        dest="backends",
        help=f"to compare, the reference first, such as nn:model=./mine; may be repeated; one of"
        f" {', '.join(backend_names())} (those of the runs)",
    )
    parser.add_argument("--frames", type=Path, metavar="FILE", help="to replay instead of the first run's")
    parser.add_argument(
        "--fine-run",
        type=Path,
        metavar="RUN",
        help="a run of the same case with frames closer together, for charges held for a few steps",
    )
    parser.add_argument("--replay-frames", type=int, default=200, metavar="N", help="at most so many (200)")
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of each run (0)")
    made = parser.add_argument_group("with a case: the runs to make in DIR.work/runs; finished ones are kept")
    made.add_argument("--steps", type=int, metavar="N", help="steps of i-PI to do")
    made.add_argument("--every", type=int, default=20, metavar="N", help="steps between frames (20)")
    made.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Make what runs are missing, analyse, write the report."""
    asked = Comparison(
        paths=tuple(args.paths),
        backends=tuple(args.backends),
        frames=args.frames,
        fine_run=args.fine_run,
        replay_frames=args.replay_frames,
        skip=args.skip,
        steps=args.steps,
        every=args.every,
        input=args.input,
        platform=args.platform,
        threads=args.threads,
        refresh=args.refresh,
    )
    log(f"written to {compare_backends(asked, args.output)}")
    return 0
