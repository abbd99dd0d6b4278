"""More nodes in the total charge where answers between two would be wrong."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import brentq

from polcouple.dftb.expansion import Node, between
from polcouple.dftb.refinement import inner_charges, refined
from polcouple.dftb.solution import Solution

NOTHING = np.zeros(2)


def node(charge, energy, level, hardness, first, fukui, kernel=1.0):
    """Of two atoms; ``first``, ``fukui``: charge of the first one, and its slope."""
    charges, slopes = np.array([first, charge - first]), np.array([fukui, 1.0 - fukui])
    matrix = kernel * np.array([[1.0, -1.0], [-1.0, 1.0]])
    point = Solution(NOTHING, charge, charges, -charges, energy, level, 0.0, True, 1, 0.0)
    response = SimpleNamespace(charge_kernel=matrix, fukui=slopes, hardness=hardness)
    return Node(charge, point, response, matrix)


def two_levels(gap, fill, degeneracy=1.0, kt=1e-3):
    """Of electrons without interaction in two levels of so many places, the lower full at charge ``fill``."""

    def at(charge):
        electrons = degeneracy - (charge - fill)

        def occupations(mu):
            return degeneracy / (1.0 + np.exp((np.array([0.0, gap]) - mu) / kt))

        mu = brentq(lambda level: occupations(level).sum() - electrons, -0.5, gap + 0.5, xtol=1e-15)
        share = occupations(mu) / degeneracy
        energy = float(occupations(mu) @ [0.0, gap])
        entropy = -degeneracy * sum(x * np.log(x) + (1 - x) * np.log1p(-x) for x in share if 0 < x < 1)
        hardness = kt / (degeneracy * float((share * (1.0 - share)).sum()))
        return node(charge, energy - kt * entropy, mu, hardness, 0.5 * charge, 0.5)

    return at


@pytest.mark.parametrize("fill", [0.222, 0.5, 0.61])
@pytest.mark.parametrize("gap", [0.01, 0.016, 0.03])
def test_shells_filled_at_any_charge_are_found(fill, gap):
    """Away from the shell the cubic's Fermi level is right, where the one through both ends is not."""
    at = two_levels(gap, fill)
    nodes = refined((0.1, 0.95), at, 0.01)
    assert inner_charges(at(0.1), at(0.95), at) and len(nodes) < 60
    for charge in (fill - 0.11, fill - 0.03, fill + 0.03, fill + 0.17, fill + 0.31):
        low = at(max(one for one in nodes if one <= charge))
        high = at(min(one for one in nodes if one > charge))
        assert between(low, high, charge, NOTHING).fermi_level == pytest.approx(
            at(charge).point.fermi_level, abs=2e-4
        )


def bent(q):
    return node(q, 0.05 * q**2, -0.1 * q, 0.1, 0.3 * q + 0.01 * np.sin(9 * q), 0.3 + 0.09 * np.cos(9 * q))


def softening(q):
    return node(q, 0.05 * q**2, -0.1 * q, 0.1, 0.3 * q, 0.3, 1.0 + 0.3 * np.sin(6 * q))


@pytest.mark.parametrize("at", [bent, softening])
def test_charges_and_the_response_are_looked_at(at):
    assert inner_charges(at(0.0), at(1.0), at) == (0.5,)


def test_smooth_electrodes_need_no_other_node():
    def at(charge):
        return node(charge, 0.05 * charge**2, -0.1 * charge, 0.1, 0.3 * charge, 0.3, 1.0 + 0.01 * charge)

    assert inner_charges(at(0.0), at(1.0), at) == ()
    assert refined((0.0, 1.0, 2.0), at, 0.01) == [0.0, 1.0, 2.0]
