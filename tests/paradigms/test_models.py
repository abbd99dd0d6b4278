"""Each model on charges whose law is known: a fit finds the law it has, and misses what it cannot have."""

import numpy as np
import pytest
from nn_cases import sheet
from paradigms_cases import Screened, labelled, liquid_frame

from polcouple.backends.metal_mobile import gaussian_matrix
from polcouple.errors import InputError
from polcouple.paradigms.backend_charges import BackendCharges
from polcouple.paradigms.charge_equilibration import ChargeEquilibration
from polcouple.paradigms.descriptors import require_plane
from polcouple.paradigms.latent import LatentCharges
from polcouple.paradigms.local import LocalCharges
from polcouple.paradigms.mean_charge import MeanCharge
from polcouple.paradigms.measures import explained


def left(model, rows):
    """The unexplained part of the fluctuations."""
    return 1.0 - explained(np.array([model.charges(frame) for frame in rows.frames]), rows.charges)


def test_charge_equilibration_finds_its_own_parameters():
    made = ChargeEquilibration(exponent=0.45, hardness=0.21)
    made.electronegativity = 0.17
    rows = labelled(made, 12, seed=1)
    found = ChargeEquilibration()
    found.fit(rows, rows)
    np.testing.assert_allclose(
        [found.exponent, found.hardness, found.electronegativity], [0.45, 0.21, 0.17], rtol=1e-5
    )


def test_equilibrated_charges_make_the_chemical_potential_the_same_everywhere():
    model = ChargeEquilibration(exponent=0.6, hardness=0.1)
    frame = liquid_frame(sheet(), np.random.default_rng(3))
    charges = model.charges(frame)
    potentials = gaussian_matrix(frame.electrode, 0.6) @ charges + 0.1 * charges + frame.site_potentials
    np.testing.assert_allclose(potentials, -model.fermi_level(frame), atol=1e-10)
    assert charges.sum() == pytest.approx(frame.total_charge, abs=1e-12)


def test_without_hardness_it_is_the_metal():
    frame = liquid_frame(sheet(), np.random.default_rng(4))
    metal = BackendCharges("metal", "metal", {"gaussian_exponent_per_angstrom": 1.9}, ["C"])
    own = ChargeEquilibration(exponent=1.9 * 0.529177210903, hardness=0.0)
    np.testing.assert_allclose(own.charges(frame), metal.charges(frame), atol=1e-10)
    assert own.fermi_level(frame) == pytest.approx(metal.fermi_level(frame), abs=1e-10)


def test_a_local_model_finds_a_local_law_and_needs_its_whole_reach():
    train, test = labelled(Screened(), 40, 5, 5, 3), labelled(Screened(), 8, 6, 5, 3)
    unexplained = []
    for cutoff in (3.0, 5.0):
        model = LocalCharges(cutoff)
        model.fit(train, test)
        unexplained.append(left(model, test))
    assert unexplained[1] < 1e-6
    assert unexplained[0] > 0.1


def test_a_local_model_misses_what_is_beyond_its_cutoff():
    """An ion there moves none of its charges; equilibration answers to it."""
    made = ChargeEquilibration()
    train = labelled(made, 30, seed=7)
    model = LocalCharges(5.0)
    model.fit(train, train)
    frame = train.frames[0]
    high = np.flatnonzero(frame.positions[:, 2] > 10.0)[0]
    moved = liquid_frame(frame.electrode, np.random.default_rng(7))
    moved.positions[high] += [3.0, 2.0, 4.0]
    assert frame.positions[high, 2] > 5.0 / 0.529177210903
    np.testing.assert_array_equal(model.charges(moved), model.charges(frame))


def test_latent_charges_are_found_from_forces_alone():
    train, test = labelled(Screened(), 12, 8, 5, 3), labelled(Screened(), 4, 9, 5, 3)
    model = LatentCharges(5.0)
    model.fit(train, test)
    assert left(model, test) < 0.05
    assert left(MeanCharge(), test) > 0.9


def test_descriptors_do_not_depend_on_the_image_of_an_atom():
    train = labelled(Screened(), 8, seed=10)
    model = LocalCharges(6.0)
    model.fit(train, train)
    frame = train.frames[0]
    before = model.charges(frame)
    frame.positions[:] += frame.electrode.cell[0] - 2 * frame.electrode.cell[1]
    np.testing.assert_allclose(model.charges(frame), before, atol=1e-6)


def test_an_electrode_that_is_no_plane_is_refused():
    electrode = sheet()
    electrode.positions[3, 2] += 0.5
    with pytest.raises(InputError, match="one plane"):
        require_plane(electrode)
