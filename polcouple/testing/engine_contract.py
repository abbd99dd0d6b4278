"""What every engine promises (:class:`polcouple.engines.base.Engine`), as tests of a class to subclass."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import numpy as np
import pytest

from polcouple.case.model import Case
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.engines.base import Engine, create_engine
from polcouple.errors import InputError
from polcouple.ipi.parts import Part
from polcouple.testing.cases import (
    KCAL_TO_HARTREE,
    derivative,
    graphene_case,
    random_case,
    reference_bonded,
    reference_nonbonded,
    with_tolerance,
)
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE

#: cells (rows, Angstrom) and cut-offs; of the tight ones it is nearly half the smallest height
CELLS = {
    "orthorhombic": ([[14.0, 0, 0], [0, 15.5, 0], [0, 0, 30.0]], 6.0),
    "hexagonal": ([[15.0, 0, 0], [-7.5, 12.990381056766578, 0], [0, 0, 26.0]], 6.0),
    "triclinic": ([[16.0, 0, 0], [5.5, 15.0, 0], [-4.0, 6.5, 18.0]], 6.0),
    "tight": ([[12.1, 0, 0], [0, 12.05, 0], [0, 0, 12.2]], 5.5),
    "tight triclinic": ([[13.5, 0, 0], [4.0, 13.0, 0], [3.0, -5.0, 13.2]], 5.5),
}
#: root mean square force on an atom of flexible water at 300 K, Hartree/bohr
WATER = 0.026


class EngineContract:
    """Subclass it, name the engine, and run pytest.

    Attributes:
        platform: the word of ``--platform``.
        tolerances: ``ewald_tolerance`` at which it is compared with plain sums.
        margin: forces are right to so many times the tolerance, in terms of water's (root mean square).
        rounding: of energies, in Hartree, and of forces, relative to the largest: what another image of the
            atoms, or another replica in between, may change.
        refused: of :data:`CELLS`, those that the engine refuses in one line.
    """

    platform: ClassVar[str]
    tolerances: ClassVar[tuple[float, ...]] = (1e-3, 5e-5)
    margin: ClassVar[float] = 1.0
    rounding: ClassVar[tuple[float, float]] = (1e-8, 1e-6)
    refused: ClassVar[frozenset[str]] = frozenset()

    def engine(self, case: Case, part: Part = "all", charges: np.ndarray | None = None) -> Engine:
        """The engine for a case, with electrode charges."""
        made, other = create_engine(case, part, self.platform, 1)
        assert other is None, other
        made.set_charges(charges_of(case) if charges is None else charges)
        return made

    @pytest.fixture
    def case(self) -> Case:
        """At the finest of the tolerances."""
        return with_tolerance(graphene_case(), min(self.tolerances))

    @pytest.mark.parametrize("name", CELLS)
    def test_plain_sums_in_any_cell(self, name: str) -> None:
        case, expected_energy, expected = _plain_sums(name)
        if name in self.refused:
            with pytest.raises(InputError):
                self.engine(case, "nonbonded")
            return
        for tolerance in self.tolerances:
            energy, forces = self.engine(with_tolerance(case, tolerance), "nonbonded").evaluate(
                case.positions
            )
            error = np.sqrt(((forces - expected) ** 2).sum(axis=1).mean()) / WATER
            assert error < self.margin * tolerance
            assert energy == pytest.approx(expected_energy, abs=self.margin * tolerance + self.rounding[0])

    def test_water_bonds_and_angles(self, case: Case) -> None:
        energy, forces = self.engine(case, "bonded").evaluate(case.positions)
        expected_energy, expected = reference_bonded(case)
        assert energy == pytest.approx(expected_energy, rel=1e-5)
        assert np.abs(forces - expected).max() < max(1e-5, self.rounding[1]) * np.abs(expected).max()

    def test_parts_add_up(self, case: Case) -> None:
        (energy, forces), *parts = (
            self.engine(case, part).evaluate(case.positions) for part in ("all", "bonded", "nonbonded")
        )
        assert sum(one[0] for one in parts) == pytest.approx(energy, abs=self.rounding[0])
        difference = sum(one[1] for one in parts) - forces
        assert np.abs(difference).max() < self.rounding[1] * np.abs(forces).max()

    @pytest.mark.parametrize("slab", [None, 0.02])
    def test_forces_are_the_derivative_of_the_energy(self, slab: float | None) -> None:
        sections = {} if slab is None else {"slab": {"displacement_volt_per_angstrom": slab}}
        # pairs that cross the cut-off make the energy jump by less than rounding
        case = with_tolerance(graphene_case(**sections), 1e-6)
        engine = self.engine(case)
        direction = np.zeros_like(case.positions)
        moving = case.electrolyte_indices
        direction[moving] = np.random.default_rng(4).standard_normal((len(moving), 3))
        forces = engine.evaluate(case.positions)[1]
        step = 2e-3
        slope = derivative(lambda x: engine.evaluate(case.positions + x * direction)[0], step)
        allowed = 2e-5 * float(np.linalg.norm(forces)) + 2.0 * self.rounding[0] / step
        assert slope == pytest.approx(-float((forces * direction).sum()), abs=allowed)

    def test_walls(self, case: Case) -> None:
        """Springs k/2 dz^2 on ions and all atoms but bound hydrogens, beyond two heights."""
        low, high, spring = 6.0, 14.0, 3.0
        walls = {"lower_angstrom": low, "upper_angstrom": high, "spring_kcal_per_mol_angstrom2": spring}
        z = case.positions[:, 2]
        beyond = np.minimum(z - low * ANGSTROM_TO_BOHR, 0.0) + np.maximum(z - high * ANGSTROM_TO_BOHR, 0.0)
        held = np.isin(np.arange(len(case)), case.electrolyte_indices) & (np.array(case.symbols) != "H")
        beyond = np.where(held, beyond, 0.0)
        k = spring * KCAL_TO_HARTREE / ANGSTROM_TO_BOHR**2
        pulls = np.zeros_like(case.positions)
        pulls[:, 2] = -k * beyond
        assert np.count_nonzero(beyond > 0) > 1 and np.count_nonzero(beyond < 0) > 1
        self.assert_adds(case, graphene_case(walls), 0.5 * k * float((beyond**2).sum()), pulls)

    def test_slab(self, case: Case) -> None:
        """A displacement field D adds 2 pi M^2 / V - D M, without what the electrode does to itself."""
        field = 0.03
        other = graphene_case(slab={"displacement_volt_per_angstrom": field})
        assert other.slab_field is not None
        electrode, charges = case.electrode_indices, case.charges.copy()
        charges[electrode] = charges_of(case)
        moments = charges * other.slab_field.heights(case.positions)
        dipole, own = float(moments.sum()), float(moments[electrode].sum())
        curvature = 4.0 * np.pi / abs(float(np.linalg.det(case.cell)))
        displacement = field * EV_TO_HARTREE / ANGSTROM_TO_BOHR
        pulls = np.zeros_like(case.positions)
        pulls[:, 2] = -charges * (curvature * dipole - displacement)
        pulls[electrode] = 0.0
        self.assert_adds(case, other, 0.5 * curvature * (dipole**2 - own**2) - displacement * dipole, pulls)

    def assert_adds(self, case: Case, other: Case, energy: float, forces: np.ndarray) -> None:
        """``other`` differs from ``case`` by this energy and these forces."""
        other = with_tolerance(other, case.parameters.ewald_tolerance)
        before, after = (self.engine(one).evaluate(case.positions) for one in (case, other))
        assert after[0] - before[0] == pytest.approx(energy, abs=2.0 * self.rounding[0])
        difference = np.abs(after[1] - before[1] - forces).max()
        assert difference < self.rounding[1] * np.abs(before[1]).max()
        assert np.abs(forces).max() > 1e3 * difference

    def test_the_electrode_feels_nothing(self, case: Case) -> None:
        forces = self.engine(case).evaluate(case.positions)[1]
        assert forces.shape == case.positions.shape
        assert not forces[case.electrode_indices].any() and forces[case.electrolyte_indices].all()

    def test_images_do_not_matter(self, case: Case) -> None:
        """Every atom is moved by lattice vectors of its own, so that molecules are split."""
        engine = self.engine(case)
        energy, forces = engine.evaluate(case.positions)
        images = np.random.default_rng(5).integers(-2, 3, case.positions.shape) @ case.cell
        moved_energy, moved = engine.evaluate(case.positions + images)
        assert moved_energy == pytest.approx(energy, abs=self.rounding[0])
        assert np.abs(moved - forces).max() < self.rounding[1] * np.abs(forces).max()

    def test_the_energy_is_linear_in_the_charges(self, case: Case) -> None:
        """The electrode's interaction with itself is left out, and the slope is the site potential."""
        charges = charges_of(case)
        change = np.zeros_like(charges)
        change[0], change[len(change) // 2] = 0.05, -0.05
        engine = self.engine(case)
        found = []
        for factor in (-1.0, 0.0, 1.0):
            engine.set_charges(charges + factor * change)
            found.append(engine.evaluate(case.positions))
        (low, low_forces), (middle, middle_forces), (high, high_forces) = found
        allowed = 4.0 * self.rounding[0]
        assert high - 2 * middle + low == pytest.approx(0.0, abs=allowed)
        curvature = np.abs(high_forces - 2 * middle_forces + low_forces).max()
        assert curvature < 4 * self.rounding[1] * np.abs(middle_forces).max()
        liquid = case.electrolyte_indices
        potentials = ewald_potential(
            case.electrode.positions, case.positions[liquid], case.charges[liquid], case.cell
        )
        assert 0.5 * (high - low) == pytest.approx(float(change @ potentials), abs=allowed)

    def test_charges_are_taken_as_they_are_at_the_call(self, case: Case) -> None:
        charges = charges_of(case)
        engine = self.engine(case, charges=charges)
        before = engine.evaluate(case.positions)[0]
        charges[:] = 0.0
        assert engine.evaluate(case.positions)[0] == before

    def test_same_input_same_bits(self, case: Case) -> None:
        answers = [self.engine(case).evaluate(case.positions) for _ in range(2)]
        assert answers[0][0] == answers[1][0]
        assert np.array_equal(answers[0][1], answers[1][1])

    def test_replicas_do_not_see_one_another(self, case: Case) -> None:
        rng = np.random.default_rng(6)
        other = case.positions.copy()
        other[case.electrolyte_indices] += 0.3 * rng.standard_normal((len(case.electrolyte), 3))
        engine = self.engine(case)
        energy, forces = engine.evaluate(case.positions, 0)
        elsewhere = engine.evaluate(other, 1)
        again = engine.evaluate(case.positions, 0)
        assert again[0] == pytest.approx(energy, abs=self.rounding[0])
        assert np.abs(again[1] - forces).max() < self.rounding[1] * np.abs(forces).max()
        alone = self.engine(case).evaluate(other, 1)
        assert elsewhere[0] == pytest.approx(alone[0], abs=self.rounding[0])

    def test_atoms_may_wander(self, case: Case) -> None:
        """What is kept from one evaluation to the next changes nothing."""
        rng = np.random.default_rng(7)
        engine, moving = self.engine(case), case.electrolyte_indices
        positions = case.positions.copy()
        for _ in range(12):
            positions[moving] += 0.12 * rng.standard_normal((len(moving), 3))
            energy, forces = engine.evaluate(positions)
        fresh_energy, fresh = self.engine(case).evaluate(positions)
        assert energy == pytest.approx(fresh_energy, rel=1e-9, abs=self.rounding[0])
        assert np.abs(forces - fresh).max() < self.rounding[1] * np.abs(fresh).max()


@cache
def _plain_sums(name: str) -> tuple[Case, float, np.ndarray]:
    """A case in one of the cells, and what plain sums give for it."""
    case = random_case(np.random.default_rng(3), *CELLS[name])
    return case, *reference_nonbonded(case, charges_of(case))


def charges_of(case: Case, seed: int = 8) -> np.ndarray:
    """Electrode charges (n_electrode,) in e: the case's total charge and a random pattern."""
    charges = 0.1 * np.random.default_rng(seed).standard_normal(len(case.electrode))
    return charges + (case.total_charge - charges.sum()) / len(charges)
