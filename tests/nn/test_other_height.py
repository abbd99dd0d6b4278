"""Response nets in cells of other heights than their own: against SCC-DFTB there, and as one energy."""

import dataclasses

import numpy as np
import pytest
from conftest import SMALL
from dftb_cases import NOTHING, environment, graphene, rough_potentials
from nn_cases import TOTAL_CHARGE, prior, sheet

from polcouple.backends.base import create_backend
from polcouple.backends.dftb import Options
from polcouple.case.model import read_case
from polcouple.case.schema import Slab
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.electrodes import create_coupled
from polcouple.electrode import Electrode
from polcouple.errors import ModelMismatchError
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.train import linear_response_prior
from polcouple.nn.correction import Correction, initial_weights, pair_orbits
from polcouple.nn.model_electrode import require_electrode
from polcouple.nn.model_files import find_model
from polcouple.nn.models import load_model
from polcouple.nn.other_height import NetInCell, change_of_kernel
from polcouple.nn.response_net import ResponseNet
from polcouple.units import ANGSTROM_TO_BOHR

NAME = "graphene_nacl_small_response"
#: neither a node of the prior nor one trained on
CHARGE = -1.4


@pytest.fixture(scope="module")
def small_sheet():
    return read_case(SMALL).electrode


def at_height(electrode: Electrode, angstrom: float, lean: float = 0.0) -> Electrode:
    """The sheet in a cell of this height; ``lean`` (bohr) leans the third vector along x."""
    cell = electrode.cell.copy()
    cell[2] = lean, 0.0, angstrom * ANGSTROM_TO_BOHR
    return dataclasses.replace(electrode, cell=cell)


def smooth_potentials(electrode: Electrode) -> np.ndarray:
    x, y = (2.0 * np.pi * electrode.positions[:, k] / electrode.cell[k, k] for k in (0, 1))
    return 0.05 + 0.02 * (np.cos(x) + np.sin(x + y))


def net_of(electrode: Electrode, own_prior, energy_scale: float) -> ResponseNet:
    """A net with random weights; 0: its prior alone."""
    orbits = pair_orbits(len(electrode), lattice_symmetries(electrode))
    kernel = own_prior.at(float(own_prior.total_charges[0])).pairs
    weights = initial_weights(orbits, 3, 8, 2, seed=1)
    correction = Correction(orbits, kernel, 0.05, energy_scale, weights)
    return ResponseNet("mine", electrode, own_prior, correction, {})


@pytest.mark.parametrize(("height", "lean"), [(62.0, 0.0), (100.0, 7.0), (40.0, 0.0)])
def test_the_backend_says_what_dftb_says_in_that_cell(small_sheet, height, lean):
    """The errors are the net's own."""
    there = at_height(small_sheet, height, lean)
    seen = environment(smooth_potentials(there))
    own, found = (create_backend("nn", one, NOTHING).solve(seen, CHARGE) for one in (small_sheet, there))
    exact = create_backend("dftb", there, NOTHING).solve(seen, CHARGE)
    np.testing.assert_allclose(found.charges, exact.charges, atol=5e-5)
    assert found.energy == pytest.approx(exact.energy, abs=2e-6)
    assert found.fermi_level == pytest.approx(exact.fermi_level, abs=1e-5)
    assert abs(found.energy - own.energy) > 1e-3, "the other height makes no difference to be tested"


@pytest.mark.parametrize("lean", [0.0, 5.0])
def test_charges_answer_images_that_are_close(small_sheet, lean):
    """Closer than the backend accepts: the images move the charges by more than the net errs."""
    there, seen = at_height(small_sheet, 11.0, lean), smooth_potentials(small_sheet)
    found = NetInCell(load_model(find_model(NAME)), there).respond(seen, CHARGE)
    own, exact = (
        create_backend("dftb", one, NOTHING, {"accuracy": 1e-8}).solve(environment(seen), CHARGE)
        for one in (small_sheet, there)
    )
    wrong = np.abs(found.charges - exact.charges).max()
    assert wrong < 4e-5 < np.abs(exact.charges - own.charges).max() / 3
    assert found.energy == pytest.approx(exact.energy, abs=2e-6)
    assert found.fermi_level == pytest.approx(exact.fermi_level, abs=1e-5)


def test_charges_and_level_are_derivatives_of_the_energy_in_that_cell(small_sheet):
    net = NetInCell(load_model(find_model(NAME)), at_height(small_sheet, 11.0))
    potentials = smooth_potentials(small_sheet)
    direction = np.random.default_rng(3).normal(size=len(small_sheet))

    def solve(step=0.0, charge=CHARGE):
        return net.respond(potentials + step * direction, charge)

    here, h = solve(), 1e-4
    slope = (8 * (solve(h).energy - solve(-h).energy) - solve(2 * h).energy + solve(-2 * h).energy) / (12 * h)
    assert slope == pytest.approx(here.charges @ direction, abs=1e-8)
    answer = (solve(h).charges - solve(-h).charges) / (2 * h)
    kernel, h = net.kernel(CHARGE), 1e-2
    np.testing.assert_allclose(kernel @ direction, answer, atol=0.02 * np.abs(answer).max())
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)
    less, more = solve(charge=CHARGE - h), solve(charge=CHARGE + h)
    assert (less.energy - more.energy) / (2 * h) == pytest.approx(here.fermi_level, abs=1e-8)
    derivatives = net.charge_response(potentials, CHARGE)
    fukui = (more.charges - less.charges) / (2 * h)
    np.testing.assert_allclose(fukui, derivatives.fukui, atol=1e-3 * np.ptp(fukui))
    assert (less.fermi_level - more.fermi_level) / (2 * h) == pytest.approx(derivatives.hardness, rel=1e-6)


def test_in_a_slabs_field_and_another_cell(small_sheet):
    """The field's energy of the sheet's own dipole comes on top of what its images change."""
    case = read_case(SMALL)
    cell = at_height(small_sheet, 100.0).cell
    section = Slab(displacement_volt_per_angstrom=0.1)
    case = dataclasses.replace(case, cell=cell, system=case.system.model_copy(update={"slab": section}))
    net, dftb = (create_coupled(case, name) for name in ("nn", "dftb"))
    seen = Surroundings(case, 1e-8).environment(case.positions)
    found, exact = (backend.solve(seen, case.total_charge) for backend in (net, dftb))
    assert np.abs(case.total_charge / len(case.electrode) - exact.charges).max() > 0.01
    np.testing.assert_allclose(found.charges, exact.charges, atol=5e-5)
    assert found.energy == pytest.approx(exact.energy, abs=2e-6)
    assert found.fermi_levels[0] == pytest.approx(exact.fermi_levels[0], abs=1e-5)
    direction, h = np.random.default_rng(4).normal(size=len(case.electrode)), 1e-4
    energies = [
        net.solve(environment(seen.site_potentials + k * h * direction), case.total_charge).energy
        for k in (1, -1, 2, -2)
    ]
    slope = (8 * (energies[0] - energies[1]) - energies[2] + energies[3]) / (12 * h)
    assert slope == pytest.approx(found.charges @ direction, abs=2e-8)


def test_a_thick_electrode_in_another_cell_is_what_dftb_says_there():
    """Two sheets, one of them buckled: dG is no constant. The net is the prior alone."""
    low, high = graphene(3, 2, 90.0), graphene(3, 2, 90.0)
    low.positions[::3, 2] += 0.4
    high.positions[:, 2] += 6.0
    positions = np.concatenate([low.positions, high.positions])
    thick = Electrode(("C",) * len(positions), positions, low.cell)
    options = Options(temperature_kelvin=3000.0)
    net = net_of(thick, linear_response_prior(thick, [0.0, 1.0], options), 0.0)
    seen = rough_potentials(len(thick), amplitude=1e-4)
    there = dataclasses.replace(thick, cell=np.diag([*np.diag(low.cell)[:2], 40.0]))
    exact, own = (options.frozen_electrode(one).solve(seen, 1.0, accuracy=1e-9) for one in (there, thick))
    found = NetInCell(net, there).respond(seen, 1.0)
    assert np.ptp(change_of_kernel(thick, there.cell)) > 1e-2
    assert np.abs(exact.charges - own.charges).max() > 1e-3
    np.testing.assert_allclose(found.charges, exact.charges, atol=1e-5)
    assert found.energy == pytest.approx(exact.energy, abs=1e-6)
    assert found.fermi_level == pytest.approx(exact.fermi_level, abs=1e-6)


def test_where_the_sheet_lies_and_how_its_atoms_are_folded_makes_no_difference():
    electrode = sheet()
    electrode.positions[::5, 2] += 0.3
    net = net_of(electrode, prior(electrode), 1e-3)
    potentials = rough_potentials(len(electrode))
    whole = at_height(electrode, 30.0)
    expected = NetInCell(net, whole).respond(potentials, TOTAL_CHARGE)
    moved = whole.positions + np.array([0.3, -2.0, -0.15])
    moved -= np.floor(moved / np.diag(whole.cell)) * np.diag(whole.cell)
    assert np.ptp(moved[:, 2]) > 50.0
    torn = dataclasses.replace(whole, positions=moved)
    require_electrode("mine", net.electrode, torn, any_height=True)
    found = NetInCell(net, torn).respond(potentials, TOTAL_CHARGE)
    np.testing.assert_allclose(found.charges, expected.charges, atol=1e-12)
    assert found.energy == pytest.approx(expected.energy, abs=1e-12)


def test_a_flat_sheets_kernel_changes_by_the_constant_of_the_text():
    electrode = sheet()
    taller = at_height(electrode, 65.0)
    change = change_of_kernel(electrode, taller.cell)
    area = electrode.cell[0, 0] * electrode.cell[1, 1]
    expected = np.pi * 25.0 * ANGSTROM_TO_BOHR / (3.0 * area)
    np.testing.assert_allclose(change, expected, rtol=1e-7)


def test_what_is_no_other_height_is_refused_by_name(small_sheet):
    taller = at_height(small_sheet, 80.0)
    doubled = Electrode(
        small_sheet.symbols * 2,
        np.concatenate([small_sheet.positions, small_sheet.positions + small_sheet.cell[0]]),
        taller.cell * [[2.0], [1.0], [1.0]],
    )
    moved = taller.positions.copy()
    moved[5, 2] += 0.1
    wider = taller.cell * [[1.01], [1.0], [1.0]]
    net = {"model": NAME}
    for electrode, message in (
        (doubled, "for an electrode of 96 C, this one is 192 C, 2 times as large in the plane: a net holds"),
        (dataclasses.replace(taller, positions=moved), r"atom 5 \(from 0\) lies 0.053 Angstrom from"),
        (
            dataclasses.replace(taller, cell=wider),
            r"its cell vector a is 14.760 Angstrom long, this one's 14.908",
        ),
        (at_height(small_sheet, 15.0), "the sheet and its image above are 15.0 Angstrom apart, where 15.9"),
        (dataclasses.replace(taller, pbc=(False,) * 3), "its pbc is"),
    ):
        for settings in (net, {}):
            with pytest.raises(ModelMismatchError, match=message):
                create_backend("nn", electrode, NOTHING, settings)


def test_a_classifier_stays_in_its_own_cell():
    """It has no energy by which its charges could answer their images'."""
    electrode = sheet()
    with pytest.raises(ModelMismatchError, match=r"its cell vector c is 40.000 Angstrom long, this one's 42"):
        require_electrode("mine", electrode, at_height(electrode, 42.0))
