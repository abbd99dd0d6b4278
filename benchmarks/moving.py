"""Time of one step of DFTB with moving atoms, by part.

    python -m benchmarks.moving [--frames 12] [--large] [--peer DFTB+ [--rounds 2] [--threads 1]]

24 C and 8 H2O (24 C where mio-1-1 is not installed) along a run at a held Fermi level; with --large also the
336-carbon sheet in one recorded configuration of aqueous NaCl, every atom displaced by 0.003 bohr per frame,
with the forces on its 6,371 point charges. Processor time, since others may use the machine; accuracy 1e-6 e.
With --peer, a program of DFTB+ runs the same dynamics in turns with polcouple.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable

import numpy as np

from benchmarks.held_level import ACCURACY, load_system, make_frames
from benchmarks.moving_peer import Start, compare, thermal
from polcouple.dftb.moving.dftb import NOTHING, MovingDftb
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel, TotalCharge
from polcouple.dftb.moving.extrapolation import Extrapolation
from polcouple.dftb.moving.surroundings import PointCharges
from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.units import EV_TO_HARTREE, KELVIN_TO_HARTREE

#: parts of a step: file and function
PARTS = {
    ("matrices.py", "build_matrices"): "H0, S, gamma",
    ("scc.py", "solve"): "self-consistency",
    ("forces.py", "electronic_forces"): "electronic forces",
    ("repulsive.py", "repulsive_energy_forces"): "repulsion",
    ("surroundings.py", "potentials"): "potentials of the point charges",
    ("surroundings.py", "forces"): "forces of the point charges",
}


def measure(title: str, step: Callable[[int], int], first: int, count: int) -> None:
    """Print what steps ``first`` and so on took; ``step`` returns its number of diagonalisations."""
    profile, begin = cProfile.Profile(time.process_time), time.process_time()
    cycles = [profile.runcall(step, k) for k in range(first, first + count)]
    total = 1e3 * (time.process_time() - begin) / count
    print(f"{title}: {total:.0f} ms of CPU a step, {np.mean(cycles):.1f} diagonalisations", flush=True)
    calls = pstats.Stats(profile).stats
    for (file, _, function), (_, _, _, cumulative, _) in calls.items():
        name = PARTS.get((file.rpartition("/")[2], function))
        if name and ("moving" in file or name == "repulsion"):
            print(f"    {name}: {1e3 * cumulative / count:.1f} ms")


def stepping(
    dftb: MovingDftb,
    place: Callable[[int], np.ndarray],
    cell: np.ndarray,
    ensemble: Ensemble,
    liquid: PointCharges = NOTHING,
) -> Callable[[int], int]:
    """A function that solves step k at ``place(k)`` from the populations of those before."""
    extrapolation = Extrapolation()

    def step(k: int) -> int:
        start = extrapolation.next()
        result = dftb.solve(place(k), cell, ensemble, liquid, start, accuracy=ACCURACY)
        extrapolation.add(result.populations)
        return result.iterations

    return step


def small(frames: int) -> None:
    """24 C and 8 H2O."""
    system = load_system()
    dftb = MovingDftb(system.symbols, 300.0 * KELVIN_TO_HARTREE, system.slako)
    level = -4.8 * EV_TO_HARTREE
    places = make_frames(system, dftb, level, frames + 4)
    for ensemble in (TotalCharge(0.0), FermiLevel(level)):
        step = stepping(dftb, places.__getitem__, system.cell, ensemble)
        measure(f"{len(system.symbols)} atoms, {ensemble}, first steps", step, 0, 4)
        measure(f"{len(system.symbols)} atoms, {ensemble}", step, 4, frames)


def large(frames: int) -> None:
    """The 336-carbon sheet."""
    from tests.dftb_cases import load_case

    case = load_case("nacl336_0005")
    dftb = MovingDftb(case.electrode.symbols, case.temperature)
    direction = np.random.default_rng(3).normal(size=case.electrode.positions.shape)
    liquid = PointCharges(case.source_positions, case.source_charges)

    def place(k: int) -> np.ndarray:
        return case.electrode.positions + (0.05 + 0.003 * k) * direction

    step = stepping(dftb, place, case.electrode.cell, TotalCharge(case.total_charge), liquid)
    measure("336 C, first call", step, 0, 1)
    measure("336 C, second and third", step, 1, 2)
    measure("336 C, later calls", step, 3, frames)


def small_start() -> Start:
    """24 C and 8 H2O, for dynamics."""
    system = load_system()
    velocities = thermal(system.symbols, system.positions.shape)
    name = f"{len(system.symbols)} atoms"
    return Start(name, system.symbols, system.positions, velocities, system.cell, 0.0, system.slako)


def large_start() -> Start:
    """The 336-carbon sheet in its liquid, for dynamics."""
    from tests.dftb_cases import load_case

    case = load_case("nacl336_0005")
    symbols, positions = case.electrode.symbols, case.electrode.positions
    positions = positions + 0.05 * np.random.default_rng(3).normal(size=positions.shape)
    liquid = PointCharges(case.source_positions, case.source_charges)
    velocities = thermal(symbols, positions.shape)
    cell = case.electrode.cell
    return Start("336 C", symbols, positions, velocities, cell, case.total_charge, DEFAULT_SLAKO, liquid)


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--peer", metavar="DFTB+")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.peer:
        compare(small_start(), 24, options.rounds, options.threads, options.peer)
        if options.large:
            compare(large_start(), 2, 1, options.threads, options.peer)
        return
    small(options.frames)
    if options.large:
        large(3)


if __name__ == "__main__":
    main()
