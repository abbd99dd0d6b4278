"""The electrode's electrons beside fixed charges: against a minimum that is searched for, and differences."""

from dataclasses import replace

import numpy as np
import pytest
from grand_cases import CELL, architecture, atoms
from scipy.optimize import minimize_scalar

from polcouple.lattice.pairs import neighbour_pairs
from polcouple.nn.grand.electrode import Electrode

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
    of_all, found = architecture(), electrode(positions).charged(LEVEL)
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
