"""Models that are backends already: the kernel K, the response net, and the reference of them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.backends.base import (
    ChargeBackend,
    ChargeResult,
    Environment,
    create_backend,
    resolved_options,
    what_decides,
)
from polcouple.errors import ConvergenceError
from polcouple.paradigms.frames import Frame, Rows


class BackendCharges:
    """The answers of a charge backend; one of another electrode is made when it is asked for.

    Args:
        name: in tables and figures.
        backend: its name, with ``settings``, in which relative paths are taken from ``directory``.
        symbols: chemical symbols of the electrode's atoms.
    """

    reads = "potentials"

    def __init__(
        self,
        name: str,
        backend: str,
        settings: Mapping[str, Any],
        symbols: Iterable[str],
        directory: Path = Path(),
    ) -> None:
        self.name = name
        decides = what_decides(backend, resolved_options(backend, settings, directory), symbols)
        self.settings = f"{backend} {sorted(decides.items())}"
        self._backend, self._settings, self._directory = backend, settings, directory
        self._made: dict[str, ChargeBackend] = {}
        self._last: tuple[Frame, ChargeResult] | None = None

    def fit(self, train: Rows, validation: Rows) -> None:
        """Nothing to fit: it follows from the electrode's own DFTB, or was trained before."""

    def charges(self, frame: Frame) -> np.ndarray:
        """See :class:`polcouple.paradigms.model.ChargeModel`.

        Raises:
            ConvergenceError: the backend does not converge.
        """
        return self._solve(frame).charges

    def fermi_level(self, frame: Frame) -> float | None:
        """See :class:`polcouple.paradigms.model.ChargeModel`; of :meth:`charges` of the same frame, too."""
        if self._last is not None and self._last[0] is frame:
            return self._last[1].fermi_level
        return self._solve(frame).fermi_level

    def _solve(self, frame: Frame) -> ChargeResult:
        key = frame.electrode.fingerprint()
        if key not in self._made:
            self._made[key] = create_backend(
                self._backend, frame.electrode, frame.electrolyte, self._settings, self._directory
            )
        environment = Environment(frame.electrolyte, frame.positions, frame.site_potentials)
        result = self._made[key].solve(environment, frame.total_charge)
        if not result.converged:
            raise ConvergenceError(f"{self.name}: no self-consistent charges of a frame: {result.warnings}")
        self._last = frame, result
        return result
