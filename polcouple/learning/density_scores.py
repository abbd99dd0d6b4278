"""How good a density model is on frames it has not seen, beside what knows less."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from polcouple.electrostatics.clouds import ExponentialCloud
from polcouple.learning.density_labels import DensityLabel
from polcouple.nn.density.files import DensityModel
from polcouple.nn.density.model import cloud_density, density_at


@dataclass(frozen=True)
class DensityScore:
    """Mean errors on frames.

    Attributes:
        whole: integral of the absolute error over the number of valence electrons; NaN of what has no bonds.
        change: the same of the change from the neutral electrode, over the integral of its absolute value.
    """

    whole: float
    change: float


@dataclass(frozen=True)
class Described:
    """Densities (p,) at a label's points: the neutral electrode's, or None, and what is added to it."""

    neutral: np.ndarray | None
    change: np.ndarray


def charges_of(model: DensityModel, label: DensityLabel) -> np.ndarray:
    """(n,) that the model takes in the place of the label's charges: these, or their sum spread."""
    if model.learned_charges:
        return model.spread(label.atoms.symbols, -float(label.charges.sum()))
    return label.charges


def described(model: DensityModel, label: DensityLabel, charges: np.ndarray) -> Described:
    """By the model, with ``charges`` (n,) in e."""
    return Described(
        *(
            density_at(part.design.basis, label.atoms, part.coefficients(label.atoms, charges), label.points)
            for part in (model.neutral, model.charged)
        )
    )


def density_scores(
    model: DensityModel,
    labels: Mapping[str, Sequence[DensityLabel]],
    electrons: float,
    hubbard: np.ndarray,
) -> dict[str, dict[str, DensityScore]]:
    """By what was held, by name of the row.

    Args:
        labels: to test on, by what was held.
        electrons: valence electrons of the neutral electrode.
        hubbard: (n,) of the atoms in Hartree, for the clouds of SCC-DFTB's charges.
    """

    def mean_charge(label: DensityLabel) -> Described:
        return described(model, label, np.full(len(label.charges), label.charges.mean()))

    def clouds(label: DensityLabel) -> Described:
        return Described(None, _clouds(label, hubbard))

    def neutral_atoms(label: DensityLabel) -> Described:
        return Described(np.zeros(len(label.points)), np.zeros(len(label.points)))

    rows: dict[str, Callable[[DensityLabel], Described]] = {
        "this model": lambda label: described(model, label, charges_of(model, label))
    }
    if not model.learned_charges:
        rows["this model, mean charge on every atom"] = mean_charge
    elif model.charged.design.levels is not None:
        evenly = _without_levels(model)
        rows["this model, electrons spread evenly"] = lambda label: described(
            evenly, label, charges_of(evenly, label)
        )
    rows |= {"clouds of DFTB's charges": clouds, "neutral atoms": neutral_atoms}
    return {
        held: {name: _score(own, find, electrons) for name, find in rows.items()}
        for held, own in labels.items()
    }


def milliseconds(model: DensityModel, labels: Sequence[DensityLabel]) -> float:
    """Median processor time of all coefficients of a frame."""
    times = []
    for label in labels:
        charges, began = charges_of(model, label), time.process_time()
        for part in (model.neutral, model.charged):
            part.coefficients(label.atoms, charges)
        times.append(time.process_time() - began)
    return 1e3 * float(np.median(times))


def density_table(scores: Mapping[str, Mapping[str, DensityScore]], left_out: Sequence[str]) -> str:
    """In Markdown."""
    lines = [
        "| held | density by | error per electron (%) | error of the change (%) |",
        "|---|---|---:|---:|",
    ]
    for held, rows in scores.items():
        name = f"{held}, never trained" if held in left_out else held
        for row, score in rows.items():
            whole = "" if np.isnan(score.whole) else f"{100 * score.whole:.3g}"
            change = "" if np.isnan(score.change) else f"{100 * score.change:.3g}"
            lines.append(f"| {name} | {row} | {whole} | {change} |")
    return "\n".join(lines)


def _without_levels(model: DensityModel) -> DensityModel:
    """The same model, which leaves electrons on the electrode where they are put."""
    parts = [replace(one, design=replace(one.design, levels=None)) for one in (model.neutral, model.charged)]
    return replace(model, neutral=parts[0], charged=parts[1])


def _score(
    labels: Sequence[DensityLabel], find: Callable[[DensityLabel], Described], electrons: float
) -> DensityScore:
    errors, changes, sizes = [], [], []
    for label in labels:
        found, change = find(label), label.density - label.neutral
        whole = np.full(len(change), np.nan) if found.neutral is None else found.neutral + found.change
        errors.append(float(label.weights @ np.abs(whole - label.density)))
        changes.append(float(label.weights @ np.abs(found.change - change)))
        sizes.append(float(label.weights @ np.abs(change)))
    size = float(np.sum(sizes))
    changed = float(np.sum(changes)) / size if size > 1e-6 * len(sizes) else np.nan
    return DensityScore(float(np.mean(errors)) / electrons, changed)


def _clouds(label: DensityLabel, hubbard: np.ndarray) -> np.ndarray:
    """(p,) the charges that came, each in the cloud of SCC-DFTB."""
    clouds, charges = [ExponentialCloud(3.2 * one) for one in hubbard], label.charges - label.bare
    return cloud_density(label.atoms, clouds, -charges, label.points)
