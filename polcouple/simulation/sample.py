"""``polcouple sample``: run a case and keep frames of it in a dataset for labelling and training."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.case.model import read_case
from polcouple.check.findings import require_sound
from polcouple.cli.options import add_backend_arguments, add_engine_arguments
from polcouple.coupling.recorder import open_dataset, require_one_electrode
from polcouple.errors import InputError
from polcouple.files import require_writable
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml, time_step_ps
from polcouple.log import command_line, log, say_how_to_go_on
from polcouple.propagation.plan import plan_from_arguments
from polcouple.propagation.programs import RunFailedError
from polcouple.propagation.propagate import propagate
from polcouple.simulation.run import begin, examine, has_steps, refuse_a_run, take_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple sample``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET.h5")
    parser.add_argument(
        "--frames", type=int, required=True, metavar="N", help="frames the dataset shall have"
    )
    parser.add_argument("--every", type=float, default=0.5, metavar="PS", help="ps between frames (0.5)")
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="ps left out at the start (0)")
    parser.add_argument("--positions", action="store_true", help="keep all positions, in float32")
    parser.add_argument("--input", default="input_mts.xml", help="which i-PI input (input_mts.xml)")
    parser.add_argument(
        "--run-directory", type=Path, metavar="DIR", help="where i-PI runs (CASE/sample_DATASET)"
    )
    add_backend_arguments(parser, default="response")
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run, or go on with, a sampling until the dataset has its frames."""
    plan = plan_from_arguments(args)
    root = read_xml(args.case / args.input)
    case = read_case(args.case, start_file(root, args.case / args.input))
    time_step = time_step_ps(root, args.case / args.input)
    stride = round(args.every / time_step)
    skipped = round(args.skip / time_step)
    if args.frames < 1 or stride < 1 or skipped < 0:
        raise InputError(
            f"--frames {args.frames} --every {args.every:g} --skip {args.skip:g}: ask for at least one"
            f" frame, at least a time step of {time_step:g} ps apart"
        )
    steps = skipped + args.frames * stride
    origin = (
        f"polcouple sample: {args.input}, backend {args.backend}, a frame every {stride * time_step:g} ps"
    )
    require_one_electrode(case)
    if args.output.is_dir():
        raise InputError(f"{args.output}: a directory; name the dataset's file, such as frames.h5")
    done = len(open_dataset(args.output, case, args.positions, origin)) if args.output.exists() else 0
    if done >= args.frames:
        log(f"{args.output} has {done} frames already")
        return 0
    directory: Path = args.run_directory or args.case / f"sample_{args.output.stem}"
    going_on = None
    if has_steps(directory):
        going_on = examine(plan, directory, "or name another dataset and --run-directory")
    else:
        refuse_a_run(directory)
    require_writable(args.output.parent)
    require_sound(plan, steps, directory)
    dataset = open_dataset(args.output, case, args.positions, origin)
    if going_on is None:
        begin(plan, directory)
    else:
        take_up(directory, going_on)
    words = plan.driver_words()
    words += ["--record", str(args.output.resolve()), "--record-every", str(stride)]
    words += ["--record-after", str(skipped)]
    try:
        reached = propagate(directory, steps, words)
    except (KeyboardInterrupt, RunFailedError):
        say_how_to_go_on("stopped", command_line())
        raise
    if reached < steps:
        say_how_to_go_on(f"stopped by request at step {reached} of {steps}", command_line())
    log(f"{args.output}: {len(dataset)} frames")
    return 0
