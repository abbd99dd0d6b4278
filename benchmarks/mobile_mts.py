"""Multiple time stepping of a moving sheet: `response` every 0.5 fs, what `dftb` gives beyond it more rarely.

    python -m benchmarks.mobile_mts [--picoseconds 0.5] [--outer 1 2 4 6] [--case DIR]

From one start, all atoms of the case move without thermostat: velocity Verlet with `dftb` in every step
where the outer step is the inner one, and otherwise the reversible multiple time stepping of Tuckerman, Berne
and Martyna, J. Chem. Phys. 97, 1990 (1992), with ``part: slow`` outside and ``part: fast`` inside, as i-PI
has it. The conserved quantity is the energy with `dftb` after every outer step; processor time is without
what is made once.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np

from polcouple.case.model import Case, read_case
from polcouple.propagation.providers import create_providers
from polcouple.testing.cases import mobile
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

_ROOT = Path(__file__).parent.parent
_INNER_FS, _TEMPERATURE = 0.5, 300.0
_BACKENDS = {name: {"k_points": [2, 2, 1]} for name in ("dftb", "response")}


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """Times (n,) in ps and energies (n,) in Hartree after outer steps, and seconds of processor time."""

    times: np.ndarray
    energies: np.ndarray
    seconds: float


def main() -> None:
    """Print a line for each outer step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl_small")
    parser.add_argument("--picoseconds", type=float, default=0.5)
    parser.add_argument(
        "--outer", type=int, nargs="+", default=[1, 2, 4, 6], help="inner steps in an outer one"
    )
    args = parser.parse_args()
    case = mobile(read_case(args.case))
    changes = {"backends": _BACKENDS, "fast_backend": "response"}
    case = dataclasses.replace(case, system=case.system.model_copy(update=changes))
    print("outer step, fs   of dftb   fluctuation, Hartree   drift, K/ns an atom   CPU seconds a ps")
    for inner in args.outer:
        outer = round(1000.0 * args.picoseconds / (inner * _INNER_FS))
        run = conserved(case, inner, outer)
        slope, error, spread = drift(run)
        scale = 1e3 / (KELVIN_TO_HARTREE * len(case))
        words = f"{inner * _INNER_FS:14.1f} {outer + 1:9d} {spread:22.2e}"
        words += f" {scale * slope:12.1f} +- {scale * error:<6.1f}"
        print(words, f"{run.seconds / args.picoseconds:17.0f}", flush=True)


def conserved(case: Case, inner: int, outer: int) -> Run:
    """``outer`` steps of ``inner`` ones each."""
    parts = create_providers(case, "dftb", {}, ["all"] if inner == 1 else ["fast", "slow"], threads=1)
    masses, dt = case.topology.masses[:, None], _INNER_FS * FS_TO_ATOMIC_TIME
    positions = case.positions.copy()
    momenta = np.random.default_rng(1).standard_normal(positions.shape)
    momenta *= np.sqrt(masses * _TEMPERATURE * KELVIN_TO_HARTREE)
    found = {part: provider.evaluate(positions, case.cell) for part, provider in parts.items()}
    times, energies, begin = [], [], time.process_time()
    for step in range(1, outer + 1):
        if inner > 1:
            momenta += 0.5 * inner * dt * found["slow"].forces
        quick = "all" if inner == 1 else "fast"
        for _ in range(inner):
            momenta += 0.5 * dt * found[quick].forces
            positions += dt * momenta / masses
            found[quick] = parts[quick].evaluate(positions, case.cell)
            momenta += 0.5 * dt * found[quick].forces
        if inner > 1:
            found["slow"] = parts["slow"].evaluate(positions, case.cell)
            momenta += 0.5 * inner * dt * found["slow"].forces
        potential = sum(one.energy for one in found.values())
        times.append(1e-3 * _INNER_FS * inner * step)
        energies.append(potential + 0.5 * float((momenta**2 / masses).sum()))
    return Run(np.array(times), np.array(energies), time.process_time() - begin)


def drift(run: Run, blocks: int = 10) -> tuple[float, float, float]:
    """Slope in Hartree/ps, its error from means of blocks, and the spread about the line in Hartree."""
    length = len(run.times) // blocks
    at, means = (
        values[: length * blocks].reshape(blocks, length).mean(axis=1) for values in (run.times, run.energies)
    )
    (slope, offset), covariance = np.polyfit(at, means, 1, cov=True)
    spread = float(np.std(run.energies - slope * run.times - offset))
    return float(slope), float(np.sqrt(covariance[0, 0])), spread


if __name__ == "__main__":
    main()
