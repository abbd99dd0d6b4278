"""Conservation of energy: the native engine beside OpenMM's CPU platform, from one start, without thermostat.

    python -m benchmarks.nve [--picoseconds 20] [--engines native CPU] [--backend fixed] [--case DIR]

Velocity Verlet, 0.5 fs, one thread, one engine after the other. Energies are per moving atom; the drift is
the slope of a straight line through the shadow energies (:mod:`benchmarks.shadow_energy`) of all steps after
the first tenth of the time, its error that of the fit to means of ten blocks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.shadow_energy import STEP_FS, conserved, drift
from polcouple.case.model import read_case
from polcouple.engines.base import NATIVE
from polcouple.units import KELVIN_TO_HARTREE

_ROOT = Path(__file__).parent.parent


def main() -> None:
    """Print a line for every engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--picoseconds", type=float, default=20.0)
    parser.add_argument("--engines", nargs="+", default=[NATIVE, "CPU"])
    parser.add_argument("--backend", default="fixed")
    args = parser.parse_args()
    case, steps = read_case(args.case), round(1000.0 * args.picoseconds / STEP_FS)
    for engine in args.engines:
        (energies, shadows), atoms = conserved(case, args.backend, steps, 1, engine)
        slope, error, spread = drift(shadows / KELVIN_TO_HARTREE / atoms)
        plain = drift(energies / KELVIN_TO_HARTREE / atoms)[2]
        print(
            f"{engine}, {args.backend}, {args.picoseconds:g} ps: drift {slope:.3f} +- {error:.3f} K/ns,"
            f" fluctuation {spread:.4f} K (of the energy {plain:.4f} K), per moving atom",
            flush=True,
        )


if __name__ == "__main__":
    main()
