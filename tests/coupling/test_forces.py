"""Refresh policy, state per replica, energy bookkeeping; physics of the whole force provider."""

import numpy as np
import pytest

from polcouple.backends.base import ChargeResult
from polcouple.backends.capabilities import Capabilities
from polcouple.backends.fixed import Backend as FixedBackend
from polcouple.backends.fixed import Options as FixedOptions
from polcouple.coupling.forces import ForceProvider
from polcouple.errors import ConvergenceError, InputError
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE


class LinearBackend:
    """q = q0 + K (phi - mean phi) with a made-up negative K: a conservative backend that costs nothing."""

    capabilities = Capabilities(energy=True, conservative=True)

    def __init__(self, n, stiffness=0.05):
        self.n = n
        self.kernel = -stiffness * (np.eye(n) - 1.0 / n)

    def solve(self, environment, total_charge, guess=None):
        phi = environment.site_potentials
        q0 = np.full(self.n, total_charge / self.n)
        charges = q0 + self.kernel @ phi
        return ChargeResult(charges, phi, energy=float(q0 @ phi + 0.5 * phi @ self.kernel @ phi))


class FaultyBackend:
    """Returns what it is told to."""

    capabilities = Capabilities()

    def __init__(self, result):
        self.result = result

    def solve(self, environment, total_charge, guess=None):
        return self.result


@pytest.fixture(scope="module")
def displaced(small_case):
    """Positions of a few configurations near the initial one."""
    rng = np.random.default_rng(5)
    frames = []
    for _ in range(6):
        positions = small_case.positions.copy()
        positions[small_case.electrolyte_indices] += 0.01 * rng.standard_normal(
            (len(small_case.electrolyte), 3)
        )
        frames.append(positions)
    return frames


def provider_with(small_case, backend, **options):
    return ForceProvider(small_case, backend, threads=1, **options)


def test_conservative_backend_refreshed_always_does_no_work(small_case, displaced):
    provider = provider_with(small_case, LinearBackend(len(small_case.electrode)))
    assert [provider.evaluate(p, small_case.cell).extras["refresh_work"] for p in displaced] == [0.0] * 6


def test_work_is_the_energy_jump_at_a_refresh(small_case, displaced):
    backend = LinearBackend(len(small_case.electrode))
    held = provider_with(small_case, backend, interval=5)
    for positions in displaced[:5]:
        before = held.evaluate(positions, small_case.cell)
    # the sixth evaluation refreshes the charges at the positions of the fifth: both ends of the step are one
    after = held.evaluate(displaced[4], small_case.cell)
    assert before.extras["refreshes"] == 1
    assert after.extras["refreshes"] == 2
    assert after.extras["refresh_work"] != 0.0
    assert after.energy - before.energy == pytest.approx(after.extras["refresh_work"], abs=2e-6)


def test_energy_less_work_is_conserved(small_case):
    """Velocity Verlet with charges that are held for five steps, and respond strongly."""
    case = small_case
    provider = provider_with(case, LinearBackend(len(case.electrode), stiffness=2.0), interval=5)
    dt = 0.5 * FS_TO_ATOMIC_TIME
    masses = (
        1822.888 * np.array([{"O": 16.0, "H": 1.008, "C": 12.0}.get(s, 30.0) for s in case.symbols])[:, None]
    )
    velocities = np.random.default_rng(8).standard_normal(case.positions.shape)
    velocities *= np.sqrt(300 * KELVIN_TO_HARTREE / masses)
    velocities[case.electrode_indices] = 0.0
    positions = case.positions.copy()
    evaluation = provider.evaluate(positions, case.cell)
    total, corrected = [], []
    for _ in range(60):
        velocities += 0.5 * dt * evaluation.forces / masses
        positions = positions + dt * velocities
        evaluation = provider.evaluate(positions, case.cell)
        velocities += 0.5 * dt * evaluation.forces / masses
        total.append(evaluation.energy + 0.5 * np.sum(masses * velocities**2))
        corrected.append(total[-1] - evaluation.extras["refresh_work"])
    # without the correction the energy runs away, with it only Verlet's own fluctuation is left
    steps = np.arange(60)
    drift = [abs(np.polyfit(steps, energies, 1)[0]) * 60 for energies in (total, corrected)]
    assert drift[0] > 3 * np.std(corrected - np.polyval(np.polyfit(steps, corrected, 1), steps))
    assert drift[1] < 0.05 * drift[0]


def test_held_charges_stay_the_same(small_case, displaced):
    provider = provider_with(small_case, LinearBackend(len(small_case.electrode)), interval=3)
    charges = [provider.evaluate(p, small_case.cell).extras["charges"] for p in displaced]
    assert np.array_equal(charges[0], charges[2])
    assert not np.array_equal(charges[2], charges[3])
    assert np.array_equal(charges[3], charges[5])


def test_each_replica_has_its_own_state(small_case, displaced):
    backend = LinearBackend(len(small_case.electrode))
    together = provider_with(small_case, backend, interval=2)
    mixed = [together.evaluate(p, small_case.cell, replica) for p in displaced[:3] for replica in (0, 1)]
    alone = provider_with(small_case, backend, interval=2)
    single = [alone.evaluate(p, small_case.cell) for p in displaced[:3]]
    for number, expected in enumerate(single):
        for replica in (0, 1):
            evaluation = mixed[2 * number + replica]
            assert evaluation.energy == expected.energy
            assert np.array_equal(evaluation.forces, expected.forces)
            assert np.array_equal(evaluation.extras["charges"], expected.extras["charges"])


def test_charges_sum_to_the_total_charge(small_case):
    backend = FixedBackend(small_case.electrode, small_case.electrolyte, FixedOptions())
    extras = provider_with(small_case, backend).evaluate(small_case.positions, small_case.cell).extras
    assert extras["charges"].sum() == pytest.approx(small_case.total_charge, abs=1e-12)


def test_lattice_translation_of_everything_changes_nothing(small_case):
    provider = provider_with(small_case, LinearBackend(len(small_case.electrode)))
    first = provider.evaluate(small_case.positions, small_case.cell)
    moved = provider.evaluate(small_case.positions + small_case.cell[0], small_case.cell)
    assert moved.energy == pytest.approx(first.energy, abs=5e-4)
    assert np.abs(moved.extras["charges"] - first.extras["charges"]).max() < 1e-7


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"converged": False, "iterations": 50, "residual": 1e-3}, "did not converge in 50 cycles"),
        ({"charges": np.nan}, "not finite"),
        ({"charges": 0.5}, "miss the total charge"),
    ],
)
def test_unusable_charges_stop_the_run(small_case, fault, message):
    n = len(small_case.electrode)
    fields = {"charges": np.full(n, small_case.total_charge / n), **fault}
    if np.isscalar(fields["charges"]):
        fields["charges"] = np.full(n, fields["charges"])
    provider = provider_with(small_case, FaultyBackend(ChargeResult(**fields)))
    with pytest.raises(ConvergenceError, match=message):
        provider.evaluate(small_case.positions, small_case.cell)


def test_foreign_positions_are_refused(small_case):
    backend = FixedBackend(small_case.electrode, small_case.electrolyte, FixedOptions())
    provider = provider_with(small_case, backend)
    positions, cell = small_case.positions, small_case.cell
    with pytest.raises(InputError, match="constant cell"):
        provider.evaluate(positions, cell * 1.001)
    with pytest.raises(InputError, match="the case has"):
        provider.evaluate(positions[:-1], cell)
    moved = positions.copy()
    moved[small_case.electrode_indices[3], 2] += 0.01
    with pytest.raises(InputError, match=r"electrode atom 3 .*fixatoms"):
        provider.evaluate(moved, cell)
    swapped = positions.copy()
    first, other = small_case.water_oxygens[0], small_case.water_oxygens[60]
    swapped[[first + 1, other + 1]] = swapped[[other + 1, first + 1]]
    with pytest.raises(InputError, match="keep the case's atom order"):
        provider.evaluate(swapped, cell)
    broken = positions.copy()
    broken[-1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        provider.evaluate(broken, cell)
