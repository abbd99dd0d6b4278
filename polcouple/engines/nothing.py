"""The engine of a case without a liquid: all its atoms are the electrode's."""

from __future__ import annotations

import numpy as np

from polcouple.case.model import Case


class NoLiquid:
    """No forces and no potentials; see :class:`polcouple.engines.base.SitePotentialEngine`."""

    finest_potential = 0.0

    def __init__(self, case: Case) -> None:
        self._shape = (len(case), 3)

    def set_charges(self, charges: np.ndarray) -> None:
        """Nothing feels them."""

    def prepare_site_potentials(self, accuracy: float) -> None:
        """There are none."""

    def site_potentials(self, positions: np.ndarray, replica: int = 0) -> np.ndarray:
        """(n_electrode,) zeros."""
        return np.zeros(self._shape[0])

    def evaluate(self, positions: np.ndarray, replica: int = 0) -> tuple[float, np.ndarray]:
        """Zero energy and forces (N, 3)."""
        return 0.0, np.zeros(self._shape)
