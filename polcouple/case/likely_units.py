"""Numbers in Angstrom that were read in bohr, and the like: told by size, water and the electrode's edge.

Only what cannot be a sound structure is refused. Atoms in other cells than their neighbours are sound: i-PI
does not fold what diffuses. So are flakes, which do not reach the edge of their cell.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from polcouple.case.topology import Topology
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

#: no cell is wider, no atom farther from the origin (Angstrom)
_LARGEST = 1e5
#: lengths that differ by such a ratio to within this share are in the wrong unit
_TOLERANCE = 0.1
#: for each ratio of what was read to what is meant: what is wrong, and the unit to name
_WRONG = {
    1.0 / ANGSTROM_TO_BOHR: ("the numbers seem to be in Angstrom and were read in bohr", "angstrom"),
    ANGSTROM_TO_BOHR: ("the numbers seem to be in bohr and were read in Angstrom", "atomic_unit"),
    0.1: ("ten times too short, as nanometers read in Angstrom are", "nanometer"),
    10.0: ("ten times too long, as Angstroms read in nanometers are", "angstrom"),
}
#: neighbours in a solid are no closer and no farther, in terms of its shortest distance
_OVERLAP, _NEIGHBOUR = 0.8, 1.25
#: neighbours of an atom in a sheet or slab, at least
_FEWEST = 3
#: where an input says which unit the cell is in
_IN_FILE = "name the unit in line 2: positions{{{0}}} cell{{{0}}}".format
_IN_INPUT = "name the unit: <cell units='{0}'>".format


def require_likely_size(path: Path, positions: np.ndarray, cell: np.ndarray) -> None:
    """Refuse numbers so large that nothing can be computed with them.

    Args:
        path: for the message.
        positions: (N, 3) in bohr.
        cell: (3, 3) rows in bohr.

    Raises:
        InputError: with the line of the atom that is too far away, or the cell's width.
    """
    widest = float(np.abs(cell).max()) / ANGSTROM_TO_BOHR
    if widest > _LARGEST:
        raise InputError(f"{path}: the cell is {widest:.3g} Angstrom wide, more than {_LARGEST:g}")
    farthest = np.abs(positions).max(axis=1) / ANGSTROM_TO_BOHR
    atom = int(farthest.argmax())
    if farthest[atom] > _LARGEST:
        raise InputError(
            f"{path}: line {atom + 3}: atom {atom} is {farthest[atom]:.3g} Angstrom from the origin, more"
            f" than {_LARGEST:g}"
        )


def require_likely_bonds(path: Path, positions: np.ndarray, topology: Topology) -> None:
    """Refuse bonds all of which are wrong by the ratio of two units.

    Args:
        path: for the message.
        positions: (N, 3) in bohr.
        topology: of the atoms.

    Raises:
        InputError: with the likely cause.
    """
    if not len(topology.bonds):
        return
    first, second = topology.bonds.T
    bonds = np.linalg.norm(positions[second] - positions[first], axis=1) / topology.bond_lengths
    median, shortest = float(np.median(bonds)), float(bonds.min())
    for ratio, (fault, unit) in _WRONG.items():
        # molecules on both sides of a boundary are long, but not every one is
        if abs(median / ratio - 1.0) < _TOLERANCE and shortest > 0.5 * ratio:
            head = topology.molecules[topology.bonds[0, 0]]
            kind = "water's O-H" if topology.names[head] == "HOH" else "the bonds'"
            expected = float(topology.bond_lengths[0]) / ANGSTROM_TO_BOHR
            raise InputError(
                f"{path}: {kind} distance is {median * expected:.3f} Angstrom (median), the force field has"
                f" {expected:g}: {fault}; {_IN_FILE(unit)}"
            )


def require_likely_cell(path: Path, electrode: np.ndarray, cell: np.ndarray, in_input: bool) -> None:
    """Refuse a cell that does not close the electrode, where the same numbers in another unit do.

    Args:
        path: for the message.
        electrode: (n, 3) in bohr.
        cell: (3, 3) rows in bohr.
        in_input: whether the cell is from i-PI's input, and not from the start file.

    Raises:
        InputError: with the likely cause.
    """
    if len(electrode) < 2 or _closes(electrode, cell) or _stand_apart(electrode):
        return
    width = np.ptp((electrode @ np.linalg.inv(cell))[:, :2], axis=0).min()
    for ratio, (fault, unit) in _WRONG.items():
        if _closes(electrode, cell / ratio):
            raise InputError(
                f"{path}: the electrode fills {width:.2f} of the cell's width, in other units? {fault};"
                f" {_IN_INPUT(unit) if in_input else _IN_FILE(unit)}"
            )


def _stand_apart(atoms: np.ndarray) -> bool:
    """Whether none of the atoms has as many neighbours as one in a sheet or slab, images aside."""
    tree = cKDTree(atoms)
    shortest = float(tree.query(atoms, k=2)[0][:, 1].min())
    return max(map(len, tree.query_ball_point(atoms, _NEIGHBOUR * shortest))) <= _FEWEST


def _closes(atoms: np.ndarray, cell: np.ndarray) -> bool:
    """Whether the images that a cell makes overlap none of the atoms and complete the neighbours of all.

    In a sheet or slab every atom has some neighbours, and the vectors to them cancel along the surface; at an
    open edge they do not.
    """
    shortest = float(cKDTree(atoms).query(atoms, k=2)[0][:, 1].min())
    shifts = [i * cell[0] + j * cell[1] for i, j in itertools.product((-1, 0, 1), repeat=2)]
    everywhere = np.concatenate([atoms + shift for shift in shifts])
    tree = cKDTree(everywhere)
    if tree.query(atoms, k=2)[0][:, 1].min() < _OVERLAP * shortest:
        return False
    near = tree.query_ball_point(atoms, _NEIGHBOUR * shortest)
    if min(map(len, near)) <= _FEWEST:  # each is its own neighbour, too
        return False
    sums = [(everywhere[own] - atom).sum(axis=0) for own, atom in zip(near, atoms, strict=True)]
    return bool(np.linalg.norm(np.array(sums)[:, :2], axis=1).max() < 0.5 * shortest)
