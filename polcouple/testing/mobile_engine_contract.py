"""What an engine promises of an electrode that moves (:class:`polcouple.engines.base.Engine`), as tests."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import ClassVar

import numpy as np
import pytest

from polcouple.case.model import Case
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.engines.base import SitePotentialEngine, create_engine
from polcouple.testing.cases import (
    derivative,
    graphene_case,
    mobile,
    random_case,
    reference_nonbonded,
    with_tolerance,
)
from polcouple.testing.engine_contract import CELLS, WATER, charges_of

#: how far the electrode goes from where it was when the engine was made, bohr
_FAR = 0.4


class MobileEngineContract:
    """Subclass it, name the engine, and run pytest; attributes as :class:`EngineContract`'s."""

    platform: ClassVar[str]
    tolerances: ClassVar[tuple[float, ...]] = (5e-5, 1e-6)
    margin: ClassVar[float] = 1.0
    rounding: ClassVar[tuple[float, float]] = (1e-8, 1e-6)

    def engine(self, case: Case, accuracy: float = 1e-6) -> SitePotentialEngine:
        """The engine for a case, with electrode charges, ready for site potentials."""
        made, other = create_engine(case, "nonbonded", self.platform, 1)
        assert other is None and isinstance(made, SitePotentialEngine)
        made.set_charges(charges_of(case))
        made.prepare_site_potentials(max(accuracy, made.finest_potential))
        return made

    @pytest.fixture
    def case(self) -> Case:
        """At the finest of the tolerances."""
        return with_tolerance(mobile(graphene_case()), min(self.tolerances))

    @pytest.mark.parametrize("name", ["hexagonal", "tight triclinic"])
    def test_plain_sums_in_any_cell(self, name: str) -> None:
        case, moved, expected_energy, expected = _plain_sums(name)
        sites, liquid = case.electrode_indices, case.electrolyte_indices
        potentials = ewald_potential(moved[sites], moved[liquid], case.charges[liquid], case.cell)
        for tolerance, accuracy in zip(self.tolerances, (1e-6, 1e-8), strict=True):
            engine = self.engine(with_tolerance(case, tolerance), accuracy)
            assert np.abs(engine.site_potentials(moved) - potentials).max() < accuracy
            energy, forces = engine.evaluate(moved)
            error = np.sqrt(((forces - expected) ** 2).sum(axis=1).mean()) / WATER
            assert error < self.margin * tolerance
            assert energy == pytest.approx(expected_energy, abs=self.margin * tolerance + self.rounding[0])

    @pytest.mark.parametrize("of", ["electrode", "all"])
    def test_forces_are_the_derivative_of_the_energy(self, case: Case, of: str) -> None:
        engine, positions = self.engine(case), _moved(case)
        direction = np.random.default_rng(4).standard_normal(positions.shape)
        if of == "electrode":
            direction[case.electrolyte_indices] = 0.0
        forces = engine.evaluate(positions)[1]
        step = 2e-3
        slope = derivative(lambda x: engine.evaluate(positions + x * direction)[0], step)
        allowed = 2e-5 * float(np.linalg.norm(forces)) + 2.0 * self.rounding[0] / step
        assert slope == pytest.approx(-float((forces * direction).sum()), abs=allowed)
        assert abs(slope) > 1e2 * allowed

    def test_no_net_force(self, case: Case) -> None:
        """What the liquid does to the electrode, the electrode does to the liquid."""
        forces = self.engine(case).evaluate(_moved(case))[1]
        on_electrode = np.abs(forces[case.electrode_indices].sum(axis=0)).max()
        allowed = 10.0 * min(self.tolerances) * WATER
        assert np.abs(forces.sum(axis=0)).max() < allowed
        assert on_electrode > 100.0 * allowed

    def test_images_do_not_matter(self, case: Case) -> None:
        engine, positions = self.engine(case), _moved(case)
        potentials = engine.site_potentials(positions)
        energy, forces = engine.evaluate(positions)
        images = np.random.default_rng(5).integers(-2, 3, positions.shape) @ case.cell
        assert np.abs(engine.site_potentials(positions + images) - potentials).max() < 1e-9
        other, of_images = engine.evaluate(positions + images)
        assert other == pytest.approx(energy, abs=self.rounding[0])
        assert np.abs(of_images - forces).max() < self.rounding[1] * np.abs(forces).max()

    def test_it_may_wander_in_several_replicas(self, case: Case) -> None:
        """What is kept of a replica from one evaluation to the next changes nothing."""
        rng, engine = np.random.default_rng(7), self.engine(case, 1e-8)
        replicas = [case.positions, case.positions + 0.3]
        for _ in range(8):
            replicas = [places + 0.15 * rng.standard_normal(places.shape) for places in replicas]
            for replica, places in enumerate(replicas):
                potentials = engine.site_potentials(places, replica)
                energy, forces = engine.evaluate(places, replica)
        fresh = self.engine(case, 1e-8)
        assert np.abs(fresh.site_potentials(places) - potentials).max() < 1e-8
        fresh_energy, fresh_forces = fresh.evaluate(places)
        assert energy == pytest.approx(fresh_energy, rel=1e-9, abs=self.rounding[0])
        assert np.abs(forces - fresh_forces).max() < self.rounding[1] * np.abs(forces).max()


def _moved(case: Case) -> np.ndarray:
    """Positions (N, 3) where every atom is away from its place."""
    return case.positions + _FAR * np.random.default_rng(6).uniform(-1.0, 1.0, case.positions.shape)


@cache
def _plain_sums(name: str) -> tuple[Case, np.ndarray, float, np.ndarray]:
    """A case in one of the cells, other positions, and what plain sums give there."""
    case = mobile(random_case(np.random.default_rng(3), *CELLS[name]))
    moved = _moved(case)
    there = dataclasses.replace(case, positions=moved)
    return case, moved, *reference_nonbonded(there, charges_of(case))
