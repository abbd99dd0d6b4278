"""The electrode's electrons beside fixed charges: against a minimum that is searched for, and differences."""

from dataclasses import replace

import numpy as np
import pytest
from grand_cases import CELL, architecture, atoms
from scipy.optimize import minimize, minimize_scalar

from polcouple.lattice.pairs import neighbour_pairs
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.electrode import Electrode
from polcouple.nn.grand.induced import Induced
from polcouple.nn.grand.long_range import Waves
from polcouple.nn.potential.bonds import Bonds, covalent_radii
from polcouple.nn.potential.potential import Architecture

#: beyond the gap of so small a sheet
LEVEL = -7.6


def electrode(positions, **changes):
    kinds, _ = atoms()
    pairs = neighbour_pairs(positions, CELL, (True,) * 3, 3.0)
    return Electrode(replace(architecture(), **changes), pairs, kinds, positions, CELL)


def gaussian_energy(positions, charges, width=0.8):
    """Of Gaussian charges in the periodic cell, wave by wave."""
    reciprocal = 2 * np.pi / np.diag(CELL)
    total = 0.0
    for i in np.ndindex(13, 13, 37):
        k = (np.array(i) - [6, 6, 18]) * reciprocal
        square = k @ k
        if 0.0 < square < 60.0:
            structure = (charges * np.exp(1j * positions @ k)).sum()
            total += np.exp(-(width**2) * square) / square * abs(structure) ** 2
    return 2 * np.pi * 14.3996454 / np.prod(np.diag(CELL)) * total


def test_electrons_are_where_the_free_energy_less_mu_n_is_least():
    kinds, positions = atoms()
    of_all, found = architecture(), electrode(positions, liquid_hardness=()).charged(LEVEL)
    levels = electrode(positions)._levels
    sites, charges = np.flatnonzero(kinds == 0), np.array(of_all.charges)[kinds]

    def omega(n):
        spread = charges.copy()
        spread[sites] -= n / len(sites)
        own = (of_all.neutral_level - LEVEL) * n + 0.5 * of_all.hardness / len(sites) * n * n
        return levels.free_energy(levels.level_of(n)) + own + gaussian_energy(positions, spread)

    least = minimize_scalar(omega, bounds=(-2.0, 2.0), method="bounded", options={"xatol": 1e-9})
    assert found.electrons == pytest.approx(least.x, abs=1e-4)
    assert abs(found.electrons) > 0.02
    assert found.energy == pytest.approx(least.fun, abs=2e-3)


def test_the_same_level_is_solved_once():
    one = electrode(atoms()[1])
    assert one.charged(LEVEL) is one.charged(LEVEL)
    assert one.charged(LEVEL + 0.1).electrons > one.charged(LEVEL).electrons


def test_flows_along_bonds_are_where_the_energy_is_least():
    """Against a search over what flows along each of the four bonds, wave by wave."""
    kinds, positions = atoms()
    each, hardness = np.where(kinds == 0, -1 / 8, 0.0), np.array([0.0, 18.0, 1.5])[kinds]
    pairs = neighbour_pairs(positions, CELL, (True,) * 3, 3.0)
    bonds = Bonds(pairs, positions, CELL, (True,) * 3, covalent_radii(("C", "H", "O"))[kinds], kinds > 0)
    assert sorted(map(tuple, bonds.ends)) == [(8, 9), (8, 10), (11, 12), (11, 13)]
    found = Induced(Waves(positions, CELL), each, bonds, hardness)

    def energy(flows):
        charges = np.zeros(14)
        for (one, other), flow in zip(bonds.ends, flows, strict=True):
            charges[one] -= flow
            charges[other] += flow
        whole = gaussian_energy(positions, each + charges) - gaussian_energy(positions, each)
        return whole + 0.5 * hardness @ charges**2

    least = minimize(energy, np.zeros(4), method="BFGS", options={"gtol": 1e-6})
    assert found.energy == pytest.approx(least.fun, rel=2e-3)
    assert found.energy < -0.01
    assert found.charges[8:11].sum() == pytest.approx(0.0, abs=1e-12)


def test_what_is_induced_ceases_smoothly_as_a_bond_is_stretched():
    kinds, positions = atoms()
    each = np.where(kinds == 0, -1 / 8, 0.0)

    def at(length):
        moved = positions.copy()
        bond = moved[9] - moved[8]
        moved[9] = moved[8] + length * bond / np.linalg.norm(bond)
        pairs = neighbour_pairs(moved, CELL, (True,) * 3, 3.0)
        bonds = Bonds(pairs, moved, CELL, (True,) * 3, covalent_radii(("C", "H", "O"))[kinds], kinds > 0)
        found = Induced(Waves(moved, CELL), each, bonds, np.full(14, 3.0))
        return found, found.gradient[9] @ bond / np.linalg.norm(bond)

    for length in (1.0, 1.25, 1.35, 1.45, 1.49):
        slope = (at(length + 1e-4)[0].energy - at(length - 1e-4)[0].energy) / 2e-4
        assert at(length)[1] == pytest.approx(slope, abs=1e-6)
    ends = [at(length)[0].energy for length in (1.5, 1.51)]
    assert ends[0] == pytest.approx(ends[1], abs=1e-3)


def test_bonds_reach_beyond_the_neighbours_of_the_network():
    """Na-Cl ends at 1.55 times the covalent radii, 4.15 A: neighbours within 3.5 A made a step there."""
    surroundings = Architecture(("C", "Cl", "Na"), 3.5, 2, 2, (8, 8), repulsion=False)
    own = GrandArchitecture(
        surroundings,
        "electrode",
        ("C",),
        False,
        0.0259,
        2.7,
        2.0,
        -4.6,
        -4.8,
        (0.0, -1.0, 1.0),
        (-5.9, -4.9, -3.9),
        -4.9,
        (0.0, 8.0, 6.0),
    )
    kinds, positions = np.array([0] * 8 + [2, 1]), atoms()[1][:10].copy()

    def at(length):
        positions[8:] = [[2.0, 2.0, 3.0], [2.0, 2.0, 3.0 + length]]
        pairs = neighbour_pairs(positions, CELL, (True,) * 3, 3.5)
        return Electrode(own, pairs, kinds, positions, CELL).charged(-3.9)

    before, after = at(3.4999), at(3.5001)
    force = 0.5 * (before.forces[9, 2] + after.forces[9, 2])
    assert after.energy - before.energy == pytest.approx(-force * 2e-4, abs=1e-7)
    assert after.electrons == pytest.approx(before.electrons, abs=1e-3)
    # it does conduct there
    wider = neighbour_pairs(positions, CELL, (True,) * 3, 6.0)
    assert Electrode(own, wider, kinds, positions, CELL).charged(-3.9).energy == after.energy
