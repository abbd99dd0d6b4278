"""The native engine and force fields in files: the contract, OpenMM's own forces, any terms in any cell."""

from dataclasses import replace

import numpy as np
import openmm
import pytest
from given_cases import as_given, case_of, random_chains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imported_systems import with_tolerance

from polcouple.engines.base import create_engine
from polcouple.engines.native.engine import NativeEngine
from polcouple.engines.openmm import ClassicalEngine
from polcouple.testing import EngineContract, MobileEngineContract
from polcouple.testing.cases import derivative, mobile
from polcouple.testing.engine_contract import WATER, charges_of


class TestGiven(EngineContract):
    """By combination rules."""

    platform = "native"
    tolerances = (5e-5, 1e-6)

    def engine(self, case, part="all", charges=None):
        return super().engine(as_given(case), part, charges_of(case) if charges is None else charges)


@pytest.mark.slow
class TestTables(TestGiven):
    """By pairs of types."""

    def engine(self, case, part="all", charges=None):
        made, other = create_engine(as_given(case, tables=True), part, self.platform, 1)
        assert other is None, other
        made.set_charges(charges_of(case) if charges is None else charges)
        return made


@pytest.mark.slow
class TestMobile(MobileEngineContract):
    """An electrode that moves beside an imported liquid."""

    platform = "native"

    def engine(self, case, accuracy=1e-6):
        return super().engine(mobile(as_given(case)), accuracy)


def both(case, part, native, openmm_accuracy=1e-7):
    """Energy and forces of the native engine, and of OpenMM's Reference platform."""
    answers = []
    for engine in (
        NativeEngine(with_tolerance(case, native), part, 1),
        ClassicalEngine(with_tolerance(case, openmm_accuracy), part, "Reference"),
    ):
        engine.set_charges(charges_of(case))
        answers.append(engine.evaluate(case.positions))
    return answers


_CELLS = st.tuples(*[st.floats(15.0, 22.0)] * 3, *[st.floats(-0.45, 0.45)] * 3)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_CELLS, st.integers(0, 2**31), st.booleans(), st.booleans())
def test_any_terms_in_any_cell(numbers, seed, switch, tables):
    a, b, c, ab, ac, bc = numbers
    cell = np.array([[a, 0, 0], [ab * a, b, 0], [ac * a, bc * b, c]])
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    # OpenMM's Reference platform leaves out pairs in tilted cells lower than three cut-offs
    most = 0.32 if any(numbers[3:]) else 0.49
    case = random_chains(np.random.default_rng(seed), cell, min(most * heights.min(), 7.0), switch, tables)
    for part, allowed in (("bonded", 1e-9), ("nonbonded", 2e-6)):
        (energy, forces), (expected_energy, expected) = both(case, part, 1e-6)
        scale = max(np.sqrt((expected**2).sum(axis=1).mean()), WATER)
        assert np.sqrt(((forces - expected) ** 2).sum(axis=1).mean()) < allowed * scale
        assert energy == pytest.approx(expected_energy, rel=1e-9, abs=100 * allowed * scale)


def test_forces_are_the_derivative_of_the_energy():
    cell = np.diag([16.0, 17.0, 21.0])
    case = random_chains(np.random.default_rng(3), cell, 7.0, True, True)
    engine = NativeEngine(with_tolerance(case, 1e-7), "all", 1)
    engine.set_charges(charges_of(case))
    direction = np.zeros_like(case.positions)
    liquid = case.electrolyte_indices
    direction[liquid] = np.random.default_rng(4).standard_normal((len(liquid), 3))
    forces = engine.evaluate(case.positions)[1]
    slope = derivative(lambda x: engine.evaluate(case.positions + x * direction)[0], 1e-3)
    assert slope == pytest.approx(-float((forces * direction).sum()), rel=1e-6)


def line(angle, forces):
    """Three atoms with an angle in degrees between their bonds, and an electrode of one."""
    system = openmm.System()
    nonbonded = openmm.NonbondedForce()
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.PME)
    nonbonded.setUseDispersionCorrection(False)
    nonbonded.setCutoffDistance(0.7)
    for charge in (0.0, 0.3, -0.5, 0.2):
        system.addParticle(12.0)
        nonbonded.addParticle(charge, 0.3, 0.0)
    for force in (nonbonded, *forces):
        system.addForce(force)
    turn = np.deg2rad(angle)
    places = [[1, 1, 1], [5, 5, 5], [5, 5, 6.16], [5 + 1.47 * np.sin(turn), 5, 6.16 - 1.47 * np.cos(turn)]]
    return case_of(
        system,
        [("electrode", 1, "C"), ("ACN", 1, "NCC")],
        "CNCC",
        np.array(places) / 0.529177210903,
        np.diag([30.0] * 3),
        [("electrode", [0], 0.0)],
    )


@pytest.mark.parametrize("angle", [180.0, 179.9999, 179.0, 90.0])
def test_straight_molecules(angle):
    """Acetonitrile's angle of 180 degrees: no direction to bend, and no force."""
    bends = openmm.HarmonicAngleForce()
    bends.addAngle(1, 2, 3, np.pi, 500.0)
    case = line(angle, [bends])
    energy, forces = NativeEngine(case, "bonded", 1).evaluate(case.positions)
    k, bent = 500.0 / 2625.4996394799, np.deg2rad(180.0 - angle)
    assert energy == pytest.approx(0.5 * k * bent**2, abs=1e-15)
    pull = np.linalg.norm(forces[1]) * 1.16 / 0.529177210903
    assert pull == pytest.approx(k * bent, abs=1e-11)
    assert np.abs(forces.sum(axis=0)).max() < 1e-12


def lacking(case):
    engine, reason = create_engine(case)
    assert isinstance(engine, ClassicalEngine)
    return reason


def test_what_it_lacks_falls_to_openmm_with_the_reason():
    compound = openmm.CustomCompoundBondForce(2, "distance(p1, p2)^2")
    compound.addBond([1, 2], [])
    bond = openmm.CustomBondForce("k*r^3")
    bond.addPerBondParameter("k")
    bond.addBond(1, 2, [1.0])
    pairs = openmm.CustomNonbondedForce("exp(-r)")
    pairs.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    pairs.setCutoffDistance(0.7)
    for _ in range(4):
        pairs.addParticle([])
    table = openmm.CustomNonbondedForce("acoef(type1,type2)/r^12-bcoef(type1,type2)/r^6")
    for name in ("acoef", "bcoef"):
        smooth = openmm.Continuous2DFunction(2, 2, [1e-6, 2e-6, 2e-6, 1e-6], 0.0, 1.0, 0.0, 1.0)
        table.addTabulatedFunction(name, smooth)
    table.addPerParticleParameter("type")
    table.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    table.setCutoffDistance(0.7)
    for particle in range(4):
        table.addParticle([particle % 2])
    cmap = openmm.CMAPTorsionForce()
    cmap.addMap(2, [0.0, 1.0, 2.0, 3.0])
    cmap.addTorsion(0, 0, 1, 2, 3, 0, 1, 2, 3)
    by_openmm = " in system.xml: forces are computed by OpenMM's CPU platform"
    assert lacking(line(90.0, [compound])) == "CustomCompoundBondForce" + by_openmm
    assert lacking(line(90.0, [cmap])) == "CMAP terms" + by_openmm
    assert lacking(line(90.0, [bond])) == "CustomBondForce 'k*r^3'" + by_openmm
    assert lacking(line(90.0, [pairs])) == "CustomNonbondedForce 'exp(-r)'" + by_openmm
    said = "a Continuous2DFunction in a CustomNonbondedForce"
    assert lacking(line(90.0, [table])) == said + by_openmm


_EXPRESSIONS = (
    "0.25*k*(r^2-r0^2)^2",
    "0.5*k*(cos(theta)-cos(theta0))^2",
    "k*(theta-theta0)^2",
    "k*min(dtheta, 2*pi-dtheta)^2; dtheta=abs(theta-theta0); pi=3.1415926535",
)


@pytest.mark.parametrize("expression", _EXPRESSIONS)
@pytest.mark.parametrize("kind", ["Bond", "Angle", "Torsion"])
def test_one_expression_in_different_forces(kind, expression):
    """theta is an angle in one force and a dihedral in another: its own term, or OpenMM's."""
    if (kind == "Bond") != ("r0" in expression):
        return
    force = getattr(openmm, f"Custom{kind}Force")(expression)
    names, values = (("k", "r0"), [3e5, 0.12]) if kind == "Bond" else (("k", "theta0"), [70.0, 1.9])
    for name in names:
        getattr(force, f"addPer{kind}Parameter")(name)
    atoms = {"Bond": [1, 2], "Angle": [1, 2, 3], "Torsion": [0, 1, 2, 3]}[kind]
    getattr(force, f"add{kind}")(*atoms, values)
    case = line(100.0, [force])
    case = replace(case, positions=case.positions + np.random.default_rng(5).normal(0.0, 0.3, (4, 3)))
    engine, reason = create_engine(case, "bonded")
    if isinstance(engine, ClassicalEngine):
        assert f"Custom{kind}Force" in reason
        return
    energy, forces = engine.evaluate(case.positions)
    expected_energy, expected = ClassicalEngine(case, "bonded", "Reference").evaluate(case.positions)
    assert energy == pytest.approx(expected_energy, abs=1e-10)
    assert np.abs(forces - expected)[1:].max() < 1e-9 and np.abs(expected).max() > 1e-4


def test_cut_offs_that_differ_fall_to_openmm():
    case = random_chains(np.random.default_rng(3), np.diag([16.0, 17.0, 21.0]), 7.0, True, True)
    for force in case.given.system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            force.setParticleParameters(4, 0.1, 0.3, 0.1)
            force.setCutoffDistance(0.65)
    assert "Lennard-Jones interactions with several cut-offs" in lacking(case)


@pytest.mark.parametrize(("switch", "tables"), [(False, False), (True, False), (True, True)])
def test_the_energy_beyond_the_cut_off(switch, tables):
    """A constant that OpenMM adds if a file asks for it."""
    energies = []
    for corrected in (False, True):
        case = random_chains(np.random.default_rng(3), np.diag([16.0, 17.0, 21.0]), 7.0, switch, tables)
        for force in case.given.system.getForces():
            if isinstance(force, openmm.CustomNonbondedForce):
                force.setUseLongRangeCorrection(corrected)
            elif isinstance(force, openmm.NonbondedForce):
                force.setUseDispersionCorrection(corrected)
        energies.append([energy for energy, _ in both(case, "nonbonded", 1e-6)])
    own, expected = np.subtract(*energies[::-1])
    assert expected < -1e-5
    assert own == pytest.approx(expected, rel=1e-6, abs=1e-10)
