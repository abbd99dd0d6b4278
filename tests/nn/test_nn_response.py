"""The response net: its charges are the derivative of its energy, sum to Q, and respect the lattice."""

import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from capacitor_cases import capacitor, noise, seen
from nn_cases import electrolyte, frames, labelled_dataset, prior, sheet

from polcouple.backends.base import Environment, create_backend
from polcouple.coupling.electrodes import create_electrodes
from polcouple.data.dataset import Dataset
from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.errors import InputError, ModelMismatchError
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.response_training import ResponseOptions, train_response
from polcouple.nn.correction import pair_orbits
from polcouple.nn.model_files import load_model_files
from polcouple.nn.models import load_model
from polcouple.units import HARTREE_TO_EV

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


@pytest.mark.parametrize("total_charge", [-0.8, -0.37])
def test_the_fermi_level_is_minus_the_derivative_of_the_energy_by_the_total_charge(net, total_charge):
    phi = frames(sheet(), 1, seed=9).site_potentials[0]
    step = 0.02
    energies = [net.respond(phi, total_charge + k * step).energy for k in (-2, -1, 1, 2)]
    derivative = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * step)
    assert net.respond(phi, total_charge).fermi_level == pytest.approx(-derivative, abs=2e-5)


def test_the_fukui_vector_is_the_derivative_of_charges_and_of_the_fermi_level(net):
    phi = frames(sheet(), 1, seed=9).site_potentials[0]
    fukui = net.charge_response(phi, -0.6).fukui
    assert fukui.sum() == pytest.approx(1.0, abs=1e-12)
    step = 0.05
    ends = [net.respond(phi, -0.6 + sign * step).charges for sign in (-1, 1)]
    np.testing.assert_allclose((ends[1] - ends[0]) / (2 * step), fukui, atol=2e-4)
    for atom in (0, 5, 23):
        shift = np.zeros(len(phi))
        shift[atom] = 3e-3
        levels = [net.respond(phi + k * shift, -0.6).fermi_level for k in (-2, -1, 1, 2)]
        derivative = (levels[0] - 8 * levels[1] + 8 * levels[2] - levels[3]) / (12 * 3e-3)
        assert derivative == pytest.approx(-fukui[atom], abs=2e-4)


def test_the_hardness_is_minus_the_derivative_of_the_fermi_level(net):
    phi = frames(sheet(), 1, seed=9).site_potentials[0]
    ends = [net.respond(phi, -0.6 + sign * 0.05).fermi_level for sign in (-1, 1)]
    hardness = net.charge_response(phi, -0.6).hardness
    assert hardness == pytest.approx((ends[0] - ends[1]) / 0.1, rel=2e-3)


def test_the_network_carries_weight_in_these_derivatives(net):
    """The finite differences above would pass on the prior alone."""
    phi = frames(sheet(), 1, seed=9).site_potentials[0]
    terms, slopes = net.prior.at(-1.0), net.prior.at(-1.0, order=1)
    found, fluctuation = net.respond(phi, -1.0), phi - phi.mean()
    assert np.abs(found.charges - terms.charges - terms.kernel @ fluctuation).max() > 1e-3
    assert abs(found.fermi_level + slopes.value(phi, slopes.kernel @ fluctuation)) > 1e-3
    linear = slopes.charges + slopes.kernel @ fluctuation
    assert np.abs(net.charge_response(phi, -1.0).fukui - linear).max() > 1e-3


def test_energies_and_fermi_levels_improve_on_linear_response(trained):
    levels = load_model_files(trained)[0]["levels"]
    for total_charge in (-1, 0):
        own, linear, spread = (
            levels[f"{name}, Q = {total_charge} e"]
            for name in ("this model", "linear response alone", "standard deviation of the labels")
        )
        for quantity in ("energy", "fermi_level"):
            assert own[quantity] < 0.6 * linear[quantity] < spread[quantity]


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
    assert backend.capabilities.conservative and inside.energy is not None and inside.fermi_level is not None
    assert inside.warnings == () and inside.residual > 0.0
    response = backend.derivatives(Environment(electrolyte(), positions, phi), -1.0)
    assert response.fukui.shape == phi.shape and response.hardness > 0.0
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
    assert not backend.capabilities.conservative
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


def test_the_fallback_has_the_settings_of_the_case(trained, own_cache, tmp_path):
    """Its own in system.yaml, with relative paths from the case, and those given with the net over them."""
    shutil.copytree(DEFAULT_SLAKO, tmp_path / "mine")
    hot = {"temperature_kelvin": 20000.0, "slako": "./mine"}
    case = replace(capacitor(12.0, 40.0, charges=(-1.0, -1.0), backends={"dftb": hot}), directory=tmp_path)
    wild = seen(case, noise(case, 0.3))
    found = {
        given: create_electrodes(
            case, "nn", {"model": str(trained), "fallback": "dftb", "fallback_settings": dict(given)}
        ).solve(wild, -2.0)
        for given in ((), (("temperature_kelvin", 15000.0),))
    }
    for given, result in found.items():
        expected = create_electrodes(case, "dftb", hot | dict(given)).solve(wild, -2.0)
        assert any("dftb was asked" in warning for warning in result.warnings)
        np.testing.assert_allclose(result.charges, expected.charges, atol=2e-6)
    first, second = found.values()
    assert np.abs(first.charges - second.charges).max() > 1e-3
    with pytest.raises(InputError, match="unknown key 'acuracy'"):
        create_electrodes(
            case, "nn", {"model": str(trained), "fallback": "dftb", "fallback_settings": {"acuracy": 1.0}}
        )
    kept = {"fallback": "fixed", "fallback_dataset": str(tmp_path / "cycles.h5")}
    for searched in (
        case,
        replace(capacitor(12.0, 40.0, potential={"voltage_volt": 1.0}), directory=tmp_path),
    ):
        with pytest.raises(InputError, match="every cycle of a search for charges would be kept in it"):
            create_electrodes(searched, "nn", {"model": str(trained), **kept})
    program = {"fallback": "dftbplus", "fallback_settings": {"command": sys.executable}}
    with pytest.raises(InputError, match="sees the electrolyte's point charges alone"):
        create_electrodes(case, "nn", {"model": str(trained), **program})
    with pytest.raises(InputError, match="fallback_settings without fallback"):
        create_electrodes(case, "nn", {"model": str(trained), "fallback_settings": hot})


def test_total_charges_outside_the_training_are_refused(net):
    with pytest.raises(ModelMismatchError, match="from -1 to 0 e, not 2 e"):
        net.respond(np.zeros(24), 2.0)


def test_missing_labels_are_refused(tmp_path):
    dataset = labelled_dataset(tmp_path / "data.h5", 30, (0.0,))
    with pytest.raises(InputError, match="no labels by response; there are: dftb"):
        train_response(dataset, tmp_path / "m", prior(sheet(), CHARGES), "response")


def test_labels_without_energies_train_the_charges(tmp_path):
    """Such as those of a code that prints charges alone."""
    whole = labelled_dataset(tmp_path / "whole.h5", 30, (0.0,))
    charges, unknown = whole.labels("dftb", 0.0).charges, np.full(30, np.nan)
    dataset = Dataset.create(tmp_path / "charges.h5", whole.electrode, whole.electrolyte)
    dataset.append(whole.frames())
    dataset.write_labels("dftb", 0.0, np.arange(30), charges, unknown, unknown, np.full(30, True))
    options = ResponseOptions(
        filters=2, width=8, members=2, max_epochs=40, learning_rate=1e-2, weight_average=0.9
    )
    rows = train_response(dataset, tmp_path / "model", prior(sheet(), (0.0,)), "dftb", options).rows
    assert rows["this model, Q = 0 e"].rmse < 0.95 * rows["linear response alone, Q = 0 e"].rmse


@pytest.mark.slow
def test_the_other_split_is_scored_beside(tmp_path):
    dataset = labelled_dataset(tmp_path / "data.h5", 30, (0.0,))
    options = ResponseOptions(filters=2, width=8, members=2, max_epochs=2, compare_splits=True)
    rows = train_response(dataset, tmp_path / "model", prior(sheet(), (0.0,)), "dftb", options).rows
    assert rows["this model, all charges, random split"] != rows["this model, all charges"]
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| this model, all charges, random split |" in card and "for 2 epochs in" in card


@pytest.mark.slow
def test_training_goes_on_from_a_net(trained, tmp_path):
    dataset = labelled_dataset(tmp_path / "data.h5", 60, CHARGES)
    given = {"filters": 3, "width": 12, "members": 2, "max_epochs": 1, "learning_rate": 1e-5}
    name = "this model, all charges"
    further, fresh = (
        train_response(
            dataset, tmp_path / model, prior(sheet(), CHARGES), "dftb", ResponseOptions(**given, start=start)
        ).rows[name]
        for model, start in (("further", trained), ("fresh", None))
    )
    before = load_model_files(trained)[0]["metrics"][name]["rmse"]
    assert further.rmse == pytest.approx(before, rel=0.01)
    assert fresh.rmse > 1.2 * before
    assert "went on from the network of model (" in (tmp_path / "further" / "README.md").read_text()
    with pytest.raises(InputError, match="give the same options as for that net"):
        train_response(
            dataset,
            tmp_path / "other",
            prior(sheet(), CHARGES),
            "dftb",
            ResponseOptions(**given | {"filters": 4}, start=trained),
        )


def test_two_sheets_at_a_voltage(trained):
    """The net's energy at any charge: the voltage holds, and the charges are the grand potential's slope."""
    case = capacitor(12.0, 40.0, charges=(-0.4, -0.6), potential={"voltage_volt": 0.05})
    backend = create_electrodes(case, "nn", {"model": str(trained)})
    assert backend.capabilities.conservative
    phi, change = noise(case, 0.01), noise(case, 1e-3, seed=1)
    result = backend.solve(seen(case, phi), -1.0)
    lower, upper = result.fermi_levels
    assert (upper - lower) * HARTREE_TO_EV == pytest.approx(0.05, abs=1e-4)
    assert result.total_charges.sum() == pytest.approx(-1.0, abs=1e-9)
    energies = [backend.solve(seen(case, phi + s * change), -1.0, result).energy for s in (1, -1)]
    assert energies[0] - energies[1] == pytest.approx(2.0 * result.charges @ change, rel=1e-3)
