"""The native engine beside OpenMM's CPU platform, in rounds that take turns, with the errors of the forces.

    python -m benchmarks.engines [--rounds N] [--case DIR]

prints medians of force calls and of whole steps through i-PI, their ratios within a round, and the errors
against OpenMM's Reference platform at a tolerance of 1e-8. Force calls are timed by the clock, and by the
processor time of one thread, which other programs disturb less; among them those that begin with site
potentials and get other charges every time, as a backend asks that is refreshed in every step.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.ipi_steps import processor_time, steps
from polcouple.case.model import Case, read_case
from polcouple.engines.base import NATIVE, Engine, SitePotentialEngine, create_engine

_ROOT = Path(__file__).parent.parent
_CALLS, _STEPS = 20, 120
#: of site potentials, Hartree/e
_ACCURACY = 1e-6


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--rounds", type=int, default=6)
    args = parser.parse_args()
    case = read_case(args.case)
    engines = {platform: _engine(case, platform) for platform in (NATIVE, "CPU")}
    reference = _engine(at_tolerance(case, 1e-8), "Reference").evaluate(case.positions)[1]
    for platform, engine in engines.items():
        error = engine.evaluate(case.positions)[1] - reference
        relative = np.sqrt((error**2).sum() / (reference**2).sum())
        print(f"{platform}: relative error of the forces {relative:.1e}", flush=True)
    for title, threads, clock in (
        ("force call", None, time.perf_counter),
        ("force call, processor time", 1, time.process_time),
    ):
        native, openmm = (_engine(case, platform, threads) for platform in (NATIVE, "CPU"))
        ways = {
            NATIVE: partial(_call, native, case, clock),
            "CPU": partial(_call, openmm, case, clock),
            f"{NATIVE}, site potentials to {_ACCURACY:g}": partial(
                _call, _engine(case, NATIVE, threads, _ACCURACY), case, clock, True
            ),
        }
        _compare(title, ways, args.rounds)
    ways = {
        f"{backend}, {platform}": partial(_step, args.case, backend, platform)
        for backend, platform in (
            ("fixed", NATIVE), ("fixed", "CPU"), ("response", NATIVE), ("response", "CPU"), ("nn", NATIVE)
        )
    }  # fmt: skip
    _compare("step through i-PI", ways, args.rounds)
    ways = {backend: partial(processor_time, args.case, backend) for backend in ("fixed", "response", "nn")}
    _compare("step through i-PI, processor time", ways, args.rounds)


def _engine(case: Case, platform: str, threads: int | None = None, accuracy: float | None = None) -> Engine:
    engine, _ = create_engine(case, "all", platform, threads)
    if accuracy is not None and isinstance(engine, SitePotentialEngine):
        engine.prepare_site_potentials(accuracy)
    engine.set_charges(np.full(len(case.electrode), case.total_charge / len(case.electrode)))
    return engine


def at_tolerance(case: Case, tolerance: float) -> Case:
    """The case with another ``ewald_tolerance``."""
    force_field = case.system.force_field.model_copy(update={"ewald_tolerance": tolerance})
    return dataclasses.replace(case, system=case.system.model_copy(update={"force_field": force_field}))


def _call(engine: Engine, case: Case, clock: Callable[[], float], potentials: bool = False) -> float:
    """Mean ms a call, lists included, while atoms move by some 0.005 Angstrom a call, as in 0.5 fs.

    With potentials at the electrode first, or not, and new charges then.
    """
    rng = np.random.default_rng(1)
    positions = case.positions.copy()
    velocities = 0.006 * rng.standard_normal((len(case.electrolyte), 3))
    times = []
    for _ in range(_CALLS):
        positions[case.electrolyte_indices] += velocities
        charges = rng.normal(case.total_charge / len(case.electrode), 0.01, len(case.electrode))
        start = clock()
        if potentials and isinstance(engine, SitePotentialEngine):
            engine.site_potentials(positions)
            engine.set_charges(charges)
        engine.evaluate(positions)
        times.append(1e3 * (clock() - start))
    return float(np.mean(times))


def _step(directory: Path, backend: str, platform: str) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        return steps(directory, Path(scratch), backend, _STEPS, platform=platform)["total"]


def _compare(title: str, ways: dict, rounds: int) -> None:  # type: ignore[type-arg]
    """Medians over the rounds, and of each round's ratio to the first way."""
    times = {name: [] for name in ways}  # type: ignore[var-annotated]
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(way())
    first = next(iter(ways))
    for name, values in times.items():
        ratios = np.array(values) / np.array(times[first])
        print(
            f"{title}: {name}: {np.median(values):.2f} ms (least {min(values):.2f}); over {first}:"
            f" {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
