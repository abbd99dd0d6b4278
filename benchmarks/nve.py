"""Conservation of energy: the native engine beside OpenMM's CPU platform, from one start, without thermostat.

    python -m benchmarks.nve [--picoseconds 20] [--engines native CPU] [--backend fixed] [--case DIR]

Velocity Verlet, 0.5 fs, one thread, one engine after the other. Energies are per moving atom: the drift
is the slope of a straight line through the means of blocks of 0.5 ps, its error that of the fit; the
fluctuation is about that line. The first half picosecond is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from polcouple.backends.base import create_backend
from polcouple.case.model import Case, read_case
from polcouple.coupling.forces import ForceProvider
from polcouple.engines.base import NATIVE
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

_ROOT = Path(__file__).parent.parent
_STEP_FS, _TEMPERATURE = 0.5, 300.0
#: steps between energies that are kept, and kept energies in a block of half a picosecond
_STRIDE, _BLOCK = 10, 100


def main() -> None:
    """Print a line for every engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--picoseconds", type=float, default=20.0)
    parser.add_argument("--engines", nargs="+", default=[NATIVE, "CPU"])
    parser.add_argument("--backend", default="fixed")
    args = parser.parse_args()
    case = read_case(args.case)
    for engine in args.engines:
        energies = conserved(case, args.backend, engine, round(1000.0 * args.picoseconds / _STEP_FS))
        slope, error, spread = drift(energies / KELVIN_TO_HARTREE / len(case.electrolyte_indices))
        print(
            f"{engine}, {args.backend}, {args.picoseconds:g} ps: drift {slope:.2f} +- {error:.2f} K/ns,"
            f" fluctuation {spread:.4f} K, per moving atom",
            flush=True,
        )


def conserved(case: Case, backend: str, platform: str, steps: int) -> np.ndarray:
    """Potential and kinetic energy in Hartree after every tenth step."""
    source = create_backend(backend, case.electrode, case.electrolyte, {}, case.directory)
    provider = ForceProvider(case, source, platform=platform, threads=1)
    moving, dt = case.electrolyte_indices, _STEP_FS * FS_TO_ATOMIC_TIME
    masses = case.topology.masses[moving, None]
    positions = case.positions.copy()
    momenta = np.random.default_rng(1).standard_normal((len(moving), 3))
    momenta *= np.sqrt(masses * _TEMPERATURE * KELVIN_TO_HARTREE)
    forces = provider.evaluate(positions, case.cell).forces[moving]
    energies = []
    for step in range(1, steps + 1):
        momenta += 0.5 * dt * forces
        positions[moving] += dt * momenta / masses
        found = provider.evaluate(positions, case.cell)
        forces = found.forces[moving]
        momenta += 0.5 * dt * forces
        if step % _STRIDE == 0:
            energies.append(found.energy + 0.5 * float((momenta**2 / masses).sum()))
    return np.array(energies)


def drift(energies: np.ndarray) -> tuple[float, float, float]:
    """Slope per ns and its standard error, and the spread about the line, of energies kept every 5 fs."""
    energies = energies[_BLOCK:]
    times = _STRIDE * _STEP_FS * 1e-6 * np.arange(len(energies))
    blocks = len(energies) // _BLOCK
    mean_energies, mean_times = (
        values[: blocks * _BLOCK].reshape(blocks, _BLOCK).mean(axis=1) for values in (energies, times)
    )
    (slope, offset), covariance = np.polyfit(mean_times, mean_energies, 1, cov=True)
    return float(slope), float(np.sqrt(covariance[0, 0])), float(np.std(energies - slope * times - offset))


if __name__ == "__main__":
    main()
