"""Fermi filling of one-electron levels at a finite electronic temperature.

A shell is closed where so many levels, counted from the lowest, hold all electrons. Relative to the closed
shell nearest to N electrons, which leaves u = N - N_closed unpaired, the Fermi level mu is the root of

    ln [sum_e g f(mu) + max(-u, 0)] = ln [sum_h g (1 - f(mu)) + max(u, 0)],   f = 1/(1 + exp((e - mu)/k_B T)),

with e the levels above it, h those below and g the electrons that a level holds. In a gap both sums are far
smaller than the rounding of N, or than any number a computer has, and their logarithms still fix mu: with
u = 0, mu = 1/2 k_B T ln [sum_h g exp(e_h/k_B T) / sum_e g exp(-e_e/k_B T)].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import entr, expit, log_expit

#: whole numbers of the smallest degeneracy are recognised within this (electrons) ...
_RESOLUTION = 1e-10
#: ... and a closed shell within rounding errors of the electrons added to it, relative
_ROUNDING = 4e-16
#: Newton steps, or bisections, for the Fermi level; a dozen are common
_MAX_STEPS = 300


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
    energies: np.ndarray,
    degeneracies: np.ndarray,
    electrons: float,
    temperature: float,
    added: float = 0.0,
) -> Filling:
    """Fill levels with ``electrons`` and ``added`` ones at ``temperature`` (Hartree).

    Args:
        energies: (n_levels,) in Hartree.
        degeneracies: (n_levels,) electrons a level can hold (2, times the weight of its k-point).
        electrons: with ``added`` more than 0 and less than the sum of the degeneracies; a shell that they
            fill within 1e-10 counts as closed.
        temperature: k_B T in Hartree, positive.
        added: electrons, negative for those taken away. They are counted apart, since beside a closed shell
            1e-16 of them move the Fermi level and would be lost in the sum.
    """
    below, unpaired = _nearest_closed_shell(energies, degeneracies, electrons, added)
    # measured from a level beside the Fermi level, so that little is lost where k_B T is small
    origin = float(energies[below].max() if unpaired < 0.0 or below.all() else energies[~below].min())
    distances = (energies - origin) / temperature
    x = _root(distances, degeneracies, below, unpaired)
    occupations = expit(x - distances)
    entropy = entr(occupations) + entr(expit(distances - x))
    return Filling(origin + temperature * x, occupations, temperature * float(degeneracies @ entropy))


def held_filling(
    energies: np.ndarray, degeneracies: np.ndarray, fermi_level: float, temperature: float
) -> Filling:
    """Fill levels up to a Fermi level in Hartree, whatever number of electrons that takes; else as above."""
    x = (energies - fermi_level) / temperature
    occupations = expit(-x)
    entropy = entr(occupations) + entr(expit(x))
    return Filling(fermi_level, occupations, temperature * float(degeneracies @ entropy))


def added_electrons(
    energies: np.ndarray, degeneracies: np.ndarray, electrons: float, fermi_level: float, temperature: float
) -> float:
    """How many electrons more than ``electrons`` the levels hold at ``fermi_level``; arguments as above."""
    below, unpaired = _nearest_closed_shell(energies, degeneracies, electrons)
    sign = np.where(below, -1.0, 1.0)
    return float((sign * degeneracies) @ expit(sign * (fermi_level - energies) / temperature)) - unpaired


def level_density(fermi_level: float, energies: np.ndarray, temperature: float) -> np.ndarray:
    """-df/d(energy) of each level (n_levels,), 1/Hartree; sums with degeneracies to dN/d(Fermi level)."""
    x = (energies - fermi_level) / temperature
    return expit(x) * expit(-x) / temperature


def level_weights(fermi_level: float, energies: np.ndarray, temperature: float) -> np.ndarray:
    """-df/d(energy) of each level relative to the largest, which does not underflow in a wide gap."""
    x = (energies - fermi_level) / temperature
    logarithm = log_expit(x) + log_expit(-x)
    return np.exp(logarithm - logarithm.max())


def _nearest_closed_shell(
    energies: np.ndarray, degeneracies: np.ndarray, electrons: float, added: float = 0.0
) -> tuple[np.ndarray, float]:
    """Levels (n_levels,) filled in the closed shell nearest to all electrons, and the electrons that remain.

    Negative: electrons that the shell lacks.
    """
    order = np.argsort(energies, kind="stable")
    room = np.concatenate([[0.0], np.cumsum(degeneracies[order])])
    filled = int(np.argmin(np.abs(electrons + added - room)))
    below = np.zeros(len(energies), dtype=bool)
    below[order[:filled]] = True
    unpaired, unit = electrons - float(room[filled]), float(degeneracies.min())
    whole = round(unpaired / unit) * unit
    if 0 < filled < len(energies) and abs(unpaired - whole) < _RESOLUTION:
        unpaired = whole if abs(whole + added) > _ROUNDING * abs(added) else -added
    return below, unpaired + added


def _root(distances: np.ndarray, degeneracies: np.ndarray, below: np.ndarray, unpaired: float) -> float:
    """Fermi level over k_B T, on the scale of ``distances`` (n_levels,): Newton's method, else bisection."""
    logarithms, above = np.log(degeneracies), ~below
    electrons = float(degeneracies[below].sum()) + unpaired
    holes = float(degeneracies[above].sum()) - unpaired
    # beyond these all levels together hold less, or lack less, than they should
    low = float(distances.min()) - np.log(1.0 + holes / electrons) - 1.0
    high = float(distances.max()) + np.log(1.0 + electrons / holes) + 1.0
    x = _first_guess(distances, degeneracies, below, unpaired)
    for _ in range(_MAX_STEPS):
        more, rise = _logarithm(x - distances[above], logarithms[above], -unpaired)
        less, fall = _logarithm(distances[below] - x, logarithms[below], unpaired)
        low, high = (low, x) if more > less else (x, high)
        last, slope = x, rise + fall
        x = x - (more - less) / slope if slope > 0.0 else np.inf
        if not low <= x <= high:
            x = 0.5 * (low + high)
        if abs(x - last) <= 1e-13 + 1e-15 * abs(x):
            break
    return float(x)


def _first_guess(
    distances: np.ndarray, degeneracies: np.ndarray, below: np.ndarray, unpaired: float
) -> float:
    """The middle of the gap, or where the level next to it holds the unpaired electrons or holes alone."""
    if unpaired == 0.0:
        return 0.5 * float(distances[below].max() + distances[~below].min())
    nearest, number = float(degeneracies[distances == 0.0].sum()), abs(unpaired)
    return float(np.sign(unpaired) * np.log(number / (nearest - number)))


def _logarithm(x: np.ndarray, logarithms: np.ndarray, extra: float) -> tuple[float, float]:
    """ln(sum g / (1 + exp(-x)) + extra), with ln g given, and its slope with x; no negative ``extra``."""
    terms = logarithms + log_expit(x)
    if extra > 0.0:
        terms = np.append(terms, np.log(extra))
    largest = float(terms.max())
    weights = np.exp(terms - largest)
    total = float(weights.sum())
    return largest + float(np.log(total)), float(weights[: len(x)] @ expit(-x)) / total
