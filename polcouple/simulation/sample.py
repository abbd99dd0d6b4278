"""Samplings: a case is run, and frames of it are kept in a dataset for labelling and training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from polcouple.case.model import read_case
from polcouple.check.findings import require_sound
from polcouple.coupling.held_values import HeldValues
from polcouple.coupling.recorder import dataset_paths, open_datasets
from polcouple.errors import InputError
from polcouple.files import require_writable
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml, time_step_ps
from polcouple.log import command_line, log, say_how_to_go_on
from polcouple.propagation.plan import RunPlan, require_case
from polcouple.propagation.programs import RunFailedError
from polcouple.propagation.propagate import propagate
from polcouple.simulation.conditions import conditions, require_conditions
from polcouple.simulation.directory import begin, examine, has_steps, refuse_a_run, take_up
from polcouple.simulation.sample_moving import Schedule, sample_moving
from polcouple.simulation.serve import require_one_part


@dataclass(frozen=True)
class Sampling:
    """Frames of a run by ``plan``.

    Attributes:
        frames: that the dataset shall have.
        every: ps between frames.
        skip: ps left out at the start.
        positions: keep all positions, in float32.
        run_directory: where i-PI runs (CASE/sample_DATASET).
        held: of an electrode that moves: a run for each level or charge, ``workers`` at a time (None: as many
            as there are processors), or all on the workers of a Dask cluster at ``scheduler``.
    """

    plan: RunPlan
    frames: int
    every: float = 0.5
    skip: float = 0.0
    positions: bool = False
    run_directory: Path | None = None
    held: HeldValues = field(default_factory=HeldValues)
    workers: int | None = None
    scheduler: str | None = None


def sample(wanted: Sampling, output: Path) -> None:
    """Run, or go on with, a sampling until the dataset ``output`` has its frames.

    Several electrodes have a dataset each, see :func:`polcouple.coupling.recorder.dataset_paths`.

    Raises:
        InputError: what `polcouple check` finds, a dataset of another system, or a run
            that began otherwise.
        RunFailedError: i-PI or the driver stopped early.
    """
    plan = wanted.plan
    require_case(plan.case)
    root = read_xml(plan.case / plan.input)
    case = read_case(plan.case, start_file(root, plan.case / plan.input))
    time_step = time_step_ps(root, plan.case / plan.input)
    stride = round(wanted.every / time_step)
    skipped = round(wanted.skip / time_step)
    if wanted.frames < 1 or stride < 1 or skipped < 0:
        raise InputError(
            f"--frames {wanted.frames} --every {wanted.every:g} --skip {wanted.skip:g}: ask for at least one"
            f" frame, at least a time step of {time_step:g} ps apart"
        )
    steps = skipped + wanted.frames * stride
    origin = (
        f"polcouple sample: {plan.input}, backend {plan.backend}, a frame every {stride * time_step:g} ps"
    )
    if output.is_dir():
        raise InputError(f"{output}: a directory; name the dataset's file, such as frames.h5")
    directory = wanted.run_directory or plan.case / f"sample_{output.stem}"
    if case.mobile:
        require_one_part(root, plan.case / plan.input)
        schedule = Schedule(wanted.frames, stride, skipped, time_step)
        sample_moving(plan, case, schedule, wanted.held, wanted.workers, directory, output, wanted.scheduler)
        return
    if wanted.scheduler is not None:
        raise InputError(
            f"{plan.case / 'system.yaml'}: --scheduler is for the runs of an electrode that moves; this is"
            " one run, which `polcouple label --scheduler` labels on a cluster afterwards"
        )
    if wanted.held:
        raise InputError(
            f"{plan.case / 'system.yaml'}: --potentials, --fermi-levels and --total-charges are for an"
            " electrode that moves; write mobile: true in its section, or make a case for each"
        )
    paths = dataset_paths(output, case)
    names = ", ".join(map(str, paths))
    now = conditions(plan, case)
    if all(path.exists() for path in paths):
        counts = list(map(len, open_datasets(output, case, wanted.positions, origin)))
        require_conditions(paths, counts, now)
        done = min(counts)
        if done >= wanted.frames:
            log(f"{names}: {done} frames already")
            return
    going_on = None
    if has_steps(directory):
        going_on = examine(plan, directory, "or name another dataset and --run-directory")
    else:
        refuse_a_run(directory)
    require_writable(output.parent)
    require_sound(plan, steps, directory)
    datasets = open_datasets(output, case, wanted.positions, origin)
    require_conditions(paths, list(map(len, datasets)), now)
    if going_on is None:
        begin(plan, directory)
    else:
        take_up(directory, going_on)
    words = plan.driver_words()
    words += ["--record", str(output.resolve()), "--record-every", str(stride)]
    words += ["--record-after", str(skipped)]
    try:
        reached = propagate(directory, steps, words)
    except (KeyboardInterrupt, RunFailedError):
        say_how_to_go_on("stopped", command_line())
        raise
    if reached < steps:
        say_how_to_go_on(f"stopped by request at step {reached} of {steps}", command_line())
    done = min(map(len, datasets))
    if reached >= steps and done < wanted.frames:
        raise RunFailedError(
            f"{names}: {done} frames were kept of {wanted.frames}; see {directory / 'driver.log'}"
        )
    log(f"{names}: {done} frames")
