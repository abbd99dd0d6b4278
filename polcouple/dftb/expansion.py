"""Energy, charges and Fermi level to second order in the potentials, for any total charge.

At whole total charges n the self-consistent electrode at phi_n (zero) and its linear response give

    E_n(phi) = E_n + q_n . phi + 1/2 phi . K_n phi,     mu_n(phi) = mu_n - F_n . phi

Between them E_n and q_n are interpolated by cubic polynomials that have the exact slopes -mu_n and
F_n = dq/dQ at both ends, K_n by one with slopes zero, so that E(phi, Q) has continuous first derivatives

    dE/dphi = q,  sum(q) = Q,      -dE/dQ = mu.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from polcouple.dftb.response import LinearResponse
from polcouple.dftb.scf import Solution


@dataclass(frozen=True, eq=False)
class Node:
    """A self-consistent point and the response there.

    Attributes:
        product: multiplies the charge kernel of ``response`` with a vector.
    """

    point: Solution
    response: LinearResponse
    product: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Expanded:
    """Value of the expansion at (phi, Q).

    Attributes:
        energy: in Hartree.
        charges: (n_atoms,) in e.
        fermi_level: in Hartree.
        fukui: (n_atoms,) dq/dQ.
        hardness: -d(Fermi level)/dQ in Hartree/e; discontinuous at whole charges.
    """

    energy: float
    charges: np.ndarray
    fermi_level: float
    fukui: np.ndarray
    hardness: float


def at_node(node: Node, potentials: np.ndarray) -> Expanded:
    """Linear response of ``node`` at its own total charge; potentials (n_atoms,) in Hartree/e."""
    point, response = node.point, node.response
    shift = potentials - point.site_potentials
    induced = node.product(shift)
    return Expanded(
        point.energy + float((point.charges + 0.5 * induced) @ shift),
        point.charges + induced,
        point.fermi_level - float(response.fukui @ shift),
        response.fukui,
        response.hardness,
    )


def between(low: Node, high: Node, fraction: float, potentials: np.ndarray) -> Expanded:
    """At the total charge of ``low`` plus ``fraction`` e, where ``high`` has one e more; both at phi = 0."""
    t = fraction
    powers = np.array([1.0, t, t**2, t**3])
    slopes = np.array([0.0, 1.0, 2.0 * t, 3.0 * t**2])
    curvatures = np.array([0.0, 0.0, 2.0, 6.0 * t])
    value, slope, curvature = _HERMITE @ powers, _HERMITE @ slopes, _HERMITE @ curvatures

    energies = [low.point.energy, -low.point.fermi_level, high.point.energy, -high.point.fermi_level]
    fixed = [low.point.charges, low.response.fukui, high.point.charges, high.response.fukui]
    induced_low = low.product(potentials)
    induced_high = high.product(potentials)
    induced = [induced_low, np.zeros_like(induced_low), induced_high, np.zeros_like(induced_low)]
    linear = np.array([q @ potentials for q in fixed])
    quadratic = np.array([0.5 * q @ potentials for q in induced])
    by_charge = np.array(energies) + linear + quadratic
    columns = np.array(fixed) + np.array(induced)
    return Expanded(
        float(value @ by_charge),
        value @ columns,
        -float(slope @ by_charge),
        slope @ columns,
        float(curvature @ by_charge),
    )


#: coefficients of the cubic polynomials that are 1 in value or slope at 0 or 1 and 0 in the three others,
#: in the order value at 0, slope at 0, value at 1, slope at 1
_HERMITE = np.array(
    [[1.0, 0.0, -3.0, 2.0], [0.0, 1.0, -2.0, 1.0], [0.0, 0.0, 3.0, -2.0], [0.0, 0.0, -1.0, 1.0]]
)
