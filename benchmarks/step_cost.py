"""Cost of one step on a case: OpenMM's own integrator against i-PI with the driver, in one run.

    python benchmarks/step_cost.py [CASE] [--backends fixed response nn] [--steps 300]

OpenMM integrates the same system (PME, flexible water, fixed charges) with its Langevin integrator; i-PI and
polcouple-driver do the NVT input of the case. The last column is the ratio to OpenMM's step.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import openmm

from polcouple.case import Case, read_case
from polcouple.classical import build_system, create_context, set_electrode_charges
from polcouple.cli import main as polcouple
from polcouple.units import BOHR_TO_NM

ROOT = Path(__file__).parent.parent


def openmm_step(case: Case, steps: int) -> float:
    """Milliseconds a step of OpenMM's Langevin integrator, 0.5 fs."""
    system, nonbonded = build_system(case)
    n = len(case.electrode)
    set_electrode_charges(nonbonded, case, np.full(n, case.total_charge / n))
    context = create_context(system, openmm.LangevinMiddleIntegrator(300, 1, 0.0005), "CPU", None)
    context.setPositions(case.positions * BOHR_TO_NM)
    context.setVelocitiesToTemperature(300, 1)
    context.getIntegrator().step(20)
    start = time.perf_counter()
    context.getIntegrator().step(steps)
    context.getState(getEnergy=True)
    return 1e3 * (time.perf_counter() - start) / steps


def driver_step(directory: Path, backend: str, steps: int) -> tuple[float, str]:
    """Milliseconds a step of i-PI with the driver after the first, and where they go."""
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "run"
        words = ["run", str(directory), "--backend", backend, "--steps", str(steps), "--output", str(output)]
        try:
            polcouple(words)
        except SystemExit as end:
            if end.code != 0:
                raise
        log = (output / "driver.log").read_text()
    match = re.search(r"then ([\d.]+) steps/s; per step: (.*)", log.splitlines()[-1])
    assert match, log
    return 1e3 / float(match[1]), match[2]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="?", type=Path, default=ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--backends", nargs="+", default=["fixed", "response", "nn"])
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    case = read_case(args.case)
    reference = openmm_step(case, args.steps)
    rows = [("OpenMM's integrator, fixed charges", reference, "")]
    for backend in args.backends:
        rows.append((f"i-PI and driver, {backend}", *driver_step(args.case, backend, args.steps)))
    print(f"\n{len(case)} atoms\n| way | ms/step | ratio | of which |\n|---|---|---|---|")
    for name, cost, split in rows:
        print(f"| {name} | {cost:.2f} | {cost / reference:.2f} | {split} |")


if __name__ == "__main__":
    main()
