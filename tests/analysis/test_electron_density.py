"""Potentials of electrodes and liquid: the voltage held, plain sums, what a shift changes."""

from dataclasses import replace

import numpy as np
import pytest
from capacitor_cases import HOT, capacitor, one_sheet, with_sections

from polcouple.analysis.charge_shapes import charge_shapes
from polcouple.analysis.electron_density import ElectronDensity
from polcouple.capacitance.frames import Fillings
from polcouple.case.holding import holding
from polcouple.case.schema import Potential, Slab
from polcouple.coupling.charges import ChargeSolver
from polcouple.coupling.electrodes import create_electrodes
from polcouple.electrostatics.cloud_grid import CloudGrid, grid_shape
from polcouple.electrostatics.clouds import ExponentialCloud, GaussianCloud
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_EV

VOLTS = 1.3
NO_FIELD = Slab(displacement_volt_per_angstrom=0.0)
HELD = {"potential": Potential(voltage_volt=VOLTS), "slab": NO_FIELD}
FLAT = {"potential": Potential(voltage_volt=VOLTS), "slab": None}


def moved(case, seed):
    """Positions with the ions displaced by up to 1 Angstrom."""
    positions = case.positions.copy()
    ions = case.electrolyte_indices
    positions[ions] += np.random.default_rng(seed).uniform(-1.9, 1.9, (len(ions), 3))
    return positions


def density_of(case, backend, frames, settings=None, spacing=0.3):
    settings = settings or {}
    shape = grid_shape(case.cell, spacing * ANGSTROM_TO_BOHR)
    grid = CloudGrid(case.cell, shape, case.electrode.positions, charge_shapes(case, backend, settings))
    found = ElectronDensity(case, create_electrodes(case, backend, settings), grid)
    for number, positions in enumerate(frames):
        found.add(positions, f"frame {number}")
    return found


@pytest.fixture(scope="module")
def metal():
    """Two sheets at a voltage, without a field outside, in three frames."""
    case = capacitor(**HELD)
    return density_of(case, "metal", [moved(case, seed) for seed in range(2)])


@pytest.mark.parametrize(
    "sections", [HELD, pytest.param(FLAT, marks=pytest.mark.slow)], ids=["slab", "periodic"]
)
def test_drop_between_metals_is_the_voltage(sections):
    case = capacitor(**sections)
    found = density_of(case, "metal", [moved(case, 0)])
    assert found.drop().value * HARTREE_TO_EV == pytest.approx(VOLTS, abs=1e-5)


def test_drop_and_filling_of_levels_are_the_voltage(own_cache):
    case = capacitor(**HELD)
    found = density_of(case, "response", [moved(case, 0)], HOT)
    electrodes = create_electrodes(case, "response", HOT)
    result = ChargeSolver(case, electrodes)(moved(case, 0))
    filling = Fillings(case, electrodes.backends).of(result).sum()
    assert abs(filling * HARTREE_TO_EV) > 0.05
    assert (found.drop().value + filling) * HARTREE_TO_EV == pytest.approx(VOLTS, abs=1e-3)
    levels = found.fermi_levels().value * HARTREE_TO_EV
    assert levels[1] - levels[0] == pytest.approx(VOLTS, abs=1e-4)


@pytest.mark.parametrize(
    "sections", [HELD, pytest.param(FLAT, marks=pytest.mark.slow)], ids=["slab", "periodic"]
)
def test_profile_is_the_mean_of_plain_sums(sections):
    """Between the ions, and in the vacuum on either side, where clouds are points."""
    case = capacitor(**sections)
    positions = moved(case, 4)
    found = density_of(case, "metal", [positions], spacing=0.25)
    charges = case.charges.copy()
    charges[case.electrode_indices] = found.charges.value
    lateral = np.stack(np.meshgrid(*[np.arange(18) / 18.0] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    profile = found.potential().value
    for angstrom in (-6.0, 5.6, 19.0):
        number = int(np.argmin(np.abs(found.z - angstrom * ANGSTROM_TO_BOHR)))
        places = np.column_stack([lateral @ case.cell[:2, :2], np.full(len(lateral), found.z[number])])
        expected = ewald_potential(places, positions, charges, case.cell).mean()
        if case.slab_field is not None:
            field = case.slab_field
            # heights of all are counted from the slab's middle, which no atom is half a cell away from
            dipole = charges @ field.heights(positions)
            expected += field.gradient(dipole) * field.heights(places)[0]
        assert profile[number] == pytest.approx(expected, abs=2e-5), angstrom


def test_the_vacuum_is_flat_without_a_field(metal):
    assert abs(metal.vacuum_field().value) < 1e-9
    below, above = metal.vacuum_levels().value
    outside = metal.z < -4.0 * ANGSTROM_TO_BOHR
    assert np.ptp(metal.potential().value[outside]) < 1e-5
    # what the voltage has between the metals is all there is between the two vacua, but for the sheets' own
    # corrugation, which is the same for the two opposite charges
    corrugation = metal.electrode_potentials().value - [below, above]
    assert corrugation[0] == pytest.approx(-corrugation[1], abs=2e-5)
    works = metal.work_functions().value
    assert works[0, 0] == pytest.approx(corrugation[0], abs=1e-9)
    assert works[1, 1] == pytest.approx(corrugation[1], abs=1e-9)


def test_a_field_in_the_vacuum_leaves_no_level():
    case = capacitor(**FLAT)
    found = density_of(case, "metal", [case.positions])
    field, outside = found.vacuum_field().value, found.z < -4.0 * ANGSTROM_TO_BOHR
    slope = np.polyfit(found.z[outside], found.potential().value[outside], 1)[0]
    assert abs(field) > 1e-3
    assert field == pytest.approx(-slope, rel=1e-3)
    assert found.vacuum_levels() is None and found.work_functions() is None


@pytest.mark.slow
def test_a_shift_of_everything_changes_nothing(metal):
    """Across the cell's face, where atoms and profile are cut elsewhere."""
    case = metal.case
    lift = np.array([0.0, 0.0, 50 * case.cell[2, 2] / metal.grid.shape[2]])
    lifted = replace(case, positions=case.positions + lift)
    found = density_of(lifted, "metal", [moved(case, seed) + lift for seed in range(2)])
    assert found.z - metal.z == pytest.approx(found.z[0] - metal.z[0])
    assert found.potential().value == pytest.approx(metal.potential().value, abs=1e-6)
    assert found.excess().value == pytest.approx(metal.excess().value, abs=1e-9)
    assert found.work_functions().value == pytest.approx(metal.work_functions().value, abs=1e-6)


@pytest.mark.slow
def test_means_are_those_of_single_frames(metal):
    alone = [density_of(metal.case, "metal", [moved(metal.case, seed)]) for seed in range(2)]
    for of in (ElectronDensity.excess, ElectronDensity.potential, ElectronDensity.electrode_potentials):
        expected = np.mean([of(one).value for one in alone], axis=0)
        assert of(metal).value == pytest.approx(expected, abs=1e-6)


def test_averages_over_a_window_keep_the_electrons(metal):
    step, area = metal.z[1] - metal.z[0], metal.grid.volume / metal.case.cell[2, 2]
    first = np.abs(metal.z) < 6.0 * ANGSTROM_TO_BOHR  # all of the lower sheet's
    electrons = -metal.charges.value[: len(metal.charges.value) // 2].sum()
    for window in (0.0, 3.0 * ANGSTROM_TO_BOHR):
        found = metal.excess(window).value
        assert found[first].sum() * step * area == pytest.approx(electrons, abs=1e-6)
    assert np.abs(metal.excess(6.0).value).max() < 0.6 * np.abs(metal.excess().value).max()


def test_what_the_liquid_induces(metal):
    """Two neutral metals at a voltage have half of 2 n charges without the liquid; it adds the rest."""
    bare = metal.bare
    assert bare.sum() == pytest.approx(0.0, abs=1e-9)
    assert bare[: len(bare) // 2].sum() > 0.01  # the first is at the higher potential
    assert metal.induced_charges.value == pytest.approx(metal.charges.value - bare)
    assert metal.induced().value == pytest.approx(metal.excess().value + bare @ metal._densities, abs=1e-12)


def test_fixed_charges_answer_to_no_liquid():
    case = capacitor(slab=NO_FIELD)
    found = density_of(case, "fixed", [case.positions])
    assert np.abs(found.induced().value).max() == 0.0
    assert np.isnan(found.fermi_levels().value).all()
    assert all(isinstance(cloud, ExponentialCloud) for cloud in found.grid.clouds)


def test_shapes_are_the_backends():
    case = capacitor()
    assert charge_shapes(case, "metal", {"gaussian_exponent_per_angstrom": 2.0})[0] == GaussianCloud(
        2.0 / ANGSTROM_TO_BOHR
    )
    assert (
        charge_shapes(case, "dftb", {})[0]
        == charge_shapes(case, "fixed", {})[0]
        == ExponentialCloud(3.2 * 0.3647)
    )
    with pytest.raises(InputError, match="shell_resolved"):
        charge_shapes(case, "dftb", {"shell_resolved": True})


@pytest.mark.slow
def test_errors_of_many_frames():
    """Frames that are independent: the error is their scatter over the root of their number."""
    case = capacitor(**HELD)
    frames = [moved(case, seed) for seed in range(64)]
    found = density_of(case, "metal", frames, spacing=0.6)
    solver = ChargeSolver(case, create_electrodes(case, "metal", {}))
    charges = np.array([solver(frame).charges for frame in frames])
    expected = charges.std(axis=0, ddof=1) / 8.0
    assert np.median(found.charges.error / expected) == pytest.approx(1.0, abs=0.2)


def test_another_potential_or_charge():
    two, one = capacitor(**FLAT), one_sheet((3, 2))
    assert holding(two, Potential(voltage_volt=0.2)).system.potential.voltage_volt == 0.2
    charged = holding(one, -0.7)
    assert charged.total_charge == -0.7
    found = density_of(charged, "metal", [charged.positions])
    assert found.charges.value.sum() == pytest.approx(-0.7, abs=1e-9)
    assert found.vacuum_field() is None and found.work_functions() is None  # a background's field is not flat
    level = Potential(fermi_level_ev=0.5, counter_charge="background")
    found = density_of(holding(one, level), "metal", [one.positions])
    assert found.fermi_levels().value[0] * HARTREE_TO_EV == pytest.approx(0.5, abs=1e-5)
    assert found.electrode_potentials().value[0] * HARTREE_TO_EV == pytest.approx(-0.5, abs=1e-5)
    for case, held in ((one, Potential(voltage_volt=1.0)), (two, -0.5), (two, level)):
        with pytest.raises(InputError):
            holding(case, held)
    with pytest.raises(InputError, match="neutral"):
        holding(with_sections(one, slab=NO_FIELD), -0.5)
