"""Linear response of the self-consistent charges to site potentials and to the number of electrons.

Non-interacting electrons in the potential energy V answer with populations dn = chi dV. The Mulliken
transition charges t_ij^A of pairs of levels (T. A. Niehaus et al., Phys. Rev. B 63, 085108 (2001)) give

    chi_AB = 2 sum_ij (f_i - f_j) / (e_i - e_j) t_ij^A t_ij^B + D fA fB,   fA = sum_i f'_i t_ii^A / sum_i f'_i

where pairs of equal energy, and i = j, contribute f'_i, D = -2 sum f'_i, and the last term moves the Fermi
level so that the number of electrons stays. With V = gamma dn - phi the interacting electrons answer

    d(charges)/d(phi) = K = (1 - chi gamma)^-1 chi       (symmetric, negative semi-definite, rows sum to zero)
    d(charges)/dQ     = F = (1 - chi gamma)^-1 f         (Fukui function, sums to one)
    d(Fermi level)/d(phi) = -F                           (Maxwell relation)
    d(Fermi level)/dQ = -(1/D + f gamma F)               (minus the hardness)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from polcouple.dftb.arrays import namespace, to_host
from polcouple.dftb.blocks import Block
from polcouple.dftb.factored_response import factored_response, pays, weight_factors
from polcouple.dftb.filling import Filling, level_density, level_weights
from polcouple.electrode import Electrode
from polcouple.lattice.matrix import Matrix, as_matrix

#: pairs of levels whose occupations differ by less are left out of chi
SAME_OCCUPATION = 1e-13
#: levels closer than this times k_B T share f' instead of the quotient of differences
_SAME_ENERGY = 1e-5
#: transition charges held at once
_CHUNK = 8_000_000


@dataclass(frozen=True, eq=False)
class BareResponse:
    """Response of non-interacting electrons.

    Attributes:
        chi: (n_sites, n_sites) d(electrons at A)/dV_B at constant number, 1/Hartree.
        fukui: (n_sites,) d(electrons at A)/dN at constant V.
        level_density: dN/d(Fermi level) at constant V, 1/Hartree.
    """

    chi: np.ndarray
    fukui: np.ndarray
    level_density: float


@dataclass(frozen=True, eq=False)
class LinearResponse:
    """Response of the self-consistent atomic charges.

    Attributes:
        charge_kernel: K (n_atoms, n_atoms) = dq/dphi in e^2/Hartree.
        fukui: F (n_atoms,) = dq/dQ.
        hardness: -d(Fermi level)/dQ in Hartree/e.
    """

    charge_kernel: np.ndarray
    fukui: np.ndarray
    hardness: float

    def kernel(self, electrode: Electrode) -> Matrix:
        """K as what multiplies a vector in the least time."""
        return as_matrix(self.charge_kernel, electrode)


class ChargeResponse(Protocol):
    """A linear response of atomic charges; attributes as of :class:`LinearResponse`."""

    @property
    def charge_kernel(self) -> np.ndarray: ...
    @property
    def fukui(self) -> np.ndarray: ...
    @property
    def hardness(self) -> float: ...
    def kernel(self, electrode: Electrode) -> Matrix:
        """K as what multiplies a vector in the least time."""
        ...


def pair_response(block: Block, occupations: np.ndarray, temperature: float, n_sites: int) -> np.ndarray:
    """chi (n_sites, n_sites) of one block's reference states at fixed Fermi level, in 1/Hartree.

    Args:
        block: reference states.
        occupations: (n,) between 0 and 1, per spin.
        temperature: k_B T in Hartree.
        n_sites: number of charge sites of the electrode.
    """
    filled = np.flatnonzero(occupations > SAME_OCCUPATION)
    empty = np.flatnonzero(1.0 - occupations > SAME_OCCUPATION)
    u, v = weight_factors(block.energies, occupations, temperature)
    own, first = np.unique(block.sites, return_index=True)
    if pays(len(own), len(block), u, v):
        return factored_response(block, u, v, n_sites)
    orbitals = np.split(np.arange(len(block)), first[1:])
    xp = namespace(block.vectors)
    c_empty, b_empty = block.vectors[:, empty], block.duals[:, empty]
    chi = np.zeros((len(own), len(own)))
    step = max(1, _CHUNK // (len(own) * max(len(empty), 1)))
    for start in range(0, len(filled), step):
        i = filled[start : start + step]
        roots = xp.asarray(np.sqrt(0.25 * pair_weights(block.energies, occupations, temperature, i, empty)))
        c, b = block.vectors[:, i], block.duals[:, i]
        flat = xp.stack(
            [(roots * (c[k].conj().T @ b_empty[k] + b[k].conj().T @ c_empty[k])).ravel() for k in orbitals]
        )
        chi -= to_host((flat @ flat.conj().T).real)
    full = np.zeros((n_sites, n_sites))
    full[np.ix_(own, own)] = block.degeneracy * chi
    return full


def pair_response_columns(
    block: Block, occupations: np.ndarray, temperature: float, n_sites: int, sites: np.ndarray
) -> np.ndarray:
    """The columns ``sites`` (b,) of :func:`pair_response`, (n_sites, b) in 1/Hartree.

    A column costs a matrix product, of order n^3, where the whole matrix costs n^4.
    """
    filled = np.flatnonzero(occupations > SAME_OCCUPATION)
    empty = np.flatnonzero(1.0 - occupations > SAME_OCCUPATION)
    xp = namespace(block.vectors)
    c_empty, b_empty = block.vectors[:, empty], block.duals[:, empty]
    chi = np.zeros((n_sites, len(sites)))
    step = max(1, _CHUNK // max(len(empty), 1))
    for start in range(0, len(filled), step):
        i = filled[start : start + step]
        weights = xp.asarray(0.25 * pair_weights(block.energies, occupations, temperature, i, empty))
        c, b = block.vectors[:, i], block.duals[:, i]
        for column, site in enumerate(sites):
            own = np.flatnonzero(block.sites == site)
            weighted = weights * (c[own].conj().T @ b_empty[own] + b[own].conj().T @ c_empty[own])
            by_orbital = ((c @ weighted) * b_empty.conj() + (b @ weighted) * c_empty.conj()).real.sum(axis=1)
            chi[:, column] -= np.bincount(block.sites, to_host(by_orbital), minlength=n_sites)
    return block.degeneracy * chi


def pair_weights(
    energies: np.ndarray, occupations: np.ndarray, temperature: float, i: np.ndarray, j: np.ndarray
) -> np.ndarray:
    """(f_i - f_j) / (e_j - e_i) of each pair, counted twice for i < j, once for i = j, not for i > j."""
    gap = energies[j] - energies[i, None]
    close = gap < _SAME_ENERGY * temperature
    density = occupations * (1.0 - occupations) / temperature
    quotient = (occupations[i, None] - occupations[j]) / np.where(close, 1.0, gap)
    quotient = np.where(close, 0.5 * (density[i, None] + density[j]), quotient)
    return np.maximum(quotient, 0.0) * (1.0 + np.sign(j - i[:, None]))


def bare_response(
    blocks: Sequence[Block], pair_chi: np.ndarray, filling: Filling, temperature: float
) -> BareResponse:
    """Add the Fermi-level term to the blocks' summed :func:`pair_response` (n_sites, n_sites)."""
    energies = np.concatenate([block.energies for block in blocks])
    degeneracies = np.concatenate([np.full(len(block), block.degeneracy) for block in blocks])
    density = float(degeneracies @ level_density(filling.fermi_level, energies, temperature))
    weights = degeneracies * level_weights(filling.fermi_level, energies, temperature)
    fukui = np.zeros(len(pair_chi))
    start = 0
    for block in blocks:
        own = slice(start, start + len(block))
        start += len(block)
        fukui += block.reference_populations(weights[own] / weights.sum(), len(fukui))
    chi = pair_chi + density * np.outer(fukui, fukui)
    return BareResponse(0.5 * (chi + chi.T), fukui, density)


def self_consistent_response(
    bare: BareResponse, gamma: np.ndarray, site_atom: np.ndarray, n_atoms: int
) -> LinearResponse:
    """K, Fukui function and hardness of interacting electrons, summed from charge sites to atoms."""
    to_atoms = np.zeros((n_atoms, len(site_atom)))
    to_atoms[site_atom, np.arange(len(site_atom))] = 1.0
    dielectric = np.eye(len(site_atom)) - bare.chi @ gamma
    solved = np.linalg.solve(dielectric, np.column_stack([bare.chi, bare.fukui]))
    kernel = to_atoms @ solved[:, :-1] @ to_atoms.T
    fukui = solved[:, -1]
    with np.errstate(divide="ignore"):
        hardness = float(1.0 / np.float64(bare.level_density) + bare.fukui @ gamma @ fukui)
    return LinearResponse(0.5 * (kernel + kernel.T), to_atoms @ fukui, hardness)
