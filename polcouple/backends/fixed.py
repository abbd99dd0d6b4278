"""`fixed`: the same charge on every electrode atom; standard MD and the null baseline of every comparison."""

from __future__ import annotations

import numpy as np

from polcouple.backends.base import BackendOptions, ChargeResult, Environment
from polcouple.backends.capabilities import Capabilities
from polcouple.electrode import Electrode, Electrolyte


class Options(BackendOptions):
    """No settings."""

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`."""
        return Capabilities(site_potentials=False, conservative=True)


class Backend:
    """q_i = Q/N, whatever the electrolyte does; the site potentials are never computed."""

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self.capabilities = options.capabilities()
        self._n = len(electrode)

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`."""
        return ChargeResult(np.full(self._n, total_charge / self._n))
