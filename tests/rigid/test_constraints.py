"""Solvers of constraints: against one another, against conservation laws, and where there is no solution."""

import numpy as np
import pytest
from rigid_cases import BOND, LENGTHS, drop

from polcouple.errors import ConvergenceError, InputError
from polcouple.rigid.constraints import Constraints
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

DALTON = 1822.888486
WATER_MASSES = np.array([15.9994, 1.00794, 1.00794]) * DALTON
STEP = 2.0 * FS_TO_ATOMIC_TIME
TRIANGLE = np.array([[0, 1], [0, 2], [1, 2]])


def moves(constraints, positions, momenta, masses, steps=1, step=STEP):
    momenta = momenta.copy()
    for _ in range(steps):
        before, positions = positions, positions + step * momenta / masses[:, None]
        constraints.finish_move(before, positions, momenta, step)
    return positions, momenta


def thermal(rng, masses, kelvin=300.0):
    return rng.standard_normal((len(masses), 3)) * np.sqrt(masses * kelvin * KELVIN_TO_HARTREE)[:, None]


class _Iterated(Constraints):
    """No group is taken for a triangle."""

    def _triangle(self, group):
        return None


@pytest.fixture
def waters():
    """Two kinds of constraints on the same waters: by SETTLE, and by M-SHAKE; masses, positions, momenta."""
    rng = np.random.default_rng(5)
    n = 40
    positions = drop(n, rng, 0)[1]
    masses = np.tile(WATER_MASSES, n)
    pairs = np.concatenate([TRIANGLE + 3 * w for w in range(n)])
    analytic = Constraints(pairs, LENGTHS * n, masses)
    iterated = _Iterated(pairs, LENGTHS * n, masses)
    assert len(analytic._triangle_atoms) == n and len(iterated._starts) == n + 1
    momenta = thermal(rng, masses)
    analytic.stop_stretching(positions, momenta)
    return analytic, iterated, masses, positions, momenta


def test_settle_agrees_with_shake(waters):
    analytic, iterated, masses, positions, momenta = waters
    one, p_one = moves(analytic, positions, momenta, masses)
    two, p_two = moves(iterated, positions, momenta, masses)
    assert np.abs(one - positions).max() > 0.05
    assert np.abs(one - two).max() < 1e-12 * BOND
    assert np.abs(p_one - p_two).max() < 1e-12 * np.abs(momenta).max()
    loose = thermal(np.random.default_rng(1), masses)
    rest = [loose.copy(), loose.copy()]
    analytic.stop_stretching(positions, rest[0])
    iterated.stop_stretching(positions, rest[1])
    assert np.abs(rest[0] - loose).max() > 0.1 * np.abs(loose).max()
    assert np.abs(rest[0] - rest[1]).max() < 1e-13 * np.abs(loose).max()


@pytest.mark.parametrize("kind", [0, 1])
def test_rattle_conserves_and_is_reversible(waters, kind):
    constraints, masses, positions, momenta = waters[kind], *waters[2:]
    end, p_end = moves(constraints, positions, momenta, masses, 20)
    assert constraints.deviation(end) < 1e-12 and constraints.stretching(end, p_end) < 1e-12
    scale = np.abs(momenta).max()
    for w in range(40):
        own = slice(3 * w, 3 * w + 3)
        assert np.abs(p_end[own].sum(0) - momenta[own].sum(0)).max() < 1e-11 * scale
        torque = np.cross(end[own], p_end[own]).sum(0) - np.cross(positions[own], momenta[own]).sum(0)
        assert np.abs(torque).max() < 1e-10 * scale * BOND
    back, p_back = moves(constraints, end, -p_end, masses, 20)
    assert np.abs(back - positions).max() < 1e-10
    assert np.abs(p_back + momenta).max() < 1e-10 * scale


def methanol_like():
    """C with three H and an O with one: bonds to H, and a rigid CHO triangle of unequal masses."""
    hydrogens = [[0.63, 0.63, 0.63], [-0.63, -0.63, 0.63], [0.63, -0.63, -0.63]]
    positions = np.array([[0, 0, 0], *hydrogens, [-0.8, 0.8, -0.8], [-1.5, 0.4, -0.6]]) * 1.8897
    masses = np.array([12.011, 1.008, 1.008, 1.008, 15.999, 1.008]) * DALTON
    pairs = np.array([[0, 1], [0, 2], [3, 0], [0, 4], [4, 5], [5, 0]])
    return positions, masses, pairs


@pytest.mark.parametrize("far", [0.0, 1e5])
def test_groups_of_any_shape(far):
    """Six coupled constraints, and as well where coordinates have five digits less."""
    positions, masses, pairs = methanol_like()
    positions = positions + far
    lengths = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    constraints = Constraints(pairs, lengths, masses)
    momenta = thermal(np.random.default_rng(2), masses)
    constraints.stop_stretching(positions, momenta)
    end, p_end = moves(constraints, positions, momenta, masses, 50)
    digits = 1e-13 + 1e-15 * far
    assert constraints.deviation(end) < 10 * digits
    assert constraints.stretching(end, p_end) < 1e-13
    kinetic = [(p**2 / masses[:, None]).sum() for p in (momenta, p_end)]
    assert kinetic[0] == pytest.approx(kinetic[1], rel=2e-3)


def test_a_move_that_is_too_long_is_refused(waters):
    for constraints in waters[:2]:
        with pytest.raises(ConvergenceError, match=r"atoms \d+, \d+, \d+ do not converge.*time step"):
            moves(constraints, waters[3], 30 * waters[4], waters[2])
        broken = waters[4].copy()
        broken[31] = np.nan
        with pytest.raises(ConvergenceError, match="atoms 30, 31, 32 do not converge"):
            moves(constraints, waters[3], broken, waters[2])


def test_constraints_that_depend_on_one_another_are_refused():
    line = np.array([[0.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0]])
    constraints = Constraints(TRIANGLE, [1.0, 2.0, 1.0], WATER_MASSES)
    with pytest.raises(ConvergenceError, match=r"atoms 0, 1, 2 depend on one another"):
        constraints.stop_stretching(line, np.ones((3, 3)))


@pytest.mark.parametrize(
    ("pairs", "lengths", "says"),
    [
        ([[0, 1], [1, 0]], [1.0, 1.0], "atoms 0 and 1 are constrained twice"),
        ([[1, 1]], [1.0], "holds atom 1 at a distance from itself"),
        ([[0, 1]], [0.0], "atoms 0 and 1 is not a positive number"),
        ([[0, 1]], [np.nan], "atoms 0 and 1 is not a positive number"),
        ([[0, 1]], [1.0, 2.0], "2 lengths for 1 constrained pairs"),
    ],
)
def test_bad_constraints_are_named(pairs, lengths, says):
    with pytest.raises(InputError, match=says):
        Constraints(pairs, lengths, WATER_MASSES)


def test_split_molecules_are_made_whole():
    cell = np.array([[20.0, 0, 0], [7.0, 18.0, 0], [0, 0, 25.0]])
    n = 8
    positions = drop(n, np.random.default_rng(4), 0)[1]
    constraints = Constraints(
        np.concatenate([TRIANGLE + 3 * w for w in range(n)]), LENGTHS * n, np.tile(WATER_MASSES, n)
    )
    images = np.random.default_rng(0).integers(-2, 3, (3 * n, 3))
    split = positions + images @ cell
    assert constraints.deviation(split) > 1
    whole = constraints.whole(split, cell)
    assert constraints.deviation(whole) < 1e-12
    moved = (whole - positions) @ np.linalg.inv(cell)
    assert np.abs(moved - np.round(moved)).max() < 1e-12
    assert np.array_equal(constraints.whole(positions, cell), positions)


def test_another_shape_is_refused():
    positions = drop(2, np.random.default_rng(4), 0)[1]
    positions[4] += 0.3 * (positions[4] - positions[3])
    constraints = Constraints(np.concatenate([TRIANGLE, TRIANGLE + 3]), LENGTHS * 2, np.tile(WATER_MASSES, 2))
    with pytest.raises(InputError, match=r"atoms 3 and 4 are 1.3000 Angstrom.* says 1.0000"):
        constraints.require_near(positions, 0.1)
