"""Samplings of an electrode that moves: a run at each of several Fermi levels or charges, side by side.

Each run has a copy of the case that holds its level, and a directory of its own; all append to one dataset,
every frame with its label. What is interrupted goes on from the runs' checkpoints.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from polcouple.analysis.held_level import at_levels
from polcouple.analysis.held_level_words import lines
from polcouple.case.model import Case
from polcouple.check.findings import require_sound
from polcouple.coupling.held_values import HeldValues
from polcouple.coupling.mobile import held_of, in_words
from polcouple.coupling.moving_recorder import label_set, open_moving, reference_level
from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import LabelSet
from polcouple.dftb.moving.ensemble import FermiLevel
from polcouple.errors import InputError
from polcouple.files import require_writable
from polcouple.ipi.input import read_xml, thermostat_temperature
from polcouple.ipi.sockets import other_sockets
from polcouple.learning.workers import executors, results
from polcouple.log import command_line, log, say_how_to_go_on
from polcouple.number_words import fixed
from polcouple.propagation.case_copy import write_case_that_holds
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.programs import RunFailedError
from polcouple.propagation.propagate import Propagation
from polcouple.simulation.conditions import conditions, require_conditions
from polcouple.simulation.directory import examine, has_steps, refuse_a_run
from polcouple.simulation.level_run import CURE, LevelRun, carried_out, started
from polcouple.simulation.side_by_side import SideBySide
from polcouple.units import HARTREE_TO_EV, KELVIN_TO_HARTREE

#: between two looks at the runs (s)
_POLL = 0.2


@dataclass(frozen=True)
class Schedule:
    """Of every run: ``frames`` frames, one every ``stride`` steps of ``time_step`` ps after ``skipped``."""

    frames: int
    stride: int
    skipped: int
    time_step: float

    @property
    def steps(self) -> int:
        """Of i-PI in a run."""
        return self.skipped + self.frames * self.stride


def sample_moving(
    plan: RunPlan,
    case: Case,
    schedule: Schedule,
    held: HeldValues,
    workers: int | None,
    directory: Path,
    output: Path,
    scheduler: str | None = None,
) -> None:
    """Make, or go on with, the runs until the dataset ``output`` has the frames of each.

    Args:
        plan: of the runs; their cases are copies of its case.
        case: that of the plan.
        held: by the runs; nothing means what the case holds.
        workers: runs at a time; None for as many as there are processors.
        directory: the runs go into its subdirectories.
        scheduler: address of a Dask scheduler on whose workers the runs go on, instead of here; they see the
            files of this machine.

    Raises:
        InputError: what `polcouple check` finds, a dataset of another system or other settings, or runs that
            began otherwise.
        RunFailedError: i-PI or a driver stopped early.
    """
    origin = (
        f"polcouple sample: {plan.input}, backend {plan.backend}, a frame every"
        f" {schedule.stride * schedule.time_step:g} ps after {schedule.skipped * schedule.time_step:g} ps"
    )
    dataset = open_moving(output, case, origin) if output.exists() else None
    if dataset is not None and dataset.origin != origin:
        raise InputError(
            f"{output}: its frames are from `{dataset.origin}`, now `{origin}`; give the same, or name"
            " another dataset"
        )
    now = conditions(plan, case)
    if dataset is not None:
        require_conditions([output], [len(dataset)], now)
    runs = _runs(plan, case, held, directory, dataset)
    others = other_sockets(read_xml(plan.case / plan.input))
    if others and len(runs) > 1:
        raise InputError(
            f"{plan.case / plan.input}: another program serves {others[0]}, which {len(runs)} runs cannot"
            " share; give --input whose forces are all polcouple's, or sample one run at a time"
        )
    if dataset is not None and _missing(dataset, runs, schedule.frames) == []:
        log(f"{output}: {_told(dataset)} already")
        return
    require_writable(output.parent)
    for run in runs:
        write_case_that_holds(plan.case, plan.input, run.plan.case, in_words(run.held))
        if has_steps(run.directory):
            examine(run.plan, run.directory, CURE, run.edit)
        else:
            refuse_a_run(run.directory)
            require_sound(run.plan, schedule.steps, run.directory)
    temperature = thermostat_temperature(read_xml(plan.case / plan.input))
    kelvin = None if temperature is None else temperature / KELVIN_TO_HARTREE
    if dataset is None:
        dataset = open_moving(output, case, origin, kelvin)
        require_conditions([output], [0], now)
    for run in runs:
        dataset.number_of(run.labels)
    missing = _missing(dataset, runs, schedule.frames)
    words = ["--record", str(output.resolve()), "--record-every", str(schedule.stride)]
    words += ["--record-after", str(schedule.skipped)]
    try:
        if scheduler is None:
            _here(missing, schedule.steps, words, workers, directory)
        else:
            _on_cluster(missing, schedule.steps, words, scheduler)
    except (KeyboardInterrupt, RunFailedError):
        say_how_to_go_on("stopped", command_line())
        raise
    short = _missing(dataset, runs, schedule.frames)
    if short:
        raise RunFailedError(
            f"{output}: {short[0].labels.name} has fewer than {schedule.frames} frames; see"
            f" {short[0].directory / 'driver.log'}, and go on with: {command_line()}"
        )
    log(f"{output}: {_told(dataset)}")
    if temperature is not None and any(one.fermi_level is not None for one in dataset.sets()):
        found = at_levels(dataset, temperature)
        print("\n".join(lines(found, temperature / KELVIN_TO_HARTREE)), flush=True)


def _runs(
    plan: RunPlan, case: Case, held: HeldValues, directory: Path, dataset: MovingDataset | None
) -> list[LevelRun]:
    reference = reference_level(dataset, case, plan.backend, plan.given)
    if reference is not None:
        log(
            f"Fermi level of the neutral electrode in the start structure: {reference * HARTREE_TO_EV:.4f} eV"
        )
    runs = []
    for number, ensemble in enumerate(held.ensembles(reference) or [held_of(case)]):
        labels = label_set(case, plan.backend, plan.given, ensemble, reference)
        kind = "level" if isinstance(ensemble, FermiLevel) else "charge"
        name = f"{kind}_{labels.name.partition('@')[2]}"
        own = replace(plan, case=directory / "cases" / name)
        runs.append(LevelRun(ensemble, labels, own, directory / "runs" / name, number))
    return runs


def _missing(dataset: MovingDataset, runs: Sequence[LevelRun], frames: int) -> list[LevelRun]:
    """The runs that have fewer frames in the dataset."""
    sets, trajectory = dataset.sets(), dataset.frames().trajectory
    found = []
    for run in runs:
        numbers = [k for k, one in enumerate(sets) if one.holds_the_same(run.labels)]
        if not numbers or int(np.sum(trajectory == numbers[0])) < frames:
            found.append(run)
    return found


def _here(
    missing: Sequence[LevelRun], steps: int, words: list[str], workers: int | None, directory: Path
) -> None:
    """So many of the runs at a time on this machine."""
    workers = max(1, min(workers or os.cpu_count() or 1, len(missing)))
    display = SideBySide(len(missing) * steps)
    log(f"{len(missing)} runs of {steps} steps in {directory}, {workers} at a time: {_names(missing)}")
    if workers > 1 and missing[0].plan.threads is None:
        words = [*words, "--threads", "1"]
    _follow([partial(started, run, steps, words, display.show) for run in missing], workers)


def _on_cluster(missing: Sequence[LevelRun], steps: int, words: list[str], scheduler: str) -> None:
    """Each run on a worker of a Dask cluster; one whose worker died goes on on another.

    Raises:
        RunFailedError: workers died with the same run again and again.
    """
    log(f"{len(missing)} runs of {steps} steps on {scheduler}: {_names(missing)}")
    with executors(1, scheduler) as (new_executor, in_flight):
        for run, reached in results(partial(carried_out, steps, words), missing, new_executor, in_flight):
            if reached is None:
                raise RunFailedError(
                    f"{run.directory}: workers died again and again; see driver.log there, and go on with:"
                    f" {command_line()}"
                )
            log(f"{run.labels.name}: step {reached} of {steps}")


def _follow(started: Sequence[partial[Propagation]], workers: int) -> None:
    """Have so many runs go on at a time until all have ended; where one fails the others are stopped."""
    waiting, running = list(reversed(started)), list[Propagation]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(waiting.pop()())
            for run in list(running):
                if next(run, _ENDED) is _ENDED:
                    running.remove(run)
            time.sleep(_POLL)
    finally:
        for run in running:
            run.close()


_ENDED = object()


def _names(runs: Sequence[LevelRun]) -> str:
    return ", ".join(_described(run.labels) for run in runs)


def _described(labels: LabelSet) -> str:
    volts = labels.potential
    return labels.name if volts is None else f"{labels.name} ({fixed(volts, 3, sign=True)} V)"


def _told(dataset: MovingDataset) -> str:
    return f"{len(dataset)} frames, {len(dataset.labels())} labels"
