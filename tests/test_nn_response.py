"""The response net: its charges are the derivative of its energy, sum to Q, and respect the lattice."""

import numpy as np
import pytest
from nn_cases import electrolyte, frames, labelled_dataset, prior, sheet

from polcouple.backends.base import Environment, create_backend
from polcouple.errors import InputError, ModelMismatchError
from polcouple.nn.dataset import Dataset
from polcouple.nn.model_files import load_model_files
from polcouple.nn.models import load_model
from polcouple.nn.response_net import pair_orbits
from polcouple.nn.response_training import ResponseOptions, train_response
from polcouple.nn.symmetry import lattice_symmetries

CHARGES = (-1.0, 0.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Directory of a small model trained on the made-up electrode at two charges."""
    directory = tmp_path_factory.mktemp("response")
    dataset = labelled_dataset(directory / "data.h5", 60, CHARGES)
    options = ResponseOptions(
        filters=3, width=12, members=2, max_epochs=150, learning_rate=1e-2, weight_average=0.97
    )
    train_response(
        dataset, directory / "model", prior(sheet(), CHARGES), "dftb", options, prior_origin="made up"
    )
    return directory / "model"


@pytest.fixture(scope="module")
def net(trained):
    return load_model(trained, sheet())


def test_pairs_that_a_translation_maps_onto_each_other_share_an_orbit():
    electrode = sheet()
    symmetries = lattice_symmetries(electrode)
    orbits = pair_orbits(len(electrode), symmetries)
    assert orbits.max() + 1 == len(electrode)  # translations and rotations reach every atom exactly once
    for operation in symmetries:
        if operation.mirror.prod() > 0:
            image = operation.permutation
            np.testing.assert_array_equal(orbits[np.ix_(image, image)], orbits)


def test_charges_are_the_derivative_of_the_energy(net):
    phi = frames(sheet(), 1, seed=9).site_potentials[0]
    charges = net.respond(phi, -1.0).charges
    step = 3e-3
    for atom in (0, 5, 23):
        shift = np.zeros(len(phi))
        shift[atom] = step
        energies = [net.respond(phi + k * shift, -1.0).energy for k in (-2, -1, 1, 2)]
        derivative = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * step)
        assert derivative == pytest.approx(charges[atom], abs=1e-5)


def test_the_network_carries_weight_in_that_derivative(net):
    """The finite differences above would pass on the prior alone."""
    phi = frames(sheet(), 1, seed=9).site_potentials[0]
    linear = net.prior.at(-1.0)
    only_linear = linear.charges + linear.kernel @ (phi - phi.mean())
    assert np.abs(net.respond(phi, -1.0).charges - only_linear).max() > 1e-3


def test_charges_sum_to_the_total_charge(net):
    for phi in frames(sheet(), 5, seed=3).site_potentials:
        for total_charge in (-1.0, -0.3, 0.0):
            assert abs(net.respond(phi, total_charge).charges.sum() - total_charge) < 1e-12


def test_a_constant_potential_costs_q_times_it_and_moves_no_charge(net):
    phi = frames(sheet(), 1, seed=4).site_potentials[0]
    before, after = net.respond(phi, -1.0), net.respond(phi + 0.25, -1.0)
    np.testing.assert_allclose(after.charges, before.charges, atol=1e-7)
    assert after.energy - before.energy == pytest.approx(-0.25, abs=1e-7)
    assert after.fermi_level - before.fermi_level == pytest.approx(-0.25)


def test_translations_and_rotations_are_exact_symmetries(net):
    phi = frames(sheet(), 1, seed=6).site_potentials[0]
    charges = net.respond(phi, 0.0).charges
    for operation in lattice_symmetries(sheet()):
        if operation.mirror.prod() > 0:
            moved = net.respond(operation.sites(phi), 0.0).charges
            np.testing.assert_allclose(moved, operation.sites(charges), atol=1e-6)


def test_the_network_improves_on_linear_response(trained):
    metrics = load_model_files(trained)[0]["metrics"]
    net, linear = metrics["this model, all charges"], metrics["linear response alone, all charges"]
    assert net["rmse"] < 0.6 * linear["rmse"]
    assert net["r2"] > linear["r2"] > metrics["uniform Q/N, Q = 0 e"]["r2"]


def test_backend_gives_energy_and_warns_when_it_extrapolates(trained):
    electrode = sheet()
    backend = create_backend("nn", electrode, electrolyte(), {"model": str(trained)})
    positions = np.zeros((8, 3))
    phi = frames(electrode, 60).site_potentials[3]
    inside = backend.solve(Environment(electrolyte(), positions, phi), -1.0)
    assert backend.conservative and inside.energy is not None and inside.fermi_level is not None
    assert inside.warnings == () and inside.residual > 0.0
    outside = backend.solve(Environment(electrolyte(), positions, 0.3 + 6 * (phi - 0.3)), -1.0)
    assert len(outside.warnings) == 1 and "extrapolates" in outside.warnings[0]
    assert outside.residual > 2 * inside.residual


def test_fallback_answers_and_is_remembered_where_the_committee_disagrees(trained, tmp_path):
    electrode = sheet()
    settings = {
        "model": str(trained),
        "fallback": "fixed",
        "fallback_dataset": str(tmp_path / "unknown.h5"),
    }
    backend = create_backend("nn", electrode, electrolyte(), settings)
    assert not backend.conservative
    phi = frames(electrode, 60).site_potentials[3]
    backend.solve(Environment(electrolyte(), np.zeros((8, 3)), phi), -1.0)
    dataset = Dataset(tmp_path / "unknown.h5")
    assert len(dataset) == 0
    wild = 0.3 + 6 * (phi - 0.3)
    result = backend.solve(Environment(electrolyte(), np.zeros((8, 3)), wild), -1.0)
    np.testing.assert_array_equal(result.charges, -1.0 / 24)
    assert "fixed was asked" in result.warnings[0]
    np.testing.assert_array_equal(dataset.frames().site_potentials, wild[None])
    np.testing.assert_array_equal(dataset.complete_labels("fixed", -1.0).charges, result.charges[None])
    create_backend("nn", electrode, electrolyte(), settings)  # goes on with the dataset


def test_total_charges_outside_the_training_are_refused(net):
    with pytest.raises(ModelMismatchError, match="from -1 to 0 e, not 2 e"):
        net.respond(np.zeros(24), 2.0)


def test_prior_interpolates_between_charges():
    between = prior(sheet(), CHARGES).at(-0.25)
    assert between.charges.sum() == pytest.approx(-0.25, abs=1e-14)
    assert between.fermi_level == pytest.approx(0.05)
    np.testing.assert_allclose(between.kernel.sum(axis=1), 0.0, atol=1e-14)


def test_missing_labels_are_refused(tmp_path):
    dataset = labelled_dataset(tmp_path / "data.h5", 30, (0.0,))
    with pytest.raises(InputError, match="no labels by response; there are: dftb"):
        train_response(dataset, tmp_path / "m", prior(sheet(), CHARGES), "response")
