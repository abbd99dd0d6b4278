"""``polcouple capacitance``: charge against potential, and the capacitance in parts, with errors."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.capacitance.measurement import measure_capacitance
from polcouple.capacitance.sweep import Sweep
from polcouple.cli.options import add_backend_arguments, add_engine_arguments, run_plan
from polcouple.data.moving import is_moving
from polcouple.errors import InputError
from polcouple.log import log

#: what runs of a case need
_OF_RUNS = ("voltages", "steps", "output", "backend")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple capacitance``."""
    parser.add_argument(
        "case", type=Path, metavar="CASE",
        help="case of two electrodes at a voltage; or a dataset of `polcouple sample` of an electrode that"
        " moves at several levels, whose electrons are then averaged",
    )  # fmt: skip
    parser.add_argument("--voltages", type=float, nargs="+", metavar="U", help="of the first electrode (V)")
    parser.add_argument("--steps", type=int, metavar="N", help="steps of i-PI at each voltage")
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of each run (0)")
    parser.add_argument("--every", type=int, default=20, metavar="N", help="steps between frames (20)")
    parser.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="K",
        help="of the nuclei of a dataset that does not say it, in kelvin",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="for the report; the runs are kept in DIR.work"
    )
    add_backend_arguments(parser, required=False)
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Of a dataset print the averages; of a case run, solve the frames again, and write the report."""
    if args.case.is_file():
        _print_averages(args)
        return 0
    missing = [f"--{name}" for name in _OF_RUNS if getattr(args, name) is None]
    if missing:
        raise InputError(f"{args.case}: runs of a case need {', '.join(missing)}, too")
    sweep = Sweep(run_plan(args), tuple(args.voltages), args.steps, args.every, args.skip)
    log(f"written to {measure_capacitance(sweep, args.output)}")
    return 0


def _print_averages(args: argparse.Namespace) -> None:
    given = [f"--{name}" for name in _OF_RUNS if getattr(args, name) is not None]
    if given or not is_moving(args.case):
        what = (
            f"a file, and {', '.join(given)} are for a case" if given else "no dataset of moving electrodes"
        )
        raise InputError(f"{args.case}: {what}")
    from polcouple.analysis.held_level import at_levels
    from polcouple.analysis.held_level_words import lines
    from polcouple.data.moving import MovingDataset
    from polcouple.units import KELVIN_TO_HARTREE

    dataset = MovingDataset(args.case)
    temperature = dataset.temperature if args.temperature is None else args.temperature
    if temperature is None:
        raise InputError(f"{args.case}: does not say its nuclei's temperature; give --temperature, in kelvin")
    if not temperature > 0.0:
        raise InputError(f"--temperature {temperature:g}: give a positive one, in kelvin")
    if dataset.temperature not in (None, temperature):
        raise InputError(
            f"--temperature {temperature:g}: {args.case} says {dataset.temperature:g} K; leave it out"
        )
    found = at_levels(dataset, temperature * KELVIN_TO_HARTREE)
    print("\n".join(lines(found, temperature)))
