"""A response net in cells of other heights than its own, against SCC-DFTB in those cells.

    python other_heights.py CASE TRAJECTORY_DIRECTORY [--model NAME] [--changes 2 10 40 -20] [--frames 8]

CASE is the case that the net was trained for; TRAJECTORY_DIRECTORY holds trajectory/*.npz with ``positions``
(frames, atoms outside the electrode, 3) in Angstrom; frames are taken from the last tenth, on which nets are
tested. The same liquid is put into cells of other heights (changes in Angstrom), its site potentials are
summed there, and `nn`, linear response and the uniform charge are compared with `dftb` of the same cell.
Errors are root mean squares (rms) or largest values over frames and atoms.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from polcouple.backends.base import ChargeResult, Environment, create_backend
from polcouple.case.model import Case, read_case
from polcouple.case.schema import Slab
from polcouple.coupling.electrodes import CoupledResult, create_coupled
from polcouple.coupling.forces import Surroundings
from polcouple.units import ANGSTROM_TO_BOHR


def in_cell(case: Case, change: float, slab: bool) -> Case:
    """The case in a cell whose third vector is ``change`` (Angstrom) longer; with a slab's field D = 0."""
    cell = case.cell.copy()
    cell[2] *= 1.0 + change * ANGSTROM_TO_BOHR / np.linalg.norm(cell[2])
    section = Slab(displacement_volt_per_angstrom=0.0) if slab else None
    return dataclasses.replace(case, cell=cell, system=case.system.model_copy(update={"slab": section}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("trajectory", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--changes", type=float, nargs="+", default=[0.0, 2.0, 10.0, 40.0, -20.0])
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--total-charges", type=float, nargs="+", default=[-4.0, -1.0])
    parser.add_argument("--slab", action="store_true", help="with D = 0, at the case's charge")
    args = parser.parse_args()
    case = read_case(args.case)
    paths = sorted((args.trajectory / "trajectory").glob("*.npz"))
    liquid = np.concatenate([np.load(path)["positions"] for path in paths]).astype(float) * ANGSTROM_TO_BOHR
    held_out = liquid[-len(liquid) // 10 :]
    liquid = held_out[np.linspace(0, len(held_out) - 1, args.frames).astype(int)]
    model = {} if args.model is None else {"model": args.model}
    settings = {"nn": model, "response": {}, "fixed": {}}
    charges = [case.total_charge] if args.slab else args.total_charges
    print(
        "| height / A | Q / e | model | charges rms / e | max / e | energy rms / Ha | Fermi level rms / Ha |"
    )
    print("|---:|---:|---|---:|---:|---:|---:|")
    for change in args.changes:
        there = in_cell(case, change, args.slab)
        make = _make(there)
        exact = make("dftb", {"accuracy": 1e-8})
        others = {name: make(name, own) for name, own in settings.items()}
        frames = []
        for positions in liquid:
            all_positions = there.positions.copy()
            all_positions[there.electrolyte_indices] = positions
            environment = Surroundings(there, 1e-8).environment(all_positions)
            frames.append(Environment(there.electrolyte, environment.positions, environment.site_potentials))
        height = np.linalg.norm(there.cell[2]) / ANGSTROM_TO_BOHR
        for total_charge in charges:
            labels = [exact.solve(frame, total_charge) for frame in frames]
            for name, backend in others.items():
                found = [backend.solve(frame, total_charge) for frame in frames]
                print(f"| {height:g} | {total_charge:g} | {name} | {errors(found, labels)} |", flush=True)


def _make(case: Case):
    def make(name, settings):
        if case.slab_field is not None:
            return create_coupled(case, name, settings)
        return create_backend(name, case.electrode, case.electrolyte, settings)

    return make


def errors(found: list[ChargeResult], labels: list[ChargeResult]) -> str:
    """Cells of the table."""
    wrong = np.array([one.charges - label.charges for one, label in zip(found, labels, strict=True)])
    cells = [np.sqrt((wrong**2).mean()), np.abs(wrong).max()]
    for value_of in (lambda one: one.energy, _level):
        pairs = [(value_of(one), value_of(label)) for one, label in zip(found, labels, strict=True)]
        known = all(value is not None for pair in pairs for value in pair)
        cells.append(np.sqrt(np.mean([(a - b) ** 2 for a, b in pairs])) if known else np.nan)
    return " | ".join(f"{cell:.2e}" for cell in cells)


def _level(result: ChargeResult) -> float | None:
    return float(result.fermi_levels[0]) if isinstance(result, CoupledResult) else result.fermi_level


if __name__ == "__main__":
    main()
