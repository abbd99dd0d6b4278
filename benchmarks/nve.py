"""Conservation of energy: the native engine beside OpenMM's CPU platform, from one start, without thermostat.

    python -m benchmarks.nve [--picoseconds 5] [--engines native CPU] [--backend fixed] [--case DIR]

Velocity Verlet of 0.5 fs, one thread, one engine after the other, after 1 ps of Langevin dynamics at 300 K.
Energies are per moving atom; the drift is that of the shadow energy (:mod:`benchmarks.trajectory`), with an
error that knows of random walks (:func:`benchmarks.drift.drift`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.drift import drift
from benchmarks.trajectory import Method, Trajectory, moving_atoms, warmed_start
from polcouple.case.model import read_case
from polcouple.engines.base import NATIVE
from polcouple.units import KELVIN_TO_HARTREE

_ROOT = Path(__file__).parent.parent
_WARM = {"fixed": 1.0}


def main() -> None:
    """Print a line for every engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--picoseconds", type=float, default=5.0)
    parser.add_argument("--engines", nargs="+", default=[NATIVE, "CPU"])
    parser.add_argument("--backend", default="fixed")
    args = parser.parse_args()
    case = read_case(args.case)
    start, scale = warmed_start(case, _WARM), KELVIN_TO_HARTREE * len(moving_atoms(case))
    for engine in args.engines:
        trajectory = Trajectory(case, Method(args.backend, platform=engine), start)
        trajectory.advance(args.picoseconds)
        times = 1e-3 * trajectory.times[1:]
        shadow, energy = (drift(times, trajectory.series(kind)[1:] / scale) for kind in ("shadow", "energy"))
        print(
            f"{engine}, {args.backend}, {args.picoseconds:g} ps: drift {shadow.slope:.3f} +-"
            f" {shadow.error:.3f} K/ns, walk {1e-3**0.5 * shadow.walk:.4f} K in 1 ps, fluctuation"
            f" {shadow.spread:.4f} K (of the energy {energy.spread:.4f} K), per moving atom",
            flush=True,
        )


if __name__ == "__main__":
    main()
