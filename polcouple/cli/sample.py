"""``polcouple sample``: run a case and keep frames of it in a dataset for labelling and training."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.cli.options import (
    add_backend_arguments,
    add_engine_arguments,
    add_held_arguments,
    held_values,
    positive,
    run_plan,
)
from polcouple.ipi.input import read_xml
from polcouple.ipi.sockets import other_sockets
from polcouple.simulation.sample import Sampling, sample

#: the default: charges that follow the liquid, for any electrode that there are parameters for
_BACKEND = "response"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple sample``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DATASET.h5",
        help="of several electrodes DATASET_NAME.h5 each",
    )
    parser.add_argument(
        "--frames", type=int, required=True, metavar="N", help="frames the dataset shall have, of each run"
    )
    parser.add_argument("--every", type=float, default=0.5, metavar="PS", help="ps between frames (0.5)")
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="ps left out at the start (0)")
    parser.add_argument("--positions", action="store_true", help="keep all positions, in float32")
    parser.add_argument(
        "--input", help="which i-PI input (input_mts.xml where polcouple serves all of it, else input.xml)"
    )
    parser.add_argument(
        "--run-directory", type=Path, metavar="DIR", help="where i-PI runs (CASE/sample_DATASET)"
    )
    add_held_arguments(parser)
    parser.add_argument("--workers", type=positive, help="runs at a time (all processors)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask scheduler whose workers the runs go on at instead"
    )
    add_backend_arguments(parser, default=_BACKEND)
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run, or go on with, a sampling until the dataset has its frames."""
    if args.input is None:
        args.input = _usual_input(args.case)
    wanted = Sampling(
        run_plan(args),
        args.frames,
        args.every,
        args.skip,
        args.positions,
        args.run_directory,
        held_values(args),
        args.workers,
        args.scheduler,
    )
    sample(wanted, args.output)
    return 0


def _usual_input(case: Path) -> str:
    """Multiple time steps where the case has them and no other program is needed for them."""
    path = case / "input_mts.xml"
    return path.name if path.is_file() and not other_sockets(read_xml(path)) else "input.xml"
