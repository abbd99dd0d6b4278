"""Training a potential: frames split in time, a committee fitted one member after another, scores, a card."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from polcouple.data.configurations import Configuration, digest
from polcouple.data.splits import SplitKind
from polcouple.errors import InputError
from polcouple.learning.potential_card import potential_card
from polcouple.learning.potential_fitting import Cycle, FittedMember, Schedule, fit_member
from polcouple.learning.potential_loss import Frame, LossOptions, PotentialLoss, prepared, scaled
from polcouple.learning.potential_scores import Score, scores, usual_disagreement
from polcouple.nn.model_files import find_model, save_model
from polcouple.nn.potential.potential import Architecture, Potential, load_potential

#: called after each epoch: name of the member, epochs in all, epoch, training and validation loss
Progress = Callable[[str, int, int, float, float], None]


class PotentialOptions(BaseModel):
    """Settings of a potential; the defaults are NeuralIL's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: Annotated[float, Field(gt=0.5, description="of the surroundings, A")] = 3.5
    n_max: Annotated[int, Field(ge=0, le=12, description="highest l + n of the descriptors")] = 4
    embedding: Annotated[int, Field(ge=1, description="numbers an element")] = 2
    widths: Annotated[tuple[int, ...], Field(min_length=1, description="of the hidden layers")] = (
        64,
        32,
        16,
        16,
        16,
    )
    unit_variance: Annotated[
        bool, Field(description="train on descriptors over their standard deviations")
    ] = False
    no_repulsion: Annotated[bool, Field(description="leave the Morse term out")] = False
    members: Annotated[int, Field(ge=1, description="networks in the committee")] = 10
    epochs: Annotated[int, Field(ge=1, description="passes over the frames")] = 500
    batch_size: Annotated[int, Field(ge=1, description="frames per step")] = 8
    learning_rate: Annotated[float, Field(gt=0, description="at the cycle's begin")] = 1e-3
    highest_learning_rate: Annotated[float, Field(gt=0, description="at 45 %% of the cycle")] = 1e-2
    final_learning_rate: Annotated[float, Field(gt=0, description="at its end")] = 1e-5
    cycle: Annotated[Cycle, Field(description="what the learning rate's cycle lasts for")] = "epoch"
    weight_decay: Annotated[
        float, Field(ge=0, description="share of the numbers a step takes off, times its rate")
    ] = 1e-4
    force_scale: Annotated[float, Field(gt=0, description="s of ln cosh(s x)/s for forces, A/eV")] = 10.0
    energy_scale: Annotated[float, Field(gt=0, description="the same for energies an atom, 1/eV")] = 50.0
    force_weight: Annotated[float, Field(ge=0, description="of forces in the loss")] = 1.0
    energy_weight: Annotated[
        float | None, Field(ge=0, description="of energies (0 where there are forces, and else 1)")
    ] = None
    split: Annotated[SplitKind, Field(description="blocks in time, or random frames")] = "blocks"
    test_fraction: Annotated[float, Field(ge=0, lt=1, description="of the frames, for scores alone")] = 0.1
    test_from: Annotated[
        float | None, Field(ge=0, lt=1, description="where in the frames the test begins (at their end)")
    ] = None
    validation_fraction: Annotated[
        float, Field(ge=0, lt=1, description="of the others, to choose the epoch; 0: the last one")
    ] = 0.1
    seed: Annotated[int, Field(ge=0, description="initial weights, order of frames")] = 0
    start: Annotated[Path | None, Field(description="a potential whose members to go on from")] = None


@dataclass(frozen=True)
class PotentialSplit:
    """Frame numbers: each set ascending and disjoint from the others."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_configurations(n: int, options: PotentialOptions) -> PotentialSplit:
    """A test block, a block of the rest that chooses the epoch, and what remains to train.

    Raises:
        InputError: nothing would remain to train on.
    """
    order = np.arange(n)
    if options.split == "random":
        order = np.random.default_rng(options.seed).permutation(n)
    n_test = round(options.test_fraction * n)
    if options.test_fraction:
        n_test = max(1, n_test)
    begin = n - n_test if options.test_from is None else round(options.test_from * n)
    begin = min(begin, n - n_test)
    test, rest = order[begin : begin + n_test], np.delete(order, np.arange(begin, begin + n_test))
    n_validation = round(options.validation_fraction * len(rest))
    if options.validation_fraction:
        n_validation = max(1, n_validation)
    if len(rest) - n_validation < 1:
        raise InputError(f"{n} frames leave none to train on; give more, or smaller fractions to test on")
    cut = len(rest) - n_validation
    return PotentialSplit(np.sort(rest[:cut]), np.sort(rest[cut:]), np.sort(test))


@dataclass(frozen=True, eq=False)
class TrainedPotential:
    """A potential with its scores on frames that neither training nor its end saw.

    Attributes:
        potential: the committee.
        members: how each fit ended.
        rows: errors by name of the row; empty where no frames were kept to test on.
        split: which frames were used for what.
    """

    potential: Potential
    members: list[FittedMember]
    rows: dict[str, Score]
    split: PotentialSplit


def train_potential(
    configurations: Sequence[Configuration],
    model_directory: Path | str,
    options: PotentialOptions | None = None,
    *,
    origin: str = "",
    progress: Progress | None = None,
) -> TrainedPotential:
    """Train, score and save a potential.

    Checkpoints and TensorBoard logs go to ``MODEL.training`` beside the model; repeat the call to go on after
    an interruption, to the same bits.

    Args:
        configurations: frames in the order of time.
        model_directory: must not hold a model yet.
        origin: where the frames came from, for the model card.

    Raises:
        InputError: the directory holds a model, or frames and options do not fit.
    """
    options = options or PotentialOptions()
    directory = Path(model_directory)
    if (directory / "model.yaml").exists():
        raise InputError(f"{directory}: holds a model already; choose another name")
    split = split_configurations(len(configurations), options)
    data = _Data(configurations, split, options)
    loss = PotentialLoss(data.architecture, data.loss, data.scales)
    starts = _starts(options, data)
    fitted = []
    for member in range(options.members):
        name = f"member_{member}"
        seed = options.seed + member
        schedule = Schedule(
            options.epochs,
            options.batch_size,
            (options.learning_rate, options.highest_learning_rate, options.final_learning_rate),
            options.cycle,
            options.weight_decay,
            seed,
        )
        start = data.architecture.layout().initial(seed) if starts is None else starts[member % len(starts)]
        fitted.append(
            fit_member(
                loss,
                start,
                data.of(split.train),
                data.of(split.validation),
                schedule,
                directory.with_name(f"{directory.name}.training") / name,
                json.dumps([data.digest, start.tobytes().hex()]),
                None if progress is None else partial(progress, name, options.epochs),
            )
        )
    potential = data.committee(directory.name, [one.vector for one in fitted], loss)
    rows = scores(potential, [configurations[i] for i in split.test], data.training_configurations)
    _save(directory, potential, options, data, fitted, rows, origin)
    return TrainedPotential(potential, fitted, rows, split)


class _Data:
    """Frames ready for training, and what they decide of the potential."""

    def __init__(
        self, configurations: Sequence[Configuration], split: PotentialSplit, options: PotentialOptions
    ) -> None:
        self.split, self._configurations = split, configurations
        self.training_configurations = [configurations[i] for i in split.train]
        known = tuple(sorted({symbol for one in self.training_configurations for symbol in one.symbols}))
        self.architecture = Architecture(
            known,
            options.cutoff,
            options.n_max,
            options.embedding,
            tuple(options.widths),
            not options.no_repulsion,
        )
        weights = _weights(self.training_configurations, options)
        self.loss = LossOptions(options.force_scale, options.energy_scale, *weights)
        self.references = reference_energies(self.training_configurations, self.architecture)
        descriptors = self.architecture.descriptors()
        self._frames: dict[int, Frame] = {
            int(i): prepared(configurations[i], self.architecture, descriptors, self.references)
            for i in np.concatenate([split.train, split.validation])
        }
        self.scales = np.ones(descriptors.length)
        if options.unit_variance:
            seen = np.concatenate([frame.seen.spectrum for frame in self.of(split.train)])
            deviations = seen.std(axis=0)
            # elements that never meet have descriptors that never change
            self.scales = np.where(deviations > 1e-9 * deviations.max(), deviations, 1.0)
            self._frames = {i: scaled(frame, self.scales) for i, frame in self._frames.items()}
        self.count = len(configurations)
        self.sha256 = digest(configurations)
        kept = {"members", "epochs", "start", "seed"}
        text = options.model_dump(mode="json", exclude=kept)
        parts = [part.tolist() for part in (split.train, split.validation)]
        self.digest = json.dumps([self.sha256, text, parts], sort_keys=True)

    def of(self, numbers: np.ndarray) -> list[Frame]:
        """The frames with these numbers."""
        return [self._frames[int(i)] for i in numbers]

    def committee(self, name: str, vectors: Sequence[np.ndarray], loss: PotentialLoss) -> Potential:
        """The members together, each with the constant of energy that the training frames give it."""
        place = self.architecture.layout().places()["energy_shift"]
        frames = [frame for frame in self.of(self.split.train) if frame.energy is not None]
        shifted = []
        for vector in vectors:
            vector = vector.copy()
            if frames and not self.loss.energy_weight:
                predicted = loss.predict(vector, frames)
                missing = [
                    (frame.energy - energy) / len(frame.spectrum)  # type: ignore[operator]
                    for frame, (energy, _) in zip(frames, predicted, strict=True)
                ]
                vector[place] += np.float32(np.mean(missing))
            self._inlet(vector)[:] /= self.scales[:, None].astype(np.float32)
            shifted.append(vector)
        references = np.tile(self.references, (len(shifted), 1))
        committee = Potential(name, self.architecture, np.array(shifted), references)
        if len(vectors) == 1:
            return committee
        split = self.split
        unseen = np.concatenate([split.validation, split.test])
        shown = [self._configurations[i] for i in (unseen if len(unseen) else split.train)]
        usual = usual_disagreement(committee, shown)
        return Potential(name, self.architecture, np.array(shifted), references, usual)

    def started(self, vector: np.ndarray) -> np.ndarray:
        """A committee's member as training has it, for descriptors over their scales."""
        vector = vector.copy()
        self._inlet(vector)[:] *= self.scales[:, None].astype(np.float32)
        return vector

    def _inlet(self, vector: np.ndarray) -> np.ndarray:
        """What the first layer makes of the descriptors: a view."""
        return self.architecture.layout().parts(vector)["kernel_0"][: len(self.scales)]


def reference_energies(configurations: Sequence[Configuration], architecture: Architecture) -> np.ndarray:
    """(e,) the energies of elements that sum to those of the frames with the least squared error (eV)."""
    with_energy = [one for one in configurations if one.energy is not None]
    if not with_energy:
        return np.zeros(len(architecture.elements))
    counts = np.array(
        [
            np.bincount(architecture.kinds(one.symbols), minlength=len(architecture.elements))
            for one in with_energy
        ],
        dtype=float,
    )
    return np.asarray(np.linalg.lstsq(counts, np.array([one.energy for one in with_energy]), rcond=None)[0])


def _weights(configurations: Sequence[Configuration], options: PotentialOptions) -> tuple[float, float]:
    """Weights of forces and energies in the loss.

    Raises:
        InputError: nothing is left to train on.
    """
    forces = any(one.forces is not None for one in configurations) and options.force_weight > 0
    energy_weight = options.energy_weight
    if energy_weight is None:
        energy_weight = 0.0 if forces else 1.0
    energies = any(one.energy is not None for one in configurations) and energy_weight > 0
    if not forces and not energies:
        raise InputError(
            "the frames have nothing that the loss counts: mend --force-weight or --energy-weight"
        )
    return options.force_weight, energy_weight


def _starts(options: PotentialOptions, data: _Data) -> list[np.ndarray] | None:
    """Members to go on from.

    Raises:
        InputError: there is no such potential, or it is of another architecture.
    """
    if options.start is None:
        return None
    start = load_potential(find_model(options.start))
    if start.architecture != data.architecture:
        raise InputError(
            f"--start {options.start}: its members are of {start.architecture}, these of {data.architecture}"
        )
    return [data.started(vector) for vector in start.members]


def _save(
    directory: Path,
    potential: Potential,
    options: PotentialOptions,
    data: _Data,
    fitted: Sequence[FittedMember],
    rows: dict[str, Score],
    origin: str,
) -> None:
    training = options.model_dump(mode="json") | {
        "start": None if options.start is None else options.start.name,
        "seconds": sum(one.seconds for one in fitted),
        "best_epochs": [one.best_epoch for one in fitted],
    }
    sizes = {part: len(getattr(data.split, part)) for part in ("train", "validation", "test")}
    description = potential.description() | {
        "training": training,
        "data": {"origin": origin, "frames": data.count, "sha256": data.sha256, "split": sizes},
        "metrics": {name: asdict(row) for name, row in rows.items()},
    }
    save_model(directory, description, potential.arrays(), potential_card(potential, description, rows))
