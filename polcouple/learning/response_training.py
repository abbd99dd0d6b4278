"""Training a response net from a dataset labelled at one or several total charges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field

from polcouple.data.dataset import Dataset, label_name
from polcouple.data.splits import Split, SplitKind, split_frames
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.cards import response_card
from polcouple.learning.correction_training import CorrectionGraph
from polcouple.learning.evaluation import Metrics, evaluate, level_errors, mean_metrics, null_baselines
from polcouple.learning.fitting import FitOptions, FitResult, fit
from polcouple.learning.training import Progress
from polcouple.learning.training_data import digest_of, levels_of
from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.binning import Binning
from polcouple.nn.correction import Correction, initial_weights, pair_orbits
from polcouple.nn.model_electrode import electrode_arrays
from polcouple.nn.model_files import find_model, load_description, require_no_model, save_model
from polcouple.nn.models import load_model
from polcouple.nn.prior import PairMatrix, Prior
from polcouple.nn.response_net import ResponseNet

#: what an error of the prior counts as at least (e, Hartree)
_LABEL_ACCURACY = 1e-8


class ResponseOptions(FitOptions):
    """Settings of a response net."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: Annotated[float, Field(gt=0, description="Adam's step size")] = 2e-3
    batch_size: Annotated[int, Field(ge=1, description="frames per step")] = 16
    filters: Annotated[int, Field(ge=1, description="filters per atom")] = 8
    width: Annotated[int, Field(ge=1, description="units in both hidden layers")] = 32
    members: Annotated[int, Field(ge=2, description="networks in the committee")] = 4
    energy_weight: Annotated[float, Field(ge=0, description="of energies in the loss, charges: 1")] = 0.1
    fermi_weight: Annotated[float, Field(ge=0, description="of Fermi levels in the loss")] = 0.1
    folds: Annotated[int, Field(ge=3, description="parts: the last tests, the one before stops")] = 10
    split: Annotated[SplitKind, Field(description="blocks in time, or random frames")] = "blocks"
    start: Annotated[
        Path | None, Field(description="a response net of this electrode whose network to go on from")
    ] = None
    compare_splits: Annotated[bool, Field(description="score the other kind of split as well")] = False
    compare_minutes: Annotated[
        float | None, Field(gt=0, description="time at most for that; max_minutes where not given")
    ] = None


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained net with its scores on frames that neither training nor its stopping saw.

    Attributes:
        net, result: the net and how its fit ended.
        rows: metrics of the charges by name of the row.
        levels: root mean square errors of energy and Fermi level in Hartree by name of the row.
    """

    net: ResponseNet
    result: FitResult
    rows: dict[str, Metrics]
    levels: dict[str, tuple[float, float]]


def train_response(
    dataset: Dataset | Path | str,
    model_directory: Path | str,
    prior: Prior,
    label_backend: str,
    options: ResponseOptions | None = None,
    *,
    prior_origin: str = "",
    progress: Progress | None = None,
) -> Trained:
    """Train, score and save a response net on every total charge that ``label_backend`` has labels for.

    Checkpoints and TensorBoard logs go to ``MODEL.training`` beside the model; repeat the call to go on
    after an interruption.

    Args:
        prior: linear response of the dataset's electrode, covering these total charges.
        label_backend: whose labels to use.
        prior_origin: how the prior was made, for the model card.

    Returns:
        Scores on frames unseen in training, by name of the row: the net and its prior at every total charge,
        all charges together, null baselines, and the spread of the labels.

    Raises:
        InputError: the directory holds a model, or labels are missing or not converged.
    """
    options = options or ResponseOptions()
    directory = Path(model_directory)
    require_no_model(directory)
    opened = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    work = directory.with_name(f"{directory.name}.training")
    data = _Data(opened, prior, label_backend, options)
    trained = _train(data, directory.name, work / "response", options, progress)
    rows, result = dict(trained.rows), trained.result
    comparison = None
    if options.compare_splits:
        other: SplitKind = "random" if options.split == "blocks" else "blocks"
        minutes = options.compare_minutes or options.max_minutes
        # a net to start from may have seen the frames that test here
        changed = options.model_copy(update={"split": other, "max_minutes": minutes, "start": None})
        compared = _train(
            _Data(opened, prior, label_backend, changed), directory.name, work / other, changed, progress
        )
        comparison = compared.result
        rows |= {f"{name}, {other} split": m for name, m in compared.rows.items() if "all charges" in name}
    net = trained.net
    description = net.description() | {
        "training": options.model_dump(mode="json") | {"start": _origin(options)} | asdict(result),
        "data": data.provenance() | {"prior": prior_origin},
        "metrics": {name: asdict(metrics) for name, metrics in rows.items()},
        "levels": {name: {"energy": e, "fermi_level": level} for name, (e, level) in trained.levels.items()},
    }
    card = response_card(net, options, result, comparison, description, rows, trained.levels)
    save_model(directory, description, net.arrays() | electrode_arrays(opened.electrode), card)
    return Trained(net, result, rows, trained.levels)


def _train(
    data: _Data, name: str, work: Path, options: ResponseOptions, progress: Progress | None
) -> Trained:
    graph = CorrectionGraph(data.new_correction())
    trainer = _Trainer(data, graph, options)
    on_epoch: Callable[[int, float, float, int], None] | None = None
    if progress is not None:
        report = progress

        def on_epoch(epoch: int, train: float, held_out: float, waited: int) -> None:
            report(work.name, epoch, train, held_out, waited, options.patience)

    result = fit(
        list(graph.variables.values()),
        trainer.loss,
        trainer.batches,
        trainer.validation_loss,
        options,
        work,
        purpose=data.digest,
        on_epoch=on_epoch,
    )
    net = ResponseNet(name, data.dataset.electrode, data.prior, graph.correction(), {})
    for Q in data.total_charges:
        held_out = [net.respond(data.potentials[frame], Q) for frame in data.split.validation]
        net.disagreements[Q] = max(response.disagreement for response in held_out)
    return Trained(net, result, *_score(net, data))


@dataclass(frozen=True, eq=False)
class _Level:
    """Labels at one total charge and what the prior says; energies and slopes may be unknown (NaN).

    Attributes:
        charges, prior_charges: (f, n) in e.
        levels, prior_levels: (f, 2) energies and Fermi levels in Hartree.
    """

    charges: np.ndarray
    prior_charges: np.ndarray
    levels: np.ndarray
    prior_levels: np.ndarray

    @property
    def residuals(self) -> np.ndarray:
        """(f, n + 2) what the prior leaves of charges, energy and dE/dQ; NaN where there are no labels."""
        levels = (self.levels - self.prior_levels) * np.array([1.0, -1.0])
        return np.column_stack([self.charges - self.prior_charges, levels])


class _Data:
    """Potentials, labels, and what the prior leaves of them, at every total charge."""

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
        folds = options.folds
        self.split: Split = split_frames(len(self.potentials), folds, folds - 1, options.split, options.seed)
        self.levels = {Q: self._level(Q) for Q in self.total_charges}
        residuals = np.array([level.residuals for level in self.levels.values()])
        #: (c, 3) rms error of the prior's charges (e), energies, Fermi levels (Hartree) on training frames,
        #: infinite where there are no labels, which then have no weight
        self.prior_errors = np.array([_rms(parts[self.split.train]) for parts in residuals])
        #: (c, f, n + 2)
        self.residuals = np.nan_to_num(residuals)
        self.symmetries = lattice_symmetries(dataset.electrode)
        levels = [(level.charges, level.levels) for level in self.levels.values()]
        self.digest = digest_of(self.potentials, levels, folds, options.split)

    def _level(self, total_charge: float) -> _Level:
        charges, own_levels = levels_of(self.dataset, self.label_backend, total_charge)
        terms, slopes = (self.prior.at(total_charge, order) for order in (0, 1))
        energies, derivatives = (
            part.energy
            + self.potentials @ part.charges
            + 0.5 * ((self.fluctuations @ part.kernel) * self.fluctuations).sum(axis=1)
            for part in (terms, slopes)
        )
        return _Level(
            charges,
            terms.charges + self.fluctuations @ terms.kernel,
            own_levels,
            np.column_stack([energies, -derivatives]),
        )

    def new_correction(self) -> Correction:
        options = self.options
        if options.start is not None:
            return _started_from(options.start, self.dataset.electrode, options)
        values = np.mean([self.prior.at(Q).pairs.values for Q in self.total_charges], axis=0)
        kernel = PairMatrix(values, self.prior.classes)
        induced = self.fluctuations[self.split.train] @ kernel.whole
        charge_scale = float(induced.std())
        potential_scale = float(self.fluctuations[self.split.train].std())
        orbits = pair_orbits(len(kernel.classes), self.symmetries)
        return Correction(
            orbits,
            kernel,
            charge_scale,
            float(self.prior_errors[:, 0].mean()) * potential_scale,
            initial_weights(orbits, options.filters, options.width, options.members, options.seed),
        )

    def provenance(self) -> dict[str, object]:
        names = [label_name(self.label_backend, Q) for Q in self.total_charges]
        return {
            "origin": self.dataset.origin,
            "labels": names,
            "frames": len(self.potentials),
            "sha256": self.digest,
        }


class _Trainer:
    """Loss and batches: errors at each total charge count in units of what the prior leaves there."""

    def __init__(self, data: _Data, graph: CorrectionGraph, options: ResponseOptions) -> None:
        tf = tensorflow()
        self._data, self._graph, self._options = data, graph, options
        self._induced = data.fluctuations @ graph.scaled_kernel.numpy().astype(float)
        self._inverse = np.array([np.argsort(operation.permutation) for operation in data.symmetries])
        self._unseen_by = np.full(len(data.potentials), -1)
        for member, part in enumerate(np.array_split(data.split.train, options.members)):
            self._unseen_by[part] = member
        levels, frames = np.indices((len(data.total_charges), len(data.split.validation))).reshape(2, -1)
        frames = data.split.validation[frames]
        held_out = [tf.constant(x) for x in self._columns(levels, frames, np.zeros(len(frames), dtype=int))]
        self._validation = tf.function(lambda: self.loss(*held_out), autograph=False)

    def loss(self, induced: Any, charge: Any, scales: Any, targets: Any, weight: Any) -> Any:
        """Squared errors of charges, energy and Fermi level over the frames that each member is to see."""
        tf = tensorflow()
        graph, options = self._graph, self._options
        energy, by_induced, by_charge = graph.derivatives(
            graph.copies(induced), graph.copies(charge), graph.filter_bank()
        )
        flat = tf.reshape(by_induced, (-1, graph.scaled_kernel.shape[0]))
        by_potential = tf.reshape(flat @ graph.scaled_kernel, tf.shape(by_induced))
        error = tf.reduce_mean((scales[:, :1] * by_potential - targets[:, :-2]) ** 2, axis=2)
        error += options.energy_weight * (scales[:, 1] * energy - targets[:, -2]) ** 2
        error += options.fermi_weight * (scales[:, 2] * by_charge - targets[:, -1]) ** 2
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
        """Scaled induced charges, total charges, scales of the output, targets, members' weights."""
        data, permutation = self._data, self._inverse[operations]
        n = permutation.shape[1]
        inverse = 1.0 / data.prior_errors[levels]
        residuals = data.residuals[levels, frames]
        targets = np.column_stack(
            [np.take_along_axis(residuals[:, :n], permutation, axis=1), residuals[:, n:]]
        )
        targets *= np.repeat(inverse, (n, 1, 1), axis=1)
        columns = (
            np.take_along_axis(self._induced[frames], permutation, axis=1),
            np.array(data.total_charges)[levels],
            self._graph.energy_scale * inverse,
            targets,
            np.arange(self._options.members)[None] != self._unseen_by[frames][:, None],
        )
        return tuple(column.astype(np.float32) for column in columns)


def _origin(options: ResponseOptions) -> str | None:
    """Name of the net that this one goes on from, and the beginning of its weights' SHA-256."""
    if options.start is None:
        return None
    weights = load_description(options.start)["weights"]
    return f"{options.start.name} ({weights['sha256'][:12]})"


def _started_from(directory: Path, electrode: Electrode, options: ResponseOptions) -> Correction:
    """The network of the response net in ``directory``, refused if it is not the one asked for."""
    model = load_model(find_model(directory), electrode)
    if not isinstance(model, ResponseNet):
        raise InputError(f"{directory}: a classifier; a response net can go on from a response net alone")
    asked = {"filters": options.filters, "width": options.width, "members": options.members}
    found = model.description()["network"]
    if any(found[name] != number for name, number in asked.items()):
        raise InputError(f"{directory}: has {found}, not {asked}; give the same options as for that net")
    return model.correction


def _rms(residuals: np.ndarray) -> np.ndarray:
    """(3,) root mean squares of (f, n + 2) residuals: charges, energy, slope; infinite for NaN."""
    squares = residuals**2
    means = np.array([squares[:, :-2].mean(), squares[:, -2].mean(), squares[:, -1].mean()])
    return np.where(np.isnan(means), np.inf, np.maximum(np.sqrt(means), _LABEL_ACCURACY))


def _score(net: ResponseNet, data: _Data) -> tuple[dict[str, Metrics], dict[str, tuple[float, float]]]:
    """The net, its prior and null baselines on the test frames, at every charge and all together."""
    test, train = data.split.test, data.split.train
    names = ("this model", "linear response alone", "uniform Q/N", "mean of each atom")
    rows: dict[str, Metrics] = {}
    levels: dict[str, tuple[float, float]] = {}
    for Q, level in data.levels.items():
        reference, at = level.charges[test], f"Q = {Q:g} e"
        binning = Binning.fit(level.charges[train])
        found = [net.respond(data.potentials[frame], Q) for frame in test]
        predicted = np.array([response.charges for response in found])
        for name, charges in zip(names[:2], (predicted, level.prior_charges[test]), strict=True):
            rows[f"{name}, {at}"] = evaluate(charges, reference, binning)
        nulls = null_baselines(level.charges[train], reference, binning)
        rows |= {f"{name}, {at}": metrics for name, metrics in nulls.items()}
        own = np.array([(response.energy, response.fermi_level) for response in found])
        levels[f"{names[0]}, {at}"] = level_errors(own, level.levels[test])
        levels[f"{names[1]}, {at}"] = level_errors(level.prior_levels[test], level.levels[test])
        spread = level.levels[test].std(axis=0)
        levels[f"standard deviation of the labels, {at}"] = (float(spread[0]), float(spread[1]))
    together = {
        f"{name}, all charges": mean_metrics([rows[f"{name}, Q = {Q:g} e"] for Q in data.total_charges])
        for name in names
    }
    return together | rows, levels
