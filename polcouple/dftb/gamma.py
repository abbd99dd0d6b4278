"""Coulomb interaction gamma_AB of charge fluctuations in SCC-DFTB.

gamma_AB = 1/R (periodic: Ewald kernel with neutralising background) - s(R), where s makes it the interaction
of two exponential charge clouds with decay tau = 16 U / 5, and gamma_AA = U at R = 0 (M. Elstner et al.,
Phys. Rev. B 58, 7260 (1998)). Atom-resolved DFTB uses the U of the s shell for the whole atom.
"""

from __future__ import annotations

import numpy as np

from polcouple.dftb.hamiltonian import find_pairs
from polcouple.electrode import Electrode
from polcouple.electrostatics.interaction import interaction_matrix

#: U values closer than this (Hartree) use the equal-U formula
_SAME_U = 1e-6
#: s(R) is dropped where tau R exceeds this: s < 1e-12 Hartree
_REACH = 36.0


def gamma_matrix(electrode: Electrode, site_atom: np.ndarray, hubbard: np.ndarray) -> np.ndarray:
    """gamma between charge sites (atoms, or shells of atoms).

    Args:
        electrode: frozen geometry.
        site_atom: (n_sites,) atom of each site.
        hubbard: (n_sites,) U in Hartree.

    Returns:
        (n_sites, n_sites) in Hartree/e^2, symmetric.
    """
    gamma = interaction_matrix(electrode)[np.ix_(site_atom, site_atom)]
    tau = 3.2 * hubbard
    pairs = find_pairs(electrode, _REACH / tau.min())
    distance = np.linalg.norm(pairs.vector, axis=1)
    n_atoms = len(electrode)
    kinds, kind_of_site = np.unique(tau, return_inverse=True)
    for a, tau_a in enumerate(kinds):
        for b, tau_b in enumerate(kinds):
            short = np.bincount(
                pairs.first * n_atoms + pairs.second,
                short_range(distance, tau_a, tau_b),
                minlength=n_atoms**2,
            ).reshape(n_atoms, n_atoms)
            np.fill_diagonal(short, short.diagonal() - on_site(tau_a, tau_b))
            rows, columns = np.flatnonzero(kind_of_site == a), np.flatnonzero(kind_of_site == b)
            gamma[np.ix_(rows, columns)] -= short[np.ix_(site_atom[rows], site_atom[columns])]
    return 0.5 * (gamma + gamma.T)


def short_range(r: np.ndarray, tau_a: float, tau_b: float) -> np.ndarray:
    """s(R) = 1/R - gamma(R) in Hartree at distances ``r`` (bohr) for decay constants in 1/bohr."""
    if abs(tau_a - tau_b) < 3.2 * _SAME_U:
        tau = 0.5 * (tau_a + tau_b)
        x = tau * r
        return np.exp(-x) * (48.0 + 33.0 * x + 9.0 * x**2 + x**3) / (48.0 * r)
    return _unequal(r, tau_a, tau_b) + _unequal(r, tau_b, tau_a)


def on_site(tau_a: float, tau_b: float) -> float:
    """gamma at R = 0, U for equal decay constants, in Hartree."""
    product, total = tau_a * tau_b, tau_a + tau_b
    return 0.5 * (product / total + product**2 / total**3)


def _unequal(r: np.ndarray, a: float, b: float) -> np.ndarray:
    difference = a**2 - b**2
    return np.exp(-a * r) * (
        b**4 * a / (2.0 * difference**2) - (b**6 - 3.0 * b**4 * a**2) / (difference**3 * r)
    )
