"""The backends of a comparison: what the user asked for, under a name short enough for a legend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.analysis.runs import Run, labels
from polcouple.backends.base import BackendOptions, ChargeBackend, resolved_options, what_decides
from polcouple.backends.setting_words import parse_backend, setting_text
from polcouple.case.model import Case
from polcouple.coupling.electrodes import create_electrodes
from polcouple.nn.binning import Binning


@dataclass(frozen=True, eq=False)
class Model:
    """A backend with settings.

    Attributes:
        label: for legends, unique in a comparison.
        backend: name.
        given: settings of the command line.
        settings: those of the case with ``given`` over them.
    """

    label: str
    backend: str
    given: Mapping[str, Any]
    settings: Mapping[str, Any]

    def options(self, case: Case) -> BackendOptions:
        """The validated settings in a case.

        Raises:
            InputError: unknown backend, unknown or invalid setting.
        """
        return resolved_options(self.backend, self.settings, case.directory, case.system.backends)

    def potential_accuracy(self, case: Case) -> float:
        """Largest error of the site potentials that its answers bear, Hartree/e."""
        return self.options(case).capabilities().potential_accuracy

    def identity(self, case: Case) -> str:
        """Digest of all that decides which charges it gives on a frame of the case."""
        decisive = {
            "backend": self.backend,
            "settings": {key: setting_text(value) for key, value in sorted(self.settings.items())},
            "answers": what_decides(self.backend, self.options(case), case.electrode.symbols),
            "electrode": case.electrode.fingerprint(),
            "electrolyte": case.electrolyte_fingerprint(),
            "system": case.system.model_dump(mode="json", include={"electrodes", "potential", "slab"}),
        }
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]


class Backends:
    """The backends of a comparison, each made when it is first asked for: what they prepare is not cheap."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._made: dict[str, ChargeBackend] = {}

    def of(self, model: Model) -> ChargeBackend:
        """The backend of ``model`` for the electrodes of the case.

        Raises:
            PolcoupleError: it refuses the case.
        """
        key = model.identity(self.case)
        if key not in self._made:
            self._made[key] = create_electrodes(self.case, model.backend, model.settings)
        return self._made[key]


def parse_models(texts: Sequence[str], case: Case) -> list[Model]:
    """Models of the words ``NAME[:KEY=VALUE,...]``; one that is asked for twice is taken once.

    Raises:
        InputError: unknown backend or network, or settings that it does not take.
    """
    parsed = {text: parse_backend(text) for text in texts}
    labels = {text: _label(name, given) for text, (name, given) in parsed.items()}
    models = []
    for text, (name, given) in parsed.items():
        unique = list(labels.values()).count(labels[text]) == 1
        settings = case.backend_settings(name, given)
        models.append(Model(labels[text] if unique else text, name, given, settings))
        models[-1].options(case).capabilities()
    return models


def model_of_run(run: Run) -> Model:
    """The backend of a run with the run's settings, those of its command line and those of its case."""
    given = run.made_of.given
    return Model(
        _label(run.backend, given), run.backend, given, run.case.backend_settings(run.backend, given)
    )


def models_of_runs(runs: Sequence[Run], case: Case) -> list[Model]:
    """The backends of runs of one system, each once; named by the run where labels are equal."""
    found: dict[str, Model] = {}
    for run, name in zip(runs, labels(runs), strict=True):
        model = model_of_run(run)
        identity = model.identity(case)
        if identity in found:
            continue
        if any(model.label == other.label for other in found.values()):
            model = replace(model, label=f"{model.label}, {name}")
        found[identity] = model
    return list(found.values())


def common_binning(models: Sequence[Model], case: Case, reference_charges: np.ndarray) -> Binning:
    """Bins of the first classifier among the models, or else bins of the paper's width over the reference.

    A classifier's labels are the bins it was trained with: bins of another origin would split them.
    """
    for model in models:
        bins = model.options(case).bins()
        if bins is not None:
            return bins
    return Binning.fit(reference_charges)


def _label(name: str, given: Mapping[str, Any]) -> str:
    values = [Path(value).name if "/" in str(value) else setting_text(value) for value in given.values()]
    return f"{name} ({', '.join(values)})" if values else name
