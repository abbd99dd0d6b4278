"""The runs of a comparison that is asked for by a case and backends: one directory each, resumable."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from polcouple.check.findings import require_sound
from polcouple.errors import InputError
from polcouple.ipi.changes import set_stride
from polcouple.log import command_line, log, say_how_to_go_on
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.programs import RunFailedError
from polcouple.propagation.propagate import propagate, step_reached
from polcouple.propagation.record import RECORD, read_record
from polcouple.simulation.directory import Edit, begin, examine, has_steps, refuse_a_run

#: steps between checkpoints: what an interruption costs at most
_CHECKPOINT_STRIDE = 200


@dataclass(frozen=True)
class WantedRun:
    """A run by ``plan`` in ``directory``."""

    plan: RunPlan
    directory: Path


def wanted_run(plan: RunPlan, label: str, directory: Path) -> WantedRun:
    """The run by ``plan`` in a subdirectory of ``directory`` that is named after ``label``."""
    return WantedRun(plan, directory / re.sub(r"[^\w.-]+", "_", label).strip("_"))


def make_runs(wanted: Sequence[WantedRun], steps: int, every: int) -> list[Path]:
    """Make runs of ``steps`` steps, one after the other; what is finished is kept.

    Args:
        every: steps between frames.

    Returns:
        The run directories.

    Raises:
        InputError: a directory holds a run made in another way, or one of the missing runs could not start;
            nothing is run then.
        RunFailedError: i-PI or the driver stopped early.
    """
    edit = partial(_set_strides, every=every, path=wanted[0].plan.case / wanted[0].plan.input)
    missing = [run for run in wanted if _reached(run, edit) < steps]
    for run in missing:
        require_sound(run.plan, steps, run.directory)
    for run in wanted:
        if run not in missing:
            log(f"{run.directory}: finished before, kept")
            continue
        if not has_steps(run.directory):
            begin(run.plan, run.directory, edit)
        try:
            reached = propagate(run.directory, steps, run.plan.driver_words())
        except (KeyboardInterrupt, RunFailedError):
            say_how_to_go_on("stopped", command_line())
            raise
        if reached < steps:
            say_how_to_go_on("stopped by request", command_line())
            raise RunFailedError(f"{run.directory}: i-PI was asked to stop, at step {reached} of {steps}")
    return [run.directory for run in wanted]


def _reached(run: WantedRun, edit: Edit) -> int:
    """Step at which a run stands; 0 where nothing was done.

    Raises:
        InputError: it was made in another way.
    """
    if not has_steps(run.directory):
        refuse_a_run(run.directory)
        return 0
    if read_record(run.directory) is None:
        raise InputError(f"{run.directory}: a run without {RECORD}; remove it, or choose another -o")
    examine(run.plan, run.directory, "or remove it, or choose another -o", edit)
    return step_reached(run.directory)


def _set_strides(root: ElementTree.Element, every: int, path: Path) -> None:
    """Positions and charges every ``every`` steps; checkpoints, so that an interruption is cheap."""
    set_stride(root, every, path)
    for checkpoint in root.iter("checkpoint"):
        checkpoint.set("stride", str(_CHECKPOINT_STRIDE))
