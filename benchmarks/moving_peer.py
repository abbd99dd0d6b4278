"""Dynamics of the same atoms by polcouple and by DFTB+: time of a warm step, and energies along the way.

DFTB+ runs twice, for a few steps and for more; the difference is that of warm steps, without its start.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.held_level import MASSES, velocity_verlet
from polcouple.dftb.moving.dftb import NOTHING, DftbResult, MovingDftb
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.dftb.moving.extrapolation import Extrapolation
from polcouple.dftb.moving.surroundings import PointCharges
from polcouple.dftbplus.process import find_program
from polcouple.units import DALTON_TO_ELECTRON_MASS, FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

ACCURACY = 1e-6
TIME_STEP = 0.5 * FS_TO_ATOMIC_TIME
#: steps left out: those that populations are extrapolated from
WARM = 4

_INPUT = """Geometry {{
  TypeNames = {{ {names} }}
  TypesAndCoordinates [Bohr] {{
{coordinates}
  }}
  Periodic = Yes
  LatticeVectors [Bohr] {{
{cell}
  }}
}}
Driver = VelocityVerlet {{
  TimeStep [au] = {time_step:.12f}
  Steps = {steps}
  MovedAtoms = 1:-1
  KeepStationary = No
  Thermostat = None {{}}
  Velocities [au] {{
{velocities}
  }}
}}
Hamiltonian = DFTB {{
  SCC = Yes
  SCCTolerance = {accuracy:g}
  Charge = {charge:.10f}
  SlaterKosterFiles = Type2FileNames {{
    Prefix = "{slako}/"
    Separator = "-"
    Suffix = ".skf"
  }}
  MaxAngularMomentum {{
{momenta}
  }}
  Filling = Fermi {{ Temperature [Kelvin] = 300 }}
  KPointsAndWeights = SupercellFolding {{
    1 0 0
    0 1 0
    0 0 1
    0 0 0
  }}
  Solver = DivideAndConquer {{}}
{surroundings}
}}
ParserOptions {{ ParserVersion = 14 }}
"""
_CHARGES = """  ElectricField = {{
    PointCharges = {{
      CoordsAndCharges [Bohr] = DirectRead {{
        Records = {count}
        File = "charges.dat"
      }}
    }}
  }}"""


@dataclass(frozen=True, eq=False)
class Start:
    """Atoms with velocities, in atomic units."""

    name: str
    symbols: tuple[str, ...]
    positions: np.ndarray
    velocities: np.ndarray
    cell: np.ndarray
    charge: float
    slako: Path
    liquid: PointCharges = NOTHING

    @property
    def masses(self) -> np.ndarray:
        """(n, 1)."""
        return DALTON_TO_ELECTRON_MASS * np.array([[MASSES[symbol]] for symbol in self.symbols])


@dataclass(frozen=True, eq=False)
class Timing:
    """Of warm steps.

    Attributes:
        processor, wall: seconds a step.
        diagonalisations: a step; not known of DFTB+.
        energies: kinetic and free energy (steps + 1,) in Hartree, summed.
    """

    processor: float
    wall: float
    diagonalisations: float
    energies: np.ndarray


def thermal(symbols: tuple[str, ...], shape: tuple[int, ...], kelvin: float = 300.0) -> np.ndarray:
    """Velocities (n, 3) in atomic units."""
    masses = DALTON_TO_ELECTRON_MASS * np.array([[MASSES[symbol]] for symbol in symbols])
    velocities = np.random.default_rng(1).normal(size=shape) * np.sqrt(kelvin * KELVIN_TO_HARTREE / masses)
    return np.asarray(velocities - (masses * velocities).sum(axis=0) / masses.sum())


def own_run(start: Start, steps: int, threads: int) -> Timing:
    """Of ``steps`` steps here."""
    dftb = MovingDftb(start.symbols, 300.0 * KELVIN_TO_HARTREE, start.slako)
    extrapolation, marks, cycles = Extrapolation(), [], []

    def forces(positions: np.ndarray) -> DftbResult:
        marks.append((time.process_time(), time.perf_counter()))
        held = TotalCharge(start.charge)
        result = dftb.solve(
            positions, start.cell, held, start.liquid, extrapolation.next(), accuracy=ACCURACY
        )
        extrapolation.add(result.populations)
        cycles.append(result.iterations)
        return result

    run = velocity_verlet(forces, start.positions, start.velocities, start.masses, TIME_STEP)
    energies = []
    with threadpool_limits(threads, user_api="blas"):
        for _, velocities, result in islice(run, steps + 1):
            energies.append(0.5 * float((start.masses * velocities**2).sum()) + result.free_energy)
    marks.append((time.process_time(), time.perf_counter()))
    warm = min(WARM, steps - 1) + 1
    spent = np.diff(np.array(marks)[[warm, -1]], axis=0)[0] / (len(marks) - 1 - warm)
    return Timing(float(spent[0]), float(spent[1]), float(np.mean(cycles[warm:])), np.array(energies))


def dftbplus_run(command: str, start: Start, steps: int, threads: int) -> Timing:
    """Of DFTB+, the steps after the first one or ``WARM``."""
    few = min(WARM, steps - 1)
    cpu, wall, _ = _dftbplus(command, start, few, threads)
    more_cpu, more_wall, energies = _dftbplus(command, start, steps, threads)
    share = 1.0 / (steps - few)
    return Timing(share * (more_cpu - cpu), share * (more_wall - wall), np.nan, energies)


def _dftbplus(command: str, start: Start, steps: int, threads: int) -> tuple[float, float, np.ndarray]:
    """Processor and wall time in seconds of a whole run, and its total energies (steps + 1,)."""
    kinds = list(dict.fromkeys(start.symbols))
    numbered = zip(start.symbols, start.positions, strict=True)
    text = _INPUT.format(
        names=" ".join(f'"{kind}"' for kind in kinds),
        coordinates="\n".join(f"{kinds.index(symbol) + 1} {_row(place)}" for symbol, place in numbered),
        cell="\n".join(map(_row, start.cell)),
        velocities="\n".join(map(_row, start.velocities)),
        momenta="\n".join(f'{kind} = "{"s" if kind == "H" else "p"}"' for kind in kinds),
        surroundings=_CHARGES.format(count=len(start.liquid)) if len(start.liquid) else "",
        time_step=TIME_STEP, steps=steps, accuracy=ACCURACY, charge=start.charge, slako=start.slako,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dftb_in.hsd").write_text(text)
        charges = np.column_stack([start.liquid.positions, start.liquid.charges])
        np.savetxt(folder / "charges.dat", charges, fmt="%.14f")
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        environment = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        with (folder / "out").open("w") as out:
            subprocess.run(
                find_program(command), cwd=folder, env=environment, stdout=out, stderr=out, check=True
            )
        wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        lines = (folder / "md.out").read_text().splitlines()
    energies = [float(line.split()[3]) for line in lines if line.startswith("Total MD Energy")]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, np.array(energies)


def _row(numbers: np.ndarray) -> str:
    return " ".join(f"{x:.14e}" for x in numbers)


def compare(start: Start, steps: int, rounds: int, threads: int, command: str | None) -> None:
    """Print times of both in turns, and how far their energies are apart."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(own_run(start, steps, threads))
        if command:
            theirs.append(dftbplus_run(command, start, steps, threads))
    for name, runs in (("polcouple", ours), ("DFTB+", theirs)):
        for run in runs:
            words = f"{1e3 * run.processor:.0f} ms of CPU, {1e3 * run.wall:.0f} ms a step"
            more = f", {run.diagonalisations:.2f} diagonalisations" if name == "polcouple" else ""
            print(f"{start.name}: {name}: {words}{more}", flush=True)
    if theirs:
        for kind in ("processor", "wall"):
            ratio = min(getattr(run, kind) for run in theirs) / min(getattr(run, kind) for run in ours)
            print(f"{start.name}: {kind} time of DFTB+ over ours {ratio:.1f}")
        apart = np.abs(ours[0].energies - theirs[0].energies).max()
        print(f"{start.name}: energies of {steps + 1} geometries apart by at most {apart:.1e} Hartree")
