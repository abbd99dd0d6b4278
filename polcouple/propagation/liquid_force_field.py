"""What a case's own force field says of the liquid alone: the sum that a network's difference is added to."""

from __future__ import annotations

import numpy as np

from polcouple.case.case import Case
from polcouple.engines.base import NATIVE, create_engine


class LiquidForceField:
    """Bonds, Coulomb and Lennard-Jones terms among the liquid's atoms, in the periodic cell.

    All forces of the case less those of ``part: electrode``, both with an electrode without charges. Walls
    and the slab's field are in both, so what is left is the plain periodic sum (tin foil).
    """

    def __init__(self, case: Case) -> None:
        self._engines = [create_engine(case, part, NATIVE, 1)[0] for part in ("all", "electrode")]
        for engine in self._engines:
            engine.set_charges(np.zeros(len(case.electrode_indices)))
        self._electrode = case.electrode_indices

    def evaluate(self, positions: np.ndarray, replica: int = 0) -> tuple[float, np.ndarray]:
        """Energy and forces (N, 3), zero on the electrode, at positions (N, 3); Hartree and bohr."""
        (energy, forces), (shared, by_electrode) = (
            engine.evaluate(positions, replica) for engine in self._engines
        )
        forces = forces - by_electrode
        forces[self._electrode] = 0.0
        return energy - shared, forces
