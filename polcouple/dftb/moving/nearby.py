"""States in a potential a little different from the one they were diagonalised in, to first order.

A change dV of the potential couples the levels i and j by dH_ij. With f the occupations, g what a level
holds, and x[ij] = (x_i - x_j)/(e_i - e_j), the density matrix and the one weighted with energies become

    P = C (g f + Y) C^H,    Y_ij = g f[ij] dH_ij,          W = C (g f e + Z) C^H,    Z_ij = g (f e)[ij] dH_ij,

and the levels' free energy changes by 1/2 sum g f[ij] |dH_ij|^2 beyond the first order. Levels that are
partly occupied, and so near the Fermi level, are coupled exactly: between them dH is diagonalised. No other
coupling is large against the distance of the two levels, so that what is left is of second order in dV over
the distance of filled from empty levels, and not over the temperature.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from polcouple.dftb.blocks import Block
from polcouple.dftb.response import SAME_OCCUPATION, pair_weights

#: populations that the second order moves, over the squared change of the vectors
_SECOND_ORDER = 4.0


class NearbyStates:
    """States of one block in another potential.

    Args:
        block: its states.
        potential: (n_sites,) the other potential energy of an electron in Hartree.
        occupations: (n,) of the block's states, between 0 and 1.

    Attributes:
        block: the same with the levels' energies to first order, those partly occupied exactly mixed.
    """

    def __init__(self, block: Block, potential: np.ndarray, occupations: np.ndarray) -> None:
        half = 0.5 * (potential - block.potential)[block.sites, None]
        filled = int(np.sum(occupations > SAME_OCCUPATION))
        full = int(np.sum(1.0 - occupations <= SAME_OCCUPATION))
        c, b = block.vectors, block.duals
        shifted, dual_shifted = half * c, half * b
        coupling = b[:, :filled].conj().T @ shifted + c[:, :filled].conj().T @ dual_shifted
        energies = block.energies + 2.0 * (b.conj() * shifted).real.sum(axis=0)
        partly = slice(full, filled)
        if filled > full:
            inner = coupling[partly, partly]
            levels = np.diag(block.energies[partly])
            energies[partly], mixture = np.linalg.eigh(0.5 * (inner + inner.conj().T) + levels)
            c, b = c.copy(), b.copy()
            c[:, partly], b[:, partly] = c[:, partly] @ mixture, b[:, partly] @ mixture
            coupling[partly] = mixture.conj().T @ coupling[partly]
            coupling[:, partly] = coupling[:, partly] @ mixture
            coupling[partly, partly] = 0.0
        coupling[np.arange(full), np.arange(full)] = 0.0
        self.block = replace(block, energies=energies, vectors=c, duals=b, potential=potential.copy())
        self._coupling, self._full, self._filled = coupling, full, filled

    def mixed(self, occupations: np.ndarray, temperature: float) -> FirstOrder:
        """What the coupling does at ``occupations`` (n,) of the new levels and k_B T in Hartree."""
        return FirstOrder(self.block, self._coupling, self._full, self._filled, occupations, temperature)


class FirstOrder:
    """See the module; made by :class:`NearbyStates`.

    Attributes:
        energy: of second order, in Hartree.
    """

    def __init__(
        self,
        block: Block,
        coupling: np.ndarray,
        full: int,
        filled: int,
        occupations: np.ndarray,
        temperature: float,
    ) -> None:
        self._block, self._full = block, full
        electrons = block.degeneracy * occupations
        self._electrons = electrons[:filled]
        empty = np.arange(full, len(block))
        weights = pair_weights(block.energies, occupations, temperature, np.arange(filled), empty)
        outer = coupling[:, full:]
        change = (-0.5 * block.degeneracy) * weights * outer
        self.energy = float((change.conj() * outer).real.sum())
        self._change, self._coupling = change, coupling
        self._energy_weighted = block.energies[:filled, None] * change + electrons[full:] * outer
        self._mixing = block.vectors[:, full:] @ change.conj().T

    def populations(self, n_sites: int) -> tuple[np.ndarray, np.ndarray]:
        """Mulliken populations (n_sites,), and an estimate of what is missing in them, both in electrons."""
        block, filled = self._block, len(self._electrons)
        c, b = block.vectors[:, :filled], block.duals[:, :filled]
        dual_mixing = block.duals[:, self._full :] @ self._change.conj().T
        by_orbital = (self._half(c) * b.conj() + c * (0.5 * self._electrons * b + dual_mixing).conj()).real
        moved = (np.abs(self._mixing) ** 2) @ (_SECOND_ORDER / self._electrons)
        return (
            np.bincount(block.sites, by_orbital.sum(axis=1), minlength=n_sites),
            np.bincount(block.sites, moved, minlength=n_sites),
        )

    def density_matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """P and W (n_orbitals, n_orbitals)."""
        block, filled = self._block, len(self._electrons)
        c = block.vectors[:, :filled]
        half = self._half(c) @ c.conj().T
        weighted = 0.5 * (self._electrons * block.energies[:filled]) * c
        weighted += block.vectors[:, self._full :] @ self._energy_weighted.conj().T
        inner = self._coupling[: self._full, : self._full].conj().T
        weighted[:, : self._full] += (0.5 * block.degeneracy) * (c[:, : self._full] @ inner)
        energy_weighted = weighted @ c.conj().T
        return half + half.conj().T, energy_weighted + energy_weighted.conj().T

    def _half(self, c: np.ndarray) -> np.ndarray:
        """Half the filled states' electrons times their vectors, and the vectors' mixing."""
        return 0.5 * self._electrons * c + self._mixing


def density_matrices(block: Block, electrons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of exact states that hold ``electrons`` (n,) each."""
    occupied = electrons > 0.0
    vectors = block.vectors[:, occupied]
    filled, weighted = electrons[occupied], (electrons * block.energies)[occupied]
    return (vectors * filled) @ vectors.conj().T, (vectors * weighted) @ vectors.conj().T
