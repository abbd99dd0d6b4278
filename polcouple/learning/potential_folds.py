"""Potentials that each left out another part of the frames: judged on that part, joined to one committee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.data.configurations import Configuration, digest
from polcouple.errors import InputError
from polcouple.learning.egg_box import EggBox, mean_egg_box
from polcouple.learning.potential_card import potential_card
from polcouple.learning.potential_scores import (
    Score,
    add_egg_box_rows,
    disagreements,
    predictions,
    score,
    usual_disagreement,
)
from polcouple.learning.potential_training import PotentialOptions, split_configurations
from polcouple.nn.model_files import load_description, save_model
from polcouple.nn.potential.potential import Potential, load_potential

#: shown as the last row: no model
_NULL = "forces zero, mean energy of the composition"


@dataclass(frozen=True, eq=False)
class Fold:
    """Potentials that left out the same frames.

    Attributes:
        potential: all members together.
        test: numbers of those frames.
        null: of no model, on them.
        egg_box: what was taken off the labels of the others; None if nothing was.
    """

    potential: Potential
    test: np.ndarray
    null: Score
    egg_box: EggBox | None = None


@dataclass(frozen=True, eq=False)
class FoldScores:
    """What folds say on the frames that they left out.

    Attributes:
        rows: errors by name of the row.
        errors: (f,) root mean square error of a frame's forces, eV/A.
        disagreements: (f,) root mean square of the members' deviation, eV/A; NaN of single members.
    """

    rows: dict[str, Score]
    errors: np.ndarray
    disagreements: np.ndarray


def read_folds(directories: Sequence[Path], configurations: Sequence[Configuration]) -> list[Fold]:
    """Potentials by the frames that they left out.

    Raises:
        InputError: one was trained on other frames, or left none out.
    """
    found: dict[tuple[int, ...], list[Potential]] = {}
    nulls: dict[tuple[int, ...], Score] = {}
    boxes: dict[tuple[int, ...], EggBox | None] = {}
    sha256 = digest(configurations)
    for directory in directories:
        description = load_description(directory)
        potential = load_potential(directory)
        if description.get("data", {}).get("sha256") != sha256:
            raise InputError(f"{directory}: was trained on other frames than these")
        names = PotentialOptions.model_fields.keys() - {"start"}
        training = {name: value for name, value in description["training"].items() if name in names}
        test = split_configurations(len(configurations), PotentialOptions.model_validate(training)).test
        if not len(test):
            raise InputError(f"{directory}: left no frames out; train with a --test-fraction")
        key = tuple(int(i) for i in test)
        found.setdefault(key, []).append(potential)
        nulls[key] = Score(**description["metrics"][_NULL])
        stored = description["data"].get("egg_box")
        boxes[key] = None if stored is None else EggBox(**stored | {"points": tuple(stored["points"])})
    return [
        Fold(joined("fold", parts), np.array(key), nulls[key], boxes[key])
        for key, parts in sorted(found.items())
    ]


def joined(name: str, potentials: Sequence[Potential], usual: tuple[float, float] | None = None) -> Potential:
    """One committee of all members.

    Raises:
        InputError: they are of different architectures, or differences to different things.
    """
    first, difference = potentials[0].architecture, potentials[0].difference_to
    if any((one.architecture, one.difference_to) != (first, difference) for one in potentials):
        raise InputError(
            "potentials of different architectures, or differences to other things, make no committee"
        )
    members = np.concatenate([one.members for one in potentials])
    references = np.concatenate([one.references for one in potentials])
    return Potential(name, first, members, references, usual, difference_to=difference)


def score_folds(folds: Sequence[Fold], configurations: Sequence[Configuration]) -> FoldScores:
    """Errors of every fold on the frames that it left out; all folds count by their frames.

    Where an egg box was taken off the labels, rows without it are added, and errors of frames are without it.
    """
    counts = sorted({len(fold.potential.members) for fold in folds})
    clean = [
        [fold.egg_box.taken_off(configurations[i]) if fold.egg_box else configurations[i] for i in fold.test]
        for fold in folds
    ]
    rows = _rows(folds, [[configurations[i] for i in fold.test] for fold in folds], counts)
    if any(fold.egg_box for fold in folds):
        rows = add_egg_box_rows(rows, _rows(folds, clean, counts))
    errors, disagreements = [], []
    for fold, frames in zip(folds, clean, strict=True):
        members = len(fold.potential.members)
        for one in frames:
            kinds = fold.potential.architecture.kinds(one.symbols)
            found = fold.potential.evaluate(kinds, one.positions, one.cell, one.periodic, members > 1)
            spread = np.nan if found.disagreement is None else np.sqrt((found.disagreement**2).mean())
            if one.forces is not None:
                errors.append(float(np.sqrt(((found.forces - one.forces) ** 2).sum(axis=1).mean())))
                disagreements.append(float(spread))
    return FoldScores(rows, np.array(errors), np.array(disagreements))


def _rows(
    folds: Sequence[Fold], frames: Sequence[Sequence[Configuration]], counts: list[int]
) -> dict[str, Score]:
    """Errors on the ``frames`` of each fold, of members alone, together, and of no model."""
    weights = [len(fold.test) for fold in folds]
    together, alone = [], []
    for fold, own in zip(folds, frames, strict=True):
        members = len(fold.potential.members)
        together.append(score(own, *predictions(fold.potential, own)))
        each = [score(own, *predictions(fold.potential.member(m), own)) for m in range(members)]
        alone.append(_mean(each, [1] * members))
    rows = {"one network": _mean(alone, weights)}
    if counts != [1]:
        rows[f"{'/'.join(map(str, counts))} networks together"] = _mean(together, weights)
    rows[_NULL] = _mean([fold.null for fold in folds], weights)
    return rows


def write_committee(
    directory: Path,
    folds: Sequence[Fold],
    configurations: Sequence[Configuration],
    rows: dict[str, Score],
    trainings: Sequence[Path],
    origin: str,
    kept: int | None = None,
) -> Potential:
    """Members of all folds as one model.

    Args:
        rows: of :func:`score_folds`, for the card; those of the members kept where not all are.
        trainings: the trained potentials; the settings of the first are those of all.
        kept: how many of each fold's members the model has; all of them if None.
    """
    parts = [fold.potential for fold in folds]
    if kept is not None:
        first = [[one.member(m) for m in range(len(one.members))[:kept]] for one in parts]
        parts = [joined("fold", members) for members in first]
        some = [replace(fold, potential=part) for fold, part in zip(folds, parts, strict=True)]
        rows = score_folds(some, configurations).rows
    bare = joined(directory.name, parts)
    usual = _unseen_disagreement(folds, configurations, len(bare.members))
    unseen = usual is not None
    if usual is None:
        usual = usual_disagreement(bare, configurations)
    potential = joined(directory.name, parts, usual)
    trained = [load_description(one)["training"] for one in trainings]
    seconds = sum(one["seconds"] for one in trained)
    settings = trained[0] | {"members": len(potential.members), "seconds": seconds}
    total, out = len(configurations), len(folds[0].test)
    data: dict[str, Any] = {
        "origin": origin,
        "frames": total,
        "sha256": digest(configurations),
        "split": {"train": total - out, "validation": 0, "test": out},
        "folds": len(folds),
        "usual_disagreement_unseen": unseen,
    }
    boxes = [fold.egg_box for fold in folds if fold.egg_box is not None]
    if boxes:
        data["egg_box"] = asdict(mean_egg_box(boxes)) | {"points": list(boxes[0].points)}
    metrics = {name: asdict(row) for name, row in rows.items()}
    description = potential.description() | {"training": settings, "data": data, "metrics": metrics}
    save_model(directory, description, potential.arrays(), potential_card(potential, description, rows))
    return potential


def _unseen_disagreement(
    folds: Sequence[Fold], configurations: Sequence[Configuration], members: int
) -> tuple[float, float] | None:
    """What a committee of ``members`` does not exceed in three of four frames that none of them has seen.

    Of the folds with several members, which differ on the frames left out as independent networks do: by
    (1 - 1/m) of a network's variance for m of them. None where there are no such folds.
    """
    found = []
    for fold in folds:
        m = len(fold.potential.members)
        if m > 1:
            factor = np.sqrt((1.0 - 1.0 / members) / (1.0 - 1.0 / m))
            found.append(disagreements(fold.potential, [configurations[i] for i in fold.test]) * factor)
    if not found:
        return None
    frame, atom = np.quantile(np.concatenate(found), 0.75, axis=0)
    return float(frame), float(atom)


def _mean(scores: Sequence[Score], weights: Sequence[int]) -> Score:
    """Means; of root mean squares, the root of the mean square."""
    values = {}
    for name in Score.__dataclass_fields__:
        of_folds = np.array([getattr(one, name) for one in scores])
        power = 2 if name.endswith("rmse") else 1
        values[name] = float(np.average(of_folds**power, weights=weights) ** (1 / power))
    return Score(**values)
