"""Rigid water at 2 fs beside flexible water at 0.5 fs, and what the constraints alone cost.

    python -m benchmarks.rigid [--rounds N] [--case DIR]

prints the time that the constraints of a case's waters take a step on one core, and steps of i-PI with
flexible and with rigid waters in the same places, in rounds that take turns: by the clock, and the processor
time of both programs with one thread, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from benchmarks.ipi_steps import processor_time, steps
from polcouple.case.force_field import WATER_MODELS
from polcouple.case.model import Case, read_case, write_init_xyz
from polcouple.ipi.templates import write_inputs
from polcouple.rigid.constraints import Constraints
from polcouple.units import ANGSTROM_TO_BOHR, FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

_ROOT = Path(__file__).parent.parent
_FLEXIBLE_FS, _RIGID_FS = 0.5, 2.0
_CALLS, _STEPS = 50, 120


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backends", nargs="+", default=["fixed", "response"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rigid = rigid_twin(args.case, Path(name), "spc_e")
        _solver(rigid)
        for backend in args.backends:
            _compare(args.case, rigid.directory, backend, args.rounds)
            _compare_processor_time(args.case, rigid.directory, backend, args.rounds)


def rigid_twin(flexible: Path, directory: Path, model: str) -> Case:
    """The case of ``flexible`` with rigid waters in the places of its own, written to ``directory``."""
    content = yaml.safe_load((flexible / "system.yaml").read_text())
    content["force_field"]["water"] = dict(WATER_MODELS[model].water)
    (directory / "system.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    case = read_case(flexible)
    positions, oxygens = case.positions.copy(), case.water_oxygens
    length, angle = WATER_MODELS[model].shape
    first, second = (_whole(positions[oxygens + k] - positions[oxygens], case) for k in (1, 2))
    first /= np.linalg.norm(first, axis=1)[:, None]
    second -= (first * second).sum(1)[:, None] * first
    second /= np.linalg.norm(second, axis=1)[:, None]
    turned = np.cos(np.deg2rad(angle)) * first + np.sin(np.deg2rad(angle)) * second
    for hydrogen, direction in ((1, first), (2, turned)):
        positions[oxygens + hydrogen] = positions[oxygens] + length * ANGSTROM_TO_BOHR * direction
    write_init_xyz(directory / "init.xyz", case.symbols, positions, case.cell)
    twin = read_case(directory)
    write_inputs(directory, case.electrode_indices.tolist(), 300.0, 1, constraints=twin.constraints)
    return twin


def _whole(bonds: np.ndarray, case: Case) -> np.ndarray:
    fractional = bonds @ np.linalg.inv(case.cell)
    return bonds - np.round(fractional) @ case.cell


def _solver(case: Case) -> None:
    """Of a step of BAOAB: two moves, each with a change of momenta, and three changes of momenta."""
    masses, step = case.topology.masses, 0.5 * _RIGID_FS * FS_TO_ATOMIC_TIME
    for title, kind in (("SETTLE", Constraints), ("M-SHAKE and RATTLE", _Iterated)):
        constraints = kind(*case.constraints, masses)
        rng = np.random.default_rng(1)
        momenta = rng.standard_normal(case.positions.shape)
        momenta *= np.sqrt(masses * 300.0 * KELVIN_TO_HARTREE)[:, None]
        constraints.stop_stretching(case.positions, momenta)
        free = case.positions + step * momenta / masses[:, None]
        moves, changes = [], []
        for _ in range(_CALLS):
            positions, p = free.copy(), momenta.copy()
            start = time.perf_counter()
            constraints.finish_move(case.positions, positions, p, step)
            moved = time.perf_counter()
            constraints.stop_stretching(positions, p)
            changes.append(1e3 * (time.perf_counter() - moved))
            moves.append(1e3 * (moved - start))
        move, change = np.median(moves[1:]), np.median(changes[1:])
        print(
            f"{len(case.water_oxygens)} waters, {title}: a move {move:.2f} ms, a change of momenta"
            f" {change:.2f} ms, a step {2 * move + 3 * change:.2f} ms; distances good to"
            f" {constraints.deviation(positions):.0e}",
            flush=True,
        )


class _Iterated(Constraints):
    """No group is taken for a triangle."""

    def _triangle(self, group: np.ndarray) -> None:
        return None


def _compare(flexible: Path, rigid: Path, backend: str, rounds: int) -> None:
    shares: dict[str, list[dict[str, float]]] = {"flexible": [], "rigid": []}
    for _ in range(rounds):
        for name, directory in (("flexible", flexible), ("rigid", rigid)):
            with tempfile.TemporaryDirectory() as scratch:
                shares[name].append(steps(directory, Path(scratch), backend, _STEPS))
    total = {name: np.array([share["total"] for share in found]) for name, found in shares.items()}
    for name, femtoseconds in (("flexible", _FLEXIBLE_FS), ("rigid", _RIGID_FS)):
        part = {key: np.median([share[key] for share in shares[name]]) for key in shares[name][0]}
        parts = ", ".join(f"{key} {value:.2f}" for key, value in part.items() if key != "total")
        print(
            f"{backend}, {name}, {femtoseconds:g} fs: {part['total']:.2f} ms a step ({parts}),"
            f" {86.4 * femtoseconds / part['total']:.1f} ns/day",
            flush=True,
        )
    ratios = _RIGID_FS / _FLEXIBLE_FS * total["flexible"] / total["rigid"]
    print(
        f"{backend}: simulated time a second, rigid over flexible {np.median(ratios):.2f}"
        f" ({ratios.min():.2f} to {ratios.max():.2f})",
        flush=True,
    )


def _compare_processor_time(flexible: Path, rigid: Path, backend: str, rounds: int) -> None:
    for _ in range(rounds):
        spent = {
            name: processor_time(case, backend) for name, case in (("flexible", flexible), ("rigid", rigid))
        }
        ratio = _RIGID_FS / _FLEXIBLE_FS * spent["flexible"] / spent["rigid"]
        print(
            f"{backend}, processor time: flexible {spent['flexible']:.2f} ms a step, rigid"
            f" {spent['rigid']:.2f} ms; simulated time by it, rigid over flexible {ratio:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
