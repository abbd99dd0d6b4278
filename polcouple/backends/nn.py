"""`nn`: a trained network from models/ or from a path; a classifier or a response net."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator, model_validator

from polcouple.backends.base import (
    BackendOptions,
    ChargeDerivatives,
    ChargeResult,
    Environment,
    backend_options,
    what_decides,
)
from polcouple.backends.capabilities import Capabilities
from polcouple.backends.nn_fallback import Fallback, FallbackResult
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import ModelMismatchError
from polcouple.nn.binning import Binning
from polcouple.nn.classifier import Classifier
from polcouple.nn.model_files import DESCRIPTION, find_model, load_description, shipped_models
from polcouple.nn.models import default_model, load_model
from polcouple.nn.other_height import NetInCell
from polcouple.nn.response_net import ResponseNet
from polcouple.number_words import fixed

if TYPE_CHECKING:
    from typing_extensions import Self

#: a classifier's deficit spread over the atoms is worth a warning beyond this (e per atom): half a bin
_LARGE_DEFICIT = 0.0035
#: a committee's disagreement is worth a warning beyond this times the largest seen on held-out frames
_LARGE_DISAGREEMENT = 2.0
#: in the search for charges of one configuration a fallback goes on answering down to this many times
_SMALL_DISAGREEMENT = 1.5


class Options(BackendOptions):
    """Settings of the backend."""

    incidental: ClassVar[frozenset[str]] = frozenset({"model", "fallback_dataset", "fallback_settings"})
    model: Path | str | None = Field(
        None,
        description="name of a shipped model, or a path with a slash in it (./mine) to a model's directory; "
        "default: the shipped response net made for the electrode",
    )

    fallback: str | None = Field(
        None,
        description="backend to ask instead where a response net's committee disagrees, such as dftb",
    )
    fallback_settings: dict[str, Any] = Field(
        default_factory=dict, description="settings of that backend, over the case's settings for it"
    )
    fallback_dataset: Path | None = Field(
        None, description="dataset that such frames and their labels are added to, to train on later"
    )

    @field_validator("model")
    @classmethod
    def _path_or_name(cls, value: Path | str | None) -> Path | str | None:
        return Path(value) if isinstance(value, str) and "/" in value else value

    @model_validator(mode="after")
    def _settings_of_a_fallback(self) -> Self:
        if self.fallback is None and self.fallback_settings:
            raise ValueError("fallback_settings without fallback: name the backend that they are for")
        return self

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`; those that the fallback has, too."""
        if self.model is not None:
            path = find_model(self.model)
            description = load_description(path)
            if description.get("kind") == "classifier":
                reason = f"model {path.name} is a classifier: it has no energy; use a response net"
                from_ions = description.get("features") == "ions"
                return Capabilities(
                    site_potentials=not from_ions,
                    positions="ions" if from_ions else "none",
                    reasons=dict.fromkeys(("energy", "conservative", "fermi_level"), reason),
                )
        own = Capabilities(energy=True, conservative=True, derivatives=True, fermi_level=True)
        return own if self.fallback is None else self._with_fallback(own)

    def _with_fallback(self, own: Capabilities) -> Capabilities:
        """Capabilities of a response net with its fallback: the energy jumps between the two."""
        other = self.fallback_options().capabilities()
        reasons = {name: f"fallback {self.fallback}: {text}" for name, text in other.reasons.items()}
        apart = f"fallback {self.fallback} has another energy; leave it out"
        reasons["conservative"] = apart
        if not other.fermi_level:
            reasons.setdefault("fermi_level", f"fallback {self.fallback} has none; leave it out")
        if self.fallback_dataset is not None:
            reasons["search"] = (
                f"fallback_dataset {self.fallback_dataset}: every cycle of a search for charges would be kept"
                " in it; leave it out where a potential is held, in a slab, or with several electrodes"
            )
        return replace(
            own,
            potential_accuracy=min(own.potential_accuracy, other.potential_accuracy),
            positions=other.positions,
            most_electrodes=other.most_electrodes,
            slab=other.slab,
            search=self.fallback_dataset is None,
            energy=other.energy,
            conservative=False,
            fermi_level=other.fermi_level,
            reasons=reasons,
        )

    def bins(self) -> Binning | None:
        """See :meth:`BackendOptions.bins`; those of a classifier."""
        if self.model is None:
            return None
        stored = load_description(find_model(self.model)).get("bins")
        if stored is None:
            return None
        q_min, width = float(stored["q_min"]), float(stored["width"])
        values = np.array(stored["values"], dtype=float)
        # model.yaml rounds the values, which may lie on an edge
        edges = q_min + width * np.arange(len(values) + 1)
        return Binning(q_min, width, np.clip(values, edges[:-1], edges[1:]))

    def with_others(self, others: Mapping[str, Mapping[str, Any]]) -> Self:
        """See :meth:`BackendOptions.with_others`; the case's settings of the fallback."""
        if self.fallback is None:
            return self
        settings = {**others.get(self.fallback, {}), **self.fallback_settings}
        return self.model_copy(update={"fallback_settings": settings})

    def in_directory(self, directory: Path) -> Self:
        """See :meth:`BackendOptions.in_directory`; those of the fallback, too."""
        absolute = super().in_directory(directory)
        if self.fallback is None:
            return absolute
        settings = self.fallback_options().in_directory(directory).model_dump(exclude_unset=True)
        return absolute.model_copy(update={"fallback_settings": settings})

    def files(self, symbols: Iterable[str]) -> tuple[Path, ...]:
        """See :meth:`BackendOptions.files`; the networks' descriptions, which hold digests of the weights."""
        models = shipped_models().values() if self.model is None else [find_model(self.model)]
        return tuple(model / DESCRIPTION for model in models)

    def identity(self, symbols: Iterable[str]) -> dict[str, str]:
        """See :meth:`BackendOptions.identity`; that of the fallback, too."""
        own = super().identity(symbols)
        if self.fallback is None:
            return own
        other = what_decides(self.fallback, self.fallback_options(), symbols)
        return own | {f"fallback {name}": value for name, value in other.items()}

    def fallback_options(self) -> BackendOptions:
        """The validated settings of the fallback.

        Raises:
            InputError: unknown backend, unknown or invalid setting.
        """
        assert self.fallback is not None
        return backend_options(self.fallback, self.fallback_settings)


class Backend:
    """Charges from a trained network; exact total charge, ``residual`` an estimate of the largest error.

    A response net has an energy, and its ``residual`` is the committee's largest disagreement. A classifier
    has none; its labels are decoded, the total charge's deficit is spread evenly, and ``residual`` is that
    deficit per atom. With ``fallback`` another backend answers where the committee disagrees; the energy then
    jumps between the two, and the backend does not count as conservative.

    Attributes:
        model: the network.
    """

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        model = (
            default_model(electrode)
            if options.model is None
            else load_model(find_model(options.model), electrode)
        )
        self.model: Classifier | ResponseNet = model
        self.capabilities = options.capabilities()
        self._solver: _ClassifierSolver | _ResponseSolver
        if isinstance(model, Classifier):
            self._solver = _ClassifierSolver(model, electrode, electrolyte)
        else:
            fallback = None
            if options.fallback is not None:
                fallback = Fallback(
                    options.fallback,
                    options.fallback_settings,
                    options.fallback_dataset,
                    electrode,
                    electrolyte,
                )
            self._solver = _ResponseSolver(NetInCell(model, electrode), fallback)

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`.

        Raises:
            ModelMismatchError: the model was not trained at this total charge.
        """
        return self._solver.solve(environment, total_charge, guess)

    def derivatives(self, environment: Environment, total_charge: float) -> ChargeDerivatives:
        """See :class:`polcouple.backends.base.RespondingBackend`; exact derivatives of the network's energy,
        but for the kernel, which is that of its linear-response prior.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        assert isinstance(self._solver, _ResponseSolver)
        net = self._solver.net
        response = net.charge_response(environment.site_potentials, total_charge)
        return ChargeDerivatives(net.kernel(total_charge), response.fukui, response.hardness)


class _ResponseSolver:
    """The net, or its fallback.

    Where several electrodes or a held potential make charges be searched for, a configuration is solved many
    times at slightly different potentials. Net and fallback differ by more than the search bears, so that it
    could go to and fro between them for ever where the committee disagrees by just so much. Hence the two
    bounds: the fallback is asked above the larger one, and then for this configuration down to the smaller.
    """

    def __init__(self, net: NetInCell, fallback: Fallback | None) -> None:
        self.net = net
        self._fallback = fallback

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None
    ) -> ChargeResult:
        potentials = environment.site_potentials
        response = self.net.respond(potentials, total_charge)
        warnings: tuple[str, ...] = ()
        own = self.net.net
        ratio = response.disagreement / own.usual_disagreement(total_charge)
        begun = guess if isinstance(guess, FallbackResult) and guess.is_of(environment) else None
        if ratio > (_SMALL_DISAGREEMENT if begun else _LARGE_DISAGREEMENT):
            warnings = (
                f"model {own.name}: the committee disagrees by {response.disagreement:.1e} e, "
                f"{ratio:.1f} times as much as on held-out frames of its training data: it extrapolates",
            )
            if self._fallback is not None:
                return self._fallback.solve(environment, total_charge, warnings, begun)
        return ChargeResult(
            response.charges,
            potentials,
            energy=response.energy,
            fermi_level=response.fermi_level,
            residual=response.disagreement,
            warnings=warnings,
        )


class _ClassifierSolver:
    def __init__(self, model: Classifier, electrode: Electrode, electrolyte: Electrolyte) -> None:
        model.require_electrolyte(electrolyte)
        self._model = model
        self._labels = model.compiled()
        self._ions = electrolyte.ion_indices
        # the model's electrode may lie elsewhere
        self._shift = model.electrode.positions[0] - electrode.positions[0]
        self._needs_potentials = model.features == "site_potentials"

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None
    ) -> ChargeResult:
        model = self._model
        if abs(total_charge - model.total_charge) > 1e-6:
            raise ModelMismatchError(
                f"model {model.name} was trained at a total charge of {model.total_charge:g} e, "
                f"not {total_charge:g} e"
            )
        potentials = environment.site_potentials if self._needs_potentials else None
        if potentials is None:
            inputs = model.inputs(None, environment.positions[None, self._ions] + self._shift)
        else:
            inputs = model.inputs(potentials[None], None)
        raw = model.binning.charges(self._labels(inputs).numpy()[0])
        unprojected_sum = float(raw.sum())
        deficit = (total_charge - unprojected_sum) / len(raw)
        charges = raw + deficit
        charges += (total_charge - charges.sum()) / len(charges)
        warnings: tuple[str, ...] = ()
        if abs(deficit) > _LARGE_DEFICIT:
            warnings = (
                f"model {model.name}: labels sum to {unprojected_sum:.3f} e, "
                f"{fixed(deficit, 4, sign=True)} e added to each atom",
            )
        return ChargeResult(
            charges,
            potentials,
            residual=abs(deficit),
            unprojected_sum=unprojected_sum,
            warnings=warnings,
        )
