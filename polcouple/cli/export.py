"""``polcouple export``: a run's frames with charges, or a dataset's labels, for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.analysis.export import FORMATS, export_run
from polcouple.data.moving import is_moving
from polcouple.errors import InputError
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple export``."""
    parser.add_argument(
        "source", type=Path, metavar="SOURCE",
        help="directory of a run, finished or not; or a dataset of an electrode that moves, whose energies,"
        " forces, charges and electrons are written as extended xyz",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE",
        help=f"new file: {', '.join(FORMATS)}; with the last three, which do not say what the atoms are, goes"
        " a .pdb",
    )  # fmt: skip
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of the run (0)")


def run(args: argparse.Namespace) -> int:
    """Write the frames one after the other."""
    if is_moving(args.source):
        if args.skip:
            raise InputError(f"{args.source}: a dataset; --skip is for runs")
        from polcouple.analysis.export_moving import export_moving

        log(f"{export_moving(args.source, args.output)} labelled frames written to {args.output}")
        return 0
    if args.source.is_file():
        raise InputError(
            f"{args.source}: a file, and no dataset of an electrode that moves; give the directory of a run"
        )
    done = export_run(args.source, args.output, args.skip)
    names = " and ".join(map(str, done.files))
    log(f"{done.frames} frames of {done.particles} particles written to {names}")
    return 0
