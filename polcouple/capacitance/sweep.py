"""One run for every voltage of a sweep, each of a copy of the case that has its voltage."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from polcouple.analysis.runs import Run, read_run
from polcouple.case.model import Case, read_case
from polcouple.case.schema import Potential
from polcouple.check.findings import require_sound
from polcouple.compare.making import make_runs, wanted_run
from polcouple.errors import InputError
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml
from polcouple.propagation.case_copy import write_case_that_holds
from polcouple.propagation.plan import RunPlan


@dataclass(frozen=True)
class Sweep:
    """A run of the case of ``plan`` at each of several voltages.

    Attributes:
        plan: of the runs; their cases are copies of its case.
        voltages: of the first electrode against the second, in V.
        steps: of i-PI at each voltage, and ``every`` so many a frame.
        skip: ps left out of each run.
    """

    plan: RunPlan
    voltages: tuple[float, ...]
    steps: int
    every: int = 20
    skip: float = 0.0


def sweep_case(directory: Path, input_name: str) -> Case:
    """The case of a sweep.

    Raises:
        InputError: it has not two electrodes at a voltage, or holds charges between refreshes.
    """
    path = directory / input_name
    case = read_case(directory, start_file(read_xml(path), path))
    path = directory / "system.yaml"
    if len(case.electrodes) != 2:
        raise InputError(
            f"{path}: {len(case.electrodes)} electrode; a capacitance needs two, as `polcouple build"
            " --voltage` makes them (or see `polcouple quantum-capacitance`)"
        )
    if case.system.potential is None:
        raise InputError(f"{path}: no potential is held; add potential: {{voltage_volt: 0.0}}")
    return case


def make_sweep(sweep: Sweep, work: Path) -> list[Run]:
    """Run the case at each voltage; what is finished is kept, what was interrupted goes on.

    Args:
        work: the copies go into ``work/cases``, the runs into ``work/runs``.

    Raises:
        InputError: a directory holds a run made in another way.
        RunFailedError: i-PI or the driver stopped early.
    """
    plan = sweep.plan
    fresh = not work.exists()
    if fresh:
        require_sound(plan, sweep.steps, work)
    copies = []
    for volts in sweep.voltages:
        copy = work / "cases" / voltage_name(volts)
        write_case_that_holds(plan.case, plan.input, copy, Potential(voltage_volt=volts))
        copies.append(copy)
    wanted = [
        wanted_run(replace(plan, case=copy), plan.backend, work / "runs" / voltage_name(volts))
        for volts, copy in zip(sweep.voltages, copies, strict=True)
    ]
    try:
        made = make_runs(wanted, sweep.steps, sweep.every)
    except InputError:
        if fresh and not (work / "runs").exists():
            shutil.rmtree(work)  # refused before anything was run
        raise
    return [read_run(directory, sweep.skip) for directory in made]


def voltage_name(volts: float) -> str:
    """Of a directory, such as 0.5V."""
    return f"{volts:g}V"
