"""All forces of a case by a grand potential, at its electrode's potential."""

from __future__ import annotations

import time

import numpy as np

from polcouple.case.case import Case
from polcouple.coupling.forces import Evaluation, Timings
from polcouple.nn.grand.model import GrandModel
from polcouple.units import BOHR_TO_ANGSTROM, EV_TO_HARTREE


class GrandForces:
    """Omega and forces of all atoms of a case, in Hartree and bohr.

    Args:
        case: every atom of which the network moves.
        potential: of the case's elements.
        level: mu in eV.

    Attributes:
        timings: where the time went.
        warnings: what was told of.

    Raises:
        InputError: another element.
    """

    def __init__(self, case: Case, potential: GrandModel, level: float) -> None:
        self.timings, self.warnings = Timings(), set[str]()
        self._kinds = potential.kinds(case.symbols)
        self._potential, self._level = potential, level
        if (text := potential.outside(level)) is not None:
            self.warnings.add(text)

    def evaluate(self, positions: np.ndarray, cell: np.ndarray, replica: int = 0) -> Evaluation:
        """Answer to positions (N, 3).

        Extras: ``excess_electrons`` n = -Q, ``capacitance`` dn/dmu in e/V (NaN in the scalar design).
        """
        start = time.perf_counter()
        found = self._potential.evaluate(
            self._kinds, positions * BOHR_TO_ANGSTROM, cell * BOHR_TO_ANGSTROM, self._level
        )
        self.timings.add("network", start)
        extras: dict[str, object] = {
            "excess_electrons": found.electrons,
            "capacitance": found.capacitance,
            "fermi_level": self._level,
        }
        forces = found.forces * (EV_TO_HARTREE * BOHR_TO_ANGSTROM)
        return Evaluation(found.grand_potential * EV_TO_HARTREE, forces, extras)
