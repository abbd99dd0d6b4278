"""Training a potential: frames split in time, a committee fitted one member after another, scores, a card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from polcouple.data.configurations import Configuration, digest
from polcouple.data.splits import Split, SplitKind
from polcouple.errors import InputError
from polcouple.learning.committee import CommitteeOptions, Progress, descriptor_scales, fit_committee
from polcouple.learning.egg_box import EggBox, fitted_egg_box
from polcouple.learning.potential_card import potential_card
from polcouple.learning.potential_fitting import FittedMember
from polcouple.learning.potential_loss import Frame, LossOptions, PotentialLoss, prepared, scaled
from polcouple.learning.potential_scores import Score, add_egg_box_rows, scores, usual_disagreement
from polcouple.nn.model_files import find_model, require_no_model, save_model
from polcouple.nn.potential.charges import read_bond_charges
from polcouple.nn.potential.potential import Architecture, Potential, load_potential


class PotentialOptions(CommitteeOptions):
    """Settings of a potential; the defaults are NeuralIL's."""

    unit_variance: Annotated[
        bool, Field(description="train on descriptors over their standard deviations")
    ] = False
    egg_box: Annotated[
        tuple[int, ...],
        Field(description="points of the labels' grid along the cell; its egg-box forces are taken off"),
    ] = ()
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
    start: Annotated[Path | None, Field(description="a potential whose members to go on from")] = None
    charges: Annotated[
        Path | None, Field(description="file of the atoms' charges, whose Coulomb energy is added (none)")
    ] = None
    difference_to: Annotated[
        str, Field(description="what was taken off the labels, such as a force field (nothing)")
    ] = ""


def split_configurations(n: int, options: PotentialOptions) -> Split:
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
    return Split(np.sort(rest[:cut]), np.sort(rest[cut:]), np.sort(test))


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
    split: Split


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
    require_no_model(directory)
    split = split_configurations(len(configurations), options)
    data = _Data(configurations, split, options)
    loss = PotentialLoss(data.architecture, data.loss, data.scales)
    starts = _starts(options, data)
    shown, held = data.of(split.train), data.of(split.validation)
    fitted = fit_committee(loss, starts, shown, held, options, directory, data.digest, progress)
    potential = data.committee(directory.name, [one.vector for one in fitted], loss)
    test = [configurations[i] for i in split.test]
    rows = scores(potential, test, data.training_configurations)
    if data.egg_box is not None:
        rows = add_egg_box_rows(rows, scores(potential, list(map(data.egg_box.taken_off, test)), []))
    _save(directory, potential, options, data, fitted, rows, origin)
    return TrainedPotential(potential, fitted, rows, split)


class _Data:
    """Frames ready for training, and what they decide of the potential."""

    def __init__(
        self, configurations: Sequence[Configuration], split: Split, options: PotentialOptions
    ) -> None:
        self.sha256 = digest(configurations)
        self.egg_box: EggBox | None = None
        if options.egg_box:
            self.egg_box = fitted_egg_box([configurations[i] for i in split.train], options.egg_box)
            configurations = [self.egg_box.taken_off(one) for one in configurations]
        self.split, self._configurations = split, configurations
        self._difference = options.difference_to
        self.training_configurations = [configurations[i] for i in split.train]
        known = tuple(sorted({symbol for one in self.training_configurations for symbol in one.symbols}))
        self.architecture = options.architecture(known)
        if options.charges is not None:
            self.architecture = replace(self.architecture, charges=read_bond_charges(options.charges, known))
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
            self.scales = descriptor_scales([frame.seen.spectrum for frame in self.of(split.train)])
            self._frames = {i: scaled(frame, self.scales) for i, frame in self._frames.items()}
        self.count = len(configurations)
        kept = {"members", "epochs", "start", "seed", "difference_to", "charges"}
        text = options.model_dump(mode="json", exclude=kept)
        parts = [part.tolist() for part in (split.train, split.validation)]
        charges = None if self.architecture.charges is None else self.architecture.charges.description()
        self.digest = json.dumps([self.sha256, text, parts, charges], sort_keys=True)

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
        committee = Potential(
            name, self.architecture, np.array(shifted), references, difference_to=self._difference
        )
        if len(vectors) == 1:
            return committee
        split = self.split
        unseen = np.concatenate([split.validation, split.test])
        shown = [self._configurations[i] for i in (unseen if len(unseen) else split.train)]
        usual = usual_disagreement(committee, shown)
        return Potential(
            name, self.architecture, np.array(shifted), references, usual, difference_to=self._difference
        )

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


def _starts(options: PotentialOptions, data: _Data) -> list[np.ndarray]:
    """Members before training: new ones, or those of a potential to go on from.

    Raises:
        InputError: there is no such potential, or it is of another architecture.
    """
    numbers = range(options.members)
    if options.start is None:
        return [data.architecture.layout().initial(options.seed + number) for number in numbers]
    start = load_potential(find_model(options.start))
    if start.architecture != data.architecture:
        raise InputError(
            f"--start {options.start}: its members are of {start.architecture}, these of {data.architecture}"
        )
    known = [data.started(vector) for vector in start.members]
    return [known[number % len(known)] for number in numbers]


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
        "charges": None if options.charges is None else options.charges.name,
        "seconds": sum(one.seconds for one in fitted),
        "best_epochs": [one.best_epoch for one in fitted],
    }
    frames = {"origin": origin, "frames": data.count, "sha256": data.sha256, "split": data.split.sizes()}
    if data.egg_box is not None:
        frames["egg_box"] = asdict(data.egg_box) | {"points": list(data.egg_box.points)}
    description = potential.description() | {
        "training": training,
        "data": frames,
        "metrics": {name: asdict(row) for name, row in rows.items()},
    }
    save_model(directory, description, potential.arrays(), potential_card(potential, description, rows))
