"""Response of the non-interacting electrons of a repeating electrode to potentials that repeat with it.

Only levels of equal wave vector mix. With b = S c, M the number of wave vectors k and the transition charges
u_ij^A = sum_(m in A) (c_mi* b_mj + b_mi* c_mj) of the states of one part,

    sum_R chi_AB(R) = -1/(2 M) sum_k sum_ij (f_i - f_j) / (e_j - e_i) u_ij^A conj(u_ij^B),

which is what the columns of :mod:`polcouple.dftb.imaginary_time` sum to, at a small part of the work.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from polcouple.dftb.bloch import BlochStates

#: levels closer than this times k_B T share f' instead of the quotient of differences
_SAME_ENERGY = 1e-5
#: transition charges held at once
_CHUNK = 4_000_000


def uniform_response(
    states: Sequence[BlochStates], fermi_level: float, temperature: float, n_sites: int
) -> np.ndarray:
    """Sum over all parts of chi at fixed Fermi level, (n_sites, n_sites) in 1/Hartree.

    Args:
        states: blocks at all k-points of the electrode.
        fermi_level: in Hartree.
        temperature: k_B T in Hartree.
        n_sites: charge sites of one part.
    """
    chi = np.zeros((n_sites, n_sites))
    for block in states:
        points, n = block.energies.shape
        own = np.unique(block.sites)
        step = max(1, _CHUNK // (len(own) * n * n))
        found = np.zeros((len(own), len(own)))
        for start in range(0, points, step):
            found += _summed(block, slice(start, start + step), own, fermi_level, temperature)
        chi[np.ix_(own, own)] -= 0.5 * block.weight / float(np.prod(block.mesh.shape)) * found
    return chi


def _summed(
    block: BlochStates, some: slice, own: np.ndarray, fermi_level: float, temperature: float
) -> np.ndarray:
    """Sum over some wave vectors and all pairs of their levels, (sites, sites) of the block."""
    c, energies = block.vectors[some], block.energies[some]
    b = block.overlap[some] @ c
    transitions = []
    for site in own:
        at = np.flatnonzero(block.sites == site)
        half = c[:, at].conj().swapaxes(1, 2) @ b[:, at]
        transitions.append(half + half.conj().swapaxes(1, 2))
    u = np.stack(transitions)
    weights = block.mesh.multiplicity[some][:, None, None] * _quotients(energies - fermi_level, temperature)
    flat = u.reshape(len(own), -1)
    return np.asarray(((flat * weights.ravel()) @ flat.conj().T).real)


def _quotients(energies: np.ndarray, temperature: float) -> np.ndarray:
    """(f_i - f_j) / (e_j - e_i) of all pairs of levels (m, n) of a wave vector, (m, n, n)."""
    occupations = expit(-energies / temperature)
    density = occupations * expit(energies / temperature) / temperature
    gap = energies[:, None, :] - energies[:, :, None]
    close = np.abs(gap) < _SAME_ENERGY * temperature
    quotient = (occupations[:, :, None] - occupations[:, None, :]) / np.where(close, 1.0, gap)
    return np.where(close, 0.5 * (density[:, :, None] + density[:, None, :]), quotient)
