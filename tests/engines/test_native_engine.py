"""The engine of our own: independent sums in any cell, accuracy kept, lists that age, threads."""

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polcouple.coupling.charges import Surroundings
from polcouple.coupling.electrodes import create_coupled
from polcouple.coupling.forces import ForceProvider
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.engines.base import SitePotentialEngine, create_engine
from polcouple.engines.native.clusters import make_clusters
from polcouple.engines.native.engine import NativeEngine
from polcouple.engines.native.exclusions import partners
from polcouple.engines.native.lists import Reach, list_neighbours
from polcouple.errors import InputError
from polcouple.testing import EngineContract, MobileEngineContract
from polcouple.testing.cases import random_case, reference_nonbonded, with_tolerance
from polcouple.testing.engine_contract import CELLS, WATER, charges_of


def error(forces, expected):
    """Root mean square error in terms of water's forces, which the accuracy is promised for."""
    return np.sqrt(((forces - expected) ** 2).sum(axis=1).mean()) / WATER


class TestNative(EngineContract):
    platform = "native"
    tolerances = (1e-3, 5e-5, 1e-6)


class TestMobileSites(MobileEngineContract):
    platform = "native"


def random_cell(numbers):
    """Rows in Angstrom of a cell whose heights exceed 11 Angstrom."""
    a, b, c, ab, ac, bc = numbers
    return [[a, 0, 0], [ab * a, b, 0], [ac * a, bc * b, c]]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.tuples(*[st.floats(14.5, 22.0)] * 3, *[st.floats(-0.5, 0.5)] * 3),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_any_cell(numbers, seed, switch):
    cell = np.array(random_cell(numbers))
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    rng = np.random.default_rng(seed)
    case = random_case(rng, cell, min(0.499 * heights.min(), 7.0), 1e-6, switch, n_waters=5, n_pairs=2)
    charges = charges_of(case)
    engine = NativeEngine(case, "nonbonded", 1)
    engine.set_charges(charges)
    energy, forces = engine.evaluate(case.positions)
    expected_energy, expected = reference_nonbonded(case, charges)
    assert error(forces, expected) < 2e-6
    assert energy == pytest.approx(expected_energy, abs=5e-6)


def test_another_engine_goes_on_with_the_same_bits():
    """With the lists kept; with new ones sums are in another order."""
    rng = np.random.default_rng(7)
    case = random_case(rng, CELLS["orthorhombic"][0], 5.5)
    moved = case.positions.copy()
    moved[case.electrolyte_indices] += 0.1 * rng.standard_normal((len(case.electrolyte_indices), 3))
    charges = charges_of(case)

    def engine():
        made = NativeEngine(case, "all", 1)
        made.prepare_site_potentials(1e-6)
        made.set_charges(charges)
        return made

    first = engine()
    for positions in (case.positions, moved):
        expected = first.site_potentials(positions), *first.evaluate(positions)
    again, anew = engine(), engine()
    again.go_on_from(first.kept_lists())
    found, other = ((one.site_potentials(moved), *one.evaluate(moved)) for one in (again, anew))
    assert all(np.array_equal(one, two) for one, two in zip(expected, found, strict=True))
    assert not np.array_equal(expected[2], other[2])
    elsewhere = engine()
    elsewhere.go_on_from(first.kept_lists())
    assert np.array_equal(elsewhere.evaluate(case.positions)[1], engine().evaluate(case.positions)[1])


def test_lists_that_age_change_nothing():
    """Atoms wander over many steps; fresh lists give the same forces to rounding."""
    rng = np.random.default_rng(5)
    for name in ("triclinic", "tight"):
        case = random_case(rng, CELLS[name][0], 5.5, 1e-6)
        engine = NativeEngine(case, "all", 1)
        charges = charges_of(case)
        engine.set_charges(charges)
        positions = case.positions.copy()
        moving = case.electrolyte_indices
        for _ in range(30):
            positions[moving] += 0.12 * rng.standard_normal((len(moving), 3))
            fresh = NativeEngine(case, "all", 1)
            fresh.set_charges(charges)
            energy, forces = engine.evaluate(positions)
            fresh_energy, fresh_forces = fresh.evaluate(positions)
            assert energy == pytest.approx(fresh_energy, rel=1e-9)
            assert np.abs(forces - fresh_forces).max() < 1e-9 * np.abs(forces).max()


def test_single_precision_and_threads_and_replicas(small_case):
    """Any number of threads gives the same bits; replicas keep lists of their own."""
    rng = np.random.default_rng(6)
    charges = charges_of(small_case)
    engines = [NativeEngine(small_case, "all", threads) for threads in (1, 2, 3)]
    others = small_case.positions + 0.01 * rng.standard_normal(small_case.positions.shape)
    answers = []
    for engine in engines:
        engine.set_charges(charges)
        first = engine.evaluate(small_case.positions, 0)
        engine.evaluate(others, 1)
        again = engine.evaluate(small_case.positions, 0)
        assert first[0] == again[0] and np.array_equal(first[1], again[1])
        answers.append(first)
    for energy, forces in answers[1:]:
        assert energy == answers[0][0] and np.array_equal(forces, answers[0][1])


def test_entries_longer_than_the_buffer(monkeypatch):
    """A long cut-off fills several entries a cluster."""
    rng = np.random.default_rng(8)
    case = random_case(rng, CELLS["orthorhombic"][0], 6.5, 1e-6, n_waters=40)
    charges = charges_of(case)
    whole = NativeEngine(case, "nonbonded", 1)
    whole.set_charges(charges)
    energy, forces = whole.evaluate(case.positions)
    monkeypatch.setattr("polcouple.engines.native.engine.ENTRY", 7)
    cut = NativeEngine(case, "nonbonded", 1)
    cut.set_charges(charges)
    cut_energy, cut_forces = cut.evaluate(case.positions)
    assert cut_energy == pytest.approx(energy, rel=1e-12)
    assert np.abs(cut_forces - forces).max() < 1e-12


def test_an_accuracy_that_cannot_be_had(small_case):
    with pytest.raises(InputError, match="good to 1e-07; raise it"):
        NativeEngine(with_tolerance(small_case, 1e-9))


def test_hydrogens_with_lennard_jones_interactions(small_case):
    """They do not feel their own oxygen."""
    force_field = small_case.system.force_field
    hydrogen = force_field.lennard_jones["H"].model_copy(
        update={"sigma_angstrom": 0.4, "epsilon_kcal_per_mol": 0.046}
    )
    changed = force_field.model_copy(update={"lennard_jones": {**force_field.lennard_jones, "H": hydrogen}})
    case = dataclasses.replace(
        small_case, system=small_case.system.model_copy(update={"force_field": changed})
    )
    answers = []
    for tolerance, platform in ((1e-6, "native"), (1e-7, "Reference")):
        engine, other = create_engine(with_tolerance(case, tolerance), "all", platform, 1)
        assert other is None
        engine.set_charges(charges_of(case))
        answers.append(engine.evaluate(case.positions))
    assert error(answers[0][1], answers[1][1]) < 2e-6
    assert answers[0][0] == pytest.approx(answers[1][0], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "tolerance", "accuracy"),
    [("hexagonal", 5e-5, 1e-6), ("triclinic", 1e-6, 1e-8), ("tight", 5e-5, 1e-5)],
)
def test_site_potentials_on_the_way_to_the_forces(name, tolerance, accuracy):
    """As accurate as asked, of sites anywhere; the charges that come of them may be set in between."""
    case = with_tolerance(random_case(np.random.default_rng(9), *CELLS[name]), tolerance)
    charges, liquid = charges_of(case), case.electrolyte_indices
    engine = NativeEngine(case, "nonbonded", 1)
    assert isinstance(engine, SitePotentialEngine) and accuracy >= engine.finest_potential
    engine.prepare_site_potentials(accuracy)
    engine.evaluate(case.positions)
    potentials = engine.site_potentials(case.positions)
    expected = ewald_potential(
        case.electrode.positions, case.positions[liquid], case.charges[liquid], case.cell
    )
    assert np.abs(potentials - expected).max() < accuracy
    engine.set_charges(charges)
    energy, forces = engine.evaluate(case.positions)
    again = engine.evaluate(case.positions)
    assert energy == again[0] and np.array_equal(forces, again[1])
    expected_energy, expected_forces = reference_nonbonded(case, charges)
    assert error(forces, expected_forces) < tolerance
    assert energy == pytest.approx(expected_energy, abs=tolerance)


def test_a_pass_that_is_not_gone_on_with(small_case):
    """Potentials elsewhere, or of another replica, do not slip into the forces; threads change no bit."""
    case = with_tolerance(small_case, 5e-5)
    other = case.positions + 0.01
    charges = charges_of(case)
    answers = []
    for threads in (1, 2, 3):
        engine = NativeEngine(case, "all", threads)
        engine.set_charges(charges)
        engine.prepare_site_potentials(1e-6)
        potentials = engine.site_potentials(case.positions)
        answer = engine.evaluate(case.positions)
        engine.site_potentials(other)
        engine.site_potentials(case.positions, 1)
        again = engine.evaluate(case.positions)
        assert answer[0] == again[0] and np.array_equal(answer[1], again[1])
        answers.append((potentials, *answer))
    for potentials, energy, forces in answers[1:]:
        assert np.array_equal(potentials, answers[0][0]) and energy == answers[0][1]
        assert np.array_equal(forces, answers[0][2])


def test_an_atom_on_the_electrode_is_refused_and_nothing_is_left_behind(small_case):
    engine = NativeEngine(small_case, "all", 2)
    engine.prepare_site_potentials(1e-6)
    expected = engine.evaluate(small_case.positions)
    engine.site_potentials(small_case.positions)
    bad = small_case.positions.copy()
    bad[small_case.electrolyte_indices[5]] = bad[small_case.electrode_indices[3]] + 0.1
    with pytest.raises(InputError, match="electrolyte atom 5 is"):
        engine.site_potentials(bad)
    again = engine.evaluate(small_case.positions)
    assert again[0] == pytest.approx(expected[0], abs=1e-6)  # other lists, other sums
    assert error(again[1], expected[1]) < 1e-6


def test_forces_with_the_engines_potentials_and_with_others(small_case):
    """Charges and forces of a backend that asks in every step, and of one that is asked with a fresh sum."""
    found = []
    for platform in ("native", "CPU"):
        backend = create_coupled(small_case, "response")
        provider = ForceProvider(small_case, backend, platform=platform, threads=1)
        found.append(provider.evaluate(small_case.positions, small_case.cell))
    charges = [np.array(one.extras["charges"]) for one in found]
    assert np.abs(charges[0] - charges[1]).max() < 2.4e-6  # each within 1e-6 Hartree/e
    assert error(found[0].forces, found[1].forces) < 1e-4
    assert found[0].energy == pytest.approx(found[1].energy, abs=2e-4)


@pytest.mark.parametrize(("taller", "own"), [(1, True), (6, False)])
def test_site_potentials_in_tall_cells_are_as_good_as_asked_for(small_case, taller, own):
    """Potentials grow with the cell, and their rounding in single precision with them."""
    case = dataclasses.replace(small_case, cell=small_case.cell * [[1.0], [1.0], [taller]])
    engine = NativeEngine(case, "all", 1)
    assert (engine.finest_potential <= 1e-6) == own
    exact = Surroundings(case, 1e-10).environment(case.positions).site_potentials
    found = Surroundings(case, 1e-6, engine).environment(case.positions).site_potentials
    assert np.abs(found - exact).max() < 1e-6


def test_lists_that_would_grow_without_end():
    """All atoms in one place list one another."""
    rng = np.random.default_rng(1)
    n, cell, heights = 9000, np.diag([40.0] * 3), np.full(3, 40.0)
    ticks = rng.integers(0, 2**24, (3, n)).astype(np.int32)
    clusters = make_clusters(ticks, np.ones(n, int), 1, np.zeros(n, bool), heights)
    ticks, none = np.ascontiguousarray(ticks[:, clusters.order]), partners(np.empty((0, 2), int), n)
    with pytest.raises(
        InputError, match=r"within 10.6 Angstrom of one another are longer than in any liquid"
    ):
        list_neighbours(
            clusters, ticks, cell, heights, Reach(18.0, 20.0), none, True, False, 0, clusters.n_moving
        )


def _listed(one, clusters):
    """How often each pair of places stands in a list, those of one cluster included where it says so."""
    n = len(clusters.order)
    found = np.zeros((n, n), int)
    for cluster, own, at_lj, end_lj, at_other, end_other, at_far, end_far in one.entries.tolist():
        mine = np.arange(clusters.start[cluster], clusters.start[cluster + 1])
        others = np.concatenate([one.atoms[at_lj:end_lj], one.atoms[at_other:end_other]]).astype(int)
        found[np.ix_(mine, others)] += 1
        with_lj = mine[: clusters.n_lj[cluster]]
        found[np.ix_(with_lj, one.atoms[at_far:end_far].astype(int))] += 1
        if own:
            found[np.ix_(mine, mine)] += np.triu(np.ones((len(mine), len(mine)), int), 1)
    return found


@pytest.mark.parametrize("tilt", [0.0, 9.0])
def test_lists_hold_every_pair_within_reach_once(tilt):
    rng = np.random.default_rng(7)
    n, reach = 2100, Reach(13.0, 19.0)
    cell = np.array([[62.0, 0.0, 0.0], [tilt, 58.0, 0.0], [-0.7 * tilt, 0.4 * tilt, 70.0]])
    height = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    kinds = rng.choice([0, 1, 2, 2, 2], n)  # 2: no Lennard-Jones interactions
    frozen = np.arange(n) >= 1800
    ticks = rng.integers(-(2**31), 2**31, (3, n)).astype(np.int32)
    clusters = make_clusters(ticks, kinds, 2, frozen, height)
    ticks = np.ascontiguousarray(ticks[:, clusters.order])
    none = partners(np.empty((0, 2), int), n)
    found = sum(
        _listed(
            list_neighbours(
                clusters, ticks, cell, height, reach, none, False, of_frozen, 0, clusters.n_moving
            ),
            clusters,
        )
        for of_frozen in (False, True)
    )
    fractional = ticks.T / 2.0**32
    apart = fractional[:, None] - fractional
    apart = np.linalg.norm((apart - np.rint(apart)) @ cell, axis=2)
    has_lj = kinds[clusters.order] < 2
    needed = (apart < reach.coulomb) | ((apart < reach.lennard_jones) & has_lj[:, None] & has_lj)
    moving = ~frozen[clusters.order]
    needed &= ~np.eye(n, dtype=bool) & (moving[:, None] | moving)
    both = found + found.T
    assert both.max() == 1
    assert needed.sum() > 30_000 and (both[needed] == 1).all()
