"""The potential at both electrodes of a capacitor, from charges whose potential is known."""

import numpy as np
import pytest
from conftest import CAPACITOR

from polcouple.analysis.potential import PotentialProfile
from polcouple.analysis.slab import Grid, faces, slab_of
from polcouple.case.model import read_case


def profile_of(case, slab, charge):
    found = PotentialProfile(case, slab, np.repeat([charge / 60, -charge / 60], 60))
    for _ in range(8):
        found.add(case.positions)
    return found


def test_a_capacitors_electrodes_are_at_each_side_of_the_bulk():
    """Charges +q and -q add 4 pi q d / A between the planes, half of it at each; no field beyond (D = 0)."""
    case = read_case(CAPACITOR)
    slab = slab_of(case)
    low, high = faces(case, slab)
    distance, charge = high - low, 0.2
    assert (low, distance) == pytest.approx((0.0, 24.0 / 0.529177210903))
    charged, plain = profile_of(case, slab, charge), profile_of(case, slab, 0.0)
    step = 4 * np.pi * charge / slab.area * distance
    between = charged.between_electrodes().value - plain.between_electrodes().value
    assert between == pytest.approx(step, rel=1e-9)
    lower, upper = (charged.at_electrode(i).value - plain.at_electrode(i).value for i in (0, 1))
    assert lower - upper == pytest.approx(step, rel=1e-9)
    # the bulk's middle is within an Angstrom of the gap's
    assert lower == pytest.approx(0.5 * step, rel=0.08) and upper == pytest.approx(-0.5 * step, rel=0.08)


def test_spread_weights_keep_their_dipole():
    """A height is between the middles of two bins; the cell's end is the neighbour of its beginning."""
    grid = Grid(-1.0, 0.5, 8)
    heights, weights = np.array([-0.75, 0.1, 2.3]), np.array([2.0, -3.0, 1.5])
    spread = grid.spread(heights, weights)
    assert spread.sum() == pytest.approx(weights.sum())
    assert spread @ grid.centres == pytest.approx(weights @ heights)
    assert spread[0] == 2.0
    assert grid.spread(np.array([2.9]), np.ones(1)) == pytest.approx([0.3, 0, 0, 0, 0, 0, 0, 0.7])
