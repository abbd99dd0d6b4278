"""The `response` backend: exact derivative, sum rules, accuracy against `dftb`, drift."""

import numpy as np
import pytest
from dftb_cases import NOTHING, environment, graphene, load_case, rough_potentials

from polcouple.backends.base import create_backend
from polcouple.electrode import Electrode

pytestmark = pytest.mark.usefixtures("own_cache")


def _backend(**settings):
    return create_backend("response", graphene(3, 2), NOTHING, {"temperature_kelvin": 3000.0, **settings})


@pytest.mark.parametrize("charge", [0.0, -1.0, 0.37])
def test_energy_is_quadratic_and_its_derivative_the_charges(charge):
    backend = _backend()
    assert backend.capabilities.conservative
    phi, direction = rough_potentials(24), rough_potentials(24, seed=5)
    middle = backend.solve(environment(phi), charge)
    assert abs(middle.charges.sum() - charge) < 1e-10
    ends = [backend.solve(environment(phi + sign * direction), charge) for sign in (1.0, -1.0)]
    slope = 0.5 * (ends[0].energy - ends[1].energy)
    assert abs(slope - float(middle.charges @ direction)) < 1e-10
    level = 0.5 * (ends[0].fermi_level - ends[1].fermi_level)
    fukui = -level / float(direction.mean())
    assert 0.9 < fukui < 1.1


def test_accuracy_against_dftb_beside_the_null_baseline():
    exact, linear = (
        create_backend(name, graphene(3, 2), NOTHING, {"temperature_kelvin": 3000.0})
        for name in ("dftb", "response")
    )
    for seed in range(3):
        phi = rough_potentials(24, seed)
        a, b = (backend.solve(environment(phi), -1.0) for backend in (exact, linear))
        null = np.abs(a.charges + 1.0 / 24).max()
        assert np.abs(a.charges - b.charges).max() < 0.02 * null


def test_reference_system_beside_the_null_baseline():
    case, other = load_case("nacl336_0005"), load_case("nacl336_0040")
    backend = create_backend("response", case.electrode, NOTHING)
    for recorded in (other, case):
        result = backend.solve(environment(recorded.site_potentials), -4.0)
        error = result.charges - recorded.charges
        null = recorded.charges + 4.0 / 336
        assert np.abs(error).max() < 1.3e-4
        assert error.std() < 2.5e-3 * null.std()
        assert result.residual < 1e-3 and result.warnings == ()


def test_residual_is_the_error_whatever_the_shape_of_the_potentials():
    """One atom alone, noise, a wave, an ion: the potentials' mean square was 1,000 times off."""
    case = load_case("nacl336_0005")
    linear = create_backend("response", case.electrode, NOTHING)
    exact = create_backend("dftb", case.electrode, NOTHING, {"accuracy": 1e-8})
    linear.solve(environment(case.site_potentials), -4.0)
    places = case.electrode.positions
    waves = 2.0 * np.pi * places[:, 0] / case.electrode.cell[0, 0]
    ion = np.linalg.norm(places - places[100] - [0.0, 0.0, 3.8], axis=1)
    for phi in (
        0.05 * (np.arange(336) == 100),
        0.01 * rough_potentials(336),
        0.01 * np.cos(waves),
        -1.0 / ion,
    ):
        result = linear.solve(environment(phi), -4.0)
        error = np.abs(result.charges - exact.solve(environment(phi), -4.0).charges).max()
        assert 0.3 * error < result.residual < 4.0 * error


def test_rougher_potentials_are_compared_again():
    """Charges that were far away tell nothing of what those close by do: 12 times too small."""
    electrode = graphene(4, 3)
    linear, exact = (create_backend(name, electrode, NOTHING, {}) for name in ("response", "dftb"))
    rng = np.random.default_rng(3)
    places = rng.random((6, 3)) * [electrode.cell[0, 0], electrode.cell[1, 1], 0.0]
    for height in (12.0, 8.0, 4.5):
        apart = electrode.positions[:, None] - places - [0.0, 0.0, height]
        phi = (np.array([1, -1, 1, -1, 1, -1]) / np.linalg.norm(apart, axis=2)).sum(axis=1)
        result = linear.solve(environment(phi), 0.0)
        error = np.abs(result.charges - exact.solve(environment(phi), 0.0).charges).max()
        assert result.residual > 0.3 * error


def test_later_calls_are_compared_again_and_the_largest_error_counts():
    """Noise tells little of what a wave costs: after it, the tenth call's comparison does."""
    vacancy = graphene(4, 3)
    vacancy = Electrode(vacancy.symbols[1:], vacancy.positions[1:], vacancy.cell, vacancy.pbc)
    linear, exact = (
        create_backend(name, vacancy, NOTHING, settings)
        for name, settings in (("response", {}), ("dftb", {"accuracy": 1e-8}))
    )
    n = len(vacancy)
    noise = 1e-2 * np.random.default_rng(0).normal(size=n)
    wave = 2e-2 * np.cos(2.0 * np.pi * vacancy.positions[:, 0] / vacancy.cell[0, 0])
    ratios = []
    for phi in [noise] * 8 + [wave] * 3:
        found, right = (one.solve(environment(phi), 0.0) for one in (linear, exact))
        ratios.append(np.abs(found.charges - right.charges).max() / found.residual)
    assert ratios[8] > 3.0  # an estimate, no bound
    assert ratios[9] == pytest.approx(1.0, abs=0.05) and ratios[10] == pytest.approx(1.0, abs=0.05)
    # what was found then is kept
    assert linear.solve(environment(noise), 0.0).residual > 3e-3


def test_residual_follows_the_charge_between_two_references():
    """Compared once at 0.03 e it was 48 times too small at 0.18 e."""
    settings = {"k_points": [3, 3, 1], "temperature_kelvin": 300.0}
    electrode = graphene(3, 2)
    linear, exact = (create_backend(name, electrode, NOTHING, settings) for name in ("response", "dftb"))
    phi = rough_potentials(24, seed=1, amplitude=0.004)
    for charge in (0.03, 0.06, 0.1, 0.18, 0.26):
        result = linear.solve(environment(phi), charge)
        error = np.abs(result.charges - exact.solve(environment(phi), charge).charges).max()
        assert result.residual > 0.3 * error


def test_order_of_calls_does_not_matter():
    phis = [rough_potentials(24, seed) for seed in range(2)]
    there, back = _backend(), _backend()
    a = [there.solve(environment(phi), -1.0) for phi in phis]
    b = [back.solve(environment(phi), -1.0) for phi in phis[::-1]][::-1]
    for first, second in zip(a, b, strict=True):
        assert np.abs(first.charges - second.charges).max() < 1e-13
        assert abs(first.energy - second.energy) < 1e-11


def test_drift_is_estimated_and_warned_about():
    backend = _backend(warn_error=2e-3)
    near = backend.solve(environment(rough_potentials(24, amplitude=0.01)), -1.0)
    assert 0.0 < near.residual < 2e-3 and near.warnings == ()
    far = backend.solve(environment(rough_potentials(24, amplitude=0.2)), -1.0)
    assert far.residual > 100.0 * near.residual
    assert "from the reference" in far.warnings[0] and "\n" not in far.warnings[0]


def test_reanchoring_is_exact_there_and_gives_up_conservation():
    backend = _backend(reanchor_every=2)
    exact = create_backend("dftb", graphene(3, 2), NOTHING, {"temperature_kelvin": 3000.0, "accuracy": 1e-9})
    assert not backend.capabilities.conservative
    errors = []
    for seed in range(4):
        phi = rough_potentials(24, seed)
        result = backend.solve(environment(phi), -1.0)
        errors.append(np.abs(result.charges - exact.solve(environment(phi), -1.0).charges).max())
    assert errors[2] < 1e-7 < min(errors[0], errors[1], errors[3])


@pytest.mark.parametrize("charges", [(-1.0, 0.0), (0.0, -1.0 + 1e-12, 0.0, -1.0), (-2.0, -2.0, 1.0, 1.0)])
def test_reanchoring_at_several_charges(charges):
    """An expansion is never older than asked for, at whichever charge the calls were."""
    exact = create_backend("dftb", graphene(3, 2), NOTHING, {"temperature_kelvin": 3000.0, "accuracy": 1e-9})
    for every in (1, 2):
        backend = _backend(reanchor_every=every)
        for number, charge in enumerate(charges * 2):
            phi = rough_potentials(24, seed=number, amplitude=0.005)
            result, expected = (one.solve(environment(phi), charge) for one in (backend, exact))
            assert abs(result.charges.sum() - charge) < 1e-10
            if every == 1 and number > 0:
                assert np.abs(result.charges - expected.charges).max() < 1e-7
                assert abs(result.energy - expected.energy) < 1e-7
            else:
                assert np.abs(result.charges - expected.charges).max() < 5e-3


def test_levels_between_charges_do_not_depend_on_the_anchors():
    """Charges between whole ones are interpolated from bare electrodes, not from what was expanded about."""
    phi = rough_potentials(24)
    expected = _backend().derivatives(environment(phi), -0.6)
    backend = _backend(reanchor_every=1)
    for seed in range(3):
        backend.solve(environment(rough_potentials(24, seed)), -1.0)
    found = backend.derivatives(environment(phi), -0.6)
    assert np.abs(found.fukui - expected.fukui).max() < 1e-12
    assert abs(found.hardness - expected.hardness) < 1e-12
    assert np.abs(found.kernel - expected.kernel).max() < 1e-12


@pytest.mark.parametrize("every", [0, 1, 2])
def test_equal_potentials_tell_nothing_about_the_error(every):
    """A first call at the reference itself, or the same one again, must not blow up the estimate."""
    backend = _backend(reanchor_every=every)
    for phi in (np.full(24, 0.3), *[rough_potentials(24, 1)] * 4, rough_potentials(24, 2)):
        result = backend.solve(environment(phi), -1.0)
        assert result.residual < 1e-2 and all("as far as" in text for text in result.warnings)


def test_fermi_levels_beside_a_filled_shell():
    """At -4 e the shell of the Dirac point is full: references at whole charges alone miss by 1e-2 Ha."""
    exact, linear = (
        create_backend(name, graphene(3, 2), NOTHING, {"temperature_kelvin": 300.0})
        for name in ("dftb", "response")
    )
    phi = rough_potentials(24, amplitude=1e-3)
    for charge in (-3.4, -3.8, -4.05, -4.3, -4.7):
        a, b = (backend.solve(environment(phi), charge) for backend in (exact, linear))
        assert abs(a.fermi_level - b.fermi_level) < 5e-5
        assert abs(a.energy - b.energy) < 5e-6


@pytest.mark.parametrize(("mesh", "temperature"), [((3, 3, 1), 300.0), ((2, 2, 1), 3000.0)])
def test_fermi_levels_between_shells_of_a_mesh(mesh, temperature):
    """Shells of k-points fill at 2/9 e, 1/2 e ...: references at whole charges alone miss by 0.02 Ha."""
    settings = {"temperature_kelvin": temperature, "k_points": mesh}
    exact, linear = (create_backend(name, graphene(3, 2), NOTHING, settings) for name in ("dftb", "response"))
    phi = rough_potentials(24, amplitude=1e-3)
    for charge in (-0.4, 0.1):
        a, b = (backend.solve(environment(phi), charge) for backend in (exact, linear))
        assert abs(a.fermi_level - b.fermi_level) < 1.5e-4
        assert abs(a.energy - b.energy) < 2e-5
        assert np.abs(a.charges - b.charges).max() < 3e-4


def test_charges_beside_a_vacancy_between_whole_charges():
    """They follow Q far from a cubic: 8e-3 e off with references at whole charges, and the residual 0."""
    whole, rng = graphene(4, 3), np.random.default_rng(2)
    places = whole.positions + 0.06 * rng.standard_normal(whole.positions.shape)
    electrode = Electrode(("C",) * 47, np.delete(places, 20, axis=0), whole.cell)
    linear = create_backend("response", electrode, NOTHING)
    exact = create_backend("dftb", electrode, NOTHING, {"accuracy": 1e-7})
    for charge in (-0.32, 0.3):
        result = linear.solve(environment(np.zeros(47)), charge)
        error = np.abs(result.charges - exact.solve(environment(np.zeros(47)), charge).charges).max()
        assert error < 2e-4 and result.residual > 0.9 * error


@pytest.mark.parametrize("charge", [-3.98, -3.9, -3.7, -3.5, -3.4])
def test_energy_and_its_slope_are_continuous_at_nodes_and_between(charge):
    backend = create_backend("response", graphene(3, 2), NOTHING, {"temperature_kelvin": 300.0})
    phi, step = rough_potentials(24, amplitude=1e-3), 1e-6
    low, middle, high = (backend.solve(environment(phi), charge + shift) for shift in (-step, 0.0, step))
    assert (low.energy - high.energy) / (2 * step) == pytest.approx(middle.fermi_level, abs=1e-5)
    fukui = backend.derivatives(environment(phi), charge).fukui
    assert np.abs((high.charges - low.charges) / (2 * step) - fukui).max() < 1e-5


def test_the_fermi_level_falls_through_a_filled_shell():
    """The energy is convex in Q: a voltage held within the gap has one answer."""
    backend, phi = create_backend("response", graphene(3, 2), NOTHING), rough_potentials(24, amplitude=1e-3)
    charges = np.linspace(-4.06, -3.94, 40)
    levels = np.array([backend.solve(environment(phi), charge).fermi_level for charge in charges])
    assert (np.diff(levels) < 0.0).all()
    assert levels[0] - levels[-1] > 0.03


def test_large_electrodes_say_how_their_response_is_made(monkeypatch):
    monkeypatch.setattr("polcouple.backends.response._LARGEST_CHECKED", 80)
    whole = graphene(6, 4)
    with_vacancy = Electrode(whole.symbols[1:], whole.positions[1:], whole.cell)
    settings = {"temperature_kelvin": 3000.0}
    said = [
        create_backend("response", electrode, NOTHING, settings)
        .solve(environment(rough_potentials(len(electrode))), -1.0)
        .warnings
        for electrode in (whole, with_vacancy)
    ]
    assert "too large" in said[0][0] and not any("no equal parts" in line for line in said[0])
    assert "no equal parts" in said[1][0] and "380 orbitals" in said[1][0]
    assert not any("too large" in line for line in said[1])
