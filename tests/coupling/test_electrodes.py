"""Several electrodes and electrodes at a potential: energies, derivatives, limits."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from capacitor_cases import HOT, capacitor, noise, one_sheet, seen, slabs

from polcouple.backends.base import create_backend
from polcouple.backends.metal import gaussian_matrix
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.electrodes import backend_identity, create_electrodes
from polcouple.coupling.mutual import kernel_between
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE, HARTREE_TO_EV, KELVIN_TO_HARTREE

BACKENDS = [("metal", {}), ("response", HOT), ("dftb", HOT | {"accuracy": 1e-9})]
VOLTAGE = {"voltage_volt": 1.5}
SLAB = {"displacement_volt_per_angstrom": 0.0}


def metal_matrix(case):
    """Interaction (48, 48) of all Gaussian charges of both sheets, the slab's included."""
    matrix = gaussian_matrix(case.electrode, 1.979 / ANGSTROM_TO_BOHR)
    if case.slab_field is not None:
        z = case.electrode.positions[:, 2]
        matrix = matrix + 4.0 * np.pi / np.linalg.det(case.cell) * np.outer(z, z)
    return matrix


@pytest.mark.parametrize("slab", [None, SLAB])
@pytest.mark.parametrize(("distance", "bump"), [(12.0, 0.0), (4.0, 0.4)])
def test_two_metals_at_a_voltage_are_one_linear_problem(slab, distance, bump):
    case = capacitor(distance, bump=bump, potential=VOLTAGE, slab=slab)
    phi = noise(case, 0.02)
    result = create_electrodes(case, "metal").solve(seen(case, phi), case.total_charge)
    # minimise q.phi + q.A.q/2 - U Q_1 with the sum of all charges fixed
    matrix, n = metal_matrix(case), len(phi)
    first = np.arange(n) < 24
    left = np.block([[matrix, np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
    voltage = 1.5 * EV_TO_HARTREE
    right = np.append(voltage * first - phi, case.total_charge)
    charges = np.linalg.solve(left, right)[:n]
    assert np.abs(result.charges - charges).max() < 1e-8
    energy = charges @ phi + 0.5 * charges @ matrix @ charges - voltage * charges[first].sum()
    assert result.energy == pytest.approx(energy, abs=1e-9)
    assert result.source_work == pytest.approx(voltage * charges[first].sum(), abs=1e-8)


@pytest.mark.parametrize(("name", "settings"), BACKENDS)
def test_voltage_is_held_and_charges_are_the_derivative_of_the_grand_potential(name, settings):
    case = capacitor(potential=VOLTAGE, slab=SLAB)
    backend = create_electrodes(case, name, settings)
    phi, change = noise(case, 0.02), noise(case, 1e-4, seed=1)
    result = backend.solve(seen(case, phi), case.total_charge)
    lower, upper = result.fermi_levels
    assert (upper - lower) * HARTREE_TO_EV == pytest.approx(1.5, abs=2e-5)
    assert result.total_charges[0] > 0.0
    assert result.charges.sum() == pytest.approx(0.0, abs=1e-12)
    assert result.charges[:24].sum() == pytest.approx(result.total_charges[0], abs=1e-9)
    energies = [
        backend.solve(seen(case, phi + sign * change), case.total_charge, result).energy for sign in (1, -1)
    ]
    assert energies[0] - energies[1] == pytest.approx(2.0 * result.charges @ change, rel=1e-4, abs=2e-10)


@pytest.mark.parametrize(("name", "settings"), BACKENDS)
def test_fermi_levels_are_derivatives_of_the_energy(name, settings):
    """-dE/dQ_a = mu_a of each of two electrodes with given charges, mutual interaction included."""
    phi, step = noise(capacitor(), 0.02), 1e-3

    def solve(first, second):
        case = capacitor(charges=(first, second), slab=SLAB)
        return create_electrodes(case, name, settings).solve(seen(case, phi), first + second)

    at, plus, minus = solve(0.3, -0.4), solve(0.3 + step, -0.4), solve(0.3 - step, -0.4)
    assert -(plus.energy - minus.energy) / (2 * step) == pytest.approx(at.fermi_levels[0], abs=2e-6)
    plus, minus = solve(0.3, -0.4 + step), solve(0.3, -0.4 - step)
    assert -(plus.energy - minus.energy) / (2 * step) == pytest.approx(at.fermi_levels[1], abs=2e-6)


@pytest.mark.parametrize(("name", "settings"), BACKENDS)
def test_fermi_level_falls_as_the_fukui_function_says(name, settings):
    """Maxwell relation: d(mu_a)/d(phi_i) = -dq_i/dQ_a of an electrode of given charge."""
    case = capacitor()
    backend = create_electrodes(case, name, settings)
    phi, change, step = noise(case, 0.01), noise(case, 1e-4, seed=2), 1e-3
    change[24:] = 0.0
    plus, minus = (backend.solve(seen(case, phi + s * change), 0.0) for s in (1, -1))
    slope = 0.5 * (plus.fermi_levels[0] - minus.fermi_levels[0])
    charged = [
        create_electrodes(capacitor(charges=(0.3 + s * step, -0.3)), name, settings).solve(
            seen(case, phi), s * step
        )
        for s in (1, -1)
    ]
    fukui = (charged[0].charges - charged[1].charges)[:24] / (2 * step)
    assert slope == pytest.approx(-fukui @ change[:24], abs=2e-9)


@pytest.mark.parametrize(("name", "settings"), BACKENDS[:2])
def test_exchanged_electrodes_answer_with_exchanged_charges(name, settings):
    """The mirror between the sheets, which lie atom above atom, and the opposite voltage."""
    phi = noise(capacitor(), 0.02)
    cases = [
        capacitor(charges=charges, potential={"voltage_volt": volts}, slab=SLAB)
        for charges, volts in (((0.3, -0.3), 1.0), ((-0.3, 0.3), -1.0))
    ]
    straight = create_electrodes(cases[0], name, settings).solve(seen(cases[0], phi), 0.0)
    mirrored = create_electrodes(cases[1], name, settings).solve(
        seen(cases[1], np.concatenate([phi[24:], phi[:24]])), 0.0
    )
    assert np.abs(straight.charges - np.roll(mirrored.charges, 24)).max() < 1e-8


@pytest.mark.parametrize(("name", "settings"), BACKENDS)
def test_one_electrode_at_a_fermi_level(name, settings):
    case = one_sheet((3, 2))
    phi, change = noise(case, 0.02), noise(case, 1e-4, seed=1)
    level = create_electrodes(case, name, settings).solve(seen(case, phi), 0.25).fermi_level
    backend = create_electrodes(one_sheet((3, 2), level * HARTREE_TO_EV), name, settings)
    result = backend.solve(seen(case, phi), 0.0)
    assert result.total_charge == pytest.approx(0.25, abs=3e-6)
    energies = [backend.solve(seen(case, phi + s * change), 0.0, result).energy for s in (1, -1)]
    assert energies[0] - energies[1] == pytest.approx(2.0 * result.charges @ change, rel=1e-4, abs=2e-10)


@pytest.mark.parametrize(("accuracy", "kept"), [(1e-7, 2e-8), (1e-9, 1e-9)])
def test_charges_of_two_electrodes_answer_one_another_to_the_accuracy(accuracy, kept):
    """Each is solved again, a hundred times better, in the potential of the other one's charges."""
    case = slabs((2, 1), charges=(0.2, -0.2), gap=8.0)
    phi = noise(case, 0.0448, seed=314)
    result = create_electrodes(case, "dftb", {"accuracy": accuracy}).solve(seen(case, phi), 0.0)
    potentials = phi + kernel_between(case) @ result.charges
    for electrode, own, total in zip(case.electrodes, case.electrode_slices, (0.2, -0.2), strict=True):
        exact = create_backend("dftb", electrode, case.electrolyte, {"accuracy": 1e-11})
        charges = exact.solve(seen(case, potentials[own]), total).charges
        assert np.abs(charges - result.charges[own]).max() < kept


def test_far_sheets_see_each_other_as_uniform_planes():
    """A capacitor's voltage grows by sigma d / eps0 with the distance, at the same charge."""
    levels = []
    for distance in (10.0, 14.0):
        case = capacitor(distance, 40.0, charges=(0.5, -0.5), slab=SLAB)
        result = create_electrodes(case, "metal").solve(seen(case, np.zeros(48)), 0.0)
        levels.append(result.fermi_levels[1] - result.fermi_levels[0])
    area = case.cell[0, 0] * case.cell[1, 1]
    assert levels[1] - levels[0] == pytest.approx(4.0 * np.pi * 0.5 / area * 4.0 * ANGSTROM_TO_BOHR, rel=1e-6)


def test_site_potentials_of_a_slab_are_those_of_a_tall_cell():
    """With the images' field taken away the potentials do not depend on the vacuum."""
    differences = []
    for height, slab in ((30.0, SLAB), (60.0, SLAB), (60.0, None), (480.0, None)):
        case = capacitor(height=height, slab=slab)
        phi = Surroundings(case).environment(case.positions).site_potentials
        differences.append(phi[:24].mean() - phi[24:].mean())
    short, tall, periodic, very_tall = differences
    assert short == pytest.approx(tall, abs=2e-6)
    assert abs(periodic - tall) > 1e-3
    assert very_tall == pytest.approx(tall, abs=0.15 * abs(periodic - tall))


@pytest.mark.parametrize(("volts", "filled"), [(0.5, False), (8.0, True)])
def test_charge_flows_where_the_voltage_exceeds_the_gap(volts, filled):
    """At 300 K the Gamma point of 32 carbons is an insulator at Q = 0, as hard there as numbers can say."""
    case = capacitor(charges=(0.0, 0.0), cells=(4, 2), potential={"voltage_volt": volts}, slab=SLAB)
    backend = create_electrodes(case, "dftb", {"accuracy": 1e-8})
    result = backend.solve(seen(case, np.zeros(64)), 0.0)
    lower, upper = result.fermi_levels
    assert (upper - lower) * HARTREE_TO_EV == pytest.approx(volts, abs=3e-5)
    assert result.total_charges[0] > 0.05 if filled else abs(result.total_charges[0]) < 1e-4


def test_a_warm_start_takes_one_cycle_a_step():
    case = capacitor(potential=VOLTAGE, slab=SLAB)
    backend = create_electrodes(case, "response", HOT)
    first = backend.solve(seen(case, noise(case, 0.02)), 0.0)
    second = backend.solve(seen(case, noise(case, 0.02) + noise(case, 1e-5, seed=3)), 0.0, first)
    assert second.iterations == 1


def test_expansions_that_are_renewed_hold_no_potential():
    """They are about whole charges, and refused before anything is computed; given charges are found."""
    with pytest.raises(InputError, match="reanchor_every needs whole total charges"):
        create_electrodes(capacitor(potential=VOLTAGE), "response", HOT | {"reanchor_every": 5})
    case = capacitor(charges=(1.0, -1.0))
    exact = create_electrodes(case, "dftb", HOT | {"accuracy": 1e-9})
    renewed = create_electrodes(case, "response", HOT | {"reanchor_every": 1})
    for seed in range(3):
        found = renewed.solve(seen(case, noise(case, 0.02, seed)), 0.0)
        expected = exact.solve(seen(case, noise(case, 0.02, seed)), 0.0)
        assert found.converged
        # the first answers are expanded about the bare electrodes
        assert np.abs(found.charges - expected.charges).max() < (1e-3 if seed == 0 else 1e-6)


@pytest.mark.parametrize("sections", [{}, {"slab": SLAB}])
def test_a_program_that_sees_point_charges_alone_is_refused(sections):
    """It would leave out the other electrode and the slab's field."""
    with pytest.raises(InputError, match="sees the electrolyte's point charges alone"):
        create_electrodes(capacitor(**sections), "dftbplus", {"command": sys.executable})


def test_charges_without_a_fermi_level_hold_no_potential():
    with pytest.raises(InputError, match="'fixed' have no Fermi level"):
        create_electrodes(capacitor(potential=VOLTAGE), "fixed")


def test_electrodes_that_overlap_are_refused():
    case = capacitor()
    moved = case.positions.copy()
    moved[24:48, 2] = moved[0, 2] + 0.5 * ANGSTROM_TO_BOHR
    overlapping = replace(case, positions=moved)
    with pytest.raises(InputError, match=r"'lower' and 'upper' are too close, atoms .* 0\.50 Angstrom apart"):
        create_electrodes(overlapping, "fixed")


def test_fixed_charges_of_several_electrodes_are_their_own():
    case = capacitor(charges=(0.6, -0.6))
    charges = create_electrodes(case, "fixed").solve(seen(case, np.zeros(48)), 0.0).charges
    assert np.allclose(charges, np.repeat([0.025, -0.025], 24))


def test_ewald_kernel_is_between_electrodes_only():
    """E of two metals with given charges is that of all Gaussian charges together."""
    case = capacitor(charges=(0.5, -0.2))
    phi = noise(case, 0.02)
    result = create_electrodes(case, "metal").solve(seen(case, phi), 0.3)
    matrix = gaussian_matrix(case.electrode, 1.979 / ANGSTROM_TO_BOHR)
    energy = result.charges @ phi + 0.5 * result.charges @ matrix @ result.charges
    assert result.energy == pytest.approx(energy, abs=1e-9)
    far = ewald_matrix(case.electrode.positions, case.cell)[:24, 24:]
    assert np.abs(matrix[:24, 24:] - far).max() < 1e-12


def test_settings_of_the_case_hold(small_case):
    """What is given goes over what system.yaml says, setting by setting."""
    backends = {"dftb": {"accuracy": 1e-7, "temperature_kelvin": 500.0}}
    case = replace(small_case, system=small_case.system.model_copy(update={"backends": backends}))
    assert case.backend_settings("dftb", {"accuracy": 1e-9}) == {
        "accuracy": 1e-9,
        "temperature_kelvin": 500.0,
    }
    told = backend_identity(case, "dftb", {"accuracy": 1e-9})
    assert "('temperature_kelvin', '500.0')" in told
    backend = create_electrodes(case, "dftb", {"accuracy": 1e-9})
    assert backend.frozen_electrode.temperature == pytest.approx(500.0 * KELVIN_TO_HARTREE)
    assert backend.capabilities.potential_accuracy == pytest.approx(1e-10)
