"""Atoms at a held Fermi level: derivatives of the grand potential, and dynamics that conserves it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from dftb_force_cases import four_point, moving_case, slako_directory

from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel, TotalCharge
from polcouple.dftb.moving.extrapolation import Extrapolation
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

sys.path.insert(0, str(ROOT))
from benchmarks.held_level import velocity_verlet

DYNAMICS = Path(__file__).parent.parent / "data" / "dftbplus_dynamics"


def test_level_and_charge_are_two_ways_to_the_same_state():
    case = moving_case("graphene24_q-1")
    fixed = case.solve()
    held = case.solve(ensemble=FermiLevel(fixed.fermi_level))
    assert abs(held.charges.sum() + 1.0) < 1e-8
    assert np.abs(held.forces - fixed.forces).max() < 1e-8
    assert abs(held.grand_potential - fixed.grand_potential) < 1e-10
    assert held.fermi_level == fixed.fermi_level


def test_electrons_and_maxwell_relation():
    """N = -dOmega/dmu, and dF/dmu = dN/dR with F = -dOmega/dR."""
    case = moving_case("graphene24_q-1")
    level = case.solve().fermi_level + 0.002
    centre = case.solve(ensemble=FermiLevel(level))

    def at(shift=0.0, x=0.0):
        positions = case.positions.copy()
        positions[3, 2] += x
        return case.solve(positions, ensemble=FermiLevel(level + shift), start=centre.populations)

    slope = four_point(lambda s: at(shift=s).grand_potential, 0.0, 2e-4)
    assert abs(slope + centre.electrons) < 1e-6
    force_with_level = four_point(lambda s: at(shift=s).forces[3, 2], 0.0, 2e-4)
    electrons_with_place = four_point(lambda x: at(x=x).electrons, 0.0, 4e-3)
    assert abs(electrons_with_place) > 1e-3
    assert abs(force_with_level - electrons_with_place) < 1e-5 * abs(electrons_with_place) + 1e-7


def dynamics(dftb, cell, ensemble, positions, velocities, masses, time_step, steps, accuracy):
    """(steps + 1, 3): kinetic energy, free energy and electrons; and the last positions and result."""
    extrapolation, rows = Extrapolation(), []

    def forces(where):
        result = dftb.solve(where, cell, ensemble, start=extrapolation.next(), accuracy=accuracy)
        extrapolation.add(result.populations)
        return result

    run = velocity_verlet(forces, positions, velocities, masses, time_step)
    for _ in range(steps + 1):
        where, how_fast, result = next(run)
        rows.append([0.5 * float((masses * how_fast**2).sum()), result.free_energy, result.electrons])
    return np.array(rows), where, result


def test_dynamics_conserves_the_grand_potential():
    """The error of Verlet's method is of second order in the time step, and there is no other."""
    case = moving_case("graphene24_q-1")
    level, masses = FermiLevel(case.solve().fermi_level), np.full((24, 1), 12.011 * 1822.888)
    velocities = np.sqrt(1000.0 * KELVIN_TO_HARTREE / masses) * np.random.default_rng(2).normal(size=(24, 3))
    widths = []
    for steps in (10, 20):
        rows, _, _ = dynamics(
            case.dftb,
            case.cell,
            level,
            case.positions,
            velocities,
            masses,
            10.0 / steps * FS_TO_ATOMIC_TIME,
            steps,
            1e-7,
        )
        kinetic, free, electrons = rows.T
        conserved = kinetic + free - level.level * electrons
        widths.append(np.ptp(conserved))
        # electrons come and go, and with them what is conserved at a constant number
        assert np.ptp(electrons) > 0.01
        assert np.ptp(kinetic + free) > 5.0 * widths[-1]
    assert 3.3 < widths[0] / widths[1] < 4.7


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(DYNAMICS.glob("*.npz")), ids=lambda path: path.stem)
def test_dynamics_of_dftbplus_is_reproduced(path):
    with np.load(path) as data:
        recorded = {key: data[key] for key in data.files}
    symbols, bohr = tuple(str(symbol) for symbol in recorded["symbols"]), float(recorded["bohr_in_Angstrom"])
    ensemble = TotalCharge(0.0)
    if "fixed_fermi_level_Ha" in recorded:
        ensemble = FermiLevel(float(recorded["fixed_fermi_level_Ha"]))
    dftb = MovingDftb(
        symbols,
        float(recorded["temperature_K"]) * KELVIN_TO_HARTREE,
        slako_directory(str(recorded["skf_set"]), symbols),
    )
    rows, where, result = dynamics(
        dftb,
        recorded["cell"] / bohr,
        ensemble,
        recorded["start_positions"] / bohr,
        recorded["start_velocities_bohr_per_au"],
        recorded["masses_amu"][:, None] * 1822.888,
        float(recorded["timestep_fs"]) * float(recorded["femtosecond_in_au"]),
        40,
        1e-9,
    )
    assert np.abs(rows[:, 1] - recorded["potential_mermin_energy_Ha"]).max() < 1e-6
    assert np.abs(rows[:, 0] - recorded["kinetic_energy_Ha"]).max() < 1e-6
    assert np.abs(where * bohr - recorded["last_positions"]).max() < 2e-6
    assert np.abs(result.charges - recorded["last_charges"]).max() < 1e-6
    if isinstance(ensemble, FermiLevel):
        conserved = rows[:, 0] + rows[:, 1] - ensemble.level * rows[:, 2]
        assert np.abs(conserved - recorded["total_energy_minus_mu_N_Ha"]).max() < 1e-6


def test_extrapolation_continues_polynomials():
    extrapolation = Extrapolation(points=3)
    assert extrapolation.next() is None
    for t in range(5):
        extrapolation.add(np.array([1.0, t, 2.0 * t**2 - t]))
        if t == 0:
            assert np.array_equal(extrapolation.next(), [1.0, 0.0, 0.0])
    assert np.abs(extrapolation.next() - [1.0, 5.0, 45.0]).max() < 1e-12


@pytest.mark.parametrize("name", ["graphene24_q-1", "benzoate_charges"])
def test_electrons_per_level_at_fixed_atoms(name):
    """dN/dmu by linear response against differences of N: a metal in a cell, a molecule among charges."""
    case = moving_case(name)
    level = case.solve().fermi_level + 0.002
    centre = case.solve(ensemble=FermiLevel(level))

    def electrons(shift):
        return case.solve(ensemble=FermiLevel(level + shift), start=centre.populations).electrons

    slope = four_point(electrons, 0.0, 5e-4)
    assert slope > 0.1
    assert abs(centre.capacitance() / slope - 1.0) < 1e-5
