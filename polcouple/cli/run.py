"""``polcouple run``: i-PI and the driver together, in a directory of the run's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.cli.options import add_backend_arguments, add_engine_arguments, given_settings
from polcouple.errors import InputError
from polcouple.simulation.run import Wanted, begin_run, go_on_with_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple run``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, metavar="N", help="steps of i-PI to do")
    length.add_argument("--until", type=int, metavar="N", help="step of i-PI to go on to")
    parser.add_argument("--input", help="which of the case's i-PI inputs (input.xml)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="run directory (CASE/run_BACKEND)")
    parser.add_argument(
        "--restart",
        action="store_true",
        help="go on from where the run in the run directory stands, with its backend and settings",
    )
    parser.add_argument(
        "--force", action="store_true", help="go on although case, input, backend or settings are others now"
    )
    add_backend_arguments(parser, required=False)
    add_engine_arguments(parser)
    parser.set_defaults(platform=None)


def run(args: argparse.Namespace) -> int:
    """Begin a run or go on with one, and follow it to the end."""
    name, given = ("--steps", args.steps) if args.until is None else ("--until", args.until)
    if given < 1:
        raise InputError(f"{name} {given}: ask for at least one step")
    if args.force and not args.restart:
        raise InputError("--force goes with --restart")
    wanted = Wanted(
        args.case,
        args.backend,
        given_settings(args),
        args.input,
        args.platform,
        args.threads,
        args.refresh,
        args.output,
    )
    if args.restart:
        go_on_with_run(wanted, steps=args.steps, until=args.until, force=args.force)
    else:
        begin_run(wanted, given)
    return 0
