"""The contract suites find faults: each of these breaks one promise, and the test of that promise fails."""

from dataclasses import replace

import numpy as np
import pytest

from polcouple.backends import fixed, metal
from polcouple.backends.capabilities import Capabilities
from polcouple.coupling.charges import Surroundings
from polcouple.engines.openmm import ClassicalEngine
from polcouple.testing import BackendContract, EngineContract
from polcouple.testing.cases import graphene_case, with_tolerance


class Faulty(metal.Backend):
    """`metal` with a change of its answers."""

    def __init__(self, case, change, shift=0.0):
        super().__init__(case.electrode, case.electrolyte, metal.Options())
        self._change, self._calls, self._shift = change, 0, shift

    def solve(self, environment, total_charge, guess=None):
        self._calls += 1
        result = super().solve(environment, total_charge, guess)
        return replace(result, **self._change(self, result, total_charge, guess))

    def derivatives(self, environment, total_charge):
        found = super().derivatives(environment, total_charge)
        return replace(found, kernel=(1.0 + self._shift) * found.kernel)


def uneven(faulty, result, total_charge, guess):
    return {"charges": result.charges + np.eye(len(result.charges))[0] * 1e-6}


def drifting(faulty, result, total_charge, guess):
    return {"charges": np.roll(result.charges, faulty._calls)}


def hysteresis(faulty, result, total_charge, guess):
    return {} if guess is None else {"charges": 0.999 * result.charges + 0.001 * guess.charges}


def half_energy(faulty, result, total_charge, guess):
    return {"energy": 0.5 * result.energy}


def quadratic_level(faulty, result, total_charge, guess):
    return {"fermi_level": result.fermi_level + 1e-4 * total_charge**2}


def unchanged(faulty, result, total_charge, guess):
    return {}


@pytest.mark.parametrize(
    ("change", "test"),
    [
        (uneven, "test_charges_are_usable"),
        (drifting, "test_same_input_same_charges"),
        (hysteresis, "test_a_guess_changes_nothing"),
        (half_energy, "test_charges_are_the_derivative_of_the_energy"),
        (half_energy, "test_a_uniform_potential_moves_no_charge"),
        (half_energy, "test_forces_are_the_derivative_of_the_energy"),
        (quadratic_level, "test_the_fermi_level_is_the_derivative_by_the_charge"),
    ],
)
def test_faulty_answers(change, test):
    assert passes(lambda case: Faulty(case, unchanged), test)
    assert not passes(lambda case: Faulty(case, change), test)


def test_faulty_derivatives():
    assert passes(lambda case: Faulty(case, unchanged), "test_derivatives_steer")
    assert not passes(lambda case: Faulty(case, unchanged, shift=0.5), "test_derivatives_steer")


@pytest.mark.parametrize(
    "promised", [Capabilities(conservative=True), Capabilities(site_potentials=True, positions="ions")]
)
def test_potentials_that_are_not_read(promised):
    def make(case):
        backend = fixed.Backend(case.electrode, case.electrolyte, fixed.Options())
        backend.capabilities = promised
        return backend

    assert not passes(make, "test_it_reads_what_it_says", promised)


def test_capabilities_that_disagree():
    def make(case):
        backend = Faulty(case, unchanged)
        backend.capabilities = Capabilities()
        return backend

    assert not passes(make, "test_capabilities_agree")


def passes(make, test, promised=None):
    """Whether the backend that ``make`` makes passes the test of the suite."""
    suite, case = BackendContract(), graphene_case()
    promised = promised or metal.Options().capabilities()
    given = {
        "case": case,
        "made": make(case),
        "phi": Surroundings(case).environment(case.positions).site_potentials,
        "promised": promised,
    }
    method = getattr(suite, test)
    taken = {name: value for name, value in given.items() if name in method.__annotations__}
    try:
        method(**taken)
    except AssertionError:
        return False
    return True


class FaultyEngine(ClassicalEngine):
    """Each method is one fault."""

    def energy(self, energy, forces, positions):
        return 1.001 * energy, forces

    def self_interaction(self, energy, forces, positions):
        return energy + 1e-3 * float(self._charges @ self._charges), forces

    def pulled_electrode(self, energy, forces, positions):
        forces[self._electrode[0], 2] = 1e-9
        return energy, forces

    def folded(self, energy, forces, positions):
        return energy + 1e-6 * float(positions[:, 0].sum()), forces

    def memory(self, energy, forces, positions):
        self.calls = getattr(self, "calls", 0) + 1
        return energy + 1e-6 * self.calls, forces


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("energy", "test_forces_are_the_derivative_of_the_energy"),
        ("self_interaction", "test_the_energy_is_linear_in_the_charges"),
        ("pulled_electrode", "test_the_electrode_feels_nothing"),
        ("folded", "test_images_do_not_matter"),
        ("memory", "test_replicas_do_not_see_one_another"),
        ("memory", "test_atoms_may_wander"),
    ],
)
def test_faulty_engines(fault, test, monkeypatch):
    class Suite(EngineContract):
        platform = "CPU"
        margin = 4.0
        rounding = (1e-7, 1e-6)

    suite, case = Suite(), with_tolerance(graphene_case(), 5e-5)
    method = getattr(suite, test)
    arguments = {"case": case} if "case" in method.__annotations__ else {"slab": None}
    method(**arguments)
    whole = ClassicalEngine.evaluate

    def evaluate(self, positions, replica=0):
        return getattr(FaultyEngine, fault)(self, *whole(self, positions, replica), positions)

    monkeypatch.setattr(ClassicalEngine, "evaluate", evaluate)
    with pytest.raises(AssertionError):
        method(**arguments)
