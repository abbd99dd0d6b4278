"""``polcouple i-pi``: i-PI itself, with one thread of linear algebra, as `polcouple run` starts it."""

from __future__ import annotations

import argparse
import os

from polcouple.propagation.programs import ipi_program
from polcouple.threads import ONE_THREAD


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All that i-PI takes."""
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="input.xml", help="what i-pi takes")


def run(args: argparse.Namespace) -> int:
    """Becomes i-PI."""
    os.execve(ipi_program(), ["i-pi", *args.words], {**ONE_THREAD, **os.environ})
