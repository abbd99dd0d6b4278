"""DFTB's averages from a grand potential: what DFTB gives beyond the network is the slow part.

    python -m benchmarks.grand_mts [--picoseconds 4] [--outer 1 2 4] [--network NAME] [--volts 0]
        [--case DIR] [--keep FOLDER]

The case is one all of whose atoms `dftb` moves, ipi_inputs/graphene_water_qm by default. From one start at
300 K every run goes on without thermostat: `dftb` in every step of 0.5 fs where the outer step is the inner
one; otherwise the network in every step, and in every outer step what `dftb` gives beyond it; last, the
network alone. The runs take turns of 0.05 ps, so that processor times compare. What is kept in a folder goes
on from there with the same command, more picoseconds included.

Averages are over outer steps, errors from block averages; a difference to `dftb` in every step is given in
combined errors. Drifts are of the shadow energy, :mod:`benchmarks.trajectory`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.mobile_mts import print_averages, print_costs
from benchmarks.trajectory import NETWORK, Method, Trajectory, kept_file, run_name, warmed_start
from polcouple.case.model import Case, read_case
from polcouple.case.schema import Potential
from polcouple.nn.grand.model import load_grand_model
from polcouple.nn.model_files import find_model
from polcouple.units import BOHR_TO_ANGSTROM, KELVIN_TO_HARTREE

#: ps of Langevin dynamics by `dftb` before the runs; and of a turn
_WARMING, _TURN = 0.25, 0.05
#: Angstrom: bonds are shorter, oxygens of the first layer nearer to the sheet's mean plane
_BOND, _LAYER = {"C": 1.8, "H": 1.3}, 4.5

#: what is averaged: its name in the table, the observed mean, and whether its root is meant
_AVERAGES = (
    ("temperature, K", "kelvin", False),
    ("excess electrons, e", "electrons", False),
    ("C-C bond, Angstrom", "cc", False),
    ("rms about it, Angstrom", "cc_square", True),
    ("O-H bond, Angstrom", "oh", False),
    ("rms about it, Angstrom", "oh_square", True),
    ("oxygens within 4.5 Angstrom", "layer", False),
    ("cosine of their dipoles with the normal", "cosine", False),
)


class Observer:
    """What is averaged, of a sheet normal to z and water whose atoms follow each other as O, H, H."""

    def __init__(self, case: Case) -> None:
        symbols = np.array(case.symbols)
        self._carbons, self._oxygens = (np.flatnonzero(symbols == one) for one in ("C", "O"))
        self._masses, self._cell = case.topology.masses, case.cell
        self._inverse = np.linalg.inv(case.cell)
        sheet = case.positions[self._carbons]
        lengths = np.linalg.norm(self._nearest(sheet[:, None] - sheet), axis=2) * BOHR_TO_ANGSTROM
        self._bonds = self._carbons[np.argwhere(np.triu(lengths < _BOND["C"], 1))]
        self._hydrogens = self._oxygens[:, None] + np.array([1, 2])

    def _nearest(self, apart: np.ndarray) -> np.ndarray:
        """The closest images of separations (..., 3)."""
        return np.asarray(apart - np.round(apart @ self._inverse) @ self._cell)

    def __call__(
        self, positions: np.ndarray, velocities: np.ndarray, charges: np.ndarray
    ) -> Mapping[str, float]:
        """Of one point, in K, Angstrom and e."""
        bonds = self._nearest(positions[self._bonds[:, 0]] - positions[self._bonds[:, 1]])
        arms = self._nearest(positions[self._hydrogens] - positions[self._oxygens, None])
        cc, oh = (np.linalg.norm(one, axis=-1) * BOHR_TO_ANGSTROM for one in (bonds, arms))
        above = positions[self._oxygens] - positions[self._carbons].mean(axis=0) * np.array([0.0, 0.0, 1.0])
        height = self._nearest(above * np.array([0.0, 0.0, 1.0]))[:, 2]
        near = np.abs(height) * BOHR_TO_ANGSTROM < _LAYER
        dipoles = arms.sum(axis=1)
        cosines = np.sign(height) * dipoles[:, 2] / np.linalg.norm(dipoles, axis=1)
        kinetic = float((self._masses[:, None] * velocities**2).sum())
        return {
            "kelvin": kinetic / (3 * len(positions) * KELVIN_TO_HARTREE),
            "electrons": -float(charges.sum()),
            "cc": float(cc.mean()),
            "cc_square": float(cc.var()),
            "oh": float(oh.mean()),
            "oh_square": float(oh.var()),
            "layer": float(near.sum()),
            "cosine": float(cosines[near].mean()) if near.any() else 0.0,
        }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", type=Path, default=Path("ipi_inputs/graphene_water_qm"))
    parser.add_argument("--network", default="graphene_water_grand", help="a shipped one's name, or ./DIR")
    parser.add_argument("--volts", type=float, default=0.0, help="of the electrode")
    parser.add_argument("--picoseconds", type=float, default=4.0)
    parser.add_argument("--keep", type=Path, help="a folder that runs go on from")
    parser.add_argument("--outer", type=int, nargs="+", default=[1, 2, 4], help="inner steps in an outer one")
    args = parser.parse_args()
    network = find_model(Path(args.network) if "/" in args.network else args.network)
    case = read_case(args.case)
    held = Potential(fermi_level_ev=load_grand_model(network).level(args.volts), counter_charge="background")
    case = dataclasses.replace(case, system=case.system.model_copy(update={"potential": held}))
    runs = {}
    for inner in args.outer:
        name = run_name(inner)
        runs[name] = Method("dftb", inner, network=str(network) if inner > 1 else None)
    runs[NETWORK] = Method(NETWORK, network=str(network))
    start = warmed_start(case, {"dftb": _WARMING}, args.keep / "start.npz" if args.keep else None)
    trajectories = {
        run: Trajectory(case, method, start, Observer(case), kept_file(args.keep, run))
        for run, method in runs.items()
    }
    turns = round(args.picoseconds / _TURN)
    for turn in range(1, turns + 1):
        for trajectory in trajectories.values():
            trajectory.advance(turn * _TURN)
        print(f"{turn * _TURN:.2f} of {args.picoseconds:g} ps", file=sys.stderr, flush=True)
    print_costs(trajectories, len(case))
    print_averages(trajectories, _AVERAGES)


if __name__ == "__main__":
    main()
