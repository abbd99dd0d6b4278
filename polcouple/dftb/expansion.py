"""Energy, charges and Fermi level to second order in the potentials, for any total charge.

At nodes n in the total charge the self-consistent electrode at phi_n (zero) and its linear response give

    E_n(phi) = E_n + q_n . phi + 1/2 phi . K_n phi,     mu_n(phi) = mu_n - F_n . phi

Between them E_n and q_n are interpolated by cubic polynomials that have the exact slopes -mu_n and
F_n = dq/dQ at both ends, K_n by one with slopes zero, so that E(phi, Q) has continuous first derivatives

    dE/dphi = q,  sum(q) = Q,      -dE/dQ = mu.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.dftb.hermite import hermite_weights
from polcouple.dftb.response import ChargeResponse
from polcouple.dftb.solution import Solution
from polcouple.lattice.matrix import Matrix, weighted_sum


@dataclass(frozen=True, eq=False)
class Node:
    """A self-consistent point and the response there.

    Attributes:
        total_charge: in e.
        kernel: K of ``response``, as what multiplies a vector in the least time.
    """

    total_charge: float
    point: Solution
    response: ChargeResponse
    kernel: Matrix


@dataclass(frozen=True, eq=False)
class Expanded:
    """Value of the expansion at (phi, Q).

    Attributes:
        energy: in Hartree.
        charges: (n_atoms,) in e.
        fermi_level: in Hartree.
        fukui: (n_atoms,) dq/dQ.
        hardness: -d(Fermi level)/dQ in Hartree/e; discontinuous at nodes.
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
    induced = node.kernel @ shift
    return Expanded(
        point.energy + float((point.charges + 0.5 * induced) @ shift),
        point.charges + induced,
        point.fermi_level - float(response.fukui @ shift),
        response.fukui,
        response.hardness,
    )


def between(low: Node, high: Node, total_charge: float, potentials: np.ndarray) -> Expanded:
    """At ``total_charge`` (e), from the nodes below and above it; both at phi = 0."""
    width = high.total_charge - low.total_charge
    value, slope, curvature = (
        hermite_weights(total_charge - low.total_charge, width, order) for order in range(3)
    )
    points, responses = (low.point, high.point), (low.response, high.response)
    energies = np.array([[point.energy for point in points], [-point.fermi_level for point in points]])
    fixed = np.array([[point.charges for point in points], [response.fukui for response in responses]])
    induced = np.zeros_like(fixed)
    induced[0] = low.kernel @ potentials, high.kernel @ potentials
    by_charge = energies + (fixed + 0.5 * induced) @ potentials
    columns = fixed + induced
    return Expanded(
        float((value * by_charge).sum()),
        np.tensordot(value, columns),
        -float((slope * by_charge).sum()),
        np.tensordot(slope, columns),
        float((curvature * by_charge).sum()),
    )


def interpolated_kernel(low: Node, high: Node, total_charge: float) -> Matrix:
    """K (n_atoms, n_atoms) at ``total_charge`` (e), from the nodes below and above it, in e^2/Hartree."""
    width = high.total_charge - low.total_charge
    weights = hermite_weights(total_charge - low.total_charge, width)[0]
    return weighted_sum(weights, (low.kernel, high.kernel))
