"""Electrodes at a voltage, however thick, unequal and far from the start: against independent solutions."""

from dataclasses import replace

import numpy as np
import plain_electrodes
import pytest
from capacitor_cases import HOT, capacitor, noise, one_sheet, seen, slabs

import polcouple.coupling.joint_search
import polcouple.coupling.mutual
import polcouple.dftb.repeating
from polcouple.backends.usable import checked_solve
from polcouple.coupling.charge_flow import ChargeFlow
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.mutual import kernel_between
from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.errors import ConvergenceError, InputError
from polcouple.lattice.matrix import RepeatingMatrix, dense
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE, HARTREE_TO_EV, KELVIN_TO_HARTREE

FIELD_D = {"displacement_volt_per_angstrom": 0.05}
FIELD_E = {"field_volt_per_angstrom": 0.02}
SLAB = {"displacement_volt_per_angstrom": 0.0}
#: a sheet of 60 C has a gap of 1.9 eV at the Gamma point
GAP = {"charges": (0.0, 0.0), "cells": (5, 3), "slab": SLAB}


def at(volts):
    return {"voltage_volt": volts}


@pytest.mark.parametrize(
    ("layers", "slab"),
    [
        ((1, 2), None),
        ((2, 2), FIELD_D),
        ((2, 1), FIELD_E),
        ((3, 1), FIELD_D),
        ((2, 3), None),
        ((4, 4), FIELD_D),
    ],
    ids=str,
)
def test_metals_of_many_layers_are_one_linear_problem(layers, slab):
    case = slabs(layers, potential=at(3.0), slab=slab)
    phi = noise(case, 0.02)
    matrix = plain_electrodes.metal(case.electrode.positions, case.cell, 1.979 / ANGSTROM_TO_BOHR)
    if slab is not None:
        heights = case.electrode.positions[:, 2] - case.electrode.positions[:, 2].mean()
        if "displacement_volt_per_angstrom" in slab:
            matrix += 4.0 * np.pi / np.linalg.det(case.cell) * np.outer(heights, heights)
        phi += next(iter(slab.values())) * EV_TO_HARTREE / ANGSTROM_TO_BOHR * heights
    first = np.arange(len(phi)) < 24 * layers[0]
    ends = 3.0 * EV_TO_HARTREE * first
    charges = plain_electrodes.lowest(matrix, phi, ends, 0.0)
    result = create_electrodes(case, "metal").solve(seen(case, phi), 0.0)
    assert np.abs(result.charges - charges).max() < 1e-8
    assert result.energy == pytest.approx(charges @ (phi + 0.5 * matrix @ charges - ends), abs=1e-9)
    assert np.ptp(result.fermi_levels) * HARTREE_TO_EV == pytest.approx(3.0, abs=1e-5)
    assert result.iterations <= 3


PLAIN = [
    ((1, 2), 1.5, {}),
    ((2, 1), -1.0, HOT),
    ((2, 2), 0.7, {}),
    ((1, 1), 0.4, {}),
    ((1, 1), 0.0, {"temperature_kelvin": 100.0}),
]


@pytest.mark.parametrize(
    ("layers", "volts", "settings"),
    [pytest.param(*one, marks=pytest.mark.slow) if sum(one[0]) > 2 else one for one in PLAIN],
    ids=str,
)
def test_dftb_is_two_electrodes_solved_plainly(layers, volts, settings):
    """At the charge found the plain calculation has the levels reported, and they differ by the voltage."""
    case = slabs(layers, potential=at(volts), slab=SLAB)
    phi = noise(case, 0.015)
    result = create_electrodes(case, "dftb", {"accuracy": 1e-8, **settings}).solve(seen(case, phi), 0.0)
    temperature = settings.get("temperature_kelvin", 300.0) * KELVIN_TO_HARTREE
    charges, levels = plain_electrodes.two_electrodes(
        case, DEFAULT_SLAKO / "C-C.skf", phi, result.total_charges, temperature
    )
    assert (levels[1] - levels[0]) * HARTREE_TO_EV == pytest.approx(volts, abs=1e-4)
    assert result.fermi_levels == pytest.approx(levels, abs=2e-5)
    assert np.abs(result.charges - charges).max() < 2e-6


def starts(case, electrodes, count):
    """Results to start from: of other potentials and voltages, and what no calculation would give."""
    rng, n = np.random.default_rng(11), len(case.electrode)
    found = []
    for _ in range(4):
        there = electrodes.held_at(rng.uniform(-4.0, 4.0))
        found.append(there.solve(seen(case, rng.uniform(0.0, 0.04) * rng.standard_normal(n)), 0.0))
    for number in range(count):
        result, other = found[number % 4], found[rng.integers(4)]
        if number % 3 == 1:
            charge = rng.uniform(-3.0, 3.0)
            wrong = np.array([charge, rng.uniform(-1.0, 1.0) - charge])
            result = replace(result, total_charges=wrong, iterations=1)
        elif number % 3 == 2:
            result = replace(
                result,
                charges=0.2 * rng.standard_normal(n),
                site_potentials=0.05 * rng.standard_normal(n),
                parts=other.parts,
                response=other.response,
                hardness=10.0 ** rng.uniform(-3.0, 8.0),
            )
        yield result


def assert_all_starts_end_alike(case, name, settings, count, charge=2e-6):
    electrodes, environment = create_electrodes(case, name, settings), seen(case, noise(case, 0.015))
    cold = electrodes.solve(environment, 0.0)
    for start in starts(case, electrodes, count):
        result = electrodes.solve(environment, 0.0, start)
        assert result.converged
        assert np.abs(result.charges - cold.charges).max() < charge
        assert result.fermi_levels == pytest.approx(cold.fermi_levels, abs=2e-6)
        assert result.energy == pytest.approx(cold.energy, abs=2e-9)


STARTS = {
    "metal": (slabs((2, 3), potential=at(2.0), slab=SLAB), "metal", {}),
    "dftb": (slabs((1, 2), potential=at(1.5), slab=SLAB), "dftb", {}),
    "dftb, gap": (capacitor(potential=at(1.0), **GAP), "dftb", {}),
    "response, gap": (capacitor(potential=at(0.3), **GAP), "response", {}),
    "dftb, k-points": (capacitor(potential=at(0.5), slab=SLAB), "dftb", {"k_points": (4, 4, 1)}),
}


@pytest.mark.parametrize("start", [name for name in STARTS if "k-points" not in name])
def test_far_starts_end_at_the_same_answer(start):
    assert_all_starts_end_alike(*STARTS[start], count=4)


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_two_hundred_starts_end_at_the_same_answer(start):
    assert_all_starts_end_alike(*STARTS[start], count=200 if "k-points" not in start else 40)


def own_levels(case, electrodes, phi, result):
    """Fermi levels (2,) of each electrode alone, at its charge and in the potential of the other."""
    fields = phi + electrodes._coupling.kernel @ result.charges
    return [
        backend.solve(seen(case, fields[own]), float(total)).fermi_level
        for backend, own, total in zip(
            electrodes.backends, case.electrode_slices, result.total_charges, strict=True
        )
    ]


@pytest.mark.parametrize("temperature", [300.0, 20.0])
@pytest.mark.parametrize("volts", [0.0, 0.5, 1.0, 1.9, 2.3])
def test_levels_in_a_gap_are_those_of_the_charges_and_meet_the_voltage(volts, temperature):
    case = capacitor(potential=at(volts), **GAP)
    phi = noise(case, 0.01) + np.repeat([0.016, -0.016], 60)
    electrodes = create_electrodes(case, "dftb", {"temperature_kelvin": temperature})
    result = electrodes.solve(seen(case, phi), 0.0)
    assert not result.warnings
    lower, upper = result.fermi_levels * HARTREE_TO_EV
    assert upper - lower == pytest.approx(volts, abs=3e-5)
    assert own_levels(case, electrodes, phi, result) == pytest.approx(result.fermi_levels, abs=1e-6)
    assert abs(result.total_charges[0]) < 0.1


def test_a_gap_that_no_charge_can_cross_is_told():
    """Near zero temperature fewer electrons than a computer can count move the level through the gap."""
    case = capacitor(potential=at(0.3), **GAP)
    phi = np.repeat([0.016, -0.016], 60)
    electrodes = create_electrodes(case, "dftb", {"temperature_kelvin": 1.0})
    result = electrodes.solve(seen(case, phi), 0.0)
    assert result.converged and "lies in a gap" in result.warnings[-1]
    assert np.array_equal(result.total_charges, [0.0, 0.0])
    assert own_levels(case, electrodes, phi, result) == pytest.approx(result.fermi_levels, abs=1e-9)


@pytest.mark.parametrize("level", [20.0, -3.5, -5.0, -5.55, -6.459, -12.0])
@pytest.mark.parametrize("name", ["metal", "response", "dftb"])
def test_a_level_far_away_in_a_gap_or_at_its_edge_is_met(name, level):
    """From the neutral sheet, whose gap lies between -5.6 and -3.7 eV, up to ten electrons away."""
    case = one_sheet((5, 3), level)
    phi = noise(case, 0.01)
    electrodes = create_electrodes(case, name)
    result = electrodes.solve(seen(case, phi), 0.0)
    assert result.fermi_levels[0] * HARTREE_TO_EV == pytest.approx(level, abs=3e-5)
    assert own_levels(case, electrodes, phi, result) == pytest.approx(result.fermi_levels, abs=1e-6)


@pytest.mark.parametrize(
    "case",
    [
        slabs((1, 2), potential=at(1.5), slab=SLAB),
        capacitor(potential=at(1.9), **GAP),
        one_sheet((5, 3), -5.55),
    ],
    ids=["bilayer", "gap", "edge of a gap"],
)
def test_charges_are_the_derivative_of_the_grand_potential_from_any_start(case):
    electrodes = create_electrodes(case, "dftb", {"accuracy": 1e-9})
    phi, change = noise(case, 0.01), noise(case, 1e-4, seed=1)
    result = electrodes.solve(seen(case, phi), 0.0)
    plus, minus = (electrodes.solve(seen(case, phi + sign * change), 0.0).energy for sign in (1, -1))
    assert plus - minus == pytest.approx(2.0 * result.charges @ change, rel=1e-4, abs=1e-9)


def test_given_charges_are_kept_whatever_the_start():
    case = slabs((1, 2), charges=(0.3, -0.2), slab=SLAB)
    electrodes, environment = create_electrodes(case, "metal"), seen(case, noise(case, 0.02))
    cold = electrodes.solve(environment, 0.1)
    warm = electrodes.solve(environment, 0.1, replace(cold, total_charges=np.array([2.0, -1.0])))
    assert np.abs(warm.charges - cold.charges).max() < 1e-9
    assert warm.charges[:24].sum() == pytest.approx(0.3, abs=1e-12)


def test_what_is_missing_is_told(monkeypatch):
    monkeypatch.setattr(polcouple.coupling.joint_search, "_MAX_CYCLES", 1)
    case = slabs((1, 2), potential=at(1.5), slab=SLAB)
    electrodes = create_electrodes(case, "metal")
    with pytest.raises(ConvergenceError, match=r"potential held is missed by .* V, and .* charges .* e$"):
        checked_solve(electrodes, seen(case, noise(case, 0.02)), 72, 0.0, None, "replica 0")


def test_charges_that_a_backend_cannot_solve_are_gone_around():
    """A backend that knows charges between -0.3 and 0.3 e alone, asked for 0.29 e from far away."""
    case = capacitor(potential=at(0.0), charges=(0.0, 0.0), slab=SLAB)
    phi = noise(case, 0.02)
    given = create_electrodes(capacitor(charges=(0.29, -0.29), slab=SLAB), "metal").solve(
        seen(case, phi), 0.0
    )
    volts = float(given.fermi_levels[1] - given.fermi_levels[0]) * HARTREE_TO_EV
    electrodes = create_electrodes(case, "metal").held_at(volts)
    soft = replace(electrodes.backends[0].derivatives(None, 0.0), hardness=0.0)
    for backend in electrodes.backends:
        solve = backend.solve

        def narrow(environment, charge, guess=None, solve=solve):
            result = solve(environment, charge, guess)
            return replace(result, converged=abs(charge) < 0.3)

        backend.solve, backend.derivatives = narrow, lambda environment, charge: soft
    result = electrodes.solve(seen(case, phi), 0.0)
    assert result.total_charges == pytest.approx([0.29, -0.29], abs=1e-6)


def test_a_level_beyond_all_charges_is_refused():
    case = one_sheet((5, 3), -2000.0)
    with pytest.raises(InputError, match=r"the potential held is out of reach: .* valence"):
        create_electrodes(case, "dftb").solve(seen(case, np.zeros(60)), 0.0)


@pytest.mark.parametrize("sought", [0.0, 1e-7, -3e-40, 0.3, -4.0 + 1e-9, 17.2])
@pytest.mark.parametrize("start", [0.0, 0.1, -2.5])
def test_search_for_the_charge_with_jumps_of_the_level(sought, start):
    """A slope with a jump, as wide as 10^4 k_B T, at every other whole charge."""
    thermal = 1e-5

    def slope(charge):
        nearest = 2.0 * round(0.5 * charge)
        distance = charge - nearest
        logarithm = np.arcsinh(0.5 * distance / 1e-300) if abs(distance) < 1e150 else 0.0
        return 0.1 * charge + thermal * logarithm + 2.0 * thermal * 692.0 * 0.5 * nearest

    level, flow, charge = slope(sought), ChargeFlow(np.nan, 1e-6), start
    for _ in range(60):
        here = slope(charge) - level
        new = flow.next(charge, here, certain=True)
        if flow.met(here, new - charge):
            break
        charge = new
    assert abs(slope(new) - level) < 1e-6
    assert new == pytest.approx(sought, abs=1e-5)


@pytest.mark.parametrize(
    ("distance", "volts", "seed", "charge"),
    [(2.0, 0.7067574073242642, 662926, 0.32699879), (2.5, -1.423361549121465, 60802, -0.43163298)],
)
def test_a_level_among_soft_levels_is_in_no_gap(distance, volts, seed, charge, monkeypatch):
    """Sheets so close that a slope of the wrong sign was taken for certain; the charge is that of 1e-10 e.

    Points to each other all the same: this is about the search.
    """
    monkeypatch.setattr("polcouple.coupling.electrodes.require_apart", lambda case, options: None)
    case = capacitor(12.0, charges=(0.0, 0.0), potential={"voltage_volt": volts})
    positions, n = case.positions.copy(), len(case.electrode) // 2
    positions[n : 2 * n, 2] = distance * ANGSTROM_TO_BOHR
    case = replace(case, positions=positions)
    result = create_electrodes(case, "dftb", {"accuracy": 1e-6}).solve(
        seen(case, noise(case, 0.05, seed)), 0.0
    )
    assert result.converged and not result.warnings
    assert result.total_charges[0] == pytest.approx(charge, abs=1e-6)
    found = (result.fermi_levels[1] - result.fermi_levels[0]) * HARTREE_TO_EV
    assert found == pytest.approx(volts, abs=3e-5)


@pytest.mark.parametrize("charge", [0.0, 0.37, -2.0])
def test_near_absolute_zero_a_level_in_the_gap_is_found_from_any_charge(charge):
    """The shells are filled exactly, whatever the search began with."""
    case = capacitor(12.0, charges=(charge, -charge), cells=(5, 3), slab=SLAB, potential=at(0.5))
    result = create_electrodes(case, "dftb", {"temperature_kelvin": 1.0, "accuracy": 1e-5}).solve(
        seen(case, noise(case, 0.005)), 0.0
    )
    assert result.converged and any("in a gap" in warning for warning in result.warnings)
    assert np.abs(result.total_charges).max() < 1e-12


@pytest.mark.parametrize("slab", [None, FIELD_D], ids=str)
def test_sheets_that_repeat_are_solved_wave_by_wave(slab, monkeypatch):
    """The same charges, levels and energy as with dense matrices."""
    for module in (polcouple.coupling.mutual, polcouple.dftb.repeating):
        monkeypatch.setattr(module, "SMALLEST", 100)
    case = capacitor(cells=(8, 4), potential=at(1.5), slab=slab)
    between = kernel_between(case)
    assert isinstance(between, RepeatingMatrix) and between.columns.shape == (256, 8)
    whole = ewald_matrix(case.electrode.positions, case.cell)
    whole[:128, :128] = whole[128:, 128:] = 0.0
    if slab is not None:
        heights = case.slab_field.heights(case.electrode.positions)
        whole += case.slab_field.curvature * np.outer(heights, heights)
    assert np.abs(dense(between) - whole).max() < 1e-11
    phi = noise(case, 0.02)
    result = create_electrodes(case, "response").solve(seen(case, phi), 0.0)
    assert isinstance(result.response.inverse, RepeatingMatrix)
    monkeypatch.setattr(polcouple.coupling.mutual, "SMALLEST", 10**6)
    expected = create_electrodes(case, "response").solve(seen(case, phi), 0.0)
    found, exact = dense(result.response.inverse), expected.response.inverse
    assert isinstance(exact, np.ndarray)
    assert np.abs(found - exact).max() < 1e-9 * np.abs(exact).max()
    assert np.abs(result.charges - expected.charges).max() < 1e-10
    assert np.abs(result.fermi_levels - expected.fermi_levels).max() < 1e-10
    assert result.energy == pytest.approx(expected.energy, abs=1e-9)
