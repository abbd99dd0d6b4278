"""``polcouple run``: i-PI and the driver together, in a directory of the run's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.cli.options import add_backend_arguments, add_engine_arguments, given_settings
from polcouple.ipi.changes import InputChanges
from polcouple.simulation.run import run_case


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
    group = parser.add_argument_group("i-PI's input", "set in the run's own copy; by default as in the input")
    group.add_argument("--temperature", type=float, metavar="K", help="of the ensemble and at the start")
    group.add_argument("--timestep", type=float, metavar="FS", help="the outer one of multiple time stepping")
    group.add_argument("--thermostat", metavar="NAME", help="langevin or svr; pile_l or pile_g for beads")
    group.add_argument("--tau", type=float, metavar="FS", help="relaxation time of the thermostat")
    group.add_argument(
        "--stride", type=int, metavar="N", help="steps between frames of positions and charges"
    )
    add_backend_arguments(parser, required=False)
    add_engine_arguments(parser)
    parser.set_defaults(platform=None)


def run(args: argparse.Namespace) -> int:
    """Begin a run or go on with one, and follow it to the end."""
    run_case(
        args.case,
        args.backend,
        steps=args.steps,
        until=args.until,
        settings=given_settings(args),
        input=args.input,
        output=args.output,
        platform=args.platform,
        threads=args.threads,
        refresh=args.refresh,
        changes=InputChanges(args.temperature, args.timestep, args.thermostat, args.tau, args.stride),
        restart=args.restart,
        force=args.force,
    )
    return 0
