"""The public names, loaded when they are used, and what docs/library.md says of them."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from conftest import ROOT

import polcouple
from polcouple.backends.setting_words import absolute
from polcouple.cli.commands import COMMANDS
from polcouple.units import BOHR_TO_ANGSTROM

PAGE = ROOT / "docs" / "library.md"


def test_public_names_are_those_that_type_checkers_see():
    tree = ast.parse(Path(polcouple.__file__).read_text())
    typed = {
        alias.asname: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    homes = {name: f"polcouple.{home}" for home, names in polcouple._HOMES.items() for name in names}
    assert typed == homes
    assert sorted(homes) == polcouple.__all__
    for name in polcouple.__all__:
        assert getattr(polcouple, name).__module__.startswith("polcouple."), name
        assert name in dir(polcouple)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="'polcouple' has no attribute 'read_csae'"):
        polcouple.read_csae  # noqa: B018


def test_every_public_name_is_documented():
    page = PAGE.read_text()
    errors = {"PolcoupleError", "InputError", "ConvergenceError", "RunFailedError"}
    missing = [name for name in polcouple.__all__ if not re.search(rf"\b{name}\b", page)]
    assert not missing
    assert errors < set(polcouple.__all__)


def test_every_command_names_its_function():
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", PAGE.read_text(), flags=re.MULTILINE))
    assert [name for name in rows if name != "polcouple-driver"] == [n for n in COMMANDS if n != "i-pi"]
    for places in rows.values():
        for place in re.findall(r"`([\w.]+)`", places):
            module, _, name = place.rpartition(".")
            assert callable(getattr(importlib.import_module(module), name)), place


def test_a_run_needs_one_length(small_directory):
    for lengths in ({}, {"steps": 1, "until": 2}):
        with pytest.raises(polcouple.InputError, match="one of the two, steps or until"):
            polcouple.run_case(small_directory, "fixed", **lengths)


def test_paths_in_settings_are_from_here(tmp_path, monkeypatch):
    """The driver works in the run's directory."""
    monkeypatch.chdir(tmp_path)
    given = {
        "model": "./mine",
        "slako": Path("set"),
        "fallback": {"model": "a/b"},
        "accuracy": 1e-7,
        "k": "dftb",
    }
    assert absolute(given) == {
        "model": str(tmp_path / "mine"),
        "slako": str(tmp_path / "set"),
        "fallback": {"model": str(tmp_path / "a" / "b")},
        "accuracy": 1e-7,
        "k": "dftb",
    }


def test_numbers_that_make_no_sense(small_case, small_directory):
    """The command line refuses them when it reads them; a program meets them here."""
    for numbers in ({"threads": 0}, {"refresh": -1}):
        with pytest.raises(polcouple.InputError, match="give a positive number"):
            polcouple.run_case(small_directory, "fixed", steps=1, **numbers)
    assert not (small_directory / "run_fixed").exists()
    backend = polcouple.create_electrodes(small_case, "fixed")
    for numbers in ({"threads": 0}, {"interval": 0}, {"interval": -2}):
        with pytest.raises(polcouple.InputError, match="give a positive number"):
            polcouple.ForceProvider(small_case, backend, **numbers)


def test_charges_of_other_positions_are_refused(small_case):
    solver = polcouple.ChargeSolver(small_case, polcouple.create_electrodes(small_case, "fixed"))
    with pytest.raises(polcouple.InputError, match="Angstrom from its place"):
        solver(small_case.positions * BOHR_TO_ANGSTROM)
    with pytest.raises(polcouple.InputError, match="483 atoms where the case has 579"):
        solver(small_case.positions[small_case.electrolyte_indices])
    exchanged = small_case.positions.copy()
    oxygen = small_case.water_oxygens[0]
    exchanged[[oxygen, oxygen + 5]] = exchanged[[oxygen + 5, oxygen]]
    with pytest.raises(polcouple.InputError, match="should be bonded"):
        solver(exchanged)
    assert solver(small_case.positions).charges.sum() == pytest.approx(small_case.total_charge)
