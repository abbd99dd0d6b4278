"""Refuses positions that do not belong to the case, before anything is computed with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.case.model import Case
from polcouple.errors import InputError
from polcouple.lattice.cell import same_lattice
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

#: a cell or electrode atom that moved by more than this stops the run (bohr)
_FROZEN_TOLERANCE = 1e-4
#: no liquid gets this far from its cell, and sums over images lose their digits there (bohr)
_FARTHEST = 1e6
#: a distance of a rigid molecule that is off by more, relative, has not been kept
_RIGID_TOLERANCE = 1e-2
#: nor one off by more than rounding both ends to 0.001 nm makes, as .gro and .xtc files are written (bohr)
_FEW_DIGITS = 2.0 * np.sqrt(3.0) * 0.0051 * ANGSTROM_TO_BOHR
#: an O-H distance beyond this means that the atoms are not in the case's order (bohr)
_LONGEST_BOND = 2.0 * ANGSTROM_TO_BOHR
#: and so does a bond of a force field in a file that is this many times as long as at rest
_LONGEST_STRETCH = 1.7


@dataclass(frozen=True)
class Rounding:
    """How far numbers may be from what they stand for because a file has so many digits.

    Attributes:
        positions: (3 n) or one number, in bohr: of the coordinates of the n electrode atoms.
        cell: of the components of the cell's vectors, in bohr.
    """

    positions: np.ndarray | float = 0.0
    cell: float = 0.0


#: of what comes over the socket
EXACT = Rounding()


class StructureGuard:
    """Compares the positions and cells of a run with those of its case."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._lattice = case.lattice
        self._inverse = np.linalg.inv(case.lattice)
        self._pairs, self._lengths = case.constraints
        # the last ones that were accepted: most of a run's are the same
        self._cell, self._electrode = case.cell, case.electrode.positions

    def check(self, positions: np.ndarray, cell: np.ndarray, rounding: Rounding = EXACT) -> None:
        """Number of atoms, constant cell, finite numbers, electrode in its place, rigid molecules. In bohr.

        Args:
            positions: (N, 3).
            cell: (3, 3), a vector per row.
            rounding: of the file that both were read from.

        Raises:
            InputError: naming the first thing that differs.
        """
        case = self._case
        if positions.shape != case.positions.shape:
            raise InputError(
                f"{len(positions)} atoms where the case has {len(case)}; give all of them, as the case's"
                " init.xyz does"
            )
        if np.array_equal(cell, self._cell):  # nearly always
            pass
        elif same_lattice(cell, case.cell, _FROZEN_TOLERANCE + rounding.cell):
            self._cell = cell.copy() if rounding is EXACT else self._cell
        else:
            change = np.abs(cell - case.cell).max()
            raise InputError(
                f"the cell differs from the case's by {change * BOHR_TO_ANGSTROM:.2g} Angstrom;"
                " electrodes need a constant cell (nve or nvt) and the case's init.xyz"
            )
        if not (positions.max() < _FARTHEST and positions.min() > -_FARTHEST):
            lost = ~(np.abs(positions) < _FARTHEST)
            atom = int(np.argwhere(lost)[0, 0])
            kind = "far outside the cell" if np.isfinite(positions[atom]).all() else "not finite"
            raise InputError(f"the position of atom {atom} is {kind}; shorten the time step")
        if not case.mobile:
            self._check_electrode(positions, rounding)
        if len(self._pairs):
            self._check_rigid(positions, rounding)

    def _check_electrode(self, positions: np.ndarray, rounding: Rounding) -> None:
        case = self._case
        places = positions[case.electrode_indices]
        if np.array_equal(places, self._electrode):
            return
        moved = self._distance(places - case.electrode.positions)
        rounded = np.broadcast_to(rounding.positions, (3 * len(moved),)).reshape(-1, 3)
        excess = moved - np.linalg.norm(rounded, axis=1)
        if not excess.max() < _FROZEN_TOLERANCE:
            first = int(excess.argmax())
            atom = int(case.electrode_indices[first])
            raise InputError(
                f"electrode atom {atom} is {moved[first] * BOHR_TO_ANGSTROM:.2g} Angstrom from its place;"
                " freeze the electrode with <fixatoms>, set <fixcom> False and keep the case's atom order"
            )
        if rounding is EXACT:
            self._electrode = places

    def _check_rigid(self, positions: np.ndarray, rounding: Rounding) -> None:
        bonds = positions.take(self._pairs[:, 1], axis=0) - positions.take(self._pairs[:, 0], axis=0)
        off = np.abs(np.einsum("ij,ij->i", bonds, bonds) / self._lengths**2 - 1.0) > _RIGID_TOLERANCE
        if not off.any():  # nearly always, and images cost more than all else here
            return
        pairs, wanted = self._pairs[off], self._lengths[off]
        lengths = self._distance(bonds[off])
        # both ends of a distance may be rounded, in all three directions
        rounded = max(_FEW_DIGITS, 2.0 * np.sqrt(3.0) * np.max(rounding.positions))
        allowed = np.maximum(_RIGID_TOLERANCE * wanted, rounded)
        excess = np.abs(lengths - wanted) - allowed
        if not excess.max() < 0.0:
            worst = int(excess.argmax())
            i, j = pairs[worst].tolist()
            raise InputError(
                f"atoms {i} and {j} (counted from 0; {self._named(i, j)}) are"
                f" {lengths[worst] * BOHR_TO_ANGSTROM:.3f}"
                f" Angstrom apart, in the case's rigid molecule {wanted[worst] * BOHR_TO_ANGSTROM:.3f}"
                "; start from molecules of this shape, and let the motion keep it (docs/rigid.md)"
            )

    def _named(self, i: int, j: int) -> str:
        """Two atoms of one molecule, as in 'SOL 341 OW-HW2': the 341st molecule of that name."""
        topology = self._case.topology
        molecule = int(topology.molecules[i])
        name = topology.names[molecule]
        number = topology.names[: molecule + 1].count(name)
        return f"{name} {number} {topology.labels[i]}-{topology.labels[j]}"

    def check_order(self, positions: np.ndarray) -> None:
        """Bonded atoms are neighbours, and water's oxygen is the first; positions (N, 3) in bohr.

        Raises:
            InputError: naming the pair that is too far apart; or a hydrogen stands where the oxygen should.
        """
        if self._case.given is not None:
            self._check_bonds(positions)
        oxygens = self._case.water_oxygens
        for hydrogen in (1, 2):
            length = self._distance(positions[oxygens + hydrogen] - positions[oxygens])
            if len(length) and not length.max() < _LONGEST_BOND:
                oxygen = int(oxygens[length.argmax()])
                raise InputError(
                    f"atoms {oxygen} and {oxygen + hydrogen} should be bonded O and H but are"
                    f" {length.max() * BOHR_TO_ANGSTROM:.2f} Angstrom apart; keep the case's atom order"
                )

        if not len(oxygens):
            return
        # within a molecule the two hydrogens are farther apart than either is from the oxygen
        first, second = positions[oxygens + 1], positions[oxygens + 2]
        apart = self._distance(second - first).mean()
        bonds = [self._distance(place - positions[oxygens]).mean() for place in (first, second)]
        if max(bonds) > apart:
            raise InputError(
                f"the waters' first and {'second' if bonds[0] > bonds[1] else 'third'} atoms are"
                f" {max(bonds) * BOHR_TO_ANGSTROM:.2f} Angstrom apart, the two hydrogens"
                f" {apart * BOHR_TO_ANGSTROM:.2f}; keep the case's atom order, O H H"
            )

    def _check_bonds(self, positions: np.ndarray) -> None:
        topology = self._case.topology
        pairs = np.concatenate([topology.bonds, topology.constraints])
        lengths = np.concatenate([topology.bond_lengths, topology.constraint_lengths])
        if not len(pairs):
            return
        stretched = self._distance(positions[pairs[:, 1]] - positions[pairs[:, 0]]) / lengths
        if not stretched.max() < _LONGEST_STRETCH:
            worst = int(stretched.argmax())
            (i, j), length = pairs[worst].tolist(), lengths[worst]
            raise InputError(
                f"atoms {i} ({topology.labels[i]}) and {j} ({topology.labels[j]}) should be bonded at"
                f" {length * BOHR_TO_ANGSTROM:.2f} Angstrom but are"
                f" {stretched[worst] * length * BOHR_TO_ANGSTROM:.2f} apart; atoms in another order than the"
                " force field's, or a molecule that is torn, or threaded through another"
            )

    def _distance(self, vectors: np.ndarray) -> np.ndarray:
        """Length of the minimum image of each vector."""
        fractional = vectors @ self._inverse
        fractional -= np.round(fractional)
        return np.linalg.norm(fractional @ self._lattice, axis=1)
