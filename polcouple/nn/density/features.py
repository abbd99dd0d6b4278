"""What an atom sees of the atoms around it and of their charges, by distance and direction.

    F_A,lm(t, k, w) = sum_j of element t  R_k(r_Aj) S_lm(r_Aj/|r_Aj|) w

with w = 1 for what neutral atoms see, and w = q_A, q_j for what their charges add, and w = p_Aj where the
electrons between atoms are known, too (:mod:`.levels`).

These turn with the atoms as the functions of :mod:`.basis` of the same l do, so that coefficients that are
linear in them make a density that turns, too. R_k are Gaussians along the distance, smoothly zero at the
cut-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.lattice.pairs import Pairs, neighbour_pairs
from polcouple.nn.density.basis import solid_harmonics


@dataclass(frozen=True)
class Surroundings:
    """Which neighbours are seen, and how finely.

    Attributes:
        elements: that there may be.
        cutoff: in bohr.
        radial: how many R_k.
        l_max: highest l.
        charged: whether neighbours count by charges, or each as one.
        bonds: whether by the electrons between the two, too.
    """

    elements: tuple[str, ...]
    cutoff: float
    radial: int
    l_max: int
    charged: bool
    bonds: bool = False

    @property
    def length(self) -> int:
        """Features of an atom for each l and m."""
        return len(self.elements) * self.radial * (1 + self.charged + self.bonds)

    def kinds(self, symbols: Sequence[str]) -> np.ndarray:
        """(n,) the number of each atom's element.

        Raises:
            InputError: an element that is not known.
        """
        unknown = sorted(set(symbols) - set(self.elements))
        if unknown:
            raise InputError(
                f"the density model knows {', '.join(self.elements)}, and not {', '.join(unknown)}; train one"
                " on this electrode"
            )
        return np.array([self.elements.index(symbol) for symbol in symbols])

    def pairs(self, atoms: Electrode) -> Pairs:
        """Neighbours within the cut-off."""
        return neighbour_pairs(atoms.positions, atoms.cell, atoms.pbc, self.cutoff)

    def of(self, atoms: Electrode, pairs: Pairs, charges: np.ndarray, between: np.ndarray) -> np.ndarray:
        """(n, length, (l_max + 1)^2) of ``charges`` (n,) in e and electrons (p,) ``between`` pairs."""
        kinds, n = self.kinds(atoms.symbols), len(atoms)
        first = np.repeat(np.arange(n), np.diff(pairs.first))
        distances = np.linalg.norm(pairs.vectors, axis=1)
        angular = solid_harmonics(pairs.vectors / distances[:, None], self.l_max)
        weights = np.ones((len(first), 1))
        if self.charged:
            weights = np.stack([charges[first], charges[pairs.second], between][: 2 + self.bonds], axis=1)
        terms = np.einsum("pk,pw,pm->pkwm", self._radial(distances), weights, angular)
        found = np.zeros((n * len(self.elements), *terms.shape[1:]))
        np.add.at(found, first * len(self.elements) + kinds[pairs.second], terms)
        return found.reshape(n, self.length, -1)

    def _radial(self, distances: np.ndarray) -> np.ndarray:
        centres = np.linspace(0.2, 0.9, self.radial) * self.cutoff
        width = centres[1] - centres[0]
        smooth = 0.5 * (1.0 + np.cos(np.pi * distances / self.cutoff))
        return np.asarray(smooth[:, None] * np.exp(-0.5 * ((distances[:, None] - centres) / width) ** 2))
