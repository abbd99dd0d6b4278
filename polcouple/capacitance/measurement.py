"""Charge against voltage, and the capacitance in parts, with errors: runs, frames solved again, a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from polcouple.analysis.block_errors import LEAST_BLOCKS
from polcouple.analysis.runs import require_frames
from polcouple.backends.base import backends_with
from polcouple.backends.setting_words import setting_word
from polcouple.capacitance.frames import evaluate
from polcouple.capacitance.sections import (
    capacitance_section,
    charge_section,
    series_section,
    what_is_missing,
)
from polcouple.capacitance.statistics import at_voltage, between
from polcouple.capacitance.sweep import Sweep, make_sweep, sweep_case
from polcouple.case.model import Case
from polcouple.compare.models import Model
from polcouple.coupling.electrodes import create_coupled
from polcouple.errors import InputError
from polcouple.files import require_writable
from polcouple.ipi.files import files_of_input
from polcouple.ipi.input import read_xml, thermostat_temperature, time_step_ps
from polcouple.lattice.cell import base_area
from polcouple.log import log
from polcouple.propagation.plan import require_case
from polcouple.report.directory import require_free, write_report

#: frames of a run at least: twice the blocks of an error
_LEAST_FRAMES = 2 * LEAST_BLOCKS


def measure_capacitance(sweep: Sweep, output: Path) -> Path:
    """Run at every voltage, solve the frames again, write the report; the runs are kept in ``output``.work.

    Args:
        output: directory of the report.

    Returns:
        The report's page.

    Raises:
        InputError: no case of two electrodes at a voltage, too few frames, charges that are not the
            derivative of an energy, or ``output`` is in use.
        PolcoupleError: the backend refuses the case, or a run fails.
    """
    sweep = replace(sweep, voltages=_voltages(sweep.voltages))
    plan = sweep.plan
    require_case(plan.case)
    files_of_input(plan.case / plan.input).require_analysable()
    case = sweep_case(plan.case, plan.input)
    temperature = _temperature(sweep, case)
    subject = _subject(sweep)
    require_free(output, subject)
    require_writable(output.parent)
    model = Model(plan.backend, plan.backend, plan.given, plan.settings(case))
    capabilities = model.options(case).capabilities()
    if not capabilities.conservative:
        cure = capabilities.reasons.get("conservative") or f"use {backends_with('fermi_level')}"
        raise InputError(
            f"--backend {plan.backend}: its charges are not the derivative of an energy, so that the"
            f" fluctuation formula does not hold; {cure}"
        )
    # for all voltages; refuses what has no Fermi level before anything is run
    electrodes = create_coupled(case, model.backend, model.settings)
    work = output.with_name(output.name + ".work")
    runs = make_sweep(sweep, work)
    for made in runs:
        require_frames(made, _LEAST_FRAMES)
    frames = [
        evaluate(made, volts, model, electrodes, work / "frames")
        for made, volts in zip(runs, sweep.voltages, strict=True)
    ]
    found = [at_voltage(one, temperature) for one in frames]
    for words in what_is_missing(found):
        log(f"warning: {words}")
    steps = [between(low, high) for low, high in pairwise(frames)]
    area = base_area(case.cell)
    sections = [
        charge_section(found, model.label, area),
        capacitance_section(found, steps, model.label, area),
        series_section(frames, model.label),
    ]
    write_report(output, f"Capacitance: {model.label}", subject, sections)
    return output / "report.html"


def _voltages(given: Sequence[float]) -> tuple[float, ...]:
    """Ascending.

    Raises:
        InputError: one is given twice, or is not a number.
    """
    if not all(math.isfinite(volts) for volts in given):
        raise InputError("--voltages: give numbers, in V")
    names = [f"{volts:g}" for volts in given]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--voltages: {name} V twice; give different voltages")
    return tuple(sorted(given))


def _temperature(sweep: Sweep, case: Case) -> float:
    """k_B T of the nuclei in Hartree, when what is asked for makes sense.

    Raises:
        InputError: too few frames, charges held between refreshes, or no thermostat.
    """
    plan = sweep.plan
    path = plan.case / plan.input
    root = read_xml(path)
    for name, number in (("steps", sweep.steps), ("every", sweep.every)):
        if number < 1:
            raise InputError(f"--{name} {number}: give a positive number")
    if sweep.skip < 0:
        raise InputError(f"--skip {sweep.skip:g}: give a time in ps that is not negative")
    left = (sweep.steps - sweep.skip / time_step_ps(root, path)) / sweep.every
    if left < _LEAST_FRAMES:
        raise InputError(
            f"--steps {sweep.steps} with --skip {sweep.skip:g} and --every {sweep.every} leaves"
            f" {max(left, 0):.0f} frames at each voltage, {_LEAST_FRAMES} are needed; raise --steps"
        )
    if (plan.refresh or case.system.refresh.interval) != 1:
        raise InputError(
            f"{plan.case}: charges are held between refreshes, and the fluctuation formula does not hold;"
            " give --refresh 1"
        )
    temperature = thermostat_temperature(root)
    if temperature is None:
        raise InputError(
            f"{path}: no thermostat with an ensemble's <temperature units='kelvin'>; use an NVT input"
        )
    return temperature


def _subject(sweep: Sweep) -> dict[str, Any]:
    """What the report is about, to tell it from others; more voltages or steps make it a better one."""
    plan = sweep.plan
    settings = [setting_word(key, value) for key, value in plan.given.items()]
    own = {"backend": plan.backend, "settings": settings, "every": sweep.every, "input": plan.input}
    return {"case": str(plan.case.resolve())} | own
