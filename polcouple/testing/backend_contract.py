"""What every charge backend promises (:mod:`polcouple.backends.base`), as tests of a class to subclass."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from polcouple.backends.base import (
    BackendOptions,
    ChargeBackend,
    ChargeResult,
    Environment,
    FillingBackend,
    OrbitalBackend,
    RespondingBackend,
    backend_names,
    create_backend,
    resolved_options,
)
from polcouple.backends.capabilities import Capabilities
from polcouple.case.model import Case
from polcouple.case.schema import Potential
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.electrodes import create_coupled
from polcouple.coupling.forces import ForceProvider
from polcouple.errors import InputError
from polcouple.lattice.matrix import dense
from polcouple.testing.cases import derivative, graphene_case, with_tolerance
from polcouple.units import HARTREE_TO_EV


class BackendContract:
    """Subclass it, name the backend, and run pytest. Override :meth:`case` for one made for an electrode.

    Attributes:
        backend: its name.
        settings: as under ``backends: NAME:`` in system.yaml.
        accuracy: charges are right to this, in e.
        fractional: a total charge in e that is no whole number, for backends with a Fermi level.
    """

    backend: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}
    accuracy: ClassVar[float] = 2e-6
    fractional: ClassVar[float] = -0.63

    @pytest.fixture
    def case(self) -> Case:
        """With one electrode."""
        return _graphene_case()

    @pytest.fixture
    def options(self, case: Case) -> BackendOptions:
        """As the backend gets them."""
        return resolved_options(self.backend, self.settings, case.directory, case.system.backends)

    @pytest.fixture
    def promised(self, options: BackendOptions) -> Capabilities:
        """What the options promise."""
        return options.capabilities()

    @pytest.fixture
    def made(self, case: Case) -> ChargeBackend:
        """The backend."""
        return _made(cast(Any, type(self)), case)

    @pytest.fixture
    def phi(self, case: Case, promised: Capabilities) -> np.ndarray:
        """Site potentials (n,) of the case's liquid in Hartree/e."""
        return _site_potentials(case, promised.potential_accuracy)

    def solve(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, charge: float | None = None
    ) -> ChargeResult:
        """The answer to other site potentials, with the liquid where it is."""
        seen = Environment(case.electrolyte, case.positions[case.electrolyte_indices], phi)
        return made.solve(seen, case.total_charge if charge is None else charge)

    def test_settings(self, options: BackendOptions) -> None:
        """Each is described; unknown ones are refused; workers are sent them; they decide the answers."""
        assert self.backend in backend_names()
        undescribed = [
            name for name, setting in type(options).model_fields.items() if not setting.description
        ]
        assert not undescribed
        with pytest.raises(InputError, match=f"settings of backend '{self.backend}': unknown key 'colour_'"):
            resolved_options(self.backend, {**self.settings, "colour_": "red"})
        assert copy.deepcopy(options) == options
        identity = options.identity(("C",))
        assert all(isinstance(word, str) for word in [*identity.keys(), *identity.values()])

    def test_capabilities_agree(self, promised: Capabilities, made: ChargeBackend) -> None:
        """The options' are the backend's, and none stands without what it needs."""
        assert made.capabilities == promised
        assert promised.derivatives or not promised.fermi_level
        assert promised.energy or not promised.fermi_level
        assert hasattr(made, "derivatives") or not promised.derivatives
        assert hasattr(made, "filling") or not promised.filling
        assert 0.0 < promised.potential_accuracy <= 1e-3
        known = set(vars(promised)) - {"reasons"}
        assert set(promised.reasons) <= known

    def test_charges_are_usable(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        result = self.solve(case, made, phi)
        assert result.converged
        assert result.charges.shape == (len(case.electrode),) and np.isfinite(result.charges).all()
        assert result.charges.sum() == pytest.approx(case.total_charge, abs=1e-9)
        assert result.energy is not None or not promised.energy
        assert (result.site_potentials is not None) == promised.site_potentials

    def test_same_input_same_charges(self, case: Case, made: ChargeBackend, phi: np.ndarray) -> None:
        results = [self.solve(case, made, phi) for _ in range(2)]
        assert np.array_equal(results[0].charges, results[1].charges)

    def test_it_reads_what_it_says(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        """Positions that it does not ask for may be unknown, and potentials are not computed in vain."""
        expected = self.solve(case, made, phi).charges
        positions = case.positions[case.electrolyte_indices].copy()
        unread = np.ones(len(positions), bool)
        if promised.positions == "ions":
            unread[case.electrolyte.ion_indices] = False
        if promised.positions != "all":
            positions[unread] = np.nan
        asked = []

        def potentials(_: np.ndarray) -> np.ndarray:
            asked.append(1)
            return phi

        found = made.solve(Environment(case.electrolyte, positions, potentials), case.total_charge)
        assert np.array_equal(found.charges, expected)
        assert len(asked) == promised.site_potentials

    def test_charges_are_the_derivative_of_the_energy(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        if not promised.conservative:
            pytest.skip("promises no such energy")
        direction = np.random.default_rng(1).standard_normal(len(phi))
        step = 1e-4
        low, middle, high = (self.solve(case, made, phi + s * step * direction) for s in (-1, 0, 1))
        if middle.energy is None:  # E = q . phi with charges that are always the same
            assert np.array_equal(low.charges, high.charges)
            return
        assert low.energy is not None and high.energy is not None
        slope = (high.energy - low.energy) / (2 * step)
        assert slope == pytest.approx(float(middle.charges @ direction), abs=self.accuracy)

    def test_a_uniform_potential_moves_no_charge(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        if not promised.conservative:
            pytest.skip("promises no such energy")
        first, second = (self.solve(case, made, one) for one in (phi, phi + 0.05))
        assert np.abs(second.charges - first.charges).max() < self.accuracy
        if first.energy is not None and second.energy is not None:
            lifted = second.energy - first.energy
            assert lifted == pytest.approx(0.05 * case.total_charge, abs=0.05 * self.accuracy)

    def test_a_guess_changes_nothing(self, case: Case, made: ChargeBackend, phi: np.ndarray) -> None:
        elsewhere = phi + 0.01 * np.random.default_rng(2).standard_normal(len(phi))
        guess = self.solve(case, made, elsewhere)
        seen = Environment(case.electrolyte, case.positions[case.electrolyte_indices], phi)
        guessed = made.solve(seen, case.total_charge, guess)
        assert np.abs(guessed.charges - self.solve(case, made, phi).charges).max() < self.accuracy

    def test_waters_may_change_places(self, case: Case, made: ChargeBackend, promised: Capabilities) -> None:
        surroundings = Surroundings(case, promised.potential_accuracy)
        oxygens = case.water_oxygens
        positions = case.positions.copy()
        shuffled = np.random.default_rng(3).permutation(oxygens)
        for atom in range(3):
            positions[oxygens + atom] = case.positions[shuffled + atom]
        first, second = (
            made.solve(surroundings.environment(one), case.total_charge)
            for one in (case.positions, positions)
        )
        assert np.abs(second.charges - first.charges).max() < self.accuracy

    def test_forces_are_the_derivative_of_the_energy(
        self, case: Case, made: ChargeBackend, promised: Capabilities
    ) -> None:
        """With the charges found anew at every place."""
        if not promised.conservative:
            pytest.skip("promises no such energy")
        # pairs that cross the cut-off make the energy jump by less than rounding
        exact = with_tolerance(case, 1e-6)
        provider = ForceProvider(exact, made, threads=1)
        direction = np.zeros_like(case.positions)
        moving = case.electrolyte_indices
        direction[moving] = np.random.default_rng(4).standard_normal((len(moving), 3))
        forces = provider.evaluate(case.positions, case.cell).forces
        slope = derivative(
            lambda x: provider.evaluate(case.positions + x * direction, case.cell).energy, 2e-3
        )
        allowed = 5e-5 * float(np.linalg.norm(forces)) + self.accuracy
        assert slope == pytest.approx(-float((forces * direction).sum()), abs=allowed)

    def test_the_fermi_level_is_the_derivative_by_the_charge(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        if not promised.fermi_level:
            pytest.skip("promises no Fermi level")
        step = 1e-3
        low, middle, high = (
            self.solve(case, made, phi, self.fractional + change) for change in (-step, 0.0, step)
        )
        assert low.energy is not None and high.energy is not None and middle.fermi_level is not None
        assert -(high.energy - low.energy) / (2 * step) == pytest.approx(middle.fermi_level, abs=2e-6)

    def test_derivatives_steer(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        """They need not be exact, but are what a search for charges goes by."""
        if not promised.derivatives:
            pytest.skip("promises no derivatives")
        seen = Environment(case.electrolyte, case.positions[case.electrolyte_indices], phi)
        found = cast(RespondingBackend, made).derivatives(seen, self.fractional)
        n = len(phi)
        kernel = dense(found.kernel)
        assert kernel.shape == (n, n) and found.fukui.shape == (n,)
        assert np.abs(kernel.sum(axis=1)).max() < 1e-6
        assert found.fukui.sum() == pytest.approx(1.0, abs=1e-6) and found.hardness > 0.0
        change = 1e-3 * np.random.default_rng(5).standard_normal(n)
        low, high = (self.solve(case, made, phi + sign * change, self.fractional).charges for sign in (-1, 1))
        moved = 0.5 * (high - low)
        assert np.linalg.norm(moved - kernel @ change) < 0.2 * np.linalg.norm(moved)

    def test_a_potential_is_held_or_refused(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        """At the level that an electrode of given charge has, it has that charge."""
        level = self.solve(case, made, phi, self.fractional).fermi_level if promised.fermi_level else 0.0
        assert level is not None
        potential = Potential(fermi_level_ev=level * HARTREE_TO_EV, counter_charge="background")
        held = replace(case, system=case.system.model_copy(update={"potential": potential}))
        if not promised.fermi_level:
            with pytest.raises(InputError, match="have no Fermi level to be held"):
                create_coupled(held, self.backend, self.settings)
            return
        coupled = create_coupled(held, self.backend, self.settings)
        seen = Surroundings(case, promised.potential_accuracy).environment(case.positions)
        result = coupled.solve(seen, case.total_charge)
        assert result.converged
        assert result.charges.sum() == pytest.approx(self.fractional, abs=1e-3)

    def test_filling_does_not_feel_a_uniform_potential(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        if not promised.filling:
            pytest.skip("does not tell what filling costs")
        filled = cast(FillingBackend, made)
        first, second = (filled.filling(self.solve(case, made, one)) for one in (phi, phi + 0.05))
        assert np.isfinite(first) and second == pytest.approx(first, abs=1e-6)

    def test_each_charge_has_the_shape_of_a_unit_charge(self, case: Case, options: BackendOptions) -> None:
        try:
            clouds = options.charge_clouds(case.electrode.symbols)
        except InputError:
            pytest.skip("its charges are not by atom")
        if clouds is None:
            pytest.skip("has points")
        assert len(clouds) == len(case.electrode)
        for cloud in dict.fromkeys(clouds):
            whole, far = cloud.transform(np.array([0.0, 1e-4]))
            assert whole == pytest.approx(1.0, abs=1e-12)
            assert (1.0 - far) / 1e-4 == pytest.approx(cloud.spread, rel=1e-3)

    def test_a_state_is_that_of_its_charges(
        self, case: Case, made: ChargeBackend, phi: np.ndarray, promised: Capabilities
    ) -> None:
        if not promised.orbitals:
            pytest.skip("has no orbitals")
        result = self.solve(case, made, phi)
        assert np.array_equal(cast(OrbitalBackend, made).solution(result).charges, result.charges)


_graphene_case = cache(graphene_case)


@cache
def _made(contract: Any, case: Case) -> ChargeBackend:
    """One backend for all tests of a class."""
    settings, others = contract.settings, case.system.backends
    return create_backend(
        contract.backend, case.electrode, case.electrolyte, settings, case.directory, others
    )


@cache
def _site_potentials(case: Case, accuracy: float) -> np.ndarray:
    return Surroundings(case, accuracy).environment(case.positions).site_potentials
