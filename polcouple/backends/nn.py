"""`nn`: a trained network from models/ or from a path; a classifier or a response net."""

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
from polcouple.nn.response_net import ResponseNet

#: a classifier's deficit spread over the atoms is worth a warning beyond this (e per atom): half a bin
_LARGE_DEFICIT = 0.0035
#: a committee's disagreement is worth a warning beyond this times the largest seen on held-out frames
_LARGE_DISAGREEMENT = 2.0


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
    """Charges from a trained network; exact total charge, ``residual`` an estimate of the largest error.

    A response net has an energy, and its ``residual`` is the committee's largest disagreement. A classifier
    has none; its labels are decoded, the total charge's deficit is spread evenly, and ``residual`` is that
    deficit per atom.
    """

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        model = load_model(find_model(options.model), electrode)
        self._solver: _ClassifierSolver | _ResponseSolver
        if isinstance(model, Classifier):
            self._solver = _ClassifierSolver(model, electrolyte)
        else:
            self._solver = _ResponseSolver(model)
        self.conservative = isinstance(model, ResponseNet)

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`.

        Raises:
            ModelMismatchError: the model was not trained at this total charge.
        """
        return self._solver.solve(environment, total_charge)


class _ResponseSolver:
    def __init__(self, net: ResponseNet) -> None:
        self._net = net
        self._limit = _LARGE_DISAGREEMENT * net.largest_disagreement

    def solve(self, environment: Environment, total_charge: float) -> ChargeResult:
        potentials = environment.site_potentials
        response = self._net.respond(potentials, total_charge)
        warnings: tuple[str, ...] = ()
        if response.disagreement > self._limit:
            ratio = response.disagreement / self._net.largest_disagreement
            warnings = (
                f"model {self._net.name}: the committee disagrees by {response.disagreement:.1e} e, "
                f"{ratio:.1f} times as much as on held-out frames of its training data: it extrapolates",
            )
        return ChargeResult(
            response.charges,
            potentials,
            energy=response.energy,
            fermi_level=response.fermi_level,
            residual=response.disagreement,
            warnings=warnings,
        )


class _ClassifierSolver:
    def __init__(self, model: Classifier, electrolyte: Electrolyte) -> None:
        model.require_electrolyte(electrolyte)
        self._model = model
        self._labels = model.compiled()
        self._ions = electrolyte.ion_indices
        self._needs_potentials = model.features == "site_potentials"

    def solve(self, environment: Environment, total_charge: float) -> ChargeResult:
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
        deficit = float(total_charge - raw.sum()) / len(raw)
        charges = raw + deficit
        charges += (total_charge - charges.sum()) / len(charges)
        warnings: tuple[str, ...] = ()
        if abs(deficit) > _LARGE_DEFICIT:
            warnings = (
                f"model {model.name}: labels sum to {np.sum(raw):.3f} e, {deficit:+.4f} e added to each atom",
            )
        return ChargeResult(charges, potentials, residual=abs(deficit), warnings=warnings)
