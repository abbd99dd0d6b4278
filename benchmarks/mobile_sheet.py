"""Conservation of energy with an electrode that moves, beside one in its place with fixed charges.

    python -m benchmarks.mobile_sheet [--picoseconds 0.5] [--backends dftb] [--case DIR] [--level EV]

From one start, without thermostat: velocity Verlet, 0.5 fs. The frozen sheet has uniform charges (`fixed`);
then every atom of the case moves, the electrode by the backends named. Energies are per moving atom; the
drift is the slope of a straight line through the energies of every step after the first tenth of the
time, its error that of the fit to means of ten blocks. With ``--level`` the Fermi level is held, and what is
conserved has the grand potential.

What velocity Verlet conserves is not the energy H but, to the next order in the step h, the shadow energy
H + h^2 (v.V''.v / 12 - F.F / 24 m) (Skeel and Hardy, SIAM J. Sci. Comput. 23, 1172 (2001)). H itself goes up
and down with every vibration of a bond, which hides a drift in a short run; drifts are of the shadow energy,
with v.V''.v from the forces of the steps before and after.

The second table is the processor time of site potentials and forces, the electrode in its place and mobile,
in turns, at the accuracy of potentials that is asked for.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from polcouple.case.model import Case, read_case
from polcouple.case.schema import Potential
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.mobile import create_charges
from polcouple.engines.base import SitePotentialEngine, create_engine
from polcouple.testing.cases import mobile
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

_ROOT = Path(__file__).parent.parent
_STEP_FS, _TEMPERATURE = 0.5, 300.0
#: blocks that the error of the drift is from
_BLOCKS = 10
#: calls of the timing, and potentials' accuracies that are timed
_ROUNDS, _ACCURACIES = 100, (1e-6, 1e-7)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--picoseconds", type=float, default=0.5)
    parser.add_argument("--backends", nargs="*", default=["dftb"])
    parser.add_argument("--level", type=float)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    case = read_case(args.case)
    moving = mobile(case)
    if args.level is not None:
        held = Potential(fermi_level_ev=args.level, counter_charge="background")
        moving = dataclasses.replace(moving, system=moving.system.model_copy(update={"potential": held}))
    steps = round(1000.0 * args.picoseconds / _STEP_FS)
    print(f"{'':<26} drift per moving atom, K/ns   fluctuation, K   that of the energy, K   ms/step")
    runs = [("fixed", case), *((name, moving) for name in args.backends)]
    for name, own in runs if steps else []:
        begin = time.perf_counter()
        (energies, shadows), atoms = conserved(own, name, steps, args.threads)
        wall = 1e3 * (time.perf_counter() - begin) / steps
        (slope, error, spread), (_, _, plain) = (
            drift(values / KELVIN_TO_HARTREE / atoms) for values in (shadows, energies)
        )
        label = f"{name}, {'all atoms move' if own.mobile else 'frozen'}"
        print(
            f"{label:<26} {slope:10.3f} +- {error:<10.3f} {spread:17.5f} {plain:19.4f} {wall:16.1f}",
            flush=True,
        )
    for accuracy in _ACCURACIES:
        frozen, free = 1e3 * np.median(list(seconds(case, accuracy, args.threads)), axis=0)
        times = f"frozen {frozen:.2f} ms, mobile {free:.2f} ms, {free / frozen:.2f} times"
        print(f"potentials to {accuracy:g} Hartree/e and forces: {times}")


def conserved(case: Case, backend: str, steps: int, threads: int) -> tuple[np.ndarray, int]:
    """Energy and shadow energy at the steps between the first and the last.

    Returns:
        (2, steps - 2) energies in Hartree, and the number of atoms that move.
    """
    provider = ForceProvider(case, create_charges(case, backend), threads=threads)
    moving = np.arange(len(case)) if case.mobile else case.electrolyte_indices
    masses, dt = case.topology.masses[moving, None], _STEP_FS * FS_TO_ATOMIC_TIME
    positions = case.positions.copy()
    momenta = np.random.default_rng(1).standard_normal(positions.shape)[moving]
    momenta *= np.sqrt(masses * _TEMPERATURE * KELVIN_TO_HARTREE)
    forces = [provider.evaluate(positions, case.cell).forces[moving]]
    velocities, energies, shadows = np.zeros_like(momenta), list[float](), list[float]()
    for step in track(range(1, steps + 1), description=backend, console=Console(stderr=True)):
        momenta += 0.5 * dt * forces[-1]
        positions[moving] += dt * momenta / masses
        found = provider.evaluate(positions, case.cell)
        forces = [*forces[-2:], found.forces[moving]]
        momenta += 0.5 * dt * forces[-1]
        if step > 2:  # of the step before
            curvature = -float((velocities * (forces[2] - forces[0])).sum()) / (2.0 * dt)
            correction = dt**2 * (curvature / 12 - float((forces[1] ** 2 / masses).sum()) / 24)
            shadows.append(energies[-1] + correction)
        velocities = momenta / masses
        energies.append(found.energy + 0.5 * float((momenta * velocities).sum()))
    return np.array([energies[1:-1], shadows]), len(moving)


def drift(energies: np.ndarray) -> tuple[float, float, float]:
    """Slope per ns and its standard error, and the spread about the line."""
    energies = energies[len(energies) // 10 :]
    times = _STEP_FS * 1e-6 * np.arange(len(energies))
    slope, offset = np.polyfit(times, energies, 1)
    length = len(energies) // _BLOCKS
    means, at = (
        values[: length * _BLOCKS].reshape(_BLOCKS, length).mean(axis=1) for values in (energies, times)
    )
    _, covariance = np.polyfit(at, means, 1, cov=True)
    return float(slope), float(np.sqrt(covariance[0, 0])), float(np.std(energies - slope * times - offset))


def seconds(case: Case, accuracy: float, threads: int) -> Iterator[tuple[float, float]]:
    """Processor time of potentials and forces in s, electrode frozen and mobile, round by round."""
    rng = np.random.default_rng(2)
    engine = create_engine(case, threads=threads)[0]
    free = create_engine(mobile(case), threads=threads)[0]
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
