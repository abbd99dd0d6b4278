"""Conservation of energy with an electrode that moves, beside one in its place with fixed charges.

    python -m benchmarks.mobile_sheet [--picoseconds 0.5] [--backends dftb] [--case DIR] [--level EV]

From one start, without thermostat: velocity Verlet, 0.5 fs. The frozen sheet has uniform charges (`fixed`);
then every atom of the case moves, the electrode by the backends named. Energies are per moving atom; the
drift is the slope of a straight line through the energies of every step after the first tenth of the
time, its error that of the fit to means of ten blocks. With ``--level`` the Fermi level is held, and what is
conserved has the grand potential. Drifts are of the shadow energy (:mod:`benchmarks.shadow_energy`).

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

from benchmarks.shadow_energy import STEP_FS, conserved, drift
from polcouple.case.model import Case, read_case
from polcouple.case.schema import Potential
from polcouple.coupling.charges import Surroundings
from polcouple.engines.base import SitePotentialEngine, create_engine
from polcouple.testing.cases import mobile
from polcouple.units import KELVIN_TO_HARTREE

_ROOT = Path(__file__).parent.parent
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
    steps = round(1000.0 * args.picoseconds / STEP_FS)
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
