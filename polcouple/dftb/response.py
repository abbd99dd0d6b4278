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

import numpy as np

from polcouple.dftb.blocks import Block
from polcouple.dftb.filling import Filling, level_density, level_weights

#: pairs of levels whose occupations differ by less are left out of chi
_SAME_OCCUPATION = 1e-13
#: levels closer than this times k_B T share f' instead of the quotient of differences
_SAME_ENERGY = 1e-5


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


def bare_response(
    blocks: Sequence[Block], filling: Filling, temperature: float, n_sites: int
) -> BareResponse:
    """chi, bare Fukui function and level density of levels that are the blocks' reference states."""
    chi = np.zeros((n_sites, n_sites))
    fukui = np.zeros(n_sites)
    energies = np.concatenate([block.energies for block in blocks])
    degeneracy = np.concatenate([np.full(len(block), block.degeneracy) for block in blocks])
    density = level_density(filling, energies, temperature) * degeneracy
    weights = level_weights(filling, energies, temperature) * degeneracy
    start = 0
    for block in blocks:
        own = slice(start, start + len(block))
        start += len(block)
        sites, first = np.unique(block.sites, return_index=True)
        part = _pair_response(
            block, first, filling.occupations[own], density[own] / block.degeneracy, temperature
        )
        chi[np.ix_(sites, sites)] += part * block.degeneracy
        levels = (block.vectors.conj() * block.duals).real
        fukui[sites] += np.add.reduceat(levels @ weights[own], first)
    fukui /= weights.sum()
    level_density_total = float(density.sum())
    chi += level_density_total * np.outer(fukui, fukui)
    return BareResponse(0.5 * (chi + chi.T), fukui, level_density_total)


def _pair_response(
    block: Block, first: np.ndarray, occupations: np.ndarray, density: np.ndarray, temperature: float
) -> np.ndarray:
    """sum_ij (f_i - f_j)/(e_i - e_j) t_ij t_ij of one block, without degeneracy and Fermi-level term."""
    chi = np.zeros((len(first), len(first)))
    for i in range(len(block)):
        above = slice(i, len(block))
        gap = block.energies[above] - block.energies[i]
        difference = occupations[i] - occupations[above]
        close = gap < _SAME_ENERGY * temperature
        quotient = np.where(
            close, 0.5 * (density[above] + density[i]), difference / np.where(close, 1.0, gap)
        )
        quotient[1:] *= 2.0
        keep = np.flatnonzero((difference > _SAME_OCCUPATION) | (close & (quotient > 0.0)))
        if len(keep) == 0:
            continue
        columns = i + keep
        charges = block.vectors[:, i, None].conj() * block.duals[:, columns]
        charges += block.duals[:, i, None].conj() * block.vectors[:, columns]
        transition = np.add.reduceat(charges, first, axis=0) * (0.5 * np.sqrt(quotient[keep]))
        chi -= (transition @ transition.conj().T).real
    return chi


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
