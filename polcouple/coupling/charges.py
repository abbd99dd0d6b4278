"""The charges of a case's electrodes in one configuration of its atoms."""

from __future__ import annotations

from functools import partial

import numpy as np

from polcouple.backends.base import (
    ChargeBackend,
    ChargeResult,
    Environment,
)
from polcouple.backends.capabilities import POTENTIAL_ACCURACY
from polcouple.backends.usable import checked_solve
from polcouple.case.model import Case
from polcouple.case.structure_guard import StructureGuard
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.engines.base import Engine, SitePotentialEngine


class Surroundings:
    """What the electrodes of a case see: the electrolyte's potential at their atoms, slab field included.

    Args:
        case: the system.
        accuracy: largest error of a potential, such as a backend's ``potential_accuracy``, Hartree/e.
        engine: that computes the forces at the same positions, if it is to give the potentials where it can.
    """

    def __init__(
        self, case: Case, accuracy: float = POTENTIAL_ACCURACY, engine: Engine | None = None
    ) -> None:
        self._case = case
        self._engine: SitePotentialEngine | None = None
        if (
            isinstance(engine, SitePotentialEngine)
            and all(case.electrode.pbc)
            and accuracy >= engine.finest_potential
        ):
            self._engine = engine
            engine.prepare_site_potentials(accuracy)
        else:
            self._alone = SitePotential(case.electrode.positions, case.lattice, case.electrode.pbc, accuracy)
        self._slab = case.slab_field
        if self._slab is not None:
            self._heights = self._slab.heights(case.electrode.positions)

    def environment(self, positions: np.ndarray, replica: int = 0) -> Environment:
        """What they see when all atoms are at ``positions`` (N, 3) in bohr; ``replica`` is the engine's."""
        case = self._case
        potentials = partial(self._potentials, positions.copy(), replica)
        return Environment(case.electrolyte, case.electrolyte_positions(positions), potentials)

    def _potentials(self, everywhere: np.ndarray, replica: int, positions: np.ndarray) -> np.ndarray:
        charges = self._case.electrolyte.charges
        if self._engine is not None:
            potentials = self._engine.site_potentials(everywhere, replica)
        else:
            potentials = self._alone(positions, charges)
        if self._slab is not None:
            dipole = float(charges @ self._slab.heights(positions))
            potentials += self._slab.gradient(dipole) * self._heights
        return potentials


class ChargeSolver:
    """Charges of all electrodes of a case, in one configuration after the other.

    Args:
        case: the system.
        backend: of its electrodes, as :func:`polcouple.coupling.electrodes.create_electrodes` makes it.
        surroundings: of the case, to be shared with other solvers; by default as accurate as the backend
            asks for.
    """

    def __init__(self, case: Case, backend: ChargeBackend, surroundings: Surroundings | None = None) -> None:
        self._case = case
        self._backend = backend
        self._surroundings = surroundings or Surroundings(case, backend.capabilities.potential_accuracy)
        self._guard = StructureGuard(case)
        self._last: ChargeResult | None = None

    def __call__(self, positions: np.ndarray, where: str = "this configuration") -> ChargeResult:
        """Charges when all atoms are at ``positions`` (N, 3) in bohr; the search begins from the last ones.

        Raises:
            InputError: the positions are not the case's.
            ConvergenceError: naming ``where``; the backend did not reach its accuracy.
        """
        self._guard.check(positions, self._case.cell)
        if self._last is None:
            self._guard.check_order(positions)
        self._last = self.solve(self.environment(positions), where, self._last)
        return self._last

    def environment(self, positions: np.ndarray, replica: int = 0) -> Environment:
        """What the electrodes see when all atoms are at ``positions`` (N, 3) in bohr."""
        return self._surroundings.environment(positions, replica)

    def solve(self, environment: Environment, where: str, guess: ChargeResult | None) -> ChargeResult:
        """Charges in ``environment``, sought from ``guess``.

        Raises:
            ConvergenceError: naming ``where``.
        """
        case = self._case
        return checked_solve(self._backend, environment, len(case.electrode), case.total_charge, guess, where)
