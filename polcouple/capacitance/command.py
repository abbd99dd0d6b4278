"""``polcouple capacitance``: charge against voltage, and the capacitance in parts, with errors."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from polcouple.analysis.block_errors import LEAST_BLOCKS
from polcouple.analysis.runs import require_frames
from polcouple.capacitance.frames import evaluate
from polcouple.capacitance.sections import capacitance_section, charge_section, series_section
from polcouple.capacitance.statistics import at_voltage, between
from polcouple.capacitance.sweep import make_sweep, sweep_case
from polcouple.case.model import Case
from polcouple.cli.options import (
    add_backend_arguments,
    add_engine_arguments,
    backend_settings,
    given_settings,
)
from polcouple.compare.models import Model
from polcouple.coupling.electrodes import create_coupled
from polcouple.errors import InputError
from polcouple.files import require_writable
from polcouple.ipi.input import read_xml, time_step_ps
from polcouple.lattice.cell import base_area
from polcouple.log import log
from polcouple.propagation.plan import require_case
from polcouple.report.page import require_free, write_report
from polcouple.units import KELVIN_TO_HARTREE

#: frames of a run at least: twice the blocks of an error
_LEAST_FRAMES = 2 * LEAST_BLOCKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple capacitance``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case of two electrodes at a voltage")
    parser.add_argument(
        "--voltages", type=float, nargs="+", required=True, metavar="U", help="of the first electrode (V)"
    )
    parser.add_argument("--steps", type=int, required=True, metavar="N", help="steps of i-PI at each voltage")
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of each run (0)")
    parser.add_argument("--every", type=int, default=20, metavar="N", help="steps between frames (20)")
    parser.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR",
        help="for the report; the runs are kept in DIR.work",
    )  # fmt: skip
    add_backend_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run at every voltage, solve the frames again, write the report."""
    voltages = _voltages(args.voltages)
    require_case(args.case)
    case = sweep_case(args.case, args.input)
    temperature = _temperature(args, case)
    subject = _subject(args)
    require_free(args.output, subject)
    require_writable(args.output.parent)
    model = Model(args.backend, args.backend, given_settings(args), backend_settings(args, case))
    # for all voltages; refuses unknown settings, and what has no Fermi level, before anything is run
    electrodes = create_coupled(case, model.backend, model.settings)
    if not electrodes.conservative:
        raise InputError(
            f"--backend {args.backend}: its charges are not the derivative of an energy, so that the"
            " fluctuation formula does not hold; use metal, response or dftb"
        )
    work = args.output.with_name(args.output.name + ".work")
    runs = make_sweep(args, case, voltages, model, work)
    for made in runs:
        require_frames(made, _LEAST_FRAMES)
    frames = [
        evaluate(made, volts, model, electrodes, work / "frames")
        for made, volts in zip(runs, voltages, strict=True)
    ]
    found = [at_voltage(one, temperature) for one in frames]
    steps = [between(low, high) for low, high in pairwise(frames)]
    area = base_area(case.cell)
    sections = [
        charge_section(found, model.label, area),
        capacitance_section(found, steps, model.label, area),
        series_section(frames, model.label),
    ]
    write_report(args.output, f"Capacitance: {model.label}", subject, sections)
    log(f"written to {args.output / 'report.html'}")
    return 0


def _voltages(given: Sequence[float]) -> list[float]:
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
    return sorted(given)


def _temperature(args: argparse.Namespace, case: Case) -> float:
    """k_B T of the nuclei in Hartree, when what is asked for makes sense.

    Raises:
        InputError: too few frames, charges held between refreshes, or no thermostat.
    """
    path = args.case / args.input
    root = read_xml(path)
    for name in ("steps", "every"):
        if getattr(args, name) < 1:
            raise InputError(f"--{name} {getattr(args, name)}: give a positive number")
    if args.skip < 0:
        raise InputError(f"--skip {args.skip:g}: give a time in ps that is not negative")
    left = (args.steps - args.skip / time_step_ps(root, path)) / args.every
    if left < _LEAST_FRAMES:
        raise InputError(
            f"--steps {args.steps} with --skip {args.skip:g} and --every {args.every} leaves"
            f" {max(left, 0):.0f} frames at each voltage, {_LEAST_FRAMES} are needed; raise --steps"
        )
    if (args.refresh or case.system.refresh.interval) != 1:
        raise InputError(
            f"{args.case}: charges are held between refreshes, and the fluctuation formula does not hold;"
            " give --refresh 1"
        )
    element = root.find(".//ensemble/temperature")
    if root.find(".//thermostat") is None or element is None or element.get("units", "").strip() != "kelvin":
        raise InputError(
            f"{path}: no thermostat with an ensemble's <temperature units='kelvin'>; use an NVT input"
        )
    return float(element.text or "nan") * KELVIN_TO_HARTREE


def _subject(args: argparse.Namespace) -> dict[str, Any]:
    """What the report is about, to tell it from others; more voltages or steps make it a better one."""
    others = ("backend", "settings", "slako", "every", "input")
    return {"case": str(args.case.resolve())} | {name: getattr(args, name) for name in others}
