"""Charges of atoms by their bonds, and their Coulomb energy: what reaches further than a network's cut-off.

An atom has the formal charge of its element and, from each bond, an increment (as in MMFF94: T. A. Halgren,
J. Comput. Chem. 17, 490 (1996)): a bond moves the charge b from one element to the other, times a smooth
function of its length that is 1 for whole bonds. So no list of bonds is needed, charges sum to the formal
ones' sum, and forces are the energy's derivative wherever atoms go. Charges are Gaussians
(:mod:`polcouple.electrostatics.smooth_mesh`): close together they feel little of each other, which is left
to the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from polcouple.electrostatics.smooth_mesh import smooth_coulomb, smooth_coulomb_of_cluster
from polcouple.errors import InputError
from polcouple.lattice.pairs import Pairs
from polcouple.nn.potential.bonds import Bonds, covalent_radii


@dataclass(frozen=True, eq=False)
class ChargeForces:
    """What the charges of a frame add.

    Attributes:
        charges: (n,) in e.
        energy: eV.
        forces: (n, 3) in eV/A, those by the charges' change with the bonds among them.
        virial: (3, 3) minus the energy's derivative by a strain, eV.
    """

    charges: np.ndarray
    energy: float
    forces: np.ndarray
    virial: np.ndarray


@dataclass(frozen=True)
class BondCharges:
    """Charges by bonds.

    Attributes:
        elements: symbols, in the order of their numbers.
        formal: charge of each, e.
        increments: (e, e) row by row; what a bond moves from the row's element to the column's, e.
        width: of the Gaussians, A.
    """

    elements: tuple[str, ...]
    formal: tuple[float, ...]
    increments: tuple[tuple[float, ...], ...]
    width: float

    def forces(
        self,
        kinds: np.ndarray,
        pairs: Pairs,
        positions: np.ndarray,
        cell: np.ndarray,
        periodic: Sequence[bool],
    ) -> ChargeForces:
        """Energy and forces.

        Args:
            kinds: (n,) numbers of the elements.
            pairs: neighbours that are at hand, A.
            positions: (n, 3) in A.
            cell: (3, 3) a vector per row, A.

        Raises:
            InputError: the frame is periodic in some directions alone.
        """
        if any(periodic) and not all(periodic):
            raise InputError(
                "a potential with charges needs atoms that are periodic in all directions, or none"
            )
        bonded = np.any(self.increments, axis=1)[kinds]
        bonds = Bonds(pairs, positions, cell, periodic, covalent_radii(self.elements)[kinds], bonded)
        from_one, to_other = bonds.ends.T
        moved = np.array(self.increments)[kinds[from_one], kinds[to_other]]
        flows = moved * bonds.conducts
        charges = np.array(self.formal)[kinds]
        charges += np.bincount(to_other, flows, len(kinds)) - np.bincount(from_one, flows, len(kinds))
        if all(periodic):
            felt = smooth_coulomb(positions, charges, cell, self.width)
        else:
            felt = smooth_coulomb_of_cluster(positions, charges, self.width)
        by_length = (felt.potentials[to_other] - felt.potentials[from_one]) * moved * bonds.slopes
        pull = by_length[:, None] * bonds.directions
        forces = felt.forces.copy()
        np.add.at(forces, from_one, pull)
        np.add.at(forces, to_other, -pull)
        virial = felt.virial - bonds.directions.T @ (pull * bonds.lengths[:, None])
        return ChargeForces(charges, felt.energy, forces, virial)

    def description(self) -> dict[str, Any]:
        """As a file of :func:`read_bond_charges` has it."""
        increments = {
            f"{one}-{other}": self.increments[i][j]
            for i, one in enumerate(self.elements)
            for j, other in enumerate(self.elements)
            if self.increments[i][j] > 0
        }
        return {
            "formal": dict(zip(self.elements, self.formal, strict=True)),
            "increments": increments,
            "width": self.width,
        }


def stored_charges(stored: dict[str, Any]) -> BondCharges:
    """From their fields as JSON has them."""
    rows = tuple(map(tuple, stored["increments"]))
    return BondCharges(tuple(stored["elements"]), tuple(stored["formal"]), rows, stored["width"])


def read_bond_charges(path: Path, elements: tuple[str, ...]) -> BondCharges:
    """Charges for ``elements`` from a file of YAML.

    It has ``formal``, a charge (e) by element; ``increments``, by bonds such as ``N-H`` the charge that one
    of them moves from the first to the second; and ``width`` (A).

    Raises:
        InputError: no such file, or something else in it.
    """
    try:
        stored = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as charges: {error}") from None
    try:
        formal = {str(name): float(charge) for name, charge in stored["formal"].items()}
        given = {str(name): float(charge) for name, charge in stored["increments"].items()}
        width = float(stored["width"])
        bonds = [tuple(name.split("-")) for name in given]
        unknown = {one for bond in bonds for one in bond} - formal.keys()
        if stored.keys() != {"formal", "increments", "width"} or any(len(set(bond)) != 2 for bond in bonds):
            raise ValueError
        if any(isinstance(one, bool) for one in stored["formal"].values()):
            raise ValueError
    except (TypeError, KeyError, AttributeError, ValueError):
        raise InputError(
            f"{path}: give formal: {{N: 1, ...}}, increments: {{N-H: 0.3, ...}} (e, from the first element to"
            " the second) and width: 1.2 (A), nothing else"
        ) from None
    twice = sorted(name for name, bond in zip(given, bonds, strict=True) if "-".join(bond[::-1]) in given)
    if twice:
        raise InputError(f"{path}: increments: {' and '.join(twice)} are one bond; leave one of them")
    missing = sorted({*elements, *unknown} - formal.keys())
    if missing or width <= 0.3 or not np.isfinite([*formal.values(), *given.values(), width]).all():
        what = f"no formal charge of {', '.join(missing)}" if missing else "a width of 0.3 A or less, or nan"
        raise InputError(f"{path}: {what}")
    moved = np.zeros((len(elements), len(elements)))
    for (one, other), charge in zip(bonds, given.values(), strict=True):
        if one in elements and other in elements:
            i, j = elements.index(one), elements.index(other)
            moved[i, j], moved[j, i] = charge, -charge
    rows = tuple(tuple(map(float, row)) for row in moved)
    return BondCharges(elements, tuple(formal[one] for one in elements), rows, width)
