"""NeuralIL's repulsion of close atoms: half a Morse potential with three numbers an element.

Elements repel their like by d exp(-2a(r - b)); unlike pairs share the distance so that both halves push
equally hard (F. T. Smith, Phys. Rev. A 5, 1708 (1972)). Both halves together are one exponential,

    phi_ij(r) = K_ij exp(-alpha_ij r) S(r),   alpha_ij = 4 a_i a_j / (a_i + a_j),
    ln K_ij = 4 (a_j h_i + a_i h_j) / (a_i + a_j) + ln((a_i + a_j) / (2 a_i a_j)),
    h = ln(a d) / 4 + a b / 2,

with S a smooth step from 1 at r_s to 0 at the cut-off R; r_s lies between R/2 and R. The numbers are
a, b, d = 0.01 + v^2 with v, and w with r_s = R/2 (1 + 1/(1 + exp(-w))), found in training. Angstrom and eV.
"""

from __future__ import annotations

import math

import numpy as np

from polcouple.compile import compiled
from polcouple.lattice.pairs import Pairs

#: least a (1/A), b (A) and d (eV)
LEAST = 0.01


class Repulsion:
    """The pair potential.

    Args:
        vectors: (e, 3) v of every element, for a, b and d.
        switch: w.
        cutoff: R in A.
    """

    def __init__(self, vectors: np.ndarray, switch: float, cutoff: float) -> None:
        self._vectors = np.asarray(vectors, dtype=float)
        self._a, self._b, self._d = LEAST + self._vectors.T**2
        self._h = 0.25 * np.log(self._a * self._d) + 0.5 * self._a * self._b
        a, other = self._a[:, None], self._a[None, :]
        self._total = a + other
        self._logs = 4.0 * (other * self._h[:, None] + a * self._h[None, :]) / self._total
        self._logs += np.log(self._total / (2.0 * a * other))
        self._exponents = 4.0 * a * other / self._total
        self._share = 1.0 / (1.0 + math.exp(-float(switch)))
        self._switch = 0.5 * cutoff * (1.0 + self._share)
        self._cutoff = cutoff

    def energies(self, kinds: np.ndarray, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        """Half of each pair's energy, on either atom.

        Returns:
            (n,) energies in eV and (p, 3) their derivatives by the pairs' vectors.
        """
        energies, by_vectors = np.empty(len(kinds)), np.empty_like(pairs.vectors)
        _energies(*self._of(kinds, pairs), energies, by_vectors)
        return energies, by_vectors

    def by_parameters(
        self, kinds: np.ndarray, pairs: Pairs, weights: np.ndarray, moves: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Derivatives by ``vectors`` and ``switch`` of a sum of energies and of their changes.

        Args:
            weights: (n,) of the atoms' energies in the sum.
            moves: (p, 3) of the pairs' vectors, with which the energies change.
        """
        by_logs, by_exponents = np.zeros_like(self._exponents), np.zeros_like(self._exponents)
        by_switch = _by_parameters(*self._of(kinds, pairs), weights, moves, by_logs, by_exponents)
        by_logs, by_exponents = by_logs + by_logs.T, by_exponents + by_exponents.T
        a, total, other = self._a[:, None], self._total, self._a[None, :]
        rise = 4.0 * other * (self._h[None, :] - self._h[:, None]) / total**2 + 1.0 / total - 1.0 / a
        by_h = (by_logs * 4.0 * other / total).sum(axis=1)
        by_a = (by_logs * rise + by_exponents * 4.0 * (other / total) ** 2).sum(axis=1)
        by_a += by_h * (0.25 / self._a + 0.5 * self._b)
        by_numbers = np.column_stack([by_a, by_h * 0.5 * self._a, by_h * 0.25 / self._d])
        slope = 0.5 * self._cutoff * self._share * (1.0 - self._share)
        return by_numbers * 2.0 * self._vectors, by_switch * slope

    def _of(self, kinds: np.ndarray, pairs: Pairs) -> tuple:
        where = pairs.first, pairs.second, pairs.vectors, kinds
        return *where, self._logs, self._exponents, self._switch, self._cutoff


@compiled
def _step(distance, switch, cutoff):
    """S, S', dS/dr_s and dS'/dr_s."""
    width = cutoff * cutoff - switch * switch
    t = (distance * distance - switch * switch) / width
    # nearer to an end the step has vanished with all its derivatives
    if t <= 2e-3:
        return 1.0, 0.0, 0.0, 0.0
    if t >= 1.0 - 2e-3:
        return 0.0, 0.0, 0.0, 0.0
    exponent = 1.0 / (1.0 - t) - 1.0 / t
    slope = 1.0 / (1.0 - t) ** 2 + 1.0 / t**2
    bend = 2.0 / (1.0 - t) ** 3 - 2.0 / t**3
    g = 1.0 / (1.0 + math.exp(-exponent))
    first = g * (1.0 - g) * slope
    second = g * (1.0 - g) * ((1.0 - 2.0 * g) * slope * slope + bend)
    by_distance = 2.0 * distance / width
    by_switch = 2.0 * switch * (distance * distance - cutoff * cutoff) / (width * width)
    mixed = 4.0 * distance * switch / (width * width)
    return (
        1.0 - g,
        -first * by_distance,
        -first * by_switch,
        -second * by_switch * by_distance - first * mixed,
    )


@compiled
def _energies(first, second, vectors, kinds, logs, exponents, switch, cutoff, energies, by_vectors):
    for i in range(len(first) - 1):
        total = 0.0
        for pair in range(first[i], first[i + 1]):
            v = vectors[pair]
            r = math.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
            alpha = exponents[kinds[i], kinds[second[pair]]]
            bare = 0.5 * math.exp(logs[kinds[i], kinds[second[pair]]] - alpha * r)
            step, slope, _, _ = _step(r, switch, cutoff)
            total += bare * step
            along = bare * (slope - alpha * step) / r
            for x in range(3):
                by_vectors[pair, x] = along * v[x]
        energies[i] = total


@compiled
def _by_parameters(
    first, second, vectors, kinds, logs, exponents, switch, cutoff, weights, moves, by_logs, by_exponents
):
    by_switch = 0.0
    for i in range(len(first) - 1):
        for pair in range(first[i], first[i + 1]):
            v, move = vectors[pair], moves[pair]
            r = math.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
            longer = (v[0] * move[0] + v[1] * move[1] + v[2] * move[2]) / r
            one, other = kinds[i], kinds[second[pair]]
            alpha = exponents[one, other]
            bare = 0.5 * math.exp(logs[one, other] - alpha * r)
            step, slope, step_by, slope_by = _step(r, switch, cutoff)
            value = bare * step
            change = bare * (slope - alpha * step)
            by_logs[one, other] += weights[i] * value + longer * change
            by_exponents[one, other] -= weights[i] * r * value + longer * (r * change + value)
            by_switch += bare * (weights[i] * step_by + longer * (slope_by - alpha * step_by))
    return by_switch
