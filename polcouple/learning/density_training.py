"""Training a density model: densities by DFTB on frames split in time, two linear fits, scores, a card."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from polcouple.errors import InputError
from polcouple.learning.density_card import density_card
from polcouple.learning.density_labels import DensityLabel, DensitySource, density_source
from polcouple.learning.density_levels import fitted_levels
from polcouple.learning.density_scores import DensityScore, charges_of, density_scores, milliseconds
from polcouple.nn.density.basis import DensityBasis
from polcouple.nn.density.features import Surroundings
from polcouple.nn.density.files import DensityModel, seen_by
from polcouple.nn.density.model import DensityDesign, DensityPart, density_at, design_rows
from polcouple.nn.model_files import require_no_model, save_model
from polcouple.units import ANGSTROM_TO_BOHR

#: exponents of neutral atoms' bonds, which reach into the cusps, and of what charges add (1/bohr^2)
_NEUTRAL = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_CHARGED = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
#: with the electrode's levels: how far (A) and how finely the charges about an atom are seen, and the ridge;
#: what is farther is in the charges, and each molecule's place is seen in few frames
_NEAR_CUTOFF, _NEAR_RADIAL, _NEAR_RIDGE = 2.9, 3, 1e-2
#: a weight that moves the density by less than this part of the others' root mean square is not fitted
_MOVES = 1e-5


class DensityOptions(BaseModel):
    """Settings of a density model and of its fit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    leave_out: Annotated[tuple[str, ...], Field(description="labels to test on and not to train on")] = ()
    frames: Annotated[int, Field(ge=1, description="to train on at each label, evenly in time")] = 16
    test_frames: Annotated[int, Field(ge=1, description="to test on at each label")] = 4
    test_fraction: Annotated[float, Field(gt=0, lt=1, description="of the frames, their end, that tests")] = (
        0.15
    )
    points: Annotated[int, Field(ge=100, description="at which a frame's density is looked at")] = 2000
    bonds_cutoff: Annotated[float, Field(gt=1, description="of neighbours that make bonds, A")] = 2.9
    bonds_radial: Annotated[int, Field(ge=2, description="functions of their distance")] = 4
    cutoff: Annotated[float, Field(gt=1, description="of charges that an atom sees, A")] = 5.8
    radial: Annotated[int, Field(ge=2, description="functions of their distance")] = 7
    l_max: Annotated[int, Field(ge=0, le=3, description="highest angular momentum on an atom")] = 3
    ridge: Annotated[float, Field(gt=0, description="of weights in units of their effect")] = 1e-8
    electrode: Annotated[tuple[str, ...], Field(min_length=1, description="elements of what moves")] = ("C",)
    seed: Annotated[int, Field(ge=0, description="of the points")] = 0


@dataclass(frozen=True)
class TrainedDensity:
    """Scores on frames unseen in training, by what was held and by row; ``milliseconds`` of a frame."""

    scores: Mapping[str, Mapping[str, DensityScore]]
    milliseconds: float


def train_density(
    dataset: Path,
    wave_functions: Path,
    directory: Path,
    options: DensityOptions | None = None,
    origin: str = "",
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> TrainedDensity:
    """Fit, score and save.

    Args:
        dataset: labelled by dftb, of an electrode in its place or of one that moves.
        wave_functions: the parameter set's wfc.hsd.
        origin: of the frames, for the card.
        progress: told how many densities of how many are done.

    Raises:
        InputError: the directory holds a model, no such labels, too few frames, or other wave functions.
        ConvergenceError: DFTB does not converge.
    """
    options = options or DensityOptions()
    require_no_model(directory)
    source = density_source(dataset, wave_functions)
    unknown = set(options.leave_out) - set(source.held)
    if unknown or set(options.leave_out) >= set(source.held):
        raise InputError(
            f"--leave-out {' '.join(options.leave_out)}: name some of the labels, and not all:"
            f" {', '.join(source.held)}"
        )
    parts = {held: _split(source.frames(held), options, held) for held in source.held}
    tasks = [(held, frame, True) for held, (train, _) in parts.items() for frame in train]
    tasks = [task for task in tasks if task[0] not in options.leave_out]
    tasks += [(held, frame, False) for held, (_, test) in parts.items() for frame in test]
    rng, began = np.random.default_rng(options.seed), time.process_time()
    labels: dict[bool, list[tuple[str, DensityLabel]]] = {True: [], False: []}
    for number, (held, frame, trains) in enumerate(tasks):
        points = options.points * (1 if trains else 3)
        labels[trains].append((held, source.label(int(frame), held, points, rng)))
        progress(number + 1, len(tasks))
    model = _fitted(directory.name, source, [label for _, label in labels[True]], options)
    tested: dict[str, list[DensityLabel]] = {held: [] for held in source.held}
    for held, label in labels[False]:
        tested[held].append(label)
    scores = density_scores(model, tested, source.electrons, source.hubbard)
    found = TrainedDensity(scores, milliseconds(model, [label for _, label in labels[False]]))
    training = options.model_dump(mode="json") | {"seconds": time.process_time() - began}
    data = {
        "origin": origin,
        "sha256": hashlib.sha256(dataset.read_bytes()).hexdigest(),
        "atoms": len(source.symbols),
        "labels": list(source.held),
        "densities": {"train": len(labels[True]), "test": len(labels[False])},
    }
    table = {held: {row: asdict(score) for row, score in own.items()} for held, own in scores.items()}
    description = model.description() | {
        "training": training, "data": data, "metrics": table, "milliseconds": found.milliseconds,
    }  # fmt: skip
    save_model(directory, description, model.arrays(), density_card(model, description, scores))
    return found


def _split(frames: np.ndarray, options: DensityOptions, held: str) -> tuple[np.ndarray, np.ndarray]:
    """Frames that train and frames that test, the end of the time."""
    n_test = max(1, round(options.test_fraction * len(frames)))
    train, test = frames[: len(frames) - n_test], frames[len(frames) - n_test :]
    if not len(train):
        raise InputError(f"{held}: {len(frames)} frame(s) are too few to train and to test; label more")

    def some(rows: np.ndarray, n: int) -> np.ndarray:
        return rows[np.unique(np.linspace(0, len(rows) - 1, n).round().astype(int))]

    return some(train, options.frames), some(test, options.test_frames)


def _fitted(
    name: str, source: DensitySource, labels: Sequence[DensityLabel], options: DensityOptions
) -> DensityModel:
    """First what charges add to the neutral electrode, then the neutral electrode itself."""
    elements = tuple(sorted({str(symbol) for symbol in source.symbols}))
    levels = fitted_levels(source, labels, options.electrode)
    near = levels is not None
    cutoff, radial = (_NEAR_CUTOFF, _NEAR_RADIAL) if near else (options.cutoff, options.radial)
    ridge = max(options.ridge, _NEAR_RIDGE) if near else options.ridge
    bonds_cutoff = options.bonds_cutoff * ANGSTROM_TO_BOHR
    designs = [
        DensityDesign(
            DensityBasis(_NEUTRAL, options.l_max),
            Surroundings(elements, bonds_cutoff, options.bonds_radial, options.l_max, False),
            source.moves,
        ),
        DensityDesign(
            DensityBasis(_CHARGED, options.l_max),
            Surroundings(elements, cutoff * ANGSTROM_TO_BOHR, radial, options.l_max, True, near),
            source.moves,
            levels,
        ),
    ]
    zero = [DensityPart(one, np.zeros((len(elements), one.length))) for one in designs]
    trained = _trained(designs[1].surroundings, labels)
    model = DensityModel(name, zero[0], zero[1], options.electrode if source.moves else (), trained)

    def change(label: DensityLabel) -> tuple[np.ndarray, np.ndarray]:
        added = charges_of(model, label) - (0.0 if source.moves else label.bare)
        return added, label.density - label.neutral

    charged = DensityPart(
        designs[1], _weights(designs[1], ((label, *change(label)) for label in labels), ridge)
    )

    def bonded(label: DensityLabel) -> tuple[np.ndarray, np.ndarray]:
        bare = np.zeros_like(label.bare) if source.moves else label.bare
        of_charges = charged.coefficients(label.atoms, bare)
        return bare, label.neutral - density_at(designs[1].basis, label.atoms, of_charges, label.points)

    # of an electrode in its place all labels have the same neutral one
    some = labels if source.moves else labels[:8]
    neutral = DensityPart(
        designs[0], _weights(designs[0], ((label, *bonded(label)) for label in some), options.ridge)
    )
    return DensityModel(name, neutral, charged, model.electrode, trained)


def _trained(surroundings: Surroundings, labels: Sequence[DensityLabel]) -> np.ndarray:
    """(elements, 2, k) lowest and highest of what atoms see."""
    seen = np.concatenate([seen_by(surroundings, label.atoms) for label in labels])
    kinds = np.concatenate([surroundings.kinds(label.atoms.symbols) for label in labels])
    own = [seen[kinds == kind] for kind in range(len(surroundings.elements))]
    return np.array([[one.min(axis=0), one.max(axis=0)] for one in own])


def _weights(
    design: DensityDesign, wanted: Iterable[tuple[DensityLabel, np.ndarray, np.ndarray]], ridge: float
) -> np.ndarray:
    """(elements, length) least squares over space of densities (p,) by charges (n,), label by label."""
    size = len(design.surroundings.elements) * design.length
    matrix, right = np.zeros((size, size)), np.zeros(size)
    for label, charges, density in wanted:
        rest = density - density_at(design.basis, label.atoms, design.unlearned(charges), label.points)
        for block, rows in design_rows(design, label.atoms, charges, label.points):
            flat = rows.reshape(len(rows), -1)
            weighted = flat.T * label.weights[block]
            matrix += weighted @ flat
            right += weighted @ rest[block]
    squares = np.diag(matrix)
    scale = np.sqrt(squares + _MOVES**2 * squares.max())
    scaled = matrix / scale[:, None] / scale + ridge * np.eye(size)
    found = np.linalg.solve(scaled, right / scale) / scale
    return np.asarray(found.reshape(-1, design.length))
