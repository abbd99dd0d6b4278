"""What backends declare, and what is refused from that alone, before a model is loaded or anything made."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from capacitor_cases import capacitor

from polcouple.backends.base import backends_with, resolved_options
from polcouple.case.schema import Potential
from polcouple.compare.models import parse_models
from polcouple.coupling.electrodes import create_electrodes
from polcouple.data.dataset import Dataset, Frames
from polcouple.errors import InputError
from polcouple.learning.evaluate import backend_of
from polcouple.learning.label import label_dataset

LIBRARY, PROGRAM = {"interface": "library"}, {"command": sys.executable}
CLASSIFIER, OF_IONS = ({"model": f"graphene_nacl_classifier{ending}"} for ending in ("", "_ions"))
FALLBACK = {"fallback": "dftbplus", "fallback_settings": PROGRAM}


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("fixed", {}, {"site_potentials": False, "conservative": True, "energy": False}),
        ("dftb", {"shell_resolved": True}, {"filling": False, "levels": True, "fermi_level": True}),
        (
            "response",
            {"reanchor_every": 9},
            {"fermi_level": False, "conservative": False, "derivatives": True},
        ),
        ("dftbplus", PROGRAM, {"positions": "all", "slab": False, "most_electrodes": 1}),
        ("dftbplus", LIBRARY, {"positions": "none", "slab": True, "most_electrodes": 1}),
        ("nn", {}, {"fermi_level": True, "conservative": True, "positions": "none"}),
        ("nn", CLASSIFIER, {"positions": "none", "site_potentials": True, "fermi_level": False}),
        ("nn", OF_IONS, {"positions": "ions", "site_potentials": False, "energy": False}),
        ("nn", {"fallback": "dftb"}, {"fermi_level": True, "conservative": False, "positions": "none"}),
        ("nn", FALLBACK, {"fermi_level": False, "positions": "all", "most_electrodes": 1}),
    ],
)
def test_declared(name, settings, expected):
    declared = resolved_options(name, settings).capabilities()
    assert {word: getattr(declared, word) for word in expected} == expected
    # what is missing by a setting is explained
    if settings and not declared.fermi_level and name != "dftbplus":
        assert "fermi_level" in declared.reasons


def test_names_in_messages_are_found():
    assert backends_with("fermi_level") == "dftb, metal, nn or response"
    assert backends_with("levels") == "dftb or response"


@pytest.fixture
def nothing_is_made(monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("made before it was refused")

    monkeypatch.setattr("polcouple.coupling.electrodes.create_backend", refuse)
    monkeypatch.setattr("polcouple.learning.label.create_backend", refuse)
    monkeypatch.setattr("polcouple.learning.evaluate.create_backend", refuse)
    monkeypatch.setattr("polcouple.backends.nn.load_model", refuse)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("fixed", {}, "'fixed' have no Fermi level to be held; use dftb, metal, nn or response"),
        ("nn", CLASSIFIER, "no Fermi level to be held; model graphene_nacl_classifier is a classifier"),
        ("nn", FALLBACK, "no Fermi level to be held; fallback dftbplus has none; leave it out"),
        ("response", {"reanchor_every": 9}, "no Fermi level to be held; reanchor_every needs whole"),
        ("dftbplus", LIBRARY, "'dftbplus' have no Fermi level to be held"),
    ],
)
def test_a_level_that_cannot_be_held(name, settings, message, small_case, nothing_is_made):
    potential = Potential(fermi_level_ev=-4.0, counter_charge="background")
    held = replace(small_case, system=small_case.system.model_copy(update={"potential": potential}))
    with pytest.raises(InputError, match=message):
        create_electrodes(held, name, settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (PROGRAM, "the program sees the electrolyte's point charges alone"),
        (LIBRARY, "a process can use the library for one electrode"),
    ],
)
def test_more_electrodes_than_it_takes(settings, message, nothing_is_made):
    with pytest.raises(InputError, match=rf"{message}.*\(electrodes: 2 in .*, 1 at most\)"):
        create_electrodes(capacitor(), "dftbplus", settings)


def test_positions_that_a_dataset_lacks(small_case, tmp_path, nothing_is_made):
    case = small_case
    dataset = Dataset.create(tmp_path / "frames.h5", case.electrode, case.electrolyte, origin="made")
    ions = case.positions[case.ion_indices]
    dataset.append(Frames(np.zeros(1), np.zeros((1, len(case.electrode))), ions[None], None))
    for name, settings in (("dftbplus", PROGRAM), ("nn", FALLBACK)):
        with pytest.raises(InputError, match=f"{name} needs all positions, which were not stored"):
            label_dataset(dataset.path, name, [-1.0], settings)
        with pytest.raises(InputError, match=f"{name} needs all positions, which were not stored"):
            backend_of(dataset, name, settings)
    # the library is given site potentials
    with pytest.raises(AssertionError, match="made before it was refused"):
        backend_of(dataset, "dftbplus", LIBRARY)


def test_a_model_of_system_yaml_is_found_from_the_case(small_case, tmp_path):
    """A relative path there is the case's, wherever the command is typed."""
    system = small_case.system.model_copy(update={"backends": {"nn": {"model": "./mine"}}})
    case = replace(small_case, system=system, directory=tmp_path)
    with pytest.raises(InputError, match=f"{tmp_path}/mine"):
        parse_models(["nn"], case)
