"""``polcouple label``: charges, energy and Fermi level of every frame by any backend, in parallel."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from polcouple.case.model import read_case
from polcouple.cli.options import add_backend_arguments, add_held_arguments, given_settings, held_values
from polcouple.data.moving import is_moving
from polcouple.errors import InputError
from polcouple.learning.label import label_dataset
from polcouple.learning.train import PRIOR
from polcouple.log import Warned, log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple label``."""
    parser.add_argument(
        "sources", type=Path, nargs="+", metavar="SOURCE",
        help="a dataset; or, of an electrode that moves, files of frames, with --case and -o",
    )  # fmt: skip
    parser.add_argument("--case", type=Path, metavar="CASE", help="whose frames they are")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DATASET.h5", help="of frames that are given as files"
    )
    add_held_arguments(parser)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all cores)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler to use instead")
    parser.add_argument("--redo-unconverged", action="store_true", help="try again what did not converge")
    add_backend_arguments(parser, default=PRIOR)


def run(args: argparse.Namespace) -> int:
    """Label with a progress bar; status 1 if some frames could not be labelled."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    dataset = _dataset(args)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(f"{args.backend}", total=None)
        options: dict[str, Any] = {
            "workers": args.workers,
            "scheduler": args.scheduler,
            "redo_unconverged": args.redo_unconverged,
            "progress": lambda done, everything: bar.update(task, completed=done, total=everything),
        }
        held, given = held_values(args), given_settings(args)
        if is_moving(dataset):
            from polcouple.learning.label_moving import label_moving

            summary = label_moving(dataset, args.backend, held, given, **options)
        else:
            if not held.total_charges or held.potentials or held.fermi_levels:
                raise InputError(
                    f"{dataset}: electrodes in their place are labelled at --total-charges; levels and"
                    " potentials are for datasets of an electrode that moves"
                )
            summary = label_dataset(dataset, args.backend, held.total_charges, given, **options)
    Warned().log(summary.warnings)
    log(f"{summary.labelled} frames labelled, {summary.done_before} done before")
    if summary.unconverged:
        log(f"{summary.unconverged} frames did not converge; --redo-unconverged tries them again")
    if summary.lost:
        frames = ", ".join(str(frame) for frame in summary.lost)
        log(f"frames {frames}: the worker died twice; they were left out")
    return 1 if summary.unconverged or summary.lost else 0


def _dataset(args: argparse.Namespace) -> Path:
    """The dataset to label, made of files of frames where such are given.

    Raises:
        InputError: several datasets, or frames without what they belong to.
    """
    first: Path = args.sources[0]
    if first.suffix in (".h5", ".hdf5"):
        if len(args.sources) > 1 or args.case is not None or args.output is not None:
            raise InputError(f"{first}: a dataset stands alone, without --case and -o")
        return first
    if args.case is None or args.output is None:
        raise InputError(f"{first}: no dataset; of frames in files give --case CASE and -o DATASET.h5, too")
    from polcouple.learning.label_moving import import_frames

    count = import_frames(args.sources, read_case(args.case), args.output)
    log(f"{args.output}: {count} frames of {', '.join(map(str, args.sources))}")
    return Path(args.output)
