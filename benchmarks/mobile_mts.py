"""Multiple time stepping of a moving sheet beside `dftb` in every step: averages, conservation and cost.

    python -m benchmarks.mobile_mts [--picoseconds 4] [--outer 1 2 4] [--case DIR] [--keep FOLDER]
        [--k-points 2 2]

Without a case: 60 carbons with -1 e below a film of 20 waters and 5 ions. One start at 300 K (Langevin
dynamics with `response`, then with `dftb`) is where every run begins, without thermostat: `dftb` in every
step of 0.5 fs where the outer step is the inner one; otherwise `response` in every step, and what `dftb`
gives beyond it in every outer step; last, `response` alone, whose averages are those that the slow part has
to mend. The runs take turns of 0.05 ps, so that processor times compare. What is kept in a folder goes on
from there with the same command, more picoseconds included.

Averages are over outer steps, errors from block averages; a difference to `dftb` in every step is given in
combined errors. Drifts are of the shadow energy, :mod:`benchmarks.trajectory`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drift import drift
from benchmarks.trajectory import Method, Trajectory, kept_file, run_name, warmed_start
from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.case.model import Case, read_case
from polcouple.testing.cases import graphene_case, mobile
from polcouple.units import BOHR_TO_ANGSTROM, KELVIN_TO_HARTREE

#: ps of Langevin dynamics before the runs, by backend; and of a turn
_WARMING, _TURN = {"response": 4.0, "dftb": 0.25}, 0.05
#: Angstrom: bonds of the sheet are shorter, oxygens of the first layers of water nearer to its mean plane
_BOND, _LAYER = 1.7, 4.5

#: what is averaged: its name in the table, the observed mean, and whether its root is meant
_AVERAGES = (
    ("temperature of the sheet, K", "sheet_kelvin", False),
    ("temperature of the liquid, K", "liquid_kelvin", False),
    ("bond length, Angstrom", "bond", False),
    ("rms of bond lengths about it, Angstrom", "bond_square", True),
    ("rms height, Angstrom", "height_square", True),
    ("charge of an atom, e", "charge", False),
    ("rms of charges about it, e", "charge_square", True),
    ("oxygens within 4.5 Angstrom", "layer", False),
    ("their distance, Angstrom", "layer_distance", False),
)


class Observer:
    """What is averaged, of a case with one sheet normal to z."""

    def __init__(self, case: Case) -> None:
        self._sheet, self._liquid = case.electrode_indices, case.electrolyte_indices
        self._oxygens, self._masses = case.water_oxygens, case.topology.masses
        self._cell = case.cell
        apart = self._nearest(case.positions[self._sheet][:, None] - case.positions[self._sheet][None])
        near = np.linalg.norm(apart, axis=2) * BOHR_TO_ANGSTROM < _BOND
        self._bonds = np.argwhere(np.triu(near, 1))

    def _nearest(self, apart: np.ndarray) -> np.ndarray:
        """The closest images of separations (..., 3)."""
        inverse = np.linalg.inv(self._cell)
        return apart - np.round(apart @ inverse) @ self._cell

    def _kelvin(self, velocities: np.ndarray, atoms: np.ndarray) -> float:
        squares = self._masses[atoms, None] * velocities[atoms] ** 2
        return float(squares.sum()) / (3 * len(atoms) * KELVIN_TO_HARTREE)

    def __call__(
        self, positions: np.ndarray, velocities: np.ndarray, charges: np.ndarray
    ) -> Mapping[str, float]:
        """Of one point, in K, Angstrom and e."""
        sheet = positions[self._sheet]
        bonds = self._nearest(sheet[self._bonds[:, 0]] - sheet[self._bonds[:, 1]])
        lengths = np.linalg.norm(bonds, axis=1) * BOHR_TO_ANGSTROM
        height = sheet[:, 2].mean()
        apart = self._nearest((positions[self._oxygens, 2] - height)[:, None] * np.array([0.0, 0.0, 1.0]))
        distances = np.abs(apart[:, 2]) * BOHR_TO_ANGSTROM
        near = distances < _LAYER
        return {
            "sheet_kelvin": self._kelvin(velocities, self._sheet),
            "liquid_kelvin": self._kelvin(velocities, self._liquid),
            "bond": float(lengths.mean()),
            "bond_square": float(lengths.var()),
            "height_square": float(sheet[:, 2].var()) * BOHR_TO_ANGSTROM**2,
            "charge": float(charges.mean()),
            "charge_square": float(charges.var()),
            "layer": float(near.sum()),
            "layer_distance": float(distances[near].mean()),
        }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path)
    parser.add_argument("--picoseconds", type=float, default=4.0)
    parser.add_argument("--k-points", type=int, nargs=2, help="in place of the case's")
    parser.add_argument("--keep", type=Path, help="a folder that runs go on from")
    parser.add_argument("--outer", type=int, nargs="+", default=[1, 2, 4], help="inner steps in an outer one")
    args = parser.parse_args()
    case = mobile(read_case(args.case) if args.case else graphene_case())
    changes: dict[str, Any] = {"fast_backend": "response"}
    if args.k_points:
        changes["backends"] = {name: {"k_points": [*args.k_points, 1]} for name in ("dftb", "response")}
    case = dataclasses.replace(case, system=case.system.model_copy(update=changes))
    runs = {run_name(inner): Method("dftb", inner) for inner in args.outer} | {"response": Method("response")}
    trajectories = made(case, runs, args.keep)
    turns = round(args.picoseconds / _TURN)
    for turn in range(1, turns + 1):
        for trajectory in trajectories.values():
            trajectory.advance(turn * _TURN)
        print(f"{turn * _TURN:.2f} of {args.picoseconds:g} ps", file=sys.stderr, flush=True)
    print_costs(trajectories, len(case))
    print_averages(trajectories)


def made(case: Case, runs: Mapping[str, Method], folder: Path | None) -> dict[str, Trajectory]:
    """The runs, from one start, as far as the folder has them."""
    start = warmed_start(case, _WARMING, folder / "start.npz" if folder else None)
    return {
        run: Trajectory(case, method, start, Observer(case), kept_file(folder, run))
        for run, method in runs.items()
    }


def print_costs(trajectories: Mapping[str, Trajectory], atoms: int) -> None:
    """Processor time, fluctuation and drift of each run."""
    print(
        "| | CPU s a ps | fluctuation of the energy, Hartree | spread of the shadow energy, Hartree |", end=""
    )
    print(" drift, K/ns an atom |")
    scale = KELVIN_TO_HARTREE * atoms
    for run, trajectory in trajectories.items():
        energies, shadows = trajectory.series("energy"), trajectory.series("shadow")[1:]
        found = drift(1e-3 * trajectory.times[1:], shadows / scale)
        words = f"| {run} | {trajectory.seconds / trajectory.times[-1]:.0f} | {energies.std():.2e}"
        print(f"{words} | {scale * found.spread:.2e} | {found.slope:.2f} +- {found.error:.2f} |")


def averaged(trajectory: Trajectory, observed: str, root: bool) -> Estimate:
    """Mean of what was observed, or the root of it, with its error."""
    blocks = Blocks()
    for value in trajectory.series(observed):
        blocks.add(value)
    return estimate(blocks, np.sqrt) if root else estimate(blocks)


def print_averages(
    trajectories: Mapping[str, Trajectory], averages: Sequence[tuple[str, str, bool]] = _AVERAGES
) -> None:
    """A line for each average: its value in each run, and the difference to the first run in errors."""
    print("| |", " | ".join(trajectories), "|")
    for words, observed, root in averages:
        found = [averaged(trajectory, observed, root) for trajectory in trajectories.values()]
        first, cells = found[0], []
        for one in found:
            cell = f"{float(one.value):.5g} +- {float(one.error):.2g}" + ("" if one.converged else " *")
            if one is not first and one.error > 1e-9 * abs(float(one.value)):
                cell += f" ({float(one.value - first.value) / np.hypot(one.error, first.error):+.1f})"
            cells.append(cell)
        print(f"| {words} |", " | ".join(cells), "|")
    print("(in brackets: difference to the first run, in errors; * the error is a lower bound)")


if __name__ == "__main__":
    main()
