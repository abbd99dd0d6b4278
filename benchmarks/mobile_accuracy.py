"""Forces on, and charges of, an electrode at 300 K by the cheap backends, beside those of `dftb`.

    python -m benchmarks.mobile_accuracy [--case DIR] [--frames 6]

Displacements of the atoms are drawn from the harmonic distribution at 300 K of `dftb`'s Hessian; the liquid
stays; without a case: 60 carbons with -1 e below 20 waters and 5 ions. Root mean squares over frames and
atoms, of forces at fixed potentials (Hartree/bohr) and of charges (e). Nulls: the Hessian without any
charges, with the same charge on every atom; and with the charges of the electrode in its place.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from polcouple.backends.base import Environment
from polcouple.backends.mobile import MobileBackend, MobileResult, create_mobile
from polcouple.backends.response import Options
from polcouple.case.model import Case, read_case
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.dftb.moving.harmonic import harmonic
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.lattice.matrix import dense
from polcouple.testing.cases import graphene_case
from polcouple.units import KELVIN_TO_HARTREE

_TEMPERATURE = 300.0 * KELVIN_TO_HARTREE
#: modes without stiffness, which do not matter: eigenvalues in Hartree/bohr^2
_UNIFORM = 1e-9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path)
    parser.add_argument("--frames", type=int, default=6)
    args = parser.parse_args()
    case = graphene_case() if args.case is None else read_case(args.case)
    electrode, n = case.electrode, len(case.electrode)
    backends = {
        name: create_mobile(name, electrode, case.electrolyte) for name in ("dftb", "response", "metal")
    }
    expansion = harmonic(electrode, Options())
    hessian = dense(expansion.matrix).reshape(n, 4, n, 4)[:, :3, :, :3].reshape(3 * n, 3 * n)
    stiffness, modes = np.linalg.eigh(hessian)
    size = np.where(stiffness > _UNIFORM, np.sqrt(_TEMPERATURE / np.maximum(stiffness, _UNIFORM)), 0.0)
    rng = np.random.default_rng(3)
    in_place = _answer(case, backends["response"], electrode.positions).charges
    errors: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for _ in range(args.frames):
        u = (modes @ (size * rng.standard_normal(3 * n))).reshape(n, 3)
        found = {name: _answer(case, made, electrode.positions + u) for name, made in backends.items()}
        exact = found.pop("dftb")
        springs = expansion.terms(u, np.zeros(n))[1] - exact.forces
        uniform = np.full(n, case.total_charge / n)
        errors.setdefault("of dftb itself", []).append((exact.forces, exact.charges - uniform))
        for name, result in found.items():
            difference = result.forces - exact.forces, result.charges - exact.charges
            errors.setdefault(name, []).append(difference)
        errors.setdefault("Hessian, equal charges", []).append((springs, uniform - exact.charges))
        errors.setdefault("Hessian, charges in place", []).append((springs, in_place - exact.charges))
    print(f"{n} atoms, {args.frames} frames{'':8} forces, Hartree/bohr   charges, e")
    for name, values in errors.items():
        forces, charges = (np.sqrt(np.mean([value[k] ** 2 for value in values])) for k in (0, 1))
        print(f"{name:<28} {forces:14.5f} {charges:18.5f}")


def _answer(case: Case, backend: MobileBackend, places: np.ndarray) -> MobileResult:
    """What a backend answers with its atoms at ``places`` (n, 3), at the case's charge."""
    around = case.positions[case.electrolyte_indices], case.charges[case.electrolyte_indices]
    potentials = ewald_potential(places, *around, case.cell)
    seen = Environment(case.electrolyte, around[0], potentials)
    return backend.solve(places, seen, TotalCharge(case.total_charge))


if __name__ == "__main__":
    main()
