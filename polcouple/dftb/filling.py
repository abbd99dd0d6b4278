"""Fermi filling of one-electron levels at a finite electronic temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import entr, expit

#: resolution of the number of electrons
_RESOLUTION = 1e-10


@dataclass(frozen=True, eq=False)
class Filling:
    """Occupations of a set of levels.

    Attributes:
        fermi_level: in Hartree.
        occupations: (n_levels,) between 0 and 1, per spin.
        entropy_energy: T S in Hartree.
    """

    fermi_level: float
    occupations: np.ndarray
    entropy_energy: float


def fermi_filling(
    energies: np.ndarray, degeneracies: np.ndarray, electrons: float, temperature: float
) -> Filling:
    """Fill levels with ``electrons`` at ``temperature`` (Hartree).

    Electrons above and holes below the last level that is filled at zero temperature are counted, not all
    electrons: in the gap of a closed shell they are exponentially few, and yet they fix the Fermi level.

    Args:
        energies: (n_levels,) in Hartree.
        degeneracies: (n_levels,) electrons a level can hold (2, times the weight of its k-point).
        electrons: total number, between 0 and the sum of the degeneracies; resolved to 1e-10.
        temperature: k_B T in Hartree, positive.
    """
    order = np.argsort(energies, kind="stable")
    room = np.cumsum(degeneracies[order])
    below = np.zeros(len(energies), dtype=bool)
    below[order[room <= electrons + _RESOLUTION]] = True
    unpaired = np.round((electrons - degeneracies[below].sum()) / _RESOLUTION) * _RESOLUTION
    sign = np.where(below, -1.0, 1.0)

    def excess(level: float) -> float:
        return float((sign * degeneracies) @ expit(sign * (level - energies) / temperature)) - unpaired

    span = 60.0 * temperature
    low, high = float(energies.min()) - span, float(energies.max()) + span
    level = brentq(excess, low, high, xtol=1e-14, rtol=1e-15)
    occupations = expit((level - energies) / temperature)
    entropy = entr(occupations) + entr(expit((energies - level) / temperature))
    return Filling(level, occupations, temperature * float(degeneracies @ entropy))


def level_density(filling: Filling, energies: np.ndarray, temperature: float) -> np.ndarray:
    """-df/d(energy) of each level (n_levels,), 1/Hartree; sums with degeneracies to dN/d(Fermi level)."""
    x = (energies - filling.fermi_level) / temperature
    return expit(x) * expit(-x) / temperature


def level_weights(filling: Filling, energies: np.ndarray, temperature: float) -> np.ndarray:
    """-df/d(energy) of each level relative to the largest, which does not underflow in a wide gap."""
    x = np.abs((energies - filling.fermi_level) / temperature)
    logarithm = -x - 2.0 * np.log1p(np.exp(-x))
    return np.exp(logarithm - logarithm.max())
