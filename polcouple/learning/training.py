"""Training a classifier from a dataset: split, fit, score, save, with what was done so far kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field

from polcouple.data.dataset import Dataset, label_name
from polcouple.data.splits import Split, SplitKind, split_frames
from polcouple.errors import InputError
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.cards import classifier_card
from polcouple.learning.evaluation import Metrics, evaluate, mean_metrics, null_baselines
from polcouple.learning.fitting import FitOptions, FitResult, fit
from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.binning import PAPER_BIN_WIDTH, Binning
from polcouple.nn.classifier import Classifier, Features, build_network, label_loss, whitening_matrix
from polcouple.nn.model_electrode import electrode_arrays
from polcouple.nn.model_files import require_no_model, save_model

#: called after each epoch: name of the fit, epoch, training loss, validation loss, epochs without gain,
#: patience
Progress = Callable[[str, int, float, float, int, int], None]


class ClassifierOptions(FitOptions):
    """Settings of a classifier; the defaults are the paper's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: Annotated[Features, Field(description="ions (x, y, z, q of each) or site_potentials")] = "ions"
    bin_width: Annotated[float, Field(gt=0, description="e")] = PAPER_BIN_WIDTH
    hidden_layers: Annotated[tuple[int, ...], Field(description="widths")] = (1024, 1024, 1024, 1024)
    sum_weight: Annotated[float, Field(ge=0, description="lambda: weight of the total charge")] = 1.0
    folds: Annotated[int, Field(ge=3, description="parts: one tests, one stops the training")] = 10
    split: Annotated[SplitKind, Field(description="blocks in time, or random as in the paper")] = "blocks"
    cross_validation: Annotated[bool, Field(description="train on every fold, not the last alone")] = False
    compare_splits: Annotated[bool, Field(description="score the other kind of split as well")] = False
    augmentation: Annotated[bool, Field(description="random translation or mirror of each frame")] = False


def select_labels(dataset: Dataset, labels: str | None) -> tuple[str, float]:
    """(backend, total charge) of the labels named ``labels`` (BACKEND@CHARGE), or of the only ones there are.

    Raises:
        InputError: no such labels, or several to choose from.
    """
    names = {label_name(*key): key for key in dataset.label_sets()}
    if labels is None and len(names) == 1:
        return next(iter(names.values()))
    if labels not in names:
        asked = "several labels" if labels is None else f"no labels {labels}"
        raise InputError(
            f"{dataset.path}: {asked}; choose by --labels: {', '.join(names) or 'none (label it first)'}"
        )
    return names[labels]


def train_classifier(
    dataset: Path | str,
    model_directory: Path | str,
    options: ClassifierOptions | None = None,
    *,
    labels: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Metrics]:
    """Train, score and save the paper's network.

    The saved network is the one tested on the last fold; cross-validation and comparison of splits only add
    to its card. Checkpoints, TensorBoard logs and finished folds go to ``MODEL.training`` beside the model;
    repeat the call to go on after an interruption.

    Args:
        dataset: path of a labelled dataset.
        model_directory: must not hold a model yet.
        labels: which ones, as ``BACKEND@CHARGE``; needed where the dataset has several.

    Returns:
        Metrics on frames unseen in training, by name of the row; null baselines included.

    Raises:
        InputError: dataset or options do not fit.
    """
    options = options or ClassifierOptions()
    trainer = _ClassifierTraining(Dataset(dataset), labels, options, Path(model_directory), progress)
    return trainer.run()


class _ClassifierTraining:
    def __init__(
        self,
        dataset: Dataset,
        labels: str | None,
        options: ClassifierOptions,
        directory: Path,
        progress: Progress | None,
    ) -> None:
        require_no_model(directory)
        self.dataset = dataset
        self.options = options
        self.directory = directory
        self.work = directory.with_name(f"{directory.name}.training")
        self.progress = progress
        self.backend, self.total_charge = select_labels(dataset, labels)
        self.charges = dataset.complete_labels(self.backend, self.total_charge).charges
        self.frames = dataset.frames()
        self.data_digest = hashlib.sha256(
            self.charges.tobytes() + self.frames.site_potentials.tobytes()
        ).hexdigest()
        if options.features == "ions" and not len(dataset.electrolyte.ion_indices):
            raise InputError(f"{dataset.path}: holds no ions; use features site_potentials")
        self.symmetries = lattice_symmetries(dataset.electrode)
        self.inverse = np.array([np.argsort(operation.permutation) for operation in self.symmetries])

    def run(self) -> dict[str, Metrics]:
        options, last = self.options, self.options.folds - 1
        classifier, tested, result = self._fold(last, options.split)
        rows = dict(tested)
        if options.compare_splits:
            other: SplitKind = "random" if options.split == "blocks" else "blocks"
            rows |= {f"{name}, {other} split": m for name, m in self._fold(last, other)[1].items()}
        if options.cross_validation:
            every = [self._fold(fold, options.split)[1] for fold in range(last)] + [tested]
            for name in tested:
                rows[f"{name}, mean of {options.folds} folds"] = mean_metrics([part[name] for part in every])
        data = {
            "origin": self.dataset.origin,
            "labels": label_name(self.backend, self.total_charge),
            "frames": len(self.charges),
            "sha256": self.data_digest,
        }
        description = classifier.description() | {
            "training": options.model_dump(mode="json") | asdict(result),
            "data": data,
            "metrics": {name: asdict(metrics) for name, metrics in rows.items()},
        }
        save_model(
            self.directory,
            description,
            classifier.arrays() | electrode_arrays(self.dataset.electrode),
            classifier_card(classifier, options, result, data, rows),
        )
        return rows

    def _fold(self, fold: int, kind: SplitKind) -> tuple[Classifier, dict[str, Metrics], FitResult]:
        options = self.options
        split = split_frames(len(self.charges), options.folds, fold, kind, options.seed)
        binning = Binning.fit(self.charges[split.train], options.bin_width)
        classifier = self._new_classifier(split, binning, options.seed + 100 * fold)
        labels = binning.labels(self.charges).astype(np.float32)
        network = classifier.network
        network.layers[-1].bias.assign(np.full(labels.shape[1], labels[split.train].mean()))
        tf = tensorflow()
        validation = [
            tf.constant(x) for x in (self._inputs(classifier, split.validation), labels[split.validation])
        ]
        validation_loss = tf.function(
            lambda: label_loss(validation[1], network(validation[0]), options.sum_weight), autograph=False
        )
        name = f"{kind}_{fold}"
        on_epoch = None
        if self.progress is not None:
            report = self.progress

            def on_epoch(epoch: int, train: float, held_out: float, waited: int) -> None:
                report(name, epoch, train, held_out, waited, options.patience)

        result = fit(
            network.trainable_variables,
            lambda inputs, targets: label_loss(targets, network(inputs, training=True), options.sum_weight),
            lambda epoch: self._batches(classifier, labels, split, epoch),
            lambda: float(validation_loss().numpy()),
            options,
            self.work / name,
            purpose=json.dumps([self.data_digest, kind, fold, binning.q_min, binning.width, binning.n_bins]),
            on_epoch=on_epoch,
        )
        rows = {"this model": self._score(classifier, split)}
        rows |= null_baselines(self.charges[split.train], self.charges[split.test], binning)
        return classifier, rows, result

    def _new_classifier(self, split: Split, binning: Binning, seed: int) -> Classifier:
        dataset, options = self.dataset, self.options
        ions = dataset.electrolyte.ion_indices
        whitening = None
        n_inputs = 4 * len(ions)
        if options.features == "site_potentials":
            n_inputs = len(dataset.electrode)
            whitening = whitening_matrix(self.frames.site_potentials[split.train], self.inverse)
        return Classifier(
            self.directory.name,
            options.features,
            dataset.electrode,
            self.total_charge,
            tuple(dataset.electrolyte.symbols[i] for i in ions),
            dataset.electrolyte.charges[ions],
            whitening,
            binning,
            build_network(n_inputs, options.hidden_layers, len(dataset.electrode), seed),
        )

    def _inputs(self, classifier: Classifier, index: np.ndarray) -> np.ndarray:
        return classifier.inputs(self.frames.site_potentials[index], self.frames.ion_positions[index])

    def _batches(
        self, classifier: Classifier, labels: np.ndarray, split: Split, epoch: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every training frame once, in random order and under a random symmetry; an odd rest is left out."""
        random = np.random.default_rng([self.options.seed, epoch])
        order = random.permutation(split.train)
        size = min(self.options.batch_size, len(order))
        for start in range(0, len(order) - size + 1, size):
            index = order[start : start + size]
            chosen = random.integers(len(self.symmetries) if self.options.augmentation else 1, size=size)
            permutation = self.inverse[chosen]
            potentials = np.take_along_axis(self.frames.site_potentials[index], permutation, axis=1)
            ions = [
                self.symmetries[s].positions(self.frames.ion_positions[i])
                for s, i in zip(chosen, index, strict=True)
            ]
            yield (
                classifier.inputs(potentials, np.stack(ions)),
                np.take_along_axis(labels[index], permutation, axis=1),
            )

    def _score(self, classifier: Classifier, split: Split) -> Metrics:
        predicted = classifier.predict_labels(self._inputs(classifier, split.test))
        charges = classifier.binning.charges(predicted)
        deficit = self.total_charge - charges.sum(axis=1)
        return evaluate(
            charges + deficit[:, None] / charges.shape[1],
            self.charges[split.test],
            classifier.binning,
            predicted_labels=predicted,
            total_charge_errors=deficit,
        )
