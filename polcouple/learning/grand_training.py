"""Training a grand potential: frames split in time, members fitted one after another, scores, a card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from polcouple.data.grand_frames import SAME_LEVEL, GrandFrames
from polcouple.data.moving_rows import GIVEN
from polcouple.data.splits import Split
from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.learning.committee import Progress, fit_committee
from polcouple.learning.grand_architecture import architecture_for
from polcouple.learning.grand_card import grand_card
from polcouple.learning.grand_loss import GrandFrame, GrandLoss, GrandLossOptions
from polcouple.learning.grand_options import GrandOptions
from polcouple.learning.grand_scores import GrandScore, grand_scores
from polcouple.learning.potential_fitting import FittedMember
from polcouple.learning.whitening import whitening
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.potential import GrandPotential
from polcouple.nn.grand.scene import Scene, scene_of
from polcouple.nn.model_files import require_no_model, save_model


class SplitOptions(Protocol):
    """Shares of each trajectory, and the potentials in V that are not trained on."""

    @property
    def test_fraction(self) -> float:
        """Of each trajectory, its end."""

    @property
    def validation_fraction(self) -> float:
        """Before the test."""

    @property
    def leave_out(self) -> tuple[float, ...]:
        """Potentials that are tested on alone."""


def split_in_time(frames: GrandFrames, options: SplitOptions) -> Split:
    """Of each trajectory its end to test on, before it what chooses the epoch, and what remains to train.

    Frames of no trajectory are all to train on.

    Raises:
        InputError: nothing would remain to train on, or a potential to leave out is not there.
    """
    parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for number in np.unique(frames.trajectory):
        rows = np.flatnonzero(frames.trajectory == number)
        if number == GIVEN:
            parts["train"].append(rows)
            continue
        test = round((1.0 - options.test_fraction) * len(rows))
        validation = test - round(options.validation_fraction * len(rows))
        for name, part in zip(parts, np.split(rows, [validation, test]), strict=True):
            parts[name].append(part)
    train, validated, tested = (np.sort(np.concatenate(part)) for part in parts.values())
    for potential in options.leave_out:
        if frames.reference is None:
            raise InputError("--leave-out: these labels know no zero of the potential")
        left = np.abs(frames.levels - (frames.reference - potential)) < SAME_LEVEL
        if not left.any():
            known = sorted({round(frames.reference - level, 6) for level in frames.levels})
            raise InputError(
                f"--leave-out {potential:g}: no labels at that potential; there are"
                f" {', '.join(f'{one:g}' for one in known)} V"
            )
        train, validated = train[~left[train]], validated[~left[validated]]
    if not len(train) or not len(tested):
        raise InputError(
            f"{len(frames)} frames leave none to train or to test on; give more, or other fractions"
        )
    return Split(train, validated, tested)


@dataclass(frozen=True, eq=False)
class TrainedGrandPotential:
    """A grand potential with its scores on frames that neither training nor its end saw.

    Attributes:
        potential: the committee.
        members: how each fit ended.
        scores: by name of the row, and in it by potential or level ("all" for all together).
        maxwell: largest |dF/dmu - dn/dR| on test frames, by differences in double precision, 1/A.
        split: which rows were used for what.
    """

    potential: GrandPotential
    members: list[FittedMember]
    scores: dict[str, dict[str, GrandScore]]
    maxwell: float
    split: Split


def train_grand_potential(
    frames: GrandFrames,
    model_directory: Path | str,
    options: GrandOptions | None = None,
    *,
    origin: str = "",
    progress: Progress | None = None,
) -> TrainedGrandPotential:
    """Train, score and save a grand potential.

    Checkpoints and TensorBoard logs go to ``MODEL.training`` beside the model; repeat the call to go on after
    an interruption, to the same bits.

    Args:
        model_directory: must not hold a model yet.
        origin: where the frames came from, for the model card.

    Raises:
        InputError: the directory holds a model, or frames and options do not fit.
    """
    options = options or GrandOptions()
    directory = Path(model_directory)
    require_no_model(directory)
    if not options.force_weight and not options.electrons_weight and not options.energy_weight:
        raise InputError(
            "the loss counts nothing: mend --force-weight, --electrons-weight or --energy-weight"
        )
    split = split_in_time(frames, options)
    data = _Data(frames, split, options)
    starts = [data.start(options.seed + number) for number in range(options.members)]
    shown, held = data.of(split.train), data.of(split.validation)
    fitted = fit_committee(data.loss, starts, shown, held, options, directory, data.digest, progress)
    potential = data.committee(directory.name, [one.vector for one in fitted])
    in_time = split.train[frames.trajectory[split.train] != GIVEN]
    scores, maxwell = grand_scores(potential, frames, in_time, split.test)
    trained = TrainedGrandPotential(potential, fitted, scores, maxwell, split)
    _save(directory, trained, options, data, origin)
    return trained


class _Data:
    """Frames ready for training, and what they decide of the potential."""

    def __init__(self, frames: GrandFrames, split: Split, options: GrandOptions) -> None:
        self.split = split
        self.architecture: GrandArchitecture = architecture_for(frames, split.train, options)
        base = self.architecture.surroundings
        kinds, descriptors = base.kinds(frames.symbols), base.descriptors()
        seen = {}
        for row in np.concatenate([split.train, split.validation]):
            pairs = neighbour_pairs(frames.positions[row], frames.cell, (True,) * 3, base.cutoff)
            seen[int(row)] = descriptors.surroundings(kinds, pairs)
        self.whitening = whitening([seen[int(row)].spectrum for row in split.train], kinds)
        scenes = {
            row: scene_of(
                self.architecture,
                one,
                self.whitening.inputs(one.spectrum),
                frames.positions[row],
                frames.cell,
            )
            for row, one in seen.items()
        }
        learned = [frames.energies[row] - _of_electrode(scenes[row], frames, row) for row in split.train]
        self.reference = float(np.mean(learned)) / len(kinds)
        self._frames = {
            row: GrandFrame(
                scene,
                float(frames.levels[row]),
                float(frames.energies[row]) - len(kinds) * self.reference,
                float(frames.electrons[row]),
                frames.forces[row],
            )
            for row, scene in scenes.items()
        }
        weights = (options.force_weight, options.electrons_weight, options.energy_weight)
        scales = (options.force_scale, options.electrons_scale, options.energy_scale)
        self._weights = weights
        self.loss = GrandLoss(self.architecture, GrandLossOptions(*scales, *weights), self.whitening.matrix)
        self.count, self.sha256 = len(frames), frames.digest()
        self.given = int((frames.trajectory == GIVEN).sum())
        text = options.model_dump(mode="json", exclude={"members", "epochs", "seed"})
        parts = [part.tolist() for part in (split.train, split.validation)]
        self.digest = json.dumps([self.sha256, asdict(self.architecture), text, parts], sort_keys=True)

    def of(self, rows: np.ndarray) -> list[GrandFrame]:
        """The frames in these rows."""
        return [self._frames[int(row)] for row in rows]

    def start(self, seed: int) -> np.ndarray:
        """A member before training: of its outputs only the energy is not small."""
        layout = self.architecture.layout()
        vector = layout.initial(seed)
        layout.parts(vector)["energy_scale"][1:] *= 0.1
        return vector

    def committee(self, name: str, vectors: Sequence[np.ndarray]) -> GrandPotential:
        """The members together, each with the constant of energy that the training frames give it."""
        layout, frames = self.architecture.layout(), self.of(self.split.train[:: max(1, self.count // 500)])
        place = layout.places()["energy_shift"].start
        members = []
        for vector in vectors:
            vector = vector.copy()
            found = self.loss.predict(vector, frames).energies
            missing = (np.array([frame.energy for frame in frames]) - found) / len(frames[0].forces)
            vector[place] += np.float32(np.mean(missing))
            parts = layout.parts(vector)
            self.whitening.into_first_layer(parts["kernel_0"], parts["bias_0"])
            members.append(vector)
        elements = len(self.architecture.surroundings.elements)
        references = np.full((len(members), elements), self.reference)
        return GrandPotential(name, self.architecture, np.array(members), references)


def _of_electrode(scene: Scene, frames: GrandFrames, row: int) -> float:
    """Energy (eV) of the electrode's electrons before anything is learned."""
    return sum(one.charged(float(frames.levels[row])).energy for one in scene.electrodes)


def _save(
    directory: Path, trained: TrainedGrandPotential, options: GrandOptions, data: _Data, origin: str
) -> None:
    training = options.model_dump(mode="json") | {
        "seconds": sum(one.seconds for one in trained.members),
        "best_epochs": [one.best_epoch for one in trained.members],
    }
    potential = trained.potential
    description = potential.description() | {
        "training": training,
        "data": {
            "origin": origin,
            "frames": data.count,
            "given": data.given,
            "sha256": data.sha256,
            "split": data.split.sizes(),
        },
        "metrics": {
            name: {at: asdict(score) for at, score in row.items()} for name, row in trained.scores.items()
        },
        "maxwell": trained.maxwell,
    }
    card = grand_card(potential, description, trained.scores)
    save_model(directory, description, potential.arrays(), card)
