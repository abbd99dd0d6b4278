"""Refuses positions that do not belong to the case, before anything is computed with them."""

from __future__ import annotations

import numpy as np

from polcouple.case import Case
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

#: a cell or electrode atom that moved by more than this stops the run (bohr)
_FROZEN_TOLERANCE = 1e-4
#: no liquid gets this far from its cell, and sums over images lose their digits there (bohr)
_FARTHEST = 1e6
#: an O-H distance beyond this means that the atoms are not in the case's order (bohr)
_LONGEST_BOND = 2.0 * ANGSTROM_TO_BOHR


class StructureGuard:
    """Compares the positions and cells of a run with those of its case."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._lattice = case.lattice
        self._inverse = np.linalg.inv(case.lattice)

    def check(self, positions: np.ndarray, cell: np.ndarray) -> None:
        """Number of atoms, constant cell, finite numbers, electrode in its place. Arrays in bohr.

        Raises:
            InputError: naming the first thing that differs.
        """
        case = self._case
        if positions.shape != case.positions.shape:
            raise InputError(
                f"i-PI sent {len(positions)} atoms, the case has {len(case)};"
                " start i-PI from the case's init.xyz"
            )
        change = np.abs(cell - case.cell).max()
        if not change < _FROZEN_TOLERANCE:
            raise InputError(
                f"the cell sent by i-PI differs from the case's by {change * BOHR_TO_ANGSTROM:.2g} Angstrom;"
                " electrodes need a constant cell (nve or nvt) and the case's init.xyz"
            )
        lost = ~(np.abs(positions) < _FARTHEST)
        if lost.any():
            atom = int(np.argwhere(lost)[0, 0])
            kind = "far outside the cell" if np.isfinite(positions[atom]).all() else "not finite"
            raise InputError(f"i-PI sent a position of atom {atom} that is {kind}; shorten the time step")
        moved = self._distance(positions[case.electrode_indices] - case.electrode.positions)
        if not moved.max() < _FROZEN_TOLERANCE:
            atom = int(case.electrode_indices[moved.argmax()])
            raise InputError(
                f"electrode atom {atom} is {moved.max() * BOHR_TO_ANGSTROM:.2g} Angstrom from its place;"
                " freeze the electrode with <fixatoms>, set <fixcom> False and keep the case's atom order"
            )

    def check_order(self, positions: np.ndarray) -> None:
        """Each hydrogen is bonded to the oxygen before it; positions (N, 3) in bohr.

        Raises:
            InputError: naming the pair that is too far apart.
        """
        oxygens = self._case.water_oxygens
        for hydrogen in (1, 2):
            length = self._distance(positions[oxygens + hydrogen] - positions[oxygens])
            if len(length) and not length.max() < _LONGEST_BOND:
                oxygen = int(oxygens[length.argmax()])
                raise InputError(
                    f"atoms {oxygen} and {oxygen + hydrogen} should be bonded O and H but are"
                    f" {length.max() * BOHR_TO_ANGSTROM:.2f} Angstrom apart; keep the case's atom order"
                )

    def _distance(self, vectors: np.ndarray) -> np.ndarray:
        """Length of the minimum image of each vector."""
        fractional = vectors @ self._inverse
        fractional -= np.round(fractional)
        return np.linalg.norm(fractional @ self._lattice, axis=1)
