"""What every backend of an electrode that moves promises (:mod:`polcouple.backends.mobile`), as tests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest

from polcouple.backends.base import Environment, resolved_options
from polcouple.backends.mobile import MobileBackend, MobileResult, checked_mobile_solve, create_mobile
from polcouple.case.model import Case
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel, TotalCharge
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.testing.cases import derivative, graphene_case

#: of the differences: positions in bohr, potentials in Hartree/e, and electrons
_STEP, _POTENTIAL_STEP, _CHARGE_STEP = 0.01, 1e-3, 1e-3


class MobileContract:
    """Subclass it, name the backend, and run pytest.

    Attributes:
        backend: its name.
        settings: as under ``backends: NAME:`` in system.yaml; the finest that the backend has.
        charge: a total charge in e that it can have, no whole number.
        precision: of charges (e), forces (Hartree/bohr) and slopes of energies, with these settings.
        displacement: by which the atoms are moved at random from the case's places, bohr.
    """

    backend: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}
    charge: ClassVar[float] = -0.63
    precision: ClassVar[float] = 1e-6
    displacement: ClassVar[float] = 0.1

    @pytest.fixture
    def made(self) -> MobileBackend:
        """The backend."""
        return _made(self.backend, tuple(sorted(self.settings.items())))

    @pytest.fixture
    def places(self) -> np.ndarray:
        """(n, 3) of the electrode's atoms, away from the case's."""
        atoms = _case().electrode.positions
        return atoms + self.displacement * np.random.default_rng(21).standard_normal(atoms.shape)

    @pytest.fixture
    def phi(self) -> np.ndarray:
        """(n,) potentials of the case's liquid at its electrode, Hartree/e."""
        case = _case()
        liquid = case.electrolyte_indices
        return ewald_potential(
            case.electrode.positions, case.positions[liquid], case.charges[liquid], case.cell
        )

    @pytest.fixture(params=["charge", "level"])
    def held(
        self, request: pytest.FixtureRequest, made: MobileBackend, places: np.ndarray, phi: np.ndarray
    ) -> Ensemble:
        """A total charge, and the Fermi level that goes with it."""
        charge = TotalCharge(self.charge)
        return charge if request.param == "charge" else self.level_of(made, places, phi)

    def level_of(self, made: MobileBackend, places: np.ndarray, phi: np.ndarray) -> FermiLevel:
        """The Fermi level at :attr:`charge`."""
        level = self.solve(made, places, phi, TotalCharge(self.charge)).fermi_level
        assert level is not None
        return FermiLevel(level)

    def solve(
        self,
        made: MobileBackend,
        places: np.ndarray,
        phi: np.ndarray,
        held: Ensemble,
        guess: MobileResult | None = None,
    ) -> MobileResult:
        """The answer to other places or potentials."""
        case = _case()
        seen = Environment(case.electrolyte, case.positions[case.electrolyte_indices], phi)
        return checked_mobile_solve(made, places, seen, held, guess, "here")

    def energy(self, made: MobileBackend, places: np.ndarray, phi: np.ndarray, held: Ensemble) -> float:
        """E or Omega in Hartree."""
        energy = self.solve(made, places, phi, held).energy
        assert energy is not None
        return energy

    def test_it_says_so(self, made: MobileBackend) -> None:
        options = resolved_options(self.backend, self.settings)
        assert options.capabilities().mobile and made.capabilities == options.capabilities()
        assert made.capabilities.energy and made.capabilities.conservative

    def test_forces_are_the_derivative_of_the_energy(
        self, made: MobileBackend, places: np.ndarray, phi: np.ndarray, held: Ensemble
    ) -> None:
        """At fixed potentials at the atoms, along a random direction."""
        direction = np.random.default_rng(22).standard_normal(places.shape)
        direction /= np.linalg.norm(direction)
        forces = self.solve(made, places, phi, held).forces
        slope = derivative(lambda x: self.energy(made, places + x * direction, phi, held), _STEP)
        assert float((forces * direction).sum()) == pytest.approx(-slope, abs=10.0 * self.precision)
        assert np.abs(forces).max() > 1e3 * self.precision

    def test_no_net_force(
        self, made: MobileBackend, places: np.ndarray, phi: np.ndarray, held: Ensemble
    ) -> None:
        """At fixed potentials nothing else knows where the atoms are."""
        net = self.solve(made, places, phi, held).forces.sum(axis=0)
        assert np.abs(net).max() < 10.0 * self.precision

    def test_charges_are_the_derivative_of_the_energy(
        self, made: MobileBackend, places: np.ndarray, phi: np.ndarray, held: Ensemble
    ) -> None:
        direction = np.random.default_rng(23).standard_normal(len(phi))
        direction /= np.linalg.norm(direction)
        charges = self.solve(made, places, phi, held).charges
        slope = derivative(lambda x: self.energy(made, places, phi + x * direction, held), _POTENTIAL_STEP)
        assert float(charges @ direction) == pytest.approx(slope, abs=10.0 * self.precision)

    def test_the_level_is_the_derivative_by_the_electrons(
        self, made: MobileBackend, places: np.ndarray, phi: np.ndarray
    ) -> None:
        """mu = dE/dN = -dE/dQ, and N counts them."""
        result = self.solve(made, places, phi, TotalCharge(self.charge))
        assert result.fermi_level is not None and result.total_charge is None
        other = self.solve(made, places, phi, TotalCharge(self.charge + 0.1))
        assert result.electrons - other.electrons == pytest.approx(0.1, abs=10.0 * self.precision)

        def energy(excess: float) -> float:
            return self.energy(made, places, phi, TotalCharge(self.charge + excess))

        slope = derivative(energy, _CHARGE_STEP)
        assert result.fermi_level == pytest.approx(-slope, abs=10.0 * self.precision)

    def test_electrons_are_the_derivative_of_the_grand_potential(
        self, made: MobileBackend, places: np.ndarray, phi: np.ndarray
    ) -> None:
        """N = -dOmega/dmu, and the two ensembles meet: charges, forces, Omega = E - mu N."""
        held = self.level_of(made, places, phi)
        at_charge = self.solve(made, places, phi, TotalCharge(self.charge))
        at_level = self.solve(made, places, phi, held)
        assert at_charge.energy is not None and at_level.energy is not None
        assert at_level.fermi_level == pytest.approx(held.level, abs=self.precision)
        assert at_level.total_charge == pytest.approx(self.charge, abs=10.0 * self.precision)
        assert np.abs(at_level.charges - at_charge.charges).max() < 10.0 * self.precision
        assert np.abs(at_level.forces - at_charge.forces).max() < 10.0 * self.precision
        assert at_level.energy == pytest.approx(
            at_charge.energy - held.level * at_charge.electrons, abs=10.0 * self.precision
        )
        slope = derivative(
            lambda x: self.energy(made, places, phi, FermiLevel(held.level + x)), _POTENTIAL_STEP
        )
        assert at_level.electrons == pytest.approx(-slope, abs=100.0 * self.precision)

    def test_images_and_guesses_change_nothing(
        self, made: MobileBackend, places: np.ndarray, phi: np.ndarray, held: Ensemble
    ) -> None:
        first = self.solve(made, places, phi, held)
        images = np.random.default_rng(24).integers(-1, 2, places.shape) @ _case().cell
        shift = 0.02 * np.random.default_rng(25).standard_normal(places.shape)
        near = self.solve(made, places + shift, phi, held, first)
        for other in (
            self.solve(made, places + images, phi, held),
            self.solve(made, places, phi, held, near),
            self.solve(made, places, phi, held, self.solve(made, places, 1.1 * phi, held, near)),
        ):
            assert np.abs(other.charges - first.charges).max() < 10.0 * self.precision
            assert np.abs(other.forces - first.forces).max() < 10.0 * self.precision
            assert other.energy == pytest.approx(first.energy, abs=10.0 * self.precision)


@cache
def _case() -> Case:
    return graphene_case()


@cache
def _made(backend: str, settings: tuple[tuple[str, Any], ...]) -> MobileBackend:
    case = _case()
    return create_mobile(backend, case.electrode, case.electrolyte, dict(settings))
