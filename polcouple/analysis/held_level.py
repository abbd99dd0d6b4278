"""Electrons of an electrode at held Fermi levels: mean, fluctuation and capacitance, with block errors.

Where the nuclei R are in equilibrium at a level mu, with the weight exp(-Omega(R, mu) / k_B T) and
N = -dOmega/dmu,

    d<N>/dmu = (<N^2> - <N>^2) / k_B T + <dN/dmu at fixed R>,

T that of the nuclei. The second term is there because N follows the nuclei and does not fluctuate beside them
(L. Scalfi et al., Phys. Chem. Chem. Phys. 22, 10480 (2020)). With the electrode's charge Q = N0 - N and its
potential U = -mu/e this is the differential capacitance dQ/dU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import CONVERGED
from polcouple.errors import InputError


@dataclass(frozen=True, eq=False)
class AtLevel:
    """What the frames of a run at one level say; capacitances in 1/Hartree.

    Attributes:
        name: of the label set.
        level: mu in Hartree.
        potential: U in V, or None where its reference is not known.
        frames: number of them.
        electrons: <N>.
        charge: <Q> in e.
        spread: standard deviation of N.
        fluctuation, adiabatic: the two terms of the capacitance, and ``capacitance`` their sum.
    """

    name: str
    level: float
    potential: float | None
    frames: int
    electrons: Estimate
    charge: Estimate
    spread: Estimate
    fluctuation: Estimate
    adiabatic: Estimate
    capacitance: Estimate


@dataclass(frozen=True, eq=False)
class Difference:
    """d<N>/dmu between two levels (Hartree) in 1/Hartree, with its error."""

    low: float
    high: float
    value: float
    error: float


def at_levels(dataset: MovingDataset, temperature: float) -> list[AtLevel]:
    """Averages over the frames that were sampled at each level, the highest potential last.

    Frames that were given, or labelled at another level than their run's, are in no equilibrium with it and
    do not count.

    Args:
        temperature: k_B T of the nuclei in Hartree.

    Raises:
        InputError: no frames of a run at a held level.
    """
    frames, labels, found = dataset.frames(), dataset.labels(), []
    for number, one in enumerate(dataset.sets()):
        own = (labels.set == number) & (labels.status == CONVERGED)
        rows = np.flatnonzero(own & (frames.trajectory[labels.frame] == number))
        if one.fermi_level is None or not len(rows):
            continue
        rows = rows[np.argsort(frames.time[labels.frame[rows]])]
        electrons, charges = labels.electrons[rows], labels.charges[rows].sum(axis=1)
        averages = _averages(electrons, labels.capacitance[rows], float(charges[0]), temperature)
        found.append(AtLevel(one.name, one.fermi_level, one.potential, len(rows), *averages))
    if not found:
        raise InputError(
            f"{dataset.path}: no frames of a run at a held Fermi level; `polcouple sample` makes them"
        )
    return sorted(found, key=lambda one: -one.level)


def _averages(
    electrons: np.ndarray, slopes: np.ndarray, first_charge: float, temperature: float
) -> tuple[Estimate, ...]:
    """Mean of N and Q, spread of N, and the capacitance in parts."""
    blocks, first = Blocks(), float(electrons[0])
    for number, slope in zip(
        electrons - first, slopes, strict=True
    ):  # small, so that squares keep their digits
        blocks.add(np.array([number, number**2, slope]))

    def variance(mean: np.ndarray) -> float:
        return float(mean[1] - mean[0] ** 2)

    return (
        estimate(blocks, lambda mean: first + mean[0]),
        estimate(blocks, lambda mean: first_charge - mean[0]),
        estimate(blocks, lambda mean: np.sqrt(max(variance(mean), 0.0))),
        estimate(blocks, lambda mean: variance(mean) / temperature),
        estimate(blocks, lambda mean: mean[2]),
        estimate(blocks, lambda mean: variance(mean) / temperature + mean[2]),
    )


def differences(found: Sequence[AtLevel]) -> list[Difference]:
    """Of the mean electrons between neighbouring levels."""
    return [
        Difference(
            low.level,
            high.level,
            float(low.electrons.value - high.electrons.value) / (low.level - high.level),
            float(np.hypot(low.electrons.error, high.electrons.error)) / abs(low.level - high.level),
        )
        for high, low in pairwise(found)
    ]
