"""What answers in a network's place where its committee disagrees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.backends.base import (
    ChargeResult,
    Environment,
    backend_options,
    create_backend,
    what_decides,
)
from polcouple.data.dataset import Dataset, Frames
from polcouple.electrode import Electrode, Electrolyte


@dataclass(frozen=True, eq=False)
class FallbackResult(ChargeResult):
    """A fallback's answer, and for which configuration.

    Attributes:
        answer: as the fallback gave it, for it to start from.
        positions: (m, 3) of the electrolyte in bohr.
    """

    answer: ChargeResult | None = None
    positions: np.ndarray = field(default_factory=lambda: np.empty(0))

    def is_of(self, environment: Environment) -> bool:
        """Whether it was given for the same configuration of the liquid."""
        return np.array_equal(self.positions, environment.positions, equal_nan=True)


class Fallback:
    """Another backend for what the network does not know, and a dataset to remember its answers.

    Args:
        name, settings: of the backend; paths in the settings are absolute.
        dataset: file to which the frames that it is asked for are added, or None.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        dataset: Path | None,
        electrode: Electrode,
        electrolyte: Electrolyte,
    ) -> None:
        self._name = name
        self._backend = create_backend(name, electrode, electrolyte, settings)
        self._ions = electrolyte.ion_indices
        self._settings = what_decides(name, backend_options(name, settings), electrode.symbols)
        self._dataset: Dataset | None = None
        if dataset is not None:
            origin = f"frames on which a response net's committee disagreed, labels by {name}"
            exists = dataset.exists()
            self._dataset = (
                Dataset(dataset) if exists else Dataset.create(dataset, electrode, electrolyte, origin=origin)
            )
            self._dataset.require_system(electrode, electrolyte)
            for backend, total_charge in self._dataset.label_sets():
                if backend == name:
                    self._dataset.require_settings(name, total_charge, self._settings)

    def solve(
        self,
        environment: Environment,
        total_charge: float,
        reason: tuple[str, ...],
        begun: FallbackResult | None,
    ) -> FallbackResult:
        """Charges of the backend.

        Args:
            reason: why it is asked, for the log.
            begun: its last answer for the same configuration, to start from.
        """
        result = self._backend.solve(environment, total_charge, begun and begun.answer)
        if self._dataset is not None and result.converged:
            self._record(self._dataset, environment, total_charge, result)
        asked = tuple(f"{text}; {self._name} was asked" for text in reason)
        own = {part.name: getattr(result, part.name) for part in fields(ChargeResult)}
        own["warnings"] = asked + result.warnings
        return FallbackResult(**own, answer=result, positions=environment.positions)

    def _record(
        self, dataset: Dataset, environment: Environment, total_charge: float, result: ChargeResult
    ) -> None:
        """Append the frame and its label; these frames are no time series, so time counts them."""
        number = len(dataset)
        ions = environment.positions[None, self._ions]
        positions = environment.positions[None] if dataset.has_positions else None
        dataset.append(Frames(np.array([float(number)]), environment.site_potentials[None], ions, positions))
        dataset.write_labels(
            self._name,
            total_charge,
            [number],
            result.charges[None],
            np.array([np.nan if result.energy is None else result.energy]),
            np.array([np.nan if result.fermi_level is None else result.fermi_level]),
            np.array([True]),
            self._settings,
        )
