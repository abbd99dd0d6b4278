"""``polcouple export``: a run's frames with charges, cell and time, for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.analysis.export import FORMATS, export_run
from polcouple.errors import InputError
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple export``."""
    parser.add_argument("source", type=Path, metavar="RUN", help="directory of a run, finished or not")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE",
        help=f"new file: {', '.join(FORMATS)}; with the last three, which do not say what the atoms are, goes"
        " a .pdb",
    )  # fmt: skip
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of the run (0)")


def run(args: argparse.Namespace) -> int:
    """Write the frames one after the other."""
    if args.source.is_file():
        raise InputError(f"{args.source}: a file; give the directory of a run")
    done = export_run(args.source, args.output, args.skip)
    names = " and ".join(map(str, done.files))
    log(f"{done.frames} frames of {done.particles} particles written to {names}")
    return 0
