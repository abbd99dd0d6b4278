"""``polcouple i-pi``: i-PI as `polcouple run` starts it: constraints work, linear algebra has one thread."""

from __future__ import annotations

import argparse
import os

from polcouple.propagation.programs import ipi_command
from polcouple.threads import ONE_THREAD


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All that i-PI takes."""
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="input.xml", help="what i-pi takes")


def run(args: argparse.Namespace) -> int:
    """Becomes i-PI."""
    command = ipi_command()
    os.execve(command[0], [*command, *args.words], {**ONE_THREAD, **os.environ})
