"""How good a potential is on frames it has not seen, beside what uses no model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.data.configurations import Configuration
from polcouple.nn.potential.flag import rms_and_worst
from polcouple.nn.potential.potential import Potential


@dataclass(frozen=True)
class Score:
    """Errors on frames, NaN where these have no such labels.

    Attributes:
        force_mae, force_rmse: of force components, eV/A; labels as they are.
        force_mae_no_net: the mean absolute error with each frame's mean force taken off the labels.
        energy_mae, energy_rmse: of energies an atom, eV.
    """

    force_mae: float
    force_rmse: float
    force_mae_no_net: float
    energy_mae: float
    energy_rmse: float


def scores(
    potential: Potential, test: Sequence[Configuration], train: Sequence[Configuration]
) -> dict[str, Score]:
    """Errors on ``test`` by name of the row: the committee, its members, and null baselines."""
    if not test:
        return {}
    single = [potential.member(number) for number in range(len(potential.members))]
    rows = {}
    if len(single) > 1:
        rows["this potential"] = score(test, *predictions(potential, test))
        each = [score(test, *predictions(one, test)) for one in single]
        rows["a member alone, mean"] = Score(
            *(float(np.mean([getattr(one, name) for one in each])) for name in Score.__dataclass_fields__)
        )
    else:
        rows["this potential"] = score(test, *predictions(single[0], test))
    rows["forces zero, mean energy of the composition"] = score(test, *_null(test, train))
    return rows


def add_egg_box_rows(rows: dict[str, Score], without: Mapping[str, Score]) -> dict[str, Score]:
    """``rows`` of labels as they are, and before their last, no model, those ``without`` the egg box."""
    names = list(rows)
    found = {name: rows[name] for name in names[:-1]}
    found |= {f"{name}, labels without the egg box": without[name] for name in names[:-1]}
    return found | {name: rows[name] for name in names[-1:]}


def predictions(
    potential: Potential, frames: Sequence[Configuration]
) -> tuple[list[float], list[np.ndarray]]:
    """Energies and forces."""
    found = [
        potential.evaluate(potential.architecture.kinds(one.symbols), one.positions, one.cell, one.periodic)
        for one in frames
    ]
    return [one.energy for one in found], [one.forces for one in found]


def score(frames: Sequence[Configuration], energies: Sequence[float], forces: Sequence[np.ndarray]) -> Score:
    """Errors of energies (eV) and forces (eV/A)."""
    errors, without_net = [], []
    per_atom = []
    for frame, energy, force in zip(frames, energies, forces, strict=True):
        if frame.forces is not None:
            errors.append((force - frame.forces).ravel())
            without_net.append((force - frame.forces + frame.forces.mean(axis=0)).ravel())
        if frame.energy is not None:
            per_atom.append((energy - frame.energy) / len(frame.symbols))
    return Score(
        _mae(errors),
        math.sqrt(float(np.mean(np.concatenate(errors) ** 2))) if errors else math.nan,
        _mae(without_net),
        float(np.mean(np.abs(per_atom))) if per_atom else math.nan,
        math.sqrt(float(np.mean(np.square(per_atom)))) if per_atom else math.nan,
    )


def usual_disagreement(potential: Potential, frames: Sequence[Configuration]) -> tuple[float, float]:
    """What three of four ``frames`` do not exceed: root mean square over the atoms, worst atom; eV/A."""
    frame, atom = np.quantile(disagreements(potential, frames), 0.75, axis=0)
    return float(frame), float(atom)


def disagreements(potential: Potential, frames: Sequence[Configuration]) -> np.ndarray:
    """(f, 2) of each frame: root mean square over the atoms, worst atom; eV/A."""
    found = []
    for one in frames:
        kinds = potential.architecture.kinds(one.symbols)
        result = potential.evaluate(kinds, one.positions, one.cell, one.periodic, disagreement=True)
        assert result.disagreement is not None
        found.append(rms_and_worst(result.disagreement))
    return np.array(found)


def _mae(parts: list[np.ndarray]) -> float:
    return float(np.abs(np.concatenate(parts)).mean()) if parts else math.nan


def _null(
    test: Sequence[Configuration], train: Sequence[Configuration]
) -> tuple[list[float], list[np.ndarray]]:
    """Forces zero; the mean energy of the training frames of the same composition, or that an atom."""
    known: dict[tuple, list[float]] = {}
    for one in train:
        if one.energy is not None:
            known.setdefault(_composition(one), []).append(one.energy)
    an_atom = [one.energy / len(one.symbols) for one in train if one.energy is not None]
    mean = float(np.mean(an_atom)) if an_atom else math.nan
    energies = [
        float(np.mean(known[_composition(one)])) if _composition(one) in known else mean * len(one.symbols)
        for one in test
    ]
    return energies, [np.zeros_like(one.positions) for one in test]


def _composition(one: Configuration) -> tuple:
    return tuple(sorted(Counter(one.symbols).items()))


def score_table(rows: dict[str, Score]) -> str:
    """The scores as a table in Markdown, meV."""
    lines = [
        "| | forces MAE, meV/A | without net forces | RMSE | energy MAE, meV/atom | RMSE |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        values = (
            row.force_mae,
            row.force_mae_no_net,
            row.force_rmse,
            row.energy_mae,
            row.energy_rmse,
        )
        cells = [f"{1e3 * value:.2f}" if math.isfinite(value) else "" for value in values]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
