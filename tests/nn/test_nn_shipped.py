"""The models that come with the project: whole, small, honest, and fit for the reference case."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from conftest import REFERENCE, ROOT, SMALL

from polcouple.backends.base import Environment, create_backend
from polcouple.case.model import read_case
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import InputError, ModelMismatchError
from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.model_files import load_model_files, shipped_models
from polcouple.nn.models import load_model
from polcouple.units import ANGSTROM_TO_BOHR

#: name -> case it is for, and how large its weights may be (bytes)
MODELS = {
    "graphene_nacl_classifier": (REFERENCE, 2_000_000),
    "graphene_nacl_classifier_ions": (REFERENCE, 2_000_000),
    "graphene_nacl_response": (REFERENCE, 500_000),
    "graphene_nacl_small_response": (SMALL, 500_000),
}


@pytest.fixture(scope="module")
def case():
    return read_case(REFERENCE)


def test_every_shipped_model_is_tested_here():
    """The last two in tests/nn/potential and tests/nn/grand."""
    assert set(shipped_models()) == {
        *MODELS,
        "ean_gfn1",
        "ean_neuralil",
        "graphene_density",
        "graphene_water_grand",
    }


@pytest.mark.parametrize("name", MODELS)
def test_shipped_models_are_whole_and_fit_their_case(name):
    path, largest = MODELS[name]
    case, directory = read_case(path), shipped_models()[name]
    description, _ = load_model_files(directory)
    assert description["weights"]["bytes"] < largest
    backend = create_backend("nn", case.electrode, case.electrolyte, {"model": name}, path)
    assert backend.capabilities.conservative == name.endswith("response")
    card = (directory / "README.md").read_text()
    for row, metrics in description["metrics"].items():
        assert f"| {row} | {100 * metrics['within_tolerance']:.2f} % |" in card


@pytest.mark.parametrize(
    ("name", "digests"),
    [
        ("graphene_nacl_classifier", ("26d035087c0352a4", "6aab9d587f2c0827")),
        ("graphene_nacl_classifier_ions", ("3d8be3b8e40d1e62", "5b5548f263ec9f30")),
    ],
)
def test_labels_are_those_of_the_weights_in_half_precision(name, digests):
    """Two of the 400 frames; the digests are those of the labels before the weights were put in codes."""
    model = load_model(shipped_models()[name])
    for frame, digest in zip(("nacl336_0005", "nacl336_0040"), digests, strict=True):
        stored = np.load(ROOT / "tests" / "data" / "dftbplus" / f"{frame}.npz")
        potential = SitePotential(model.electrode.positions, model.electrode.cell, (True,) * 3, 1e-8)
        outside = stored["mm_positions"] * ANGSTROM_TO_BOHR
        phi = potential(outside, stored["mm_charges"])
        labels = np.rint(
            model.predict_labels(model.inputs(phi[None], outside[None, -len(model.ion_charges) :]))
        )
        assert hashlib.sha256(labels.astype(np.int8).tobytes()).hexdigest()[:16] == digest


def test_metrics_of_the_cards_meet_what_the_models_are_for():
    metrics = {name: load_model_files(shipped_models()[name])[0]["metrics"] for name in MODELS}
    charges = {
        "graphene_nacl_response": (0, -1, -4, -8, 1, 4, 8),
        "graphene_nacl_small_response": (0, -1, -2, -4),
    }
    for name, total_charges in charges.items():
        for total_charge in total_charges:
            row = metrics[name][f"this model, Q = {total_charge} e"]
            assert row["rmse"] < 5e-5 and row["within_tolerance"] == 1.0 and row["r2"] > 0.9999
            prior = metrics[name][f"linear response alone, Q = {total_charge} e"]
            assert row["rmse"] < 0.6 * prior["rmse"]
    potentials = metrics["graphene_nacl_classifier"]["this model"]
    assert potentials["within_tolerance"] > 0.999 and potentials["r2"] > 0.95
    ions = metrics["graphene_nacl_classifier_ions"]
    assert ions["this model"]["r2"] < 0.05, "ions do not determine the charges; a better score is a leak"


def test_the_response_net_takes_any_electrolyte_and_the_one_on_ions_does_not(case):
    symbols = tuple("K" if symbol == "Na" else symbol for symbol in case.electrolyte.symbols)
    potassium = Electrolyte(symbols, case.electrolyte.charges, case.electrolyte.ion_indices)
    create_backend("nn", case.electrode, potassium)
    with pytest.raises(ModelMismatchError, match="exactly 90 Na, 86 Cl, this electrolyte has 90 K, 86 Cl"):
        create_backend("nn", case.electrode, potassium, {"model": "graphene_nacl_classifier_ions"})


@pytest.mark.parametrize(
    ("path", "name"), [(REFERENCE, "graphene_nacl_response"), (SMALL, "graphene_nacl_small_response")]
)
def test_the_default_is_the_response_net_made_for_the_electrode(path, name):
    case = read_case(path)
    backend = create_backend("nn", case.electrode, case.electrolyte)
    assert backend.model.name == name


def test_an_electrode_that_no_shipped_model_fits_is_told_which_there_are(case):
    shifted = case.electrode.positions.copy()
    shifted[0, 2] += 0.1
    other = Electrode(case.electrode.symbols, shifted, case.electrode.cell)
    with pytest.raises(
        ModelMismatchError, match=r"of 336 C \(shipped: graphene_nacl_response, graphene_nacl_sm"
    ):
        create_backend("nn", other, case.electrolyte)


def test_fermi_level_fukui_vector_and_hardness_of_the_small_sheet_agree_with_dftb():
    """At a charge that is neither a node of the prior nor one trained on, in a smooth potential."""
    case, total_charge = read_case(SMALL), -1.4
    x, y = (2.0 * np.pi * case.electrode.positions[:, k] / case.electrode.cell[k, k] for k in (0, 1))
    nowhere = np.full((len(case.electrolyte), 3), np.nan)
    environment = Environment(case.electrolyte, nowhere, 0.05 + 0.02 * (np.cos(x) + np.sin(x + y)))
    net, dftb = (create_backend(name, case.electrode, case.electrolyte) for name in ("nn", "dftb"))
    found, exact = (backend.solve(environment, total_charge) for backend in (net, dftb))
    np.testing.assert_allclose(found.charges, exact.charges, atol=1e-4)
    assert found.energy == pytest.approx(exact.energy, abs=2e-6)
    assert found.fermi_level == pytest.approx(exact.fermi_level, abs=1e-5)
    left, right = (dftb.solve(environment, total_charge + sign * 0.05, exact) for sign in (-1, 1))
    derivatives = net.derivatives(environment, total_charge)
    fukui = (right.charges - left.charges) / 0.1
    assert np.ptp(fukui) > 5 * np.abs(derivatives.fukui - fukui).max()
    hardness = (left.fermi_level - right.fermi_level) / 0.1
    assert derivatives.hardness == pytest.approx(hardness, rel=1e-3)


def test_a_driver_with_a_response_net_loads_no_tensorflow():
    """It takes seconds and half a gigabyte."""
    program = f"""
import sys
sys.modules["tensorflow"] = None  # as if it were not installed
from polcouple.backends.base import Environment, create_backend
from polcouple.case.model import read_case
from polcouple.coupling.charges import Surroundings
case = read_case({str(SMALL)!r})
backend = create_backend("nn", case.electrode, case.electrolyte, {{}})
result = backend.solve(Surroundings(case).environment(case.positions), case.total_charge)
assert abs(result.charges.sum() - case.total_charge) < 1e-12
assert sys.modules["tensorflow"] is None
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_tensorflow_a_classifier_says_what_is_missing(monkeypatch):
    """One line with the cure; a driver with the default net, which has no need of it, is tested above."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    tensorflow.cache_clear()
    try:
        with pytest.raises(InputError, match=r"TensorFlow, .* is not installed: `pip install tensorflow`"):
            tensorflow()
    finally:
        tensorflow.cache_clear()
