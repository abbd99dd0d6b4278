"""What a call of ``part: electrode`` costs: CPU time of one thread, which other programs disturb least.

    python -m benchmarks.electrode_part [--case DIR] [--backends fixed metal]

prints the least and the median of calls in which the liquid moves a little, for each backend, and of the
Coulomb part alone for the case repeated 1, 2 x 2 and 4 x 4 times along the sheet.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np

from polcouple.case.model import Case, read_case
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.electrostatics.site_forces import SiteForces
from polcouple.engines.native.tuning import FIELD

_ROOT = Path(__file__).parent.parent
_CALLS, _WARM = 40, 3
#: the liquid moves by so much between two calls, in bohr
_STEP = 0.002


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--backends", nargs="*", default=["fixed", "metal"])
    args = parser.parse_args()
    case = read_case(args.case)
    for backend in args.backends:
        _show(f"part: electrode, {backend}", with_backend(case, backend))
    for repeats in (1, 2, 4):
        call, charges, sites = coulomb(case, repeats)
        _show(f"Coulomb, {charges} charges, {sites} sites", call)


def with_backend(case: Case, backend: str) -> Callable[[], None]:
    """A call of all that the driver does for a step."""
    electrodes = create_electrodes(case, backend, case.system.backends.get(backend, {}))
    provider = ForceProvider(case, electrodes, "electrode", threads=1)
    frames = np.repeat(case.positions[None], 8, axis=0)
    shape = (len(frames), len(case.electrolyte_indices), 3)
    frames[:, case.electrolyte_indices] += np.random.default_rng(1).normal(scale=_STEP, size=shape)
    turns = cycle(frames)

    def call() -> None:
        provider.evaluate(next(turns), case.cell)

    return call


def coulomb(case: Case, repeats: int) -> tuple[Callable[[], None], int, int]:
    """A call of the Coulomb part of a case repeated along the sheet; its numbers of charges and sites."""
    steps = np.array([[i, j, 0] for i in range(repeats) for j in range(repeats)]) @ case.lattice
    sites = (case.electrode.positions + steps[:, None]).reshape(-1, 3)
    positions = (case.positions[case.electrolyte_indices] + steps[:, None]).reshape(-1, 3)
    charges = np.tile(case.electrolyte.charges, repeats**2)
    cell = case.lattice * np.array([[repeats], [repeats], [1]])
    accuracy = case.system.force_field.ewald_tolerance * FIELD
    forces = SiteForces(sites, cell, accuracy, threads=1)
    own = np.full(len(sites), case.total_charge / len(case.electrode))

    def call() -> None:
        forces(own, positions, charges)

    return call, len(charges), len(sites)


def milliseconds(call: Callable[[], None], calls: int = _CALLS) -> tuple[float, float]:
    """Least and median CPU time of a call in ms."""
    for _ in range(_WARM):
        call()
    times = []
    for _ in range(calls):
        start = time.process_time()
        call()
        times.append(1e3 * (time.process_time() - start))
    return min(times), float(np.median(times))


def _show(name: str, call: Callable[[], None]) -> None:
    least, median = milliseconds(call)
    print(f"{name}: {least:.1f} ms, median {median:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
