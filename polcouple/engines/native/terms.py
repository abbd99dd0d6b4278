"""The terms of a force field as plain arrays, whatever it was read from.

The engine computes at *places*: the case's atoms, and its virtual sites after them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Listed:
    """Terms of one kind between listed places.

    Attributes:
        function: of :mod:`polcouple.engines.native.bonded`, which says what the parameters are.
        atoms: (m, 2 to 4) places.
        parameters: (m, p) in bohr, rad, e and Hartree.
    """

    function: Callable[..., Any]
    atoms: np.ndarray
    parameters: np.ndarray


@dataclass(frozen=True, eq=False)
class LennardJones:
    """A/r^12 - C/r^6 between any two places, by their kinds, cut off.

    Attributes:
        kinds: (n,) kind of each place; the number of kinds where it does not interact so.
        repulsion, attraction: (kinds, kinds) A in Hartree bohr^12 and C in Hartree bohr^6.
        cutoff, switch: in bohr; where the energy is zero, and where it begins to be switched off (the cut-off
            where it is truncated).
        excluded: (p, 2) pairs that do not interact so.
    """

    kinds: np.ndarray
    repulsion: np.ndarray
    attraction: np.ndarray
    cutoff: float
    switch: float
    excluded: np.ndarray


@dataclass(frozen=True, eq=False)
class Terms:
    """All of a case's interactions but walls, a slab's field and the Coulomb sum over all charges.

    Attributes:
        charges: (n,) in e; zero on the electrode.
        lennard_jones: of all pairs.
        pairs: what pairs that are excluded have instead; -q q' of the pair takes the sum's Coulomb energy
            away.
        inside: in molecules, as ``part: bonded`` has it.
        constant: an energy in Hartree that all configurations have.
    """

    charges: np.ndarray
    lennard_jones: LennardJones
    pairs: Listed
    inside: tuple[Listed, ...]
    constant: float = 0.0


def by_kind(
    of_places: list[Any], table: Callable[[list[Any]], tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kinds of places (n,) and the tables A and C of these kinds.

    Args:
        of_places: what decides the interaction of each place; hashable.
        table: A and C (k, k) of k of these.
    """
    number = dict.fromkeys(of_places)
    repulsion, attraction = table(list(number))
    active = (repulsion != 0.0).any(axis=1) | (attraction != 0.0).any(axis=1)
    count = int(active.sum())
    new = np.where(active, np.cumsum(active) - 1, count)
    known = dict(zip(number, new.tolist(), strict=True))
    chosen = np.ix_(active, active)
    return np.array([known[one] for one in of_places], int), repulsion[chosen], attraction[chosen]


def lorentz_berthelot(sigma: np.ndarray, epsilon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A and C (k, k) of k kinds with ``sigma`` (k,) in bohr and ``epsilon`` (k,) in Hartree."""
    cubed = (0.5 * (sigma[:, None] + sigma)) ** 3
    attraction = 4.0 * np.sqrt(epsilon[:, None] * epsilon) * cubed**2
    return attraction * cubed**2, attraction


def interacting(lennard_jones: LennardJones, pairs: np.ndarray) -> np.ndarray:
    """(p,) whether pairs (p, 2) interact where they are not excluded."""
    n = len(lennard_jones.repulsion)
    first, second = lennard_jones.kinds[pairs].T
    among = (first < n) & (second < n)
    found = np.zeros(len(pairs), bool)
    first, second = first[among], second[among]
    found[among] = (lennard_jones.repulsion[first, second] != 0.0) | (
        lennard_jones.attraction[first, second] != 0.0
    )
    return found


def beyond_cutoff(lennard_jones: LennardJones, volume: float) -> float:
    """Lennard-Jones energy in Hartree that the switch and the cut-off leave out, if all pairs are everywhere.

    As OpenMM's long-range dispersion correction has it: in the mean of all pairs, a place with itself too.

    Args:
        volume: of the cell in bohr^3.
    """
    n, cutoff, switch = len(lennard_jones.kinds), lennard_jones.cutoff, lennard_jones.switch
    nodes, weights = np.polynomial.legendre.leggauss(32)
    t = 0.5 * (nodes + 1.0)
    r = switch + (cutoff - switch) * t
    missing = t**3 * (10.0 - t * (15.0 - 6.0 * t)) * r**2 * 0.5 * (cutoff - switch) * weights
    of_repulsion = cutoff**-9 / 9.0 + float((missing / r**12).sum())
    of_attraction = cutoff**-3 / 3.0 + float((missing / r**6).sum())
    count = len(lennard_jones.repulsion)
    numbers = np.bincount(lennard_jones.kinds, minlength=count)[:count].astype(float)
    pairs = 0.5 * (np.outer(numbers, numbers) + np.diag(numbers))
    energy = lennard_jones.repulsion * of_repulsion - lennard_jones.attraction * of_attraction
    return float(2.0 * np.pi * n**2 / volume * (pairs * energy).sum() / (0.5 * n * (n + 1)))
