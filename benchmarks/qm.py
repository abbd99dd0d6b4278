"""CPU time, wall time and memory of the `dftb` backend on graphene sheets of several sizes.

The site potentials are synthetic: smooth random functions of the place, of the strength that the reference
liquid's have. From call to call a tenth of them (rms) is exchanged, as in a few femtoseconds of a liquid.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

import numpy as np

from polcouple.builder.surfaces import graphene_sheet
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.units import ANGSTROM_TO_BOHR, KELVIN_TO_HARTREE

#: carbons of a sheet and its orthorhombic cells along zigzag and armchair
SHEETS = {24: (3, 2), 84: (7, 3), 336: (12, 7), 756: (21, 9), 1344: (24, 14)}
#: standard deviation of the potential over the sites (Hartree/e) and its correlation length (bohr)
STRENGTH, CORRELATION = 0.02, 6.0
#: per carbon of the reference system, e
CHARGE_PER_ATOM = -4.0 / 336.0
#: what DFTB+ 25.1 took per configuration of the reference system when its results were recorded, s
DFTBPLUS_CPU, DFTBPLUS_WALL = 25.0, 13.5

_HEIGHT_ANGSTROM = 160.0
_CHANGED = 0.1


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU (all threads) and of wall time."""

    cpu: float
    wall: float


class Stopwatch:
    """Cost of what happens in its context."""

    def __enter__(self) -> Stopwatch:
        self._start = (time.process_time(), time.perf_counter())
        return self

    def __exit__(self, *_: object) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        self.cost = Cost(cpu - self._start[0], wall - self._start[1])


def sheet(carbons: int) -> Electrode:
    """A graphene sheet in the reference system's height."""
    positions, sides = graphene_sheet(*SHEETS[carbons])
    cell = np.diag([*sides, _HEIGHT_ANGSTROM]) * ANGSTROM_TO_BOHR
    return Electrode(("C",) * len(positions), positions * ANGSTROM_TO_BOHR, cell)


def smooth_potentials(electrode: Electrode, count: int) -> np.ndarray:
    """(count, n) potentials in Hartree/e, each like the one before apart from a tenth."""
    random = np.random.default_rng(0)
    waves = np.array([(i, j) for i in range(-12, 13) for j in range(-12, 13) if (i, j) != (0, 0)])
    vectors = 2.0 * np.pi * waves @ np.linalg.inv(electrode.cell)[:2, :2]
    amplitudes = np.exp(-0.25 * CORRELATION**2 * (vectors**2).sum(axis=1))
    phases = electrode.positions[:, :2] @ vectors.T
    functions = np.concatenate([amplitudes * np.cos(phases), amplitudes * np.sin(phases)], axis=1)
    functions *= STRENGTH / np.sqrt((functions**2).sum(axis=1).mean())
    coefficients = random.normal(size=functions.shape[1])
    frames = []
    for _ in range(count):
        frames.append(functions @ coefficients)
        fresh = random.normal(size=len(coefficients))
        coefficients = np.sqrt(1.0 - _CHANGED**2) * coefficients + _CHANGED * fresh
    return np.array(frames)


def measure(carbons: int, warm: int = 10, accuracy: float = 1e-6) -> dict[str, float]:
    """Preparation, a first (cold) configuration, ``warm`` further ones, one plain cycle, and the memory.

    Nothing is taken from a cache. ``cold`` starts without a guess, from the prepared electrode; ``warm`` from
    the configuration before, and is the median. ``response`` is the same by one matrix-vector product.
    """
    electrode = sheet(carbons)
    parameters = load_parameters(DEFAULT_SLAKO, electrode.symbols)
    charge = CHARGE_PER_ATOM * carbons
    potentials = smooth_potentials(electrode, warm + 1)
    with Stopwatch() as preparation:
        solver = FrozenElectrode(electrode, parameters, 300.0 * KELVIN_TO_HARTREE)
        _, response = solver.bare_reference(charge)
    with Stopwatch() as cold:
        solution = solver.solve(potentials[0], charge, None, accuracy)
    costs, cycles = [], []
    for potential in potentials[1:]:
        with Stopwatch() as watch:
            solution = solver.solve(potential, charge, solution.guess, accuracy)
        costs.append(watch.cost)
        cycles.append(solution.cycles)
    with Stopwatch() as diagonalisation:
        for block in solver.prepared.blocks:
            block.diagonalise(potentials[0])
    with Stopwatch() as product:
        for _ in range(100):
            response.charge_kernel @ potentials[0]
    return {
        "carbons": carbons,
        "preparation_cpu": preparation.cost.cpu,
        "preparation_wall": preparation.cost.wall,
        "cold_cpu": cold.cost.cpu,
        "cold_wall": cold.cost.wall,
        "warm_cpu": float(np.median([cost.cpu for cost in costs])),
        "warm_wall": float(np.median([cost.wall for cost in costs])),
        "cycles": float(np.mean(cycles)),
        "full_cycle_cpu": diagonalisation.cost.cpu,
        "full_cycle_wall": diagonalisation.cost.wall,
        "response_wall": product.cost.wall / 100,
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
