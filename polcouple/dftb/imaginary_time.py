"""Response of the non-interacting electrons of a repeating electrode, by Green's functions.

The quotient of differences that a pair of levels i, j contributes to the response
(:mod:`polcouple.dftb.response`) is an integral over imaginary time of a product, equal energies included,

    (f_i - f_j) / (e_j - e_i) = int_0^beta g_i(t) h_j(t) dt,
    g_i(t) = f_i exp(t (e_i - mu)),   h_j(t) = (1 - f_j) exp(-t (e_j - mu)),   beta = 1 / k_B T,

so that the sum over all pairs of levels is a product of two sums over single levels,

    chi_AB(R) = -1/2 sum_(m in A, n in B) int_0^beta [ (cc)_mn* (bb)_mn + (cb)_mn* (bc)_mn + (bc)_mn* (cb)_mn
                + (bb)_mn* (cc)_mn ] dt,   (xy)_mn(R, t) = 1/M sum_k exp(2 pi i k . R) sum_i g_i x_mi y_ni*,

the first factor with g and the second with h, c the eigenvectors, b = S c and M the number of wave vectors k.
The sums over k are Fourier transforms: work grows as M log M, memory as M. H. N. Rojas, R. W. Godby and
R. J. Needs, Phys. Rev. Lett. 74, 1827 (1995) have the same for the dielectric function of solids.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_expit

from polcouple.dftb.bloch import BlochStates

#: Gauss-Legendre points in each interval, and the end of each over that of the last: integrals of exp(-x t)
#: are right to 1.3e-11 of themselves for 0 <= x <= the widest difference
_POINTS, _RATIO = 12, 4.0
#: end of the first interval, over the inverse of the widest difference of energies
_FIRST = 4.0


def imaginary_times(widest: float, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Times (t,) from 0 to beta/2 in 1/Hartree and their weights.

    Args:
        widest: difference of energies in Hartree.
        temperature: k_B T in Hartree.
    """
    end = 0.5 / temperature
    edges = [0.0, min(_FIRST / widest, end)]
    while edges[-1] < end:
        edges.append(min(edges[-1] * _RATIO, end))
    points, weights = np.polynomial.legendre.leggauss(_POINTS)
    low, high = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    half = 0.5 * (high - low)
    return (half * points + 0.5 * (high + low)).ravel(), (half * weights).ravel()


def response_columns(
    states: Sequence[BlochStates], fermi_level: float, temperature: float, n_sites: int
) -> np.ndarray:
    """chi at fixed Fermi level, (parts, n_sites, n_sites) in 1/Hartree: A in part R, B in the first part.

    Args:
        states: blocks at all k-points of the electrode.
        fermi_level: in Hartree.
        temperature: k_B T in Hartree.
        n_sites: charge sites of one part.
    """
    parts = int(np.prod(states[0].mesh.shape))
    chi = np.zeros((parts, n_sites, n_sites))
    for block in states:
        member = np.zeros((n_sites, len(block.sites)))
        member[block.sites, np.arange(len(block.sites))] = 1.0
        chi += member @ _block_response(block, fermi_level, temperature) @ member.T
    return chi


def _block_response(block: BlochStates, fermi_level: float, temperature: float) -> np.ndarray:
    """(parts, n, n) summands of chi by orbital.

    (xy)_mn(R) and (yx)_nm(-R) are conjugates, so that of cc and bb one triangle is enough, and cb gives bc.
    """
    energies = block.energies - fermi_level
    filled, empty = log_expit(-energies / temperature), log_expit(energies / temperature)
    times, weights = imaginary_times(float(np.ptp(energies)) or temperature, temperature)
    n, parts = energies.shape[1], int(np.prod(block.mesh.shape))
    upper = np.triu_indices(n)
    opposite = _opposite(block.mesh.shape)
    like, unlike = np.zeros((parts, len(upper[0]))), np.zeros((parts, n, n))
    for time, weight in zip(times, weights, strict=True):
        cc, bb, cb = _green(block, np.exp(filled + time * energies), upper)
        other_cc, other_bb, other_cb = _green(block, np.exp(empty - time * energies), upper)
        like += weight * (cc.conj() * other_bb + bb.conj() * other_cc).real
        unlike += weight * (cb * other_cb[opposite].swapaxes(1, 2)).real
    total = unlike + unlike[opposite].swapaxes(1, 2)
    both = np.zeros((parts, n, n))
    both[:, upper[0], upper[1]] = like
    both[:, upper[1], upper[0]] = like[opposite]
    # the second half of the time axis has the two factors exchanged, and the same real part
    return -block.weight * (total + both)


def _opposite(shape: tuple[int, int, int]) -> np.ndarray:
    """(parts,) the part at -R of each part at R."""
    index = np.indices(shape).reshape(3, -1)
    return np.ravel_multi_index(tuple(-index % np.array(shape)[:, None]), shape)


def _green(
    block: BlochStates, factors: np.ndarray, upper: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """cc and bb, their ``upper`` elements (parts, u), and cb (parts, n, n); ``factors`` (m, n) of levels."""
    c, overlap = block.vectors, block.overlap
    cc = (c * factors[:, None, :]) @ c.conj().swapaxes(1, 2)
    cb = cc @ overlap
    bb = overlap @ cb
    count, n = len(upper[0]), c.shape[1]
    halves = (kind[:, upper[0], upper[1]] for kind in (cc, bb))
    kinds = np.concatenate([*halves, cb.reshape(len(cb), -1)], axis=1)
    found = block.mesh.to_parts(kinds)
    return found[:, :count], found[:, count : 2 * count], found[:, 2 * count :].reshape(-1, n, n)
