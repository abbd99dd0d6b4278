"""Coulomb interaction gamma_AB of charge fluctuations in SCC-DFTB, and the forces that it makes.

gamma_AB = 1/R (periodic: Ewald kernel with neutralising background) - s(R), where s makes it the interaction
of two exponential charge clouds with decay tau = 16 U / 5, and gamma_AA = U at R = 0 (M. Elstner et al.,
Phys. Rev. B 58, 7260 (1998)). Atom-resolved DFTB uses the U of the s shell for the whole atom.
"""

from __future__ import annotations

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
#: s(R) is dropped where tau R exceeds this: s < 1e-12 Hartree
_REACH = 32.0


class Gamma:
    """gamma between charge sites (atoms, or shells of atoms) of one geometry.

    Args:
        atoms: the geometry.
        site_atom: (n_sites,) atom of each site, ascending.
        hubbard: (n_sites,) U in Hartree.

    Attributes:
        matrix: (n_sites, n_sites) in Hartree/e^2, symmetric.

    Raises:
        InputError: a cell without a volume.
    """

    def __init__(self, atoms: Electrode, site_atom: np.ndarray, hubbard: np.ndarray) -> None:
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
        self.matrix = self._build()

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Forces (n_atoms, 3) in Hartree/bohr from 1/2 sum q_A gamma_AB q_B of ``charges`` (n_sites,), e."""
        forces = np.zeros((len(self._atoms), 3))
        kernels.add_near_forces(*self._near, charges, forces)
        if self._periodic:
            of_atom = np.bincount(self._site_atom, charges)
            for k_vectors, weights in reciprocal(self._atoms.cell, self._split, len(self._atoms)):
                waves = np.exp(1j * (self._atoms.positions @ k_vectors.T))
                structure = of_atom @ waves
                forces += of_atom[:, None] * ((waves * (weights * structure.conj())).imag @ k_vectors)
        return forces

    def _build(self) -> np.ndarray:
        n = len(self._atoms)
        gamma = np.zeros((len(self._tau), len(self._tau)))
        kernels.add_near(*self._near, gamma)
        if self._periodic:
            between = np.full((n, n), background(self._atoms.cell, self._split))
            between[np.diag_indices(n)] -= 2.0 * self._split.alpha / np.sqrt(np.pi)
            for k_vectors, weights in reciprocal(self._atoms.cell, self._split, n):
                phases = self._atoms.positions @ k_vectors.T
                waves = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
                waves *= np.sqrt(np.tile(weights, 2))
                between += waves @ waves.T
            gamma += between[np.ix_(self._site_atom, self._site_atom)]
        for first, last in zip(self._start[:-1], self._start[1:], strict=True):
            own = slice(first, last)
            gamma[own, own] += on_site(self._tau[own, None], self._tau[own])
        return 0.5 * (gamma + gamma.T)


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
