"""Coulomb interaction gamma_AB of charge fluctuations in SCC-DFTB, and the forces that it makes.

gamma_AB = 1/R (periodic: Ewald kernel with neutralising background) - s(R), where s makes it the interaction
of two exponential charge clouds with decay tau = 16 U / 5, and gamma_AA = U at R = 0 (M. Elstner et al.,
Phys. Rev. B 58, 7260 (1998)). Atom-resolved DFTB uses the U of the s shell for the whole atom.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from polcouple.dftb import _gamma_kernels as kernels
from polcouple.dftb.hamiltonian import find_pairs, lattice_shifts
from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import Split, background, choose_split, ewald_columns, reciprocal
from polcouple.lattice.cell import check_cell
from polcouple.lattice.convolution import first_part

#: of both sums, Hartree/e^2
_ACCURACY = 1e-12
#: cost of a compiled pair of the real-space sum over that of one of the plain sum
_PAIRS_SHARE = 0.2
#: blocks of waves that are kept for the forces, at most; each takes some 30 MB
_MOST_KEPT = 2
#: s(R) is dropped where tau R exceeds this: s < 1e-12 Hartree
_REACH = 32.0


class Gamma:
    """gamma between charge sites (atoms, or shells of atoms) of one geometry.

    Args:
        atoms: the geometry.
        site_atom: (n_sites,) atom of each site, ascending.
        hubbard: (n_sites,) U in Hartree.
        with_forces: whether :meth:`forces` will be asked for.

    Attributes:
        matrix: (n_sites, n_sites) in Hartree/e^2, symmetric.

    Raises:
        InputError: a cell without a volume.
    """

    def __init__(
        self, atoms: Electrode, site_atom: np.ndarray, hubbard: np.ndarray, with_forces: bool = False
    ) -> None:
        self._atoms, self._site_atom, n = atoms, site_atom, len(atoms)
        self._tau = 3.2 * hubbard
        self._start = np.searchsorted(site_atom, np.arange(n + 1))
        self._periodic = all(atoms.pbc)
        self._split = Split(0.0, np.inf, 0.0)
        if self._periodic:
            check_cell(atoms.cell)
            self._split = choose_split(atoms.cell, _PAIRS_SHARE * n * n, n * n / 20.0, _ACCURACY, None)
        reach = _REACH / float(self._tau.min())
        furthest = max(reach, self._split.r_cut) if self._periodic else 0.0
        self._near = (
            np.ascontiguousarray(atoms.positions, dtype=float),
            lattice_shifts(atoms, furthest) @ np.asarray(atoms.cell, dtype=float),
            self._split.alpha,
            self._split.r_cut,
            self._start,
            self._tau,
            reach,
        )
        self._lattice = tuple(np.asarray(atoms.cell, dtype=float).ravel()), self._split, n
        self._kept: list[tuple[np.ndarray, np.ndarray]] | None = None
        self._pulls = np.zeros((3, len(hubbard), len(hubbard)) if with_forces else (3, 0, 0))
        self.matrix = self._build()

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Forces (n_atoms, 3) in Hartree/bohr from 1/2 sum q_A gamma_AB q_B of ``charges`` (n_sites,), e."""
        by_site = charges[:, None] * (self._pulls @ charges).T
        forces = np.add.reduceat(by_site, self._start[:-1], axis=0)
        of_atom = np.bincount(self._site_atom, charges)
        for k_vectors, waves in self._waves():
            cosines, sines = np.split(waves, 2, axis=1)
            slopes = sines * (of_atom @ cosines) - cosines * (of_atom @ sines)
            forces += of_atom[:, None] * (slopes @ k_vectors)
        return forces

    def _waves(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of reciprocal vectors (k, 3) and, times the roots of their weights, cosines and sines.

        (n_atoms, 2 k) of the positions; kept if they are few, so that the forces need not make them again.
        """
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[tuple[np.ndarray, np.ndarray]] = []
        for k_vectors, weights in _reciprocal(*self._lattice) if self._periodic else ():
            phases = self._atoms.positions @ k_vectors.T
            waves = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
            waves *= np.sqrt(np.tile(weights, 2))
            if len(kept) <= _MOST_KEPT:
                kept.append((k_vectors, waves))
            yield k_vectors, waves
        if len(kept) <= _MOST_KEPT:
            self._kept = kept

    def _build(self) -> np.ndarray:
        n = len(self._atoms)
        gamma = np.zeros((len(self._tau), len(self._tau)))
        kernels.add_near(*self._near, gamma, self._pulls)
        if self._periodic:
            between = np.full((n, n), background(self._atoms.cell, self._split))
            between[np.diag_indices(n)] -= 2.0 * self._split.alpha / np.sqrt(np.pi)
            for _, waves in self._waves():
                between += waves @ waves.T
            gamma += between if n == len(gamma) else between[np.ix_(self._site_atom, self._site_atom)]
        first, second = np.nonzero(self._site_atom[:, None] == self._site_atom)
        gamma[first, second] += on_site(self._tau[first], self._tau[second])
        return np.asarray(0.5 * (gamma + gamma.T))


@lru_cache(maxsize=2)
def _reciprocal(cell: tuple[float, ...], split: Split, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Reciprocal vectors and weights as :func:`polcouple.electrostatics.ewald.reciprocal` gives them."""
    return list(reciprocal(np.array(cell).reshape(3, 3), split, n))


def short_range(r: np.ndarray, tau_a: float, tau_b: float) -> tuple[np.ndarray, np.ndarray]:
    """s(R) = 1/R - gamma(R) in Hartree at ``r`` (p,) bohr for decay constants in 1/bohr, and its slope."""
    pairs = np.array([kernels.short_range(x, tau_a, tau_b) for x in r])
    return pairs[:, 0], pairs[:, 1]


def gamma_columns(
    electrode: Electrode,
    orbits: np.ndarray,
    shape: tuple[int, int, int],
    site_atom: np.ndarray,
    hubbard: np.ndarray,
) -> np.ndarray:
    """gamma between the charge sites of an electrode of equal parts and those of its first part.

    Args:
        electrode: frozen geometry, periodic.
        orbits, shape: its equal parts, of :func:`polcouple.lattice.convolution.lattice_orbits`.
        site_atom: (n_sites,) atom, in the part, of each site of one part.
        hubbard: (n_sites,) U in Hartree.

    Returns:
        (parts, n_sites, n_sites) in Hartree/e^2: [R, A, B] of A in part R and B in the first.
    """
    long_range = ewald_columns(electrode.positions, electrode.cell, orbits[0])[orbits]
    gamma = long_range[:, site_atom][:, :, site_atom]
    tau = 3.2 * hubbard
    pairs = find_pairs(first_part(electrode, orbits, shape), _REACH / tau.min())
    distance = np.linalg.norm(pairs.vector, axis=1)
    number = np.ravel_multi_index(tuple(np.mod(pairs.shift, shape).T), shape)
    for b, (atom_b, tau_b) in enumerate(zip(site_atom, tau, strict=True)):
        for a, (atom_a, tau_a) in enumerate(zip(site_atom, tau, strict=True)):
            chosen = (pairs.first == atom_b) & (pairs.second == atom_a)
            short, _ = short_range(distance[chosen], tau_a, tau_b)
            gamma[:, a, b] -= np.bincount(number[chosen], short, minlength=len(orbits))
            if atom_a == atom_b:
                gamma[0, a, b] += on_site(tau_a, tau_b)
    return gamma


def on_site(tau_a: np.ndarray | float, tau_b: np.ndarray | float) -> np.ndarray | float:
    """gamma at R = 0, U for equal decay constants, in Hartree."""
    product, total = tau_a * tau_b, tau_a + tau_b
    return 0.5 * (product / total + product**2 / total**3)
