"""Force errors of held charges, on the small case."""

import numpy as np
import pytest
from compare_cases import jiggled, write_run

from polcouple.analysis.runs import read_run
from polcouple.backends.base import ChargeResult, create_backend
from polcouple.backends.capabilities import Capabilities
from polcouple.compare.stale_charges import GROUPS, Ageing, _ages, ageing
from polcouple.compare.stale_section import _joined, _row, stale_section
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.forces import ForceProvider
from polcouple.errors import InputError


class Linear:
    """Charges linear in the potentials, with their energy; the answer to everything is a formula."""

    capabilities = Capabilities(energy=True, conservative=True)

    def __init__(self, case):
        n = len(case.electrode)
        self.kernel = -0.05 * (np.eye(n) - 1.0 / n)
        self.base = case.total_charge / n

    def solve(self, environment, total_charge, guess=None):
        phi = environment.site_potentials
        charges = self.base + self.kernel @ phi
        energy = float(self.base * phi.sum() + 0.5 * phi @ self.kernel @ phi)
        return ChargeResult(charges, phi, energy)


@pytest.fixture(scope="module")
def case(small_case):
    return small_case


@pytest.fixture(scope="module")
def run(case, tmp_path_factory):
    """Frames that step back and forth between two configurations: A B A B ..."""
    two = jiggled(case, 2)
    frames = [two[i % 2] for i in range(12)]
    charges = np.zeros((12, len(case.electrode)))
    return read_run(write_run(tmp_path_factory.mktemp("stale") / "run", frames, charges, case.symbols))


@pytest.fixture(scope="module")
def measured(case, run):
    return ageing(run, Linear(case), threads=1)


def states(case, run):
    """(charges, potentials, positions) of A and B as read back."""
    surroundings = Surroundings(case)
    found = []
    for frame in run.frames():
        environment = surroundings.environment(frame.positions)
        found.append((Linear(case).solve(environment, -1.0), environment.site_potentials, frame.positions))
        if len(found) == 2:
            return found


def test_charges_of_the_same_configuration_are_not_stale(measured):
    """In A B A B charges two frames old are fresh ones, those one or five frames old are the other's."""
    assert measured.ages_ps == pytest.approx([0.1, 0.2, 0.5])
    assert measured.pairs.tolist() == [11, 10, 7]
    for error in (measured.charge_error, measured.force_error, measured.work):
        assert np.abs(error[1]).max() == 0
        assert error[2] == pytest.approx(error[0])
    assert (measured.force_error[0] > 0).all()


def test_errors_are_those_of_the_force_provider(case, run, measured):
    """The same forces as a driver gives that holds its charges for a step."""
    (a, _, at_a), (b, _, at_b) = states(case, run)
    provider = ForceProvider(case, Linear(case), platform="CPU", threads=1, interval=2)
    provider.evaluate(at_a, case.cell)
    held = provider.evaluate(at_b, case.cell).forces
    fresh = ForceProvider(case, Linear(case), platform="CPU", threads=1).evaluate(at_b, case.cell).forces
    error = (held - fresh)[case.electrolyte_indices]
    assert measured.charge_error[0] == pytest.approx(np.sqrt(np.mean((a.charges - b.charges) ** 2)), rel=1e-9)
    # the mean over both directions, A's charges at B and B's at A
    other = ForceProvider(case, Linear(case), platform="CPU", threads=1, interval=2)
    other.evaluate(at_b, case.cell)
    back = (
        other.evaluate(at_a, case.cell).forces
        - ForceProvider(case, Linear(case), platform="CPU", threads=1).evaluate(at_a, case.cell).forces
    )
    both = np.array([np.mean(error**2), np.mean(back[case.electrolyte_indices] ** 2)])
    everything = GROUPS.index("all that moves")
    low, high = np.sqrt([both.min(), both.max()])
    # of an engine that takes site potentials as they are given; its forces are as good as 5e-5
    assert 0.999 * low <= measured.force_error[0, everything] <= 1.001 * high
    assert measured.largest_error[0, everything] == pytest.approx(
        max(np.abs(error).max(), np.abs(back).max()), rel=1e-3
    )


def test_work_is_that_of_the_neglected_response(case, run, measured):
    """For charges linear in the potential W = 1/2 dphi K dphi: negative, heat is drained."""
    (_, phi_a, _), (_, phi_b, _) = states(case, run)
    change = phi_b - phi_a
    assert measured.work[0] == pytest.approx(0.5 * change @ Linear(case).kernel @ change, rel=1e-9)
    assert measured.work[0] < 0


def test_fixed_charges_never_age(case, run):
    fixed = create_backend("fixed", case.electrode, case.electrolyte)
    result = ageing(run, fixed, threads=1)
    for error in (result.charge_error, result.force_error, result.work, result.uniform_force_error):
        assert np.abs(error).max() < 1e-12
    assert (result.electrode_force > 0).all()
    assert (result.total_force > result.electrode_force).all()


def test_uniform_baseline_is_the_fixed_backend(case, run, measured):
    (a, _, at_a), (b, _, at_b) = states(case, run)
    fixed = create_backend("fixed", case.electrode, case.electrolyte)
    squares = []
    for positions in (at_a, at_b):
        uniform = ForceProvider(case, fixed, threads=1).evaluate(positions, case.cell).forces
        fresh = ForceProvider(case, Linear(case), threads=1).evaluate(positions, case.cell).forces
        squares.append(np.mean((uniform - fresh)[case.electrolyte_indices] ** 2))
    everything = GROUPS.index("all that moves")
    assert min(squares) <= measured.uniform_force_error[everything] ** 2 <= max(squares)
    assert measured.uniform_charge_error == pytest.approx(
        np.sqrt(0.5 * (np.var(a.charges) + np.var(b.charges))), rel=1e-9
    )


def test_ages():
    assert _ages(301) == [1, 2, 5, 10, 20, 50, 100]
    assert _ages(8) == [1, 2]
    assert max(_ages(10**6)) == 1000


def test_runs_are_joined_by_age(measured):
    joined = _joined([measured, measured])
    assert joined.ages_ps == pytest.approx(measured.ages_ps)
    assert joined.force_error == pytest.approx(measured.force_error)
    assert joined.electrode_force == pytest.approx(measured.electrode_force)
    assert joined.force_frames == 2 * measured.force_frames


def test_section_says_which_interval_to_choose(case, run):
    found = stale_section([run], Linear(case), "linear", threads=1)
    table = found.tables[0]
    assert [row[0] for row in table.rows[:-1]] == pytest.approx([0.1, 0.2, 0.5])
    assert [row[1] for row in table.rows[:-1]] == [200, 400, 1000]
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert "the null baseline" in found.paragraphs[0]
    assert found.figures[0].figure.axes
    assert found.numbers["groups"]["all that moves"]["force_rms_error_hartree_per_bohr"][1] == 0


def test_short_run_is_refused(tmp_path, case):
    path = write_run(tmp_path / "run", jiggled(case, 3), np.zeros((3, 96)), case.symbols)
    with pytest.raises(InputError, match="3 frames, 8 are needed"):
        ageing(read_run(path), Linear(case))


def test_heat_is_shared_among_what_moves():
    """One Hartree in a picosecond: over atoms, and k dT/tau for each degree of freedom of a rigid liquid."""
    one, groups = np.ones(1), np.ones((1, 3))
    result = Ageing(one, one, one, groups, groups, one, 1.0, one, np.ones(3), np.ones(3), 1)
    work, heating, cooling = _row(result, 0, 0.001, atoms=184, freedoms=372)[-4:-1]
    assert work == heating == pytest.approx(2625499.64 / 184, rel=1e-6)
    assert cooling == pytest.approx(-315775.02 / 372, rel=1e-6)
