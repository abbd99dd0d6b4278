"""The models that come with the project: whole, small, honest, and fit for the reference case."""

import pytest
from conftest import REFERENCE

from polcouple.backends.base import create_backend
from polcouple.case import read_case
from polcouple.electrode import Electrolyte
from polcouple.errors import ModelMismatchError
from polcouple.nn.model_files import load_model_files, shipped_models

NAMES = ("graphene_nacl_classifier", "graphene_nacl_classifier_ions", "graphene_nacl_response")


@pytest.fixture(scope="module")
def case():
    return read_case(REFERENCE)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_models_are_whole_and_fit_the_reference_case(name, case):
    directory = shipped_models()[name]
    description, _ = load_model_files(directory)
    assert description["weights"]["bytes"] < 10_000_000
    backend = create_backend("nn", case.electrode, case.electrolyte, {"model": name}, REFERENCE)
    assert backend.conservative == (name == "graphene_nacl_response")
    card = (directory / "README.md").read_text()
    for row, metrics in description["metrics"].items():
        assert f"| {row} | {100 * metrics['within_tolerance']:.2f} % |" in card


def test_metrics_of_the_cards_meet_what_the_models_are_for():
    metrics = {name: load_model_files(shipped_models()[name])[0]["metrics"] for name in NAMES}
    for total_charge in (0, -1, -4, -8):
        row = metrics["graphene_nacl_response"][f"this model, Q = {total_charge} e"]
        assert row["rmse"] < 5e-5 and row["within_tolerance"] == 1.0 and row["r2"] > 0.9999
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
