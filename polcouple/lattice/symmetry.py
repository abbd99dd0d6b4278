"""Symmetry operations of a frozen periodic electrode, found from its geometry."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial import cKDTree

from polcouple.electrode import Electrode
from polcouple.lattice.cell import folded

#: two atoms coincide when they are closer than this (bohr)
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class SymmetryOperation:
    """r -> mirror * r + shift maps the electrode onto itself.

    Attributes:
        permutation: (n,) atom i lands on atom ``permutation[i]``.
        mirror: (3,) of +1 or -1, about the Cartesian axes.
        shift: (3,) in bohr.
    """

    permutation: np.ndarray
    mirror: np.ndarray
    shift: np.ndarray

    def sites(self, values: np.ndarray) -> np.ndarray:
        """A per-atom quantity (..., n) carried along by the operation."""
        moved = np.empty_like(values)
        moved[..., self.permutation] = values
        return moved

    def positions(self, positions: np.ndarray) -> np.ndarray:
        """Positions (..., 3) in bohr carried along by the operation; not folded into the cell."""
        return positions * self.mirror.astype(positions.dtype) + self.shift.astype(positions.dtype)


def lattice_symmetries(electrode: Electrode) -> list[SymmetryOperation]:
    """All in-plane translations and mirrors of x and y under which a periodic electrode is unchanged.

    The identity comes first. Mirrors are tried only where the cell allows them. A flake (not periodic) has
    its identity alone; z is never mirrored, since the electrolyte is on one side.
    """
    n = len(electrode)
    identity = SymmetryOperation(np.arange(n), np.ones(3), np.zeros(3))
    if not all(electrode.pbc):
        return [identity]
    inverse = np.linalg.inv(electrode.cell)
    symbols = np.array(electrode.symbols)
    tree = cKDTree(folded(electrode.positions @ inverse), boxsize=1.0)
    tolerance = _TOLERANCE / np.linalg.norm(electrode.cell, axis=1).max()
    operations = [identity]
    for mirror in (np.array([sx, sy, 1.0]) for sx, sy in product((1.0, -1.0), repeat=2)):
        image_cell = (electrode.cell * mirror) @ inverse
        if not np.allclose(image_cell, np.rint(image_cell), atol=1e-6):
            continue
        mirrored = electrode.positions * mirror
        for target in np.flatnonzero(symbols == symbols[0]):
            shift = electrode.positions[target] - mirrored[0]
            distance, permutation = tree.query(folded((mirrored + shift) @ inverse))
            maps_onto_itself = (
                distance.max() < tolerance
                and len(np.unique(permutation)) == n
                and (symbols[permutation] == symbols).all()
            )
            is_identity = (mirror == 1.0).all() and target == 0
            if maps_onto_itself and not is_identity:
                operations.append(SymmetryOperation(permutation, mirror, shift))
    return operations
