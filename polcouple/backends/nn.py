"""`nn`: a trained network from models/ or from a path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from polcouple.backends.base import BackendOptions, ChargeResult, Environment
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import ModelMismatchError
from polcouple.nn.classifier import Classifier
from polcouple.nn.model_files import find_model
from polcouple.nn.models import load_model

#: a classifier's deficit spread over the atoms is worth a warning beyond this (e per atom): half a bin
_LARGE_DEFICIT = 0.0035


class Options(BackendOptions):
    """Settings of the backend."""

    model: Path | str = Field(
        "graphene_nacl_classifier_ions",
        description="name of a shipped model, or a path with a slash in it (./mine) to a model's directory",
    )

    @field_validator("model")
    @classmethod
    def _path_or_name(cls, value: Path | str) -> Path | str:
        return Path(value) if "/" in str(value) else str(value)


class Backend:
    """Charges from a classifier: labels decoded, the total charge's deficit spread evenly.

    The result's ``residual`` is that deficit per atom.
    """

    conservative = False

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self._model: Classifier = load_model(find_model(options.model), electrode)
        self._model.require_electrolyte(electrolyte)
        self._labels = self._model.compiled()
        self._ions = electrolyte.ion_indices
        self._needs_potentials = self._model.features == "site_potentials"

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`."""
        model = self._model
        if abs(total_charge - model.total_charge) > 1e-6:
            raise ModelMismatchError(
                f"model {model.name} was trained at a total charge of {model.total_charge:g} e, "
                f"not {total_charge:g} e"
            )
        potentials = environment.site_potentials if self._needs_potentials else None
        if potentials is None:
            inputs = model.inputs(None, environment.positions[None, self._ions])
        else:
            inputs = model.inputs(potentials[None], None)
        raw = model.binning.charges(self._labels(inputs).numpy()[0])
        deficit = (total_charge - raw.sum()) / len(raw)
        charges = _exact_sum(raw + deficit, total_charge)
        warnings: tuple[str, ...] = ()
        if abs(deficit) > _LARGE_DEFICIT:
            warnings = (
                f"model {model.name}: labels sum to {raw.sum():.3f} e, {deficit:+.4f} e added to every atom",
            )
        return ChargeResult(charges, potentials, residual=abs(float(deficit)), warnings=warnings)


def _exact_sum(charges: np.ndarray, total_charge: float) -> np.ndarray:
    """Remove what rounding left of the deficit."""
    return charges + (total_charge - charges.sum()) / len(charges)
