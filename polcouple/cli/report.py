"""``polcouple report``: one run on one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.log import log
from polcouple.report.run_page import write_run_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple report``."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="directory of a run, finished or not")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.html")
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of the run (0)")


def run(args: argparse.Namespace) -> int:
    """Read the run through and write its page."""
    write_run_report(args.run_directory, args.output, args.skip)
    log(f"written to {args.output}")
    return 0
