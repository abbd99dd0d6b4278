"""``polcouple density``: where the liquid's molecules and ions are between the electrodes, as a figure."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.log import log
from polcouple.report.density_figure import read_densities, require_format, write_densities


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple density``."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="directory of a finished run")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="figure: .png, .pdf or .svg"
    )
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of the run (0)")


def run(args: argparse.Namespace) -> int:
    """Draw the densities and write their numbers beside the figure."""
    require_format(args.output)
    found = read_densities(args.run_directory, args.skip)
    numbers = write_densities(found, args.output)
    log(
        f"written to {args.output} and {numbers}: {found.frames} frames from {found.start_ps:g} to"
        f" {found.end_ps:g} ps; bands are one standard"
        " error, dotted lines the bulk, which is the middle half of the liquid"
    )
    return 0
