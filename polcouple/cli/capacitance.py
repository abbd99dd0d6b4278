"""``polcouple capacitance``: charge against voltage, and the capacitance in parts, with errors."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.capacitance.measurement import measure_capacitance
from polcouple.capacitance.sweep import Sweep
from polcouple.cli.options import add_backend_arguments, add_engine_arguments, run_plan
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple capacitance``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case of two electrodes at a voltage")
    parser.add_argument(
        "--voltages", type=float, nargs="+", required=True, metavar="U", help="of the first electrode (V)"
    )
    parser.add_argument("--steps", type=int, required=True, metavar="N", help="steps of i-PI at each voltage")
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of each run (0)")
    parser.add_argument("--every", type=int, default=20, metavar="N", help="steps between frames (20)")
    parser.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR",
        help="for the report; the runs are kept in DIR.work",
    )  # fmt: skip
    add_backend_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run at every voltage, solve the frames again, write the report."""
    sweep = Sweep(run_plan(args), tuple(args.voltages), args.steps, args.every, args.skip)
    log(f"written to {measure_capacitance(sweep, args.output)}")
    return 0
