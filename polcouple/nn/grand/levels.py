"""The electrode's own levels: one electron and one orbital an atom, hopping between neighbours (Hueckel).

    h_ij = -t exp(-b (r_ij - 1.42 A)) S(r_ij),

S a smooth step that ends before the second neighbours. Graphene's pi electrons are such levels. With their
occupations f at k_B T and the level x, n(x) = 2 sum f - sites electrons are more than the atoms bring, and

    A(n) = -2 k_B T sum ln(1 + exp((x - e)/k_B T)) + x (sites + n)

is their free energy. It is used as a whole, since the orbitals of a metal reach further than any cut-off of a
network, in the neutral electrode too. Angstrom and eV.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from polcouple.errors import ConvergenceError
from polcouple.lattice.pairs import Pairs
from polcouple.nn.potential.bonds import switched_off

#: of graphene, and where the hopping begins and ends to be switched off (A)
BOND, _BEGIN, REACH = 1.42, 1.75, 2.15
#: the level is found to this (eV)
_ENOUGH = 1e-13


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels of one geometry.

    Attributes:
        bonds: (b,) which of the frame's pairs are bonds of the electrode.
        ends: (b, 2) their sites.
        slopes: (b,) dh/dr.
        energies: (s,) levels in eV.
        orbitals: (s, s) a level per column.
        kt: of the electrons, eV.
    """

    bonds: np.ndarray
    ends: np.ndarray
    slopes: np.ndarray
    energies: np.ndarray
    orbitals: np.ndarray
    kt: float

    def occupations(self, x: float) -> np.ndarray:
        """(s,) from 0 to 1."""
        return 0.5 - 0.5 * np.tanh(0.5 * (self.energies - x) / self.kt)

    def electrons(self, x: float) -> tuple[float, float]:
        """n, and dn/dx in 1/eV."""
        f = self.occupations(x)
        return float(2.0 * f.sum()) - len(f), float(2.0 * (f * (1.0 - f)).sum()) / self.kt

    def level(self, offset: float, stiffness: float) -> float:
        """x where x + offset + stiffness n(x) = 0.

        Raises:
            ConvergenceError: there is no single one, since the stiffness is negative.
        """
        x = self._root(lambda x, n, rise: (x + offset + stiffness * n, 1.0 + stiffness * rise), -offset, 1e3)
        if 1.0 + stiffness * self.electrons(x)[1] <= 0.0:
            raise ConvergenceError("the electrode's electrons have no stable number at this potential")
        return x

    @cached_property
    def neutral_level(self) -> float:
        """x at n = 0."""
        return self.level_of(0.0)

    def level_of(self, n: float) -> float:
        """x with ``n`` electrons too many."""
        middle = 0.5 * float(self.energies[0] + self.energies[-1])
        return self._root(lambda x, found, rise: (found - n, rise), middle, 40.0 * self.kt)

    def _root(
        self, value: Callable[[float, float, float], tuple[float, float]], x: float, wide: float
    ) -> float:
        """Where a function of x, n and dn/dx, given with its slope, vanishes: Newton's steps in a bracket."""
        low, high = float(self.energies[0]) - wide, float(self.energies[-1]) + wide
        x = min(max(x, low), high)
        for _ in range(200):
            found, slope = value(x, *self.electrons(x))
            low, high = (x, high) if found < 0.0 else (low, x)
            new = x - found / slope if slope > 0.0 else low
            if not low < new < high:
                new = 0.5 * (low + high)
            if abs(new - x) <= _ENOUGH * max(1.0, abs(x)):
                break
            x = new
        return new

    def free_energy(self, x: float) -> float:
        """A at the level x."""
        n = self.electrons(x)[0]
        grand = -2.0 * self.kt * np.logaddexp(0.0, (x - self.energies) / self.kt).sum()
        return float(grand) + x * (len(self.energies) + n)

    def by_lengths(self, x: float) -> np.ndarray:
        """(b,) derivatives of A by the bonds' lengths at constant n."""
        return self._by_lengths(self.occupations(x))

    def by_level(self, x: float) -> np.ndarray:
        """(b,) derivative by x of those derivatives: dn/dx times the change with n."""
        f = self.occupations(x)
        return self._by_lengths(f * (1.0 - f) / self.kt)

    def _by_lengths(self, weights: np.ndarray) -> np.ndarray:
        density = (self.orbitals * (2.0 * weights)) @ self.orbitals.T
        return np.asarray(density[self.ends[:, 0], self.ends[:, 1]] * self.slopes)


def levels_of(pairs: Pairs, sites: np.ndarray, hopping: float, decay: float, kt: float) -> Levels:
    """The levels of the atoms ``sites`` (s,), ascending, with ``pairs`` within ``REACH`` at least."""
    n = len(pairs.first) - 1
    number = np.full(n, -1)
    number[sites] = np.arange(len(sites))
    owner = np.repeat(np.arange(n), np.diff(pairs.first))
    lengths = np.linalg.norm(pairs.vectors, axis=1)
    bonds = np.flatnonzero((number[owner] >= 0) & (number[pairs.second] >= 0) & (lengths < REACH))
    ends = np.column_stack([number[owner[bonds]], number[pairs.second[bonds]]])
    values, slopes = hoppings(lengths[bonds], hopping, decay)
    matrix = np.zeros((len(sites), len(sites)))
    np.add.at(matrix, (ends[:, 0], ends[:, 1]), values)
    energies, orbitals = np.linalg.eigh(matrix)
    return Levels(bonds, ends, slopes, energies, orbitals, kt)


def hoppings(lengths: np.ndarray, hopping: float, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """(b,) h of bonds with these lengths in A and its slopes; zero from ``REACH`` on."""
    step, change = switched_off(lengths, _BEGIN, REACH - _BEGIN)
    bare = -hopping * np.exp(-decay * (lengths - BOND))
    return bare * step, bare * (change - decay * step)
