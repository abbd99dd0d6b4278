"""How good a grand potential is on frames it has not seen, beside what uses no model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.data.grand_frames import SAME_LEVEL, GrandFrames
from polcouple.nn.grand.model import GrandModel
from polcouple.number_words import fixed

#: frames, and the step along a random direction (A) and of the level (eV), of Maxwell's relation
_FRAMES, _STEP = 5, 2e-4


@dataclass(frozen=True)
class GrandScore:
    """Errors on frames.

    Attributes:
        force_mae, force_rmse: of force components, eV/A.
        electrons_mae: e.
        electrons_bias: mean error, e.
        energy_mae: of Omega without each level's mean error, eV/atom.
    """

    force_mae: float
    force_rmse: float
    electrons_mae: float
    electrons_bias: float
    energy_mae: float


@dataclass(frozen=True, eq=False)
class Predicted:
    """Of rows of the frames: energies (l,), electrons (l,) and forces (l, n, 3)."""

    energies: np.ndarray
    electrons: np.ndarray
    forces: np.ndarray


def grand_scores(
    potential: GrandModel, frames: GrandFrames, train: np.ndarray, test: np.ndarray
) -> tuple[dict[str, dict[str, GrandScore]], float]:
    """Errors on rows ``test`` by name of the row and of the potential, and Maxwell's relation."""
    rows = {"this grand potential": predicted(potential, frames, test)} | _without(frames, train, test)
    found = {name: _by_level(frames, test, one) for name, one in rows.items()}
    return found, maxwell(potential, frames, test[:: max(1, len(test) // _FRAMES)][:_FRAMES])


def predicted(potential: GrandModel, frames: GrandFrames, rows: np.ndarray) -> Predicted:
    """What the potential gives."""
    kinds = potential.kinds(frames.symbols)
    found = [
        potential.evaluate(kinds, frames.positions[row], frames.cell, float(frames.levels[row]))
        for row in rows
    ]
    return Predicted(
        np.array([one.grand_potential for one in found]),
        np.array([one.electrons for one in found]),
        np.array([one.forces for one in found]),
    )


def maxwell(potential: GrandModel, frames: GrandFrames, rows: np.ndarray) -> float:
    """Largest |dF/dmu - dn/dR| along a random direction of each row, by differences in double, 1/A."""
    double, kinds = potential.in_double(), potential.kinds(frames.symbols)
    random = np.random.default_rng(0)
    worst = 0.0
    for row in rows:
        positions, level = frames.positions[row], float(frames.levels[row])
        direction = random.normal(size=positions.shape)
        direction /= np.linalg.norm(direction)
        slopes = []
        for moved, shifted in ((0.0, 1.0), (1.0, 0.0)):
            near, far = (
                _difference(double, kinds, positions, frames.cell, level, direction, moved * s, shifted * s)
                for s in (_STEP, 2 * _STEP)
            )
            slopes.append((4.0 * near - far) / 3.0)
        worst = max(worst, abs(slopes[0] - slopes[1]))
    return worst


def _difference(
    potential: GrandModel,
    kinds: np.ndarray,
    positions: np.ndarray,
    cell: np.ndarray,
    level: float,
    direction: np.ndarray,
    moved: float,
    shifted: float,
) -> float:
    """Of the force along ``direction`` with the level, or of the electrons with a move along it."""
    ends = [
        potential.evaluate(kinds, positions + s * moved * direction, cell, level + s * shifted)
        for s in (1.0, -1.0)
    ]
    if shifted:
        return float(((ends[0].forces - ends[1].forces) * direction).sum()) / (2.0 * shifted)
    return (ends[0].electrons - ends[1].electrons) / (2.0 * moved)


def _without(frames: GrandFrames, train: np.ndarray, test: np.ndarray) -> dict[str, Predicted]:
    """No forces, and as electrons the mean at each level, or a straight line in it."""
    levels = np.unique(np.round(frames.levels[train], 9))
    means = np.array(
        [frames.electrons[train][np.abs(frames.levels[train] - one) < SAME_LEVEL].mean() for one in levels]
    )
    nearest = means[np.abs(frames.levels[test][:, None] - levels).argmin(axis=1)]
    zero, energy = np.zeros_like(frames.forces[test]), np.full(len(test), frames.energies[train].mean())
    found = {"no forces, electrons the mean at the nearest potential": Predicted(energy, nearest, zero)}
    if len(levels) > 1:
        line = np.polyval(np.polyfit(frames.levels[train], frames.electrons[train], 1), frames.levels[test])
        found["no forces, electrons linear in the potential"] = Predicted(energy, line, zero)
    return found


def _by_level(frames: GrandFrames, test: np.ndarray, found: Predicted) -> dict[str, GrandScore]:
    levels = frames.levels[test]
    energies = (found.energies - frames.energies[test]) / frames.positions.shape[1]
    parts, names = [np.ones(len(test), bool)], ["all"]
    for level in np.unique(np.round(levels, 9))[::-1]:
        mine = np.abs(levels - level) < SAME_LEVEL
        energies[mine] -= energies[mine].mean()
        parts.append(mine)
        names.append(
            f"{level:.3f} eV"
            if frames.reference is None
            else f"{fixed(frames.reference - level, 2, sign=True)} V"
        )
    return {
        name: _score(frames, test[part], Predicted(energies[part], found.electrons[part], found.forces[part]))
        for name, part in zip(names, parts, strict=True)
    }


def _score(frames: GrandFrames, rows: np.ndarray, found: Predicted) -> GrandScore:
    """Errors; ``found.energies`` are errors already."""
    errors, more = found.forces - frames.forces[rows], found.electrons - frames.electrons[rows]
    return GrandScore(
        float(np.abs(errors).mean()),
        math.sqrt(float((errors**2).mean())),
        float(np.abs(more).mean()),
        float(more.mean()),
        float(np.abs(found.energies).mean()),
    )


def grand_table(scores: Mapping[str, Mapping[str, GrandScore]], at: Sequence[str] | None = None) -> str:
    """The scores as a table in Markdown; ``at``: which potentials."""
    lines = [
        "| | at | forces MAE, meV/A | RMSE | electrons MAE, e | mean error, e | Omega MAE, meV/atom |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in scores.items():
        for potential, score in row.items():
            if at is not None and potential not in at:
                continue
            lines.append(
                f"| {name} | {potential} | {1e3 * score.force_mae:.1f} | {1e3 * score.force_rmse:.1f}"
                f" | {score.electrons_mae:.4f} | {fixed(score.electrons_bias, 4, sign=True)}"
                f" | {1e3 * score.energy_mae:.2f} |"
            )
    return "\n".join(lines) + "\n"
