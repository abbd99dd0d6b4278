"""Cost of a solve by the shipped networks, and whether repeated solves leak memory.

    python benchmarks/networks.py [--solves 10000]

The reference case at its first configuration; every solve sees other potentials, as in a run. Times are
medians over 2,000 solves of the whole backend, from site potentials to the result.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from polcouple.backends.base import Environment
from polcouple.backends.nn import Backend, Options
from polcouple.case.model import Case, read_case
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import ModelMismatchError
from polcouple.nn.model_files import shipped_models
from polcouple.nn.response_net import ResponseNet

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "ipi_inputs" / "graphene_nacl"
#: fluctuation of the potential from solve to solve (Hartree/e)
_FLUCTUATION = 1e-3
_TIMED = 2000
_WARM = 50


@dataclass(frozen=True)
class Row:
    """One figure."""

    what: str
    value: float
    unit: str


def environments(case: Case) -> Callable[[], Environment]:
    """A function that gives the case's first configuration with a fresh fluctuation of the potential."""
    electrode, electrolyte = case.electrode, case.electrolyte
    positions = case.positions[len(electrode) :]
    potential = SitePotential(electrode.positions, electrode.cell, electrode.pbc)
    mean = potential(positions, electrolyte.charges)
    random = np.random.default_rng(0)

    def draw() -> Environment:
        fluctuation = _FLUCTUATION * random.normal(size=len(mean))
        return Environment(electrolyte, positions, mean + fluctuation)

    return draw


def median_ms(solve: Callable[[Environment], object], draw: Callable[[], Environment]) -> float:
    """Median wall time of ``solve`` in ms, drawing not counted."""
    times = []
    for number in range(_WARM + _TIMED):
        environment = draw()
        begin = time.perf_counter()
        solve(environment)
        if number >= _WARM:
            times.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(times))


def memory_growth(
    solve: Callable[[Environment], object], draw: Callable[[], Environment], solves: int
) -> tuple[float, float]:
    """Growth over ``solves`` solves, in kB: of Python's own allocations, and of the resident process."""
    for _ in range(_WARM):
        solve(draw())
    resident = _resident_bytes()
    tracemalloc.start()
    solve(draw())
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(solves):
        solve(draw())
    traced = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return traced / 1e3, (_resident_bytes() - resident) / 1e3


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def response_rows(
    backend: Backend, charge: float, draw: Callable[[], Environment], solves: int
) -> Iterator[Row]:
    """What a response net has beyond the time of a solve."""
    assert isinstance(backend.model, ResponseNet)
    name, random = backend.model.name, np.random.default_rng(1)
    floating = median_ms(lambda e: backend.solve(e, charge + random.uniform()), draw)
    yield Row(f"{name}: solve, another total charge each time", floating, "ms")
    second = median_ms(lambda e: backend.derivatives(e, charge), draw)
    yield Row(f"{name}: Fukui vector and hardness", second, "ms")
    traced, resident = memory_growth(lambda e: backend.solve(e, charge), draw, solves)
    yield Row(f"{name}: Python's memory after {solves} solves", traced, "kB")
    yield Row(f"{name}: resident memory after {solves} solves", resident, "kB")


def timed_rows(
    backend: Backend, charge: float, draw: Callable[[], Environment], solves: int
) -> Iterator[Row]:
    """All figures of one network."""
    yield Row(f"{backend.model.name}: solve", median_ms(lambda e: backend.solve(e, charge), draw), "ms")
    if isinstance(backend.model, ResponseNet):
        yield from response_rows(backend, charge, draw, solves)


def table(solves: int = 10_000) -> list[Row]:
    """All figures, for every shipped network that fits the reference case."""
    case = read_case(REFERENCE)
    draw = environments(case)
    rows: list[Row] = []
    for name in shipped_models():
        with contextlib.suppress(ModelMismatchError):
            backend = Backend(case.electrode, case.electrolyte, Options.model_validate({"model": name}))
            rows += timed_rows(backend, case.total_charge, draw, solves)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--solves", type=int, default=10_000, help="for the growth of memory (10000)")
    shown = Table("what", "figure", "unit")
    for row in table(parser.parse_args().solves):
        shown.add_row(row.what, f"{row.value:.3g}", row.unit)
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
