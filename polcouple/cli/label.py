"""``polcouple label``: charges, energy and Fermi level of every frame by any backend, in parallel."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from polcouple.cli.options import add_backend_arguments, given_settings
from polcouple.learning.label import label_dataset
from polcouple.learning.train import PRIOR
from polcouple.log import Warned, log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple label``."""
    parser.add_argument("dataset", type=Path, metavar="DATASET.h5")
    parser.add_argument(
        "--total-charges", type=float, nargs="+", required=True, metavar="Q", help="of the electrode, e"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all cores)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler to use instead")
    parser.add_argument("--redo-unconverged", action="store_true", help="try again what did not converge")
    add_backend_arguments(parser, default=PRIOR)


def run(args: argparse.Namespace) -> int:
    """Label with a progress bar; status 1 if some frames could not be labelled."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(f"{args.backend}", total=None)
        summary = label_dataset(
            args.dataset,
            args.backend,
            args.total_charges,
            given_settings(args),
            workers=args.workers,
            scheduler=args.scheduler,
            redo_unconverged=args.redo_unconverged,
            progress=lambda done, everything: bar.update(task, completed=done, total=everything),
        )
    Warned().log(summary.warnings)
    log(f"{summary.labelled} frames labelled, {summary.done_before} done before")
    if summary.unconverged:
        log(f"{summary.unconverged} frames did not converge; --redo-unconverged tries them again")
    if summary.lost:
        frames = ", ".join(str(frame) for frame in summary.lost)
        log(f"frames {frames}: the worker died twice; they were left out")
    return 1 if summary.unconverged or summary.lost else 0
