"""The electrons of an electrode near given charges: their number at a level, its energy and forces.

With n electrons too many on s atoms of the electrode, spread evenly, and charges q fixed on the other atoms,

    A(R, n) = A_levels(n) + e_0 n + U n^2 / 2s + E(q - n/s on the electrode),

A_levels the free energy of :mod:`polcouple.nn.grand.levels`, E that of :mod:`polcouple.nn.grand.long_range`
with the charges that n induces in the liquid (:mod:`polcouple.nn.grand.induced`).
A network may add a shift v n and a stiffness k n^2 / 2. A - mu n is stationary in n, so that its forces are
those at constant n. eV, A and e.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.lattice.pairs import Pairs, reaching
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.induced import Induced
from polcouple.nn.grand.levels import REACH, Levels, levels_of
from polcouple.nn.grand.long_range import Waves, energy_of_electrons
from polcouple.nn.potential.bonds import Bonds, covalent_radii


@dataclass(frozen=True, eq=False)
class Charged:
    """The electrode at a level.

    Attributes:
        electrons: n.
        energy: A - mu n, the network's part included, eV.
        forces: (n_atoms, 3) at constant n, without the network's, eV/A.
        rise: dn/dx of the levels alone at their own level x, 1/eV.
        soft: 1 + (d2A/dn2 without the levels) dn/dx; dn/dmu is rise / soft.
        mixed: (n_atoms, 3) d2A/dR dn times rise, without the network's.
    """

    electrons: float
    energy: float
    forces: np.ndarray
    rise: float
    soft: float
    mixed: np.ndarray


class Electrode:
    """The electrode of one geometry.

    Args:
        pairs: neighbours that are at hand.
        kinds: (n,) elements of the atoms.
        positions, cell: A.

    Attributes:
        sites: (s,) its atoms.
    """

    def __init__(
        self,
        architecture: GrandArchitecture,
        pairs: Pairs,
        kinds: np.ndarray,
        positions: np.ndarray,
        cell: np.ndarray,
    ) -> None:
        a = architecture
        everywhere = (True, True, True)
        self._pairs = reaching(pairs, REACH, positions, cell, everywhere)
        self._architecture, self.sites = a, a.sites(kinds)
        self._levels: Levels = levels_of(self._pairs, self.sites, a.hopping, a.decay, a.kt)
        each = np.zeros(len(kinds))
        each[self.sites] = -1.0 / len(self.sites)
        waves = Waves(positions, cell)
        self._energies, self._gradients = energy_of_electrons(waves, np.asarray(a.charges)[kinds], each)
        if a.liquid_hardness:
            radii = covalent_radii(a.surroundings.elements)[kinds]
            bonds = Bonds(pairs, positions, cell, everywhere, radii, each == 0.0)
            found = Induced(waves, each, bonds, np.asarray(a.liquid_hardness)[kinds])
            self._energies[2] += found.energy
            self._gradients[2] += found.gradient
        self._last: tuple[tuple[float, float, float], Charged] | None = None

    def charged(self, mu: float, shift: float = 0.0, stiffness: float = 0.0) -> Charged:
        """At the level ``mu``, with a network's ``shift`` (eV) and ``stiffness`` (eV, of n^2/2).

        The last answer is kept: where no network takes part, a training asks for the same again and again.

        Raises:
            ConvergenceError: no number of electrons is stable.
        """
        asked = (mu, shift, stiffness)
        if self._last is None or self._last[0] != asked:
            self._last = (asked, self._solve(*asked))
        return self._last[1]

    def _solve(self, mu: float, shift: float, stiffness: float) -> Charged:
        levels, own = self._levels, self._architecture
        one = own.neutral_level + self._energies[1] + shift
        two = own.hardness / len(self.sites) + 2.0 * self._energies[2] + stiffness
        x = levels.level(one - mu, two)
        n, rise = levels.electrons(x)
        free, by_lengths = levels.free_energy(x), levels.by_lengths(x)
        energy = free + self._energies[0] + (one - mu) * n + 0.5 * two * n * n
        by_positions = self._gradients[0] + n * self._gradients[1] + n * n * self._gradients[2]
        mixed = rise * (self._gradients[1] + 2.0 * n * self._gradients[2])
        return Charged(
            n,
            energy,
            -(by_positions + self._of_bonds(by_lengths)),
            rise,
            1.0 + two * rise,
            mixed + self._of_bonds(levels.by_level(x)),
        )

    def _of_bonds(self, by_lengths: np.ndarray) -> np.ndarray:
        """(n, 3) derivative by the positions of what has these by the bonds' lengths."""
        pairs, levels = self._pairs, self._levels
        along = pairs.vectors[levels.bonds]
        along = along * (by_lengths / np.linalg.norm(along, axis=1))[:, None]
        found = np.zeros((len(pairs.first) - 1, 3))
        np.add.at(found, self.sites[levels.ends[:, 1]], along)
        np.add.at(found, self.sites[levels.ends[:, 0]], -along)
        return found
