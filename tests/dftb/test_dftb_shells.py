"""Nodes beside total charges that fill a shell."""

import numpy as np
import pytest
from scipy.optimize import brentq

from polcouple.dftb.shells import Level, bracketed, inner_charges, refined

CHARGES = (-4.0, -3.0, -2.0)


def test_only_filled_shells_are_bracketed():
    assert bracketed(CHARGES, [0.1, 0.12, 0.1]) == []
    around = [-3.5, -3.25, -3.1, -3.02, -2.98, -2.9, -2.75, -2.5]
    assert sorted(bracketed(CHARGES, [0.1, 1e9, 0.2])) == pytest.approx(around)


def test_brackets_neither_leave_the_range_nor_double_a_node():
    assert sorted(bracketed((-4.0, -3.75, -3.0), [1e9, 0.1, 0.2])) == pytest.approx([-3.98, -3.9, -3.5])


def test_brackets_of_an_end_may_go_a_little_beyond():
    added = bracketed((-4.0, -3.0), [1e9, 0.1], beyond=0.2)
    assert sorted(added) == pytest.approx([-4.1, -4.02, -3.98, -3.9, -3.75, -3.5])


def two_levels(gap, fill, degeneracy=0.5, kt=1e-3):
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
        return Level(charge, energy - kt * entropy, mu, hardness)

    return at


@pytest.mark.parametrize("fill", [0.222, 0.5, 0.61])
@pytest.mark.parametrize("gap", [0.005, 0.01, 0.03])
def test_shells_filled_at_any_charge_are_found(fill, gap):
    """Away from the shell the cubic's Fermi level is right, where the one through both ends is not."""
    at = two_levels(gap, fill)
    nodes = refined((fill - 0.4, fill + 0.4), at, 0.01)
    assert inner_charges(at(fill - 0.4), at(fill + 0.4), at) and len(nodes) < 60
    for charge in (fill - 0.35, fill - 0.11, fill - 0.03, fill + 0.03, fill + 0.17, fill + 0.39):
        left = max(node for node in nodes if node <= charge)
        right = min(node for node in nodes if node > charge)
        low, high = at(left), at(right)
        t, width = (charge - left) / (right - left), right - left
        rise = (high.energy - low.energy) / width
        level = -(
            6 * t * (1 - t) * rise
            - low.fermi_level * (1 - t) * (1 - 3 * t)
            - high.fermi_level * t * (3 * t - 2)
        )
        assert level == pytest.approx(at(charge).fermi_level, abs=2e-4)


def test_smooth_levels_need_no_other_node():
    def at(charge):
        return Level(charge, 0.1 * charge + 0.05 * charge**2, -0.1 - 0.1 * charge, 0.1)

    assert inner_charges(at(0.0), at(1.0), at) == ()
