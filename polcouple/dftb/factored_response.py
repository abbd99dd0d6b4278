"""chi of one block from its pairs' weights in factored form.

The weight of a pair of levels in chi (:mod:`polcouple.dftb.response`) is a smooth function of two energies,
so that a few terms give it to rounding,

    w_ij = sum_t u_ti v_tj,   w_ij + w_ji = (f_i - f_j) / (e_j - e_i),
    w_ij = f_i (1 - f_j) [1 - exp(-beta (e_j - e_i) / 2)] / (e_j - e_i),   beta = 1 / k_B T

(half of the integral over imaginary time of :mod:`polcouple.dftb.imaginary_time`). With c the eigenvectors
and b = S c the sum over pairs is then one of products of sums over single levels,

    chi_AB = -1/2 D sum_t sum_(m in A, n in B) sum_(x, y = c, b) conj(F_xy,mn) E_x'y',mn,
    F_xy,mn = sum_i u_ti x_mi y_ni*,   E_xy,mn = sum_j v_tj x_mj y_nj*,   c' = b, b' = c,

D the electrons that a level holds. That is of order n^3 in the number of orbitals n, where the sum over pairs
is of order N^2 n^2. The factors are a cross approximation with complete pivoting (M. Bebendorf, Numer. Math.
86, 565 (2000)).
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_expit

from polcouple.dftb.arrays import namespace, to_host
from polcouple.dftb.blocks import Block

#: error of a weight, 1/Hartree, and as a part of the largest one
_TOLERANCE, _ROUNDING = 1e-11, 1e-14
#: distance from the Fermi level (k_B T) beyond which levels are filled or empty
_FAR = 60.0
#: orbitals whose rows are computed together
_ROWS = 256


def weight_factors(
    energies: np.ndarray, occupations: np.ndarray, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Factors u (t, n_filled) and v (t, n_empty) of w: of the lowest levels and of the highest.

    Left out are levels that are empty, or filled, but for exp(-60): w falls with the square root of that.

    Args:
        energies: (n,) ascending, Hartree.
        occupations: (n,) between 0 and 1.
        temperature: k_B T in Hartree.
    """
    distances = (energies - _fermi_level(energies, occupations, temperature)) / temperature
    filled, empty = distances[distances < _FAR], distances[distances > -_FAR]
    half = 0.5 * (empty - filled[:, None])
    size = np.abs(half)
    # [1 - exp(-x)] / x of a negative x is exp(|x|) times that of |x|; the product with f (1 - f) stays small
    bracket = np.where(size > 0.0, -np.expm1(-size) / np.where(size > 0.0, size, 1.0), 1.0)
    logarithm = log_expit(-filled)[:, None] + log_expit(empty) + np.maximum(-half, 0.0)
    left = 0.5 / temperature * bracket * np.exp(logarithm)
    tolerance = max(_TOLERANCE, _ROUNDING * float(left.max()))
    u: list[np.ndarray] = []
    v: list[np.ndarray] = []
    while True:
        row, column = np.unravel_index(int(np.abs(left).argmax()), left.shape)
        pivot = float(left[row, column])
        if abs(pivot) <= tolerance:
            return np.array(u).reshape(-1, len(filled)), np.array(v).reshape(-1, len(empty))
        u.append(left[:, column] / pivot)
        v.append(left[row].copy())
        left -= np.outer(u[-1], v[-1])


def _fermi_level(energies: np.ndarray, occupations: np.ndarray, temperature: float) -> float:
    """From the level nearest to it; between filled and empty ones where none is anything else."""
    with np.errstate(divide="ignore"):
        logits = np.log(occupations) - np.log1p(-occupations)
    nearest = int(np.argmin(np.abs(logits)))
    if np.isfinite(logits[nearest]):
        return float(energies[nearest] + temperature * logits[nearest])
    n_filled = int(np.sum(occupations > 0.5))
    return float(energies[max(n_filled - 1, 0) : n_filled + 1].mean())


def pays(n_sites: int, n_orbitals: int, u: np.ndarray, v: np.ndarray) -> bool:
    """Whether factors of :func:`weight_factors` cost fewer operations than the sum over pairs of levels."""
    n_filled, n_empty = u.shape[1], v.shape[1]
    return len(u) * 4 * n_orbitals**2 * (n_filled + n_empty) < n_sites**2 * n_filled * n_empty


def factored_response(block: Block, u: np.ndarray, v: np.ndarray, n_sites: int) -> np.ndarray:
    """chi (n_sites, n_sites) at fixed Fermi level, 1/Hartree; ``u`` and ``v`` of :func:`weight_factors`."""
    n, n_filled, n_empty = len(block), u.shape[1], v.shape[1]
    filled = [matrix[:, :n_filled] for matrix in (block.vectors, block.duals)]
    empty = [matrix[:, n - n_empty :] for matrix in (block.duals, block.vectors)]
    own, first = np.unique(block.sites, return_index=True)
    xp, together = namespace(block.vectors), max(1, _ROWS * len(own) // n)
    chi = np.empty((len(own), len(own)))
    for start in range(0, len(own), together):
        sites, starts = slice(start, start + together), first[start:] - first[start]
        begin = int(first[start])
        end = int(first[start + together]) if start + together < len(own) else n
        total = np.zeros((end - begin, n - begin))
        for of_filled, of_empty in zip(xp.asarray(u), xp.asarray(v), strict=True):
            for x, x_opposite in zip(filled, empty, strict=True):
                rows = x[begin:end] * of_filled, x_opposite[begin:end] * of_empty
                for y, y_opposite in zip(filled, empty, strict=True):
                    product = (rows[0] @ y[begin:].conj().T).conj() * (rows[1] @ y_opposite[begin:].conj().T)
                    total += to_host(product.real)
        found = np.add.reduceat(np.add.reduceat(total, starts[:together], axis=0), starts, axis=1)
        # its pairs with sites before it are those of an earlier turn
        chi[sites, start:], chi[start:, sites] = found, found.T
    full = np.zeros((n_sites, n_sites))
    full[np.ix_(own, own)] = -0.25 * block.degeneracy * (chi + chi.T)
    return full
