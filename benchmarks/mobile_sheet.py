"""Conservation of energy with an electrode that moves, beside one in its place with fixed charges.

    python -m benchmarks.mobile_sheet [--picoseconds 1] [--fixed 10] [--backends dftb]
        [--case DIR | --film | --dry] [--level EV] [--accuracy 1e-6]
        [--outer 2 4] [--keep FOLDER]

Velocity Verlet of 0.5 fs without thermostat, each from its own start at 300 K (4 ps of Langevin dynamics;
of an electrode that moves by `response`, then 0.25 ps by `dftb`). The frozen sheet has uniform charges
(`fixed`); then every atom of the case moves, the electrode by the backends named. A film is the case of
:mod:`benchmarks.mobile_mts`; a dry sheet tells what its own forces do, since it has no engine's to err.
With ``--outer`` there is multiple time stepping, too, `response` in every step and `dftb` every so many.
With ``--level`` the Fermi level is held, and what is conserved has the grand potential. What is kept in a
folder is not run again and goes on from there.

Energies are per moving atom. Drifts are of the shadow energy (:mod:`benchmarks.trajectory`); the energy walks
at random, which :func:`benchmarks.drift.drift` has in the error.

The last lines are the processor time of site potentials and forces, the electrode in its place and mobile,
in turns, at the accuracy of potentials that is asked for.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.drift import drift
from benchmarks.trajectory import Method, Trajectory, kept_file, moving_atoms, run_name, warmed_start
from polcouple.builder.surfaces import GRAPHENE_CELL, graphene_sheet
from polcouple.case.model import Case, read_case
from polcouple.case.schema import Potential, SystemSection
from polcouple.coupling.charges import Surroundings
from polcouple.engines.base import SitePotentialEngine, create_engine
from polcouple.testing.cases import graphene_case, mobile
from polcouple.units import ANGSTROM_TO_BOHR, KELVIN_TO_HARTREE

_ROOT = Path(__file__).parent.parent
#: ps of Langevin dynamics by backend, of the frozen sheet and of one that moves; ps between lines of progress
_FROZEN, _MOVING, _TURN = {"fixed": 4.0}, {"response": 4.0, "dftb": 0.25}, 0.25
#: lattice constant of least free energy over the one of the sheets that are built (:mod:`benchmarks.ripples`)
_RELAXED = 2.4729 / GRAPHENE_CELL[0]
#: calls of the timing, and potentials' accuracies that are timed
_ROUNDS, _ACCURACIES = 100, (1e-6, 1e-7)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--film", action="store_true", help="the case of benchmarks.mobile_mts")
    parser.add_argument("--dry", action="store_true", help="32 carbons alone, all of which move")
    parser.add_argument("--picoseconds", type=float, default=1.0)
    parser.add_argument("--fixed", type=float, help="ps of the frozen sheet, if others than --picoseconds")
    parser.add_argument("--backends", nargs="*", default=["dftb"])
    parser.add_argument("--outer", type=int, nargs="*", default=[], help="inner steps in an outer one")
    parser.add_argument("--level", type=float)
    parser.add_argument("--accuracy", type=float, help="of `dftb` in e, in place of the case's")
    parser.add_argument("--keep", type=Path, help="a folder that runs go on from")
    args = parser.parse_args()
    case = dry_case() if args.dry else graphene_case() if args.film else read_case(args.case)
    moving = mobile(case)
    moving = dataclasses.replace(moving, system=moving.system.model_copy(update={"fast_backend": "response"}))
    if args.level is not None:
        held = Potential(fermi_level_ev=args.level, counter_charge="background")
        moving = dataclasses.replace(moving, system=moving.system.model_copy(update={"potential": held}))
    if args.accuracy:
        changed = {**moving.system.backends, "dftb": {"accuracy": args.accuracy}}
        moving = dataclasses.replace(moving, system=moving.system.model_copy(update={"backends": changed}))
    if args.picoseconds:
        lengths = {} if args.dry else {"fixed": args.fixed or args.picoseconds}
        methods = {name: Method(name) for name in ("fixed", *args.backends)}
        methods |= {run_name(outer): Method("dftb", outer) for outer in args.outer}
        lengths |= {name: args.picoseconds for name in methods if name != "fixed"}
        made = {name: run(case, moving, methods[name], name, ps, args.keep) for name, ps in lengths.items()}
        print_drifts(made)
    for accuracy in _ACCURACIES if not args.dry else ():
        frozen, free = 1e3 * np.median(list(seconds(case, accuracy)), axis=0)
        times = f"frozen {frozen:.2f} ms, mobile {free:.2f} ms, {free / frozen:.2f} times"
        print(f"potentials to {accuracy:g} Hartree/e and forces: {times}")


def dry_case() -> Case:
    """A free sheet at its lattice constant of least free energy, and nothing else."""
    positions, sides = graphene_sheet(4, 2)
    lengths = np.array([*(_RELAXED * np.asarray(sides)), 30.0]) * ANGSTROM_TO_BOHR
    count = len(positions)
    sheet = {"name": "sheet", "first_atom": 0, "last_atom": count - 1, "total_charge_e": 0.0}
    sections = {
        "format": "polcouple-case-1",
        "topology": [{"species": "electrode", "count": count}],
        "force_field": {"cutoff_angstrom": 3.5, "ewald_tolerance": 1e-6},
        "electrodes": [sheet | {"mobile": True}],
    }
    system, places = SystemSection.model_validate(sections), _RELAXED * positions * ANGSTROM_TO_BOHR
    return Case(Path(), system, ("C",) * count, places, np.diag(lengths))


def run(
    frozen: Case, moving: Case, method: Method, name: str, picoseconds: float, folder: Path | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times in ns, energies and shadow energies in K per moving atom, each (n,)."""
    case, stages, kept = (
        (moving, _MOVING, "start") if method.backend != "fixed" else (frozen, _FROZEN, "start_frozen")
    )
    start = warmed_start(case, stages, folder / f"{kept}.npz" if folder else None)
    trajectory = Trajectory(case, method, start, kept=kept_file(folder, name))
    for turn in range(1, round(picoseconds / _TURN) + 1):
        trajectory.advance(turn * _TURN)
        print(f"{name}: {turn * _TURN:.2f} of {picoseconds:g} ps", file=sys.stderr, flush=True)
    scale = KELVIN_TO_HARTREE * len(moving_atoms(case))
    energies, shadows = (trajectory.series(kind)[1:] / scale for kind in ("energy", "shadow"))
    return 1e-3 * trajectory.times[1:], energies, shadows


def print_drifts(runs: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    """A line for each run, and the drifts of those that move less that of the frozen one."""
    print("per moving atom    ps   drift, K/ns      walk, K in 1 ps   spread, K   of the energy, K")
    drifts = {}
    for name, (times, energies, shadows) in runs.items():
        found = drift(times, shadows)
        words = f"{name:<12} {1e3 * times[-1]:8.2f} {found.slope:8.3f} +- {found.error:<6.3f}"
        walk = 1e-3**0.5 * found.walk
        print(f"{words} {walk:12.5f} {found.spread:12.5f} {drift(times, energies).spread:12.4f}")
        drifts[name] = found
    for name in list(runs)[1:] if "fixed" in runs else ():
        more = drifts[name].slope - drifts["fixed"].slope
        error = np.hypot(drifts[name].error, drifts["fixed"].error)
        print(f"{name} less fixed: {more:.3f} +- {error:.3f} K/ns")


def seconds(case: Case, accuracy: float) -> Iterator[tuple[float, float]]:
    """Processor time of potentials and forces in s, electrode frozen and mobile, round by round."""
    rng = np.random.default_rng(2)
    engine = create_engine(case, threads=1)[0]
    free = create_engine(mobile(case), threads=1)[0]
    assert isinstance(free, SitePotentialEngine)
    free.prepare_site_potentials(max(accuracy, free.finest_potential))
    surroundings = Surroundings(case, accuracy, engine)
    positions, charges = case.positions.copy(), np.zeros(len(case.electrode))
    for _ in range(_ROUNDS):
        positions += 0.01 * rng.standard_normal(positions.shape)
        charges += 1e-3 * rng.standard_normal(charges.shape)
        in_place = positions.copy()
        in_place[case.electrode_indices] = case.electrode.positions
        begin = time.process_time()
        _ = surroundings.environment(in_place).site_potentials
        engine.set_charges(charges)
        engine.evaluate(in_place)
        between = time.process_time()
        free.site_potentials(positions)
        free.set_charges(charges)
        free.evaluate(positions)
        yield between - begin, time.process_time() - between


if __name__ == "__main__":
    main()
