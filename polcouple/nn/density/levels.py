"""Where a metal's added electrons go: into waves across the whole electrode, by its own levels (Hueckel).

    P_ij(d) = 2 sum_k w_k sum_a [f_a(N) - f_a(0)] Re[ c_ia* c_ja exp(i k . d) ],    sum_i P_ii(0) = N

with the levels of :mod:`polcouple.nn.grand.levels` on a mesh of k-points, N electrons more than the atoms
bring, and d the way from atom i to j. Which waves are filled is decided by the shape of the whole
electrode, so that no neighbourhood tells it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.dftb.blocks import monkhorst_pack
from polcouple.electrode import Electrode
from polcouple.errors import ConvergenceError
from polcouple.lattice.pairs import Pairs, neighbour_pairs
from polcouple.nn.grand.induced import Induced
from polcouple.nn.grand.levels import REACH, hoppings
from polcouple.nn.grand.long_range import Waves
from polcouple.nn.potential.bonds import Bonds, covalent_radii
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, EV_TO_HARTREE, KELVIN_TO_HARTREE

#: the level is halved to this part of the band
_HALVINGS = 60
#: cycles until no atom changes by more than so much of an electron, and the part of a change that is taken
_CYCLES, _ENOUGH, _MIXING = 200, 1e-6, 0.3


@dataclass(frozen=True)
class ElectrodeLevels:
    """Levels of the electrode's atoms, and what the molecules of the liquid answer.

    Attributes:
        hopping: between neighbours 1.42 A apart, eV.
        decay: of it with the distance, 1/A.
        kelvin: temperature of the electrons.
        k_points: Monkhorst-Pack mesh.
        repulsion: U in eV; an atom with P electrons more is higher by U P.
        hardness: of elements of the liquid in eV (:mod:`polcouple.nn.grand.induced`), by element.
    """

    hopping: float = 2.7
    decay: float = 2.0
    kelvin: float = 300.0
    k_points: tuple[int, int, int] = (1, 1, 1)
    repulsion: float = 4.0
    hardness: tuple[tuple[str, float], ...] = ()

    def added(self, atoms: Electrode, pairs: Pairs, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Charges (n,) in e, and electrons (p,) between the atoms of ``pairs``: P of each.

        Args:
            charges: (n,) in e that are spread over the electrode's atoms and zero on others.

        Raises:
            ConvergenceError: the charges do not settle.
        """
        sites = np.flatnonzero(charges)
        between = np.zeros(len(pairs.second))
        if not len(sites):
            return charges, between
        number = np.full(len(atoms), -1)
        number[sites] = np.arange(len(sites))
        near = neighbour_pairs(atoms.positions, atoms.cell, atoms.pbc, REACH * ANGSTROM_TO_BOHR)
        waves, states = self._filled(near, number, atoms.cell, -float(charges.sum()))
        i, j, ways, own = _among(pairs, number)
        shared = np.zeros(len(atoms))
        for wave, density in zip(waves, states, strict=True):
            shared[sites] -= density.diagonal().real
            between[own] += (density[i, j] * np.exp(1j * ways @ wave)).real
        return shared + self.induced(atoms, shared), between

    def _filled(
        self, near: Pairs, number: np.ndarray, cell: np.ndarray, electrons: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Waves (k, 3) and P of each with its weight (k, s, s), self-consistent."""
        i, j, ways, _ = _among(near, number)
        sites = int(number.max()) + 1
        values = hoppings(np.linalg.norm(ways, axis=1) * BOHR_TO_ANGSTROM, self.hopping, self.decay)[0]
        fractional, weights = monkhorst_pack(self.k_points)
        waves = 2.0 * np.pi * fractional @ np.linalg.inv(cell).T
        bare = np.zeros((len(waves), sites, sites), complex)
        for wave, matrix in zip(waves, bare, strict=True):
            np.add.at(matrix, (i, j), values * np.exp(1j * ways @ wave))
        neutral = self._states(bare, weights, float(sites))
        added, mixing, before = np.zeros(sites), _MIXING, np.inf
        for _ in range(_CYCLES):
            shifted = bare + self.repulsion * np.diag(added)
            states = self._states(shifted, weights, sites + electrons) - neutral
            change = states.diagonal(axis1=1, axis2=2).real.sum(axis=0) - added
            size = float(np.abs(change).max())
            if size < _ENOUGH:
                return waves, states
            mixing = mixing if size < before else 0.7 * mixing
            added, before = added + mixing * change, size
        raise ConvergenceError(f"the electrode's own levels did not settle with {electrons:g} electrons more")

    def _states(self, matrices: np.ndarray, weights: np.ndarray, total: float) -> np.ndarray:
        """(k, s, s) densities of ``total`` electrons, weights and both spins included."""
        energies, orbitals = np.linalg.eigh(matrices)
        kt = self.kelvin * KELVIN_TO_HARTREE / EV_TO_HARTREE
        low, high = energies.min() - 40.0 * kt, energies.max() + 40.0 * kt
        for _ in range(_HALVINGS):
            level = 0.5 * (low + high)
            filled = weights[:, None] * (1.0 - np.tanh(0.5 * (energies - level) / kt))
            low, high = (level, high) if filled.sum() < total else (low, level)
        return np.asarray((orbitals.conj() * filled[:, None]) @ orbitals.transpose(0, 2, 1))

    def induced(self, atoms: Electrode, charges: np.ndarray) -> np.ndarray:
        """(n,) charges in e that the electrode's ``charges`` induce in the liquid's molecules."""
        if not self.hardness:
            return np.zeros(len(charges))
        hardness = dict(self.hardness)
        positions, cell = atoms.positions * BOHR_TO_ANGSTROM, atoms.cell * BOHR_TO_ANGSTROM
        names = tuple(sorted(set(atoms.symbols)))
        radii = covalent_radii(names)[[names.index(symbol) for symbol in atoms.symbols]]
        pairs = neighbour_pairs(positions, cell, atoms.pbc, REACH)
        bonds = Bonds(pairs, positions, cell, atoms.pbc, radii, charges == 0.0)
        own = np.array([hardness.get(symbol, 0.0) for symbol in atoms.symbols])
        return Induced(Waves(positions, cell), charges, bonds, own).charges


def _among(pairs: Pairs, number: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sites, ways and places in ``pairs`` of the electrode's; ``number`` (n,) of sites, -1 of other atoms."""
    first = number[np.repeat(np.arange(len(number)), np.diff(pairs.first))]
    second = number[pairs.second]
    own = np.flatnonzero((first >= 0) & (second >= 0))
    return first[own], second[own], pairs.vectors[own], own
