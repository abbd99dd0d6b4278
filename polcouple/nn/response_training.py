"""Training a response net from a dataset labelled at one or several total charges."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field

from polcouple.errors import InputError
from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.binning import Binning
from polcouple.nn.cards import response_card
from polcouple.nn.dataset import Dataset
from polcouple.nn.evaluation import Metrics, evaluate, mean_metrics, null_baselines
from polcouple.nn.fitting import FitOptions, fit
from polcouple.nn.model_files import electrode_arrays, save_model
from polcouple.nn.response_net import Correction, Prior, ResponseNet, pair_orbits
from polcouple.nn.splits import SplitKind, split_frames
from polcouple.nn.symmetry import lattice_symmetries
from polcouple.nn.training import Progress


class ResponseOptions(FitOptions):
    """Settings of a response net."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: Annotated[float, Field(gt=0, description="Adam's step size")] = 2e-3
    batch_size: Annotated[int, Field(ge=1, description="frames per step")] = 16
    filters: Annotated[int, Field(ge=1, description="filters per atom")] = 8
    width: Annotated[int, Field(ge=1, description="units in both hidden layers")] = 32
    members: Annotated[int, Field(ge=2, description="networks in the committee")] = 4
    folds: Annotated[int, Field(ge=3, description="parts: the last tests, the one before stops")] = 10
    split: Annotated[SplitKind, Field(description="blocks in time, or random frames")] = "blocks"


def train_response(
    dataset: Dataset | Path | str,
    model_directory: Path | str,
    prior: Prior,
    label_backend: str,
    options: ResponseOptions | None = None,
    *,
    prior_origin: str = "",
    progress: Progress | None = None,
) -> dict[str, Metrics]:
    """Train, score and save a response net on every total charge that ``label_backend`` has labels for.

    Checkpoints and TensorBoard logs go to ``MODEL.training`` beside the model; repeat the call to go on
    after an interruption.

    Args:
        prior: linear response of the dataset's electrode, covering these total charges.
        label_backend: whose labels to use.
        prior_origin: how the prior was made, for the model card.

    Returns:
        Metrics on frames unseen in training, by name of the row: the net and its prior at every total
        charge, all charges together, and null baselines.

    Raises:
        InputError: the directory holds a model, or labels are missing or not converged.
    """
    options = options or ResponseOptions()
    directory = Path(model_directory)
    if (directory / "model.yaml").exists():
        raise InputError(f"{directory}: holds a model already; choose another name")
    data = _Data(dataset if isinstance(dataset, Dataset) else Dataset(dataset), prior, label_backend, options)
    correction = data.new_correction()
    trainer = _Trainer(data, correction, options)
    on_epoch = None
    if progress is not None:
        report = progress

        def on_epoch(epoch: int, train: float, held_out: float, waited: int) -> None:
            report("response", epoch, train, held_out, waited, options.patience)

    result = fit(
        list(correction.variables.values()),
        trainer.loss,
        trainer.batches,
        trainer.validation_loss,
        options,
        directory.with_name(f"{directory.name}.training") / "response",
        purpose=data.digest,
        on_epoch=on_epoch,
    )
    net = ResponseNet(directory.name, data.dataset.electrode, prior, correction, {})
    for Q in data.total_charges:
        held_out = [net.respond(data.potentials[frame], Q) for frame in data.split.validation]
        net.disagreements[Q] = max(response.disagreement for response in held_out)
    rows = _score(net, data)
    description = net.description() | {
        "training": options.model_dump(mode="json") | asdict(result),
        "data": data.provenance() | {"prior": prior_origin},
        "metrics": {name: asdict(metrics) for name, metrics in rows.items()},
    }
    card = response_card(net, options, result, description["data"], rows)
    save_model(directory, description, net.arrays() | electrode_arrays(data.dataset.electrode), card)
    return rows


class _Data:
    """Potentials, and what the prior leaves of the charges, at every total charge."""

    def __init__(self, dataset: Dataset, prior: Prior, label_backend: str, options: ResponseOptions) -> None:
        self.dataset = dataset
        self.prior = prior
        self.label_backend = label_backend
        self.options = options
        self.total_charges = sorted(Q for backend, Q in dataset.label_sets() if backend == label_backend)
        if not self.total_charges:
            known = sorted({backend for backend, _ in dataset.label_sets()})
            raise InputError(
                f"{dataset.path}: no labels by {label_backend}; there are: {', '.join(known) or 'none'}; "
                "run `polcouple label`"
            )
        self.potentials = dataset.frames().site_potentials
        self.fluctuations = self.potentials - self.potentials.mean(axis=1, keepdims=True)
        self.labels = {Q: dataset.complete_labels(label_backend, Q).charges for Q in self.total_charges}
        folds, kind, seed = options.folds, options.split, options.seed
        self.split = split_frames(len(self.potentials), folds, folds - 1, kind, seed)
        self.residuals = np.array([self.labels[Q] - self.prior_charges(Q) for Q in self.total_charges])
        self.symmetries = lattice_symmetries(dataset.electrode)
        #: (c,) rms error of the prior on the training frames in e
        self.prior_errors = np.sqrt((self.residuals[:, self.split.train] ** 2).mean(axis=(1, 2)))
        digest = hashlib.sha256(self.potentials.tobytes())
        for Q in self.total_charges:
            digest.update(self.labels[Q].tobytes())
        digest.update(json.dumps([options.folds, options.split]).encode())
        self.digest = digest.hexdigest()

    def prior_charges(self, total_charge: float) -> np.ndarray:
        """(f, n) by linear response."""
        prior = self.prior.at(total_charge)
        return prior.charges + self.fluctuations @ prior.kernel

    def new_correction(self) -> Correction:
        options = self.options
        kernel = np.mean([self.prior.at(Q).kernel for Q in self.total_charges], axis=0)
        induced = self.fluctuations[self.split.train] @ kernel
        charge_scale = float(induced.std())
        potential_scale = float(self.fluctuations[self.split.train].std())
        return Correction(
            pair_orbits(len(kernel), self.symmetries),
            kernel,
            charge_scale,
            energy_scale=float(self.prior_errors.mean()) * potential_scale,
            filters=options.filters,
            width=options.width,
            members=options.members,
            seed=options.seed,
        )

    def provenance(self) -> dict[str, object]:
        names = [f"{self.label_backend}@{Q:g}" for Q in self.total_charges]
        return {
            "origin": self.dataset.origin,
            "labels": names,
            "frames": len(self.potentials),
            "sha256": self.digest,
        }


class _Trainer:
    """Loss and batches: errors at each total charge count in units of what the prior leaves there."""

    def __init__(self, data: _Data, correction: Correction, options: ResponseOptions) -> None:
        tf = tensorflow()
        self._data, self._correction, self._options = data, correction, options
        self._inverse = np.array([np.argsort(operation.permutation) for operation in data.symmetries])
        self._unseen_by = np.full(len(data.potentials), -1)
        for member, part in enumerate(np.array_split(data.split.train, options.members)):
            self._unseen_by[part] = member
        levels, frames = np.indices((len(data.total_charges), len(data.split.validation))).reshape(2, -1)
        frames = data.split.validation[frames]
        held_out = [tf.constant(x) for x in self._columns(levels, frames, np.zeros(len(frames), dtype=int))]
        self._validation = tf.function(lambda: self.loss(*held_out), autograph=False)

    def loss(self, potentials: Any, charge: Any, scale: Any, target: Any, weight: Any) -> Any:
        """Squared error over the frames that each member is to see."""
        tf = tensorflow()
        _, derivative = self._correction.charges(potentials, charge, self._correction.bank())
        error = tf.reduce_mean((scale[:, None] * derivative - target) ** 2, axis=2)
        return tf.reduce_sum(weight * tf.transpose(error)) / tf.reduce_sum(weight)

    def validation_loss(self) -> float:
        return float(self._validation().numpy())

    def batches(self, epoch: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Every training frame once, each at a random total charge and under a random symmetry."""
        random = np.random.default_rng([self._options.seed, epoch])
        order = random.permutation(self._data.split.train)
        size = min(self._options.batch_size, len(order))
        for start in range(0, len(order) - size + 1, size):
            levels = random.integers(len(self._data.total_charges), size=size)
            operations = random.integers(len(self._inverse), size=size)
            yield self._columns(levels, order[start : start + size], operations)

    def _columns(
        self, levels: np.ndarray, frames: np.ndarray, operations: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Potentials, total charges, scale of the network's output, targets, members' weights."""
        data, permutation = self._data, self._inverse[operations]
        errors = data.prior_errors[levels]
        potentials = np.take_along_axis(data.fluctuations[frames], permutation, axis=1)
        targets = np.take_along_axis(data.residuals[levels, frames], permutation, axis=1) / errors[:, None]
        weights = np.arange(self._options.members)[None] != self._unseen_by[frames][:, None]
        columns = (
            potentials,
            np.array(data.total_charges)[levels],
            self._correction.energy_scale / errors,
            targets,
            weights,
        )
        return tuple(column.astype(np.float32) for column in columns)


def _score(net: ResponseNet, data: _Data) -> dict[str, Metrics]:
    """The net, its prior and null baselines on the test frames, at every charge and all together."""
    test, train = data.split.test, data.split.train
    names = ("this model", "linear response alone")
    rows: dict[str, Metrics] = {}
    for Q in data.total_charges:
        reference = data.labels[Q][test]
        binning = Binning.fit(data.labels[Q][train])
        predicted = np.array([net.respond(data.potentials[frame], Q).charges for frame in test])
        for name, charges in zip(names, (predicted, data.prior_charges(Q)[test]), strict=True):
            rows[f"{name}, Q = {Q:g} e"] = evaluate(charges, reference, binning)
        nulls = null_baselines(data.labels[Q][train], reference, binning)
        rows |= {f"{name}, Q = {Q:g} e": metrics for name, metrics in nulls.items()}
    return {
        f"{name}, all charges": mean_metrics([rows[f"{name}, Q = {Q:g} e"] for Q in data.total_charges])
        for name in names
    } | rows
