"""Whether a sheet with a defect has the pristine sheet's K plus a matrix of low rank: it has not.

    python -m benchmarks.defect_rank [--carbons 336]

One carbon of a graphene sheet is taken away, or is nitrogen where an installed set has that element. Printed
are the numbers of singular values of the difference of both K above parts of K's largest element. A matrix of
rank r misses the difference by its singular value r + 1 or more (Eckart and Young), and in its largest
element by that over the number of atoms or more. Beside them: how far from the defect the potential of the
self-consistent reference still departs from its median, which is what changes the Hamiltonian there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.qm import CHARGE_PER_ATOM, SHEETS, sheet
from polcouple.dftb.parameter_sets import installed_sets
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.threads import limit_linear_algebra
from polcouple.units import KELVIN_TO_HARTREE

_PARTS = (1e-2, 1e-4, 1e-6, 1e-8)
_SHELLS = (0.0, 3.0, 10.0, 20.0, 30.0, 45.0)
#: name of a set with carbon and nitrogen
_DOPED_SET = "mio-1-1"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--carbons", type=int, choices=SHEETS, default=336)
    args = parser.parse_args()
    pristine, charge = sheet(args.carbons), CHARGE_PER_ATOM * args.carbons
    place = args.carbons // 2 + 5
    whole = _solver(pristine, DEFAULT_SLAKO).bare_reference(charge)[1].charge_kernel
    print("defect    singular values above", *(f"{part:g}" for part in _PARTS), "of", args.carbons)
    for name, electrode, kept, slako in _defective(pristine, place):
        solver = _solver(electrode, slako)
        solution, response = solver.bare_reference(charge)
        difference = response.charge_kernel - whole[np.ix_(kept, kept)]
        values = np.linalg.svd(difference, compute_uv=False) / np.abs(whole).max()
        potential = solver.prepared.gamma @ solution.populations
        potential -= np.median(potential)
        apart = (electrode.positions - pristine.positions[place]) @ np.linalg.inv(electrode.cell)
        distance = np.linalg.norm((apart - np.rint(apart)) @ electrode.cell, axis=1)
        print(f"{name:9}", *(int((values > part).sum()) for part in _PARTS))
        for low, high in pairwise(_SHELLS):
            here = np.abs(potential[(distance >= low) & (distance < high)])
            if len(here):
                print(f"  {low:g} to {high:g} bohr: potential off by up to {here.max():.1e} Ha")


def _solver(electrode: Electrode, slako: Path) -> FrozenElectrode:
    parameters = load_parameters(slako, electrode.symbols)
    return FrozenElectrode(electrode, parameters, 300.0 * KELVIN_TO_HARTREE)


def _defective(pristine: Electrode, place: int) -> Iterator[tuple[str, Electrode, np.ndarray, Path]]:
    """Name, electrode, which atoms of the pristine one it has, and its parameter set."""
    kept = np.delete(np.arange(len(pristine)), place)
    yield (
        "vacancy",
        Electrode(("C",) * len(kept), pristine.positions[kept], pristine.cell),
        kept,
        DEFAULT_SLAKO,
    )
    carrier = installed_sets().get(_DOPED_SET)
    if carrier is not None and (carrier / "N-C.skf").is_file():
        symbols = tuple("N" if atom == place else "C" for atom in range(len(pristine)))
        everything = np.arange(len(pristine))
        yield "nitrogen", Electrode(symbols, pristine.positions, pristine.cell), everything, carrier


if __name__ == "__main__":
    limit_linear_algebra()
    main()
