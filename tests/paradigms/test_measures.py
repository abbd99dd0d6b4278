"""What is measured, against laws of electrostatics."""

import dataclasses

import numpy as np
import pytest
from nn_cases import sheet
from paradigms_cases import liquid_frame

from polcouple.backends.metal_mobile import gaussian_matrix
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.ewald import ewald_energy_forces
from polcouple.paradigms.backend_charges import BackendCharges
from polcouple.paradigms.charge_equilibration import ChargeEquilibration
from polcouple.paradigms.doubled import doubled, within
from polcouple.paradigms.mean_charge import MeanCharge
from polcouple.paradigms.measures import GAP, capacitance, explained_by_wave, force_errors
from polcouple.paradigms.probe import HEIGHTS, image_charge, image_charges
from polcouple.units import ANGSTROM_TO_BOHR, ATOMIC_TO_MICROFARAD_PER_CM2


@pytest.fixture
def frame():
    return liquid_frame(sheet(), np.random.default_rng(1))


def test_the_charge_induced_on_a_plane_of_metal_is_an_image_of_minus_one(frame):
    """-z / (2 pi d^3) of each image of the ion along the plane, on a dense grid of atoms."""
    cell, height = frame.electrode.cell, 3.0 * ANGSTROM_TO_BOHR
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(40), [0], indexing="ij"), axis=-1).reshape(-1, 3)
    sites = grid / [40.0, 40.0, 1.0] @ cell
    place = (0.3, 0.6)
    induced = np.zeros(len(sites))
    for i in range(-20, 21):
        for j in range(-20, 21):
            away = sites - (place[0] + i) * cell[0] - (place[1] + j) * cell[1]
            induced -= height / (2.0 * np.pi * ((away**2).sum(axis=1) + height**2) ** 1.5)
    induced *= np.linalg.norm(np.cross(cell[0], cell[1])) / len(sites)
    plane = dataclasses.replace(frame, electrode=Electrode(("C",) * len(sites), sites, cell))
    assert image_charge(induced, plane, place, height) == pytest.approx(-1.0, abs=2e-3)


def test_the_image_of_a_metal_sheet_tends_to_minus_one_with_the_wavelength():
    """A sheet of Gaussians has 1/image = -1 + c k: two cells, one with half of k, give the limit."""
    found = []
    for nx, ny in ((5, 3), (10, 6)):
        metal = BackendCharges("metal", "metal", {"gaussian_exponent_per_angstrom": 1.0}, ["C"])
        images = image_charges(metal, liquid_frame(sheet(nx, ny), np.random.default_rng(2)))
        far = np.array(HEIGHTS) > 3.0
        assert np.ptp(images[far & (np.array(HEIGHTS) < 11.0)]) < 1e-3  # at every height the same
        found.append(images[HEIGHTS.index(5.0)])
    assert 2.0 / found[1] - 1.0 / found[0] == pytest.approx(-1.0, abs=0.02)
    assert abs(1.0 / found[0] + 1.0) > 0.1


def test_charges_that_do_not_see_the_ion_have_no_image(frame):
    np.testing.assert_array_equal(image_charges(MeanCharge(), frame), 0.0)


def test_the_capacitance_of_metal_planes_is_that_of_a_textbook():
    """Their level is the potential of a plane in its background alone: eps0 / d."""
    cell = np.diag([30.0, 40.0, 200.0])
    hardness = np.pi * 200.0 / (3.0 * 1200.0)
    levels = -hardness * np.array([-1.0, 0.0, 1.0])
    assert capacitance(levels, cell) == pytest.approx(8.8541878e-12 / (GAP * 1e-10) * 1e2, rel=1e-6)
    assert capacitance(np.full(3, np.nan), cell) == 0.0


def test_the_capacitance_is_that_of_two_sheets_in_one_cell(frame):
    """Two sheets of Gaussian charges with +x and -x, solved together; the cell's own dipole is taken out."""
    one, gap = frame.electrode, GAP * ANGSTROM_TO_BOHR
    n = len(one)
    both = Electrode(
        one.symbols * 2, np.vstack([one.positions, one.positions + np.array([0.0, 0.0, gap])]), one.cell
    )
    matrix = gaussian_matrix(both, 0.6) + 0.1 * np.eye(2 * n)
    sheets = np.repeat(np.eye(2), n, axis=0)
    inverse = np.linalg.inv(matrix)
    potentials = np.linalg.solve(sheets.T @ inverse @ sheets, [1.0, -1.0])
    area, length = np.linalg.norm(np.cross(one.cell[0], one.cell[1])), one.cell[2, 2]
    voltage = potentials[0] - potentials[1] + 4.0 * np.pi * gap**2 / (area * length)
    model = ChargeEquilibration(exponent=0.6, hardness=0.1)
    levels = np.array([model.fermi_level(frame.at_charge(charge)) for charge in (-1.5, -0.5, 0.5)])
    expected = ATOMIC_TO_MICROFARAD_PER_CM2 / (voltage * area)
    assert capacitance(levels, one.cell) == pytest.approx(expected, rel=1e-4)


def test_twice_the_same_is_the_same(frame):
    model = ChargeEquilibration()
    pair = doubled(frame, frame)
    np.testing.assert_allclose(model.charges(pair), np.tile(model.charges(frame), 2), atol=2e-6)


def test_molecules_stay_whole(frame):
    """Across the border and split over it: hydrogens far from the atoms before them, sites at the end."""
    a = frame.electrode.cell[0]
    water = np.array([[0.0, 0.0, 0.0], [1.43, 1.1, 0.0], [-1.43, 1.1, 0.0]])
    water += np.array([a[0] - 0.5, 3.0, 9.0])
    # acetonitrile along the first vector: C, C, N, then the hydrogens of the first one
    methyl = np.array([[-0.7, 1.0, 1.65], [-0.7, 0.94, -1.77], [-0.7, -1.94, 0.1]])
    nitrile = np.array([[0.0, 0.0, 0.0], [2.76, 0.0, 0.0], [4.95, 0.0, 0.0], *methyl])
    nitrile += np.array([a[0] - 2.0, 8.0, 9.0])
    ion, site = np.array([3.0 * a[0] + 0.4, 3.0, 12.0]), water[0] + np.array([0.0, 0.29, 0.0])
    whole = np.vstack([water, nitrile, ion, site])
    symbols = (*"OHH", *"CCNHHH", "Na", "X")
    electrolyte = Electrolyte(symbols, np.zeros(len(symbols)), np.array([9]))
    split = whole.copy()
    split[[1, 5, 8]] -= a
    split[[10]] -= 2.0 * a
    for positions in (whole, split):
        moved = within(dataclasses.replace(frame, electrolyte=electrolyte, positions=positions))
        for own in ([0, 1, 2, 10], [3, 4, 5, 6, 7, 8]):
            turned = (moved - whole)[own] @ np.linalg.inv(frame.electrode.cell)
            np.testing.assert_allclose(turned - turned[0], 0.0, atol=1e-12)
            assert turned[0] == pytest.approx(np.rint(turned[0]), abs=1e-12)
        assert ((moved[[0, 3, 9], 0] >= 0.0) & (moved[[0, 3, 9], 0] < a[0])).all()


def test_forces_of_wrong_charges_are_those_of_a_plain_sum(frame):
    errors = 1e-3 * np.random.default_rng(5).standard_normal(len(frame.electrode))
    errors -= errors.mean()
    squares, counts = force_errors(errors[None], [frame], np.array([0.0, 20.0]))
    n = len(errors)
    places = np.vstack([frame.electrode.positions, frame.positions])
    charges = np.concatenate([errors, frame.electrolyte.charges])
    everything = ewald_energy_forces(places, charges, frame.electrode.cell)[1][n:]
    charges[:n] = 0.0
    liquid = ewald_energy_forces(places, charges, frame.electrode.cell)[1][n:]
    assert counts[0] == 3 * len(frame.positions)
    assert squares[0] == pytest.approx(((everything - liquid) ** 2).sum(), rel=1e-4)


def test_a_model_that_lacks_one_wave_lacks_it_alone(frame):
    """All of the longest wave is left unexplained, nothing of the others."""
    rng = np.random.default_rng(6)
    electrode = sheet(8, 5)
    place = dataclasses.replace(frame, electrode=electrode)
    reference = rng.standard_normal((30, len(electrode)))
    vectors = 2.0 * np.pi * np.linalg.inv(electrode.cell[:2, :2]).T
    angles = electrode.positions[:, :2] @ vectors.T
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    waves /= np.linalg.norm(waves, axis=0)
    mean = reference.mean(axis=0)
    charges = reference - (reference - mean) @ waves @ waves.T
    numbers, parts = explained_by_wave(charges, reference, place)
    longest = np.linalg.norm(vectors, axis=1).max() * ANGSTROM_TO_BOHR
    np.testing.assert_allclose(parts[(numbers > longest) & (numbers < 1.5)], 1.0, atol=1e-9)
    assert parts[0] == pytest.approx(0.0, abs=1e-9)
