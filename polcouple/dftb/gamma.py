"""Coulomb interaction gamma_AB of charge fluctuations in SCC-DFTB.

gamma_AB = 1/R (periodic: Ewald kernel with neutralising background) - s(R), where s makes it the interaction
of two exponential charge clouds with decay tau = 16 U / 5, and gamma_AA = U at R = 0 (M. Elstner et al.,
Phys. Rev. B 58, 7260 (1998)). Atom-resolved DFTB uses the U of the s shell for the whole atom.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from polcouple.dftb.hamiltonian import Pairs, find_pairs
from polcouple.electrode import Electrode
from polcouple.electrostatics.interaction import interaction_forces, interaction_matrix

#: U values closer than this (Hartree) use the equal-U formula
_SAME_U = 1e-6
#: s(R) is dropped where tau R exceeds this: s < 1e-12 Hartree
_REACH = 36.0


def gamma_matrix(electrode: Electrode, site_atom: np.ndarray, hubbard: np.ndarray) -> np.ndarray:
    """gamma between charge sites (atoms, or shells of atoms).

    Args:
        electrode: the geometry.
        site_atom: (n_sites,) atom of each site.
        hubbard: (n_sites,) U in Hartree.

    Returns:
        (n_sites, n_sites) in Hartree/e^2, symmetric.
    """
    gamma = interaction_matrix(electrode)[np.ix_(site_atom, site_atom)]
    n_atoms = len(electrode)
    tau, kind = np.unique(3.2 * hubbard, return_inverse=True)
    pairs = find_pairs(electrode, _REACH / tau.min())
    distance = np.linalg.norm(pairs.vector, axis=1)
    for a, b, chosen in _pairs_of_kinds(pairs, site_atom, kind):
        short = np.zeros((n_atoms, n_atoms))
        np.add.at(
            short,
            (pairs.first[chosen], pairs.second[chosen]),
            short_range(distance[chosen], tau[a], tau[b]),
        )
        np.fill_diagonal(short, short.diagonal() - on_site(tau[a], tau[b]))
        rows, columns = np.flatnonzero(kind == a), np.flatnonzero(kind == b)
        gamma[np.ix_(rows, columns)] -= short[np.ix_(site_atom[rows], site_atom[columns])]
    return 0.5 * (gamma + gamma.T)


def gamma_forces(
    electrode: Electrode, site_atom: np.ndarray, hubbard: np.ndarray, charges: np.ndarray
) -> np.ndarray:
    """Forces (n_atoms, 3) in Hartree/bohr from 1/2 sum_AB q_A q_B gamma_AB of the sites' ``charges`` (e).

    Arguments as above, ``charges`` (n_sites,).
    """
    forces = interaction_forces(electrode, np.bincount(site_atom, charges))
    tau, kind = np.unique(3.2 * hubbard, return_inverse=True)
    of_kind = np.zeros((len(tau), len(electrode)))
    np.add.at(of_kind, (kind, site_atom), charges)
    pairs = find_pairs(electrode, _REACH / tau.min()).half()
    distance = np.linalg.norm(pairs.vector, axis=1)
    for a, b, chosen in _pairs_of_kinds(pairs, site_atom, kind):
        first, second = pairs.first[chosen], pairs.second[chosen]
        slope = short_range_slope(distance[chosen], tau[a], tau[b]) / distance[chosen]
        pull = (-of_kind[a, first] * of_kind[b, second] * slope)[:, None] * pairs.vector[chosen]
        for axis in range(3):
            forces[:, axis] += np.bincount(first, pull[:, axis], minlength=len(forces))
            forces[:, axis] -= np.bincount(second, pull[:, axis], minlength=len(forces))
    return forces


def _pairs_of_kinds(
    pairs: Pairs, site_atom: np.ndarray, kind: np.ndarray
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Kinds of sites (``kind`` (n_sites,), by their U) and the pairs of atoms that have sites of them."""
    has = np.zeros((kind.max() + 1, site_atom.max() + 1), dtype=bool)
    has[kind, site_atom] = True
    for a, first in enumerate(has):
        for b, second in enumerate(has):
            yield a, b, np.flatnonzero(first[pairs.first] & second[pairs.second])


def short_range(r: np.ndarray, tau_a: float, tau_b: float) -> np.ndarray:
    """s(R) = 1/R - gamma(R) in Hartree at distances ``r`` (bohr) for decay constants in 1/bohr."""
    if abs(tau_a - tau_b) < 3.2 * _SAME_U:
        tau = 0.5 * (tau_a + tau_b)
        x = tau * r
        return np.exp(-x) * (48.0 + 33.0 * x + 9.0 * x**2 + x**3) / (48.0 * r)
    return _unequal(r, tau_a, tau_b) + _unequal(r, tau_b, tau_a)


def short_range_slope(r: np.ndarray, tau_a: float, tau_b: float) -> np.ndarray:
    """ds/dR in Hartree/bohr, arguments as above."""
    if abs(tau_a - tau_b) < 3.2 * _SAME_U:
        x = 0.5 * (tau_a + tau_b) * r
        return -np.exp(-x) * (48.0 + 48.0 * x + 24.0 * x**2 + 7.0 * x**3 + x**4) / (48.0 * r**2)
    return _unequal_slope(r, tau_a, tau_b) + _unequal_slope(r, tau_b, tau_a)


def on_site(tau_a: float, tau_b: float) -> float:
    """gamma at R = 0, U for equal decay constants, in Hartree."""
    product, total = tau_a * tau_b, tau_a + tau_b
    return 0.5 * (product / total + product**2 / total**3)


def _unequal(r: np.ndarray, a: float, b: float) -> np.ndarray:
    constant, over_r = _unequal_factors(a, b)
    return np.exp(-a * r) * (constant - over_r / r)


def _unequal_slope(r: np.ndarray, a: float, b: float) -> np.ndarray:
    constant, over_r = _unequal_factors(a, b)
    return np.exp(-a * r) * (over_r / r**2 - a * (constant - over_r / r))


def _unequal_factors(a: float, b: float) -> tuple[float, float]:
    difference = a**2 - b**2
    return b**4 * a / (2.0 * difference**2), (b**6 - 3.0 * b**4 * a**2) / difference**3
