"""Settings on the command line, and what is handed on to the driver."""

import importlib
from itertools import pairwise
from pathlib import Path

import pytest

from polcouple.backends.base import backend_names
from polcouple.backends.setting_words import parse_backend, parse_settings
from polcouple.cli.commands import main
from polcouple.compare.comparison import Comparison
from polcouple.compare.making import wanted_run
from polcouple.compare.models import Model, _label
from polcouple.propagation.plan import RunPlan

TYPED = [
    "model=./mine",
    "k_points=[4, 4, 1]",
    "accuracy=1e-7",
    "fallback=dftb",
    "shell_resolved=true",
    "a=0.5",
    "fallback_dataset=null",
    "b='null'",
    "c='5'",
    "d=.inf",
    "e={x: null, y: [1, true]}",
]


def settings_of(words):
    return parse_settings(words)


def test_the_driver_is_given_what_was_typed(monkeypatch, tmp_path):
    """It works in the run's directory; paths are from where the user typed them."""
    here = Path.cwd()
    expected = settings_of(TYPED)
    words = RunPlan(here, "input.xml", "nn", expected).driver_words()
    assert expected["model"] == str(here / "mine")
    monkeypatch.chdir(tmp_path)
    assert settings_of([after for word, after in pairwise(words) if word == "--set"]) == expected


@pytest.mark.parametrize("text", ["./a model", "/a/b.h5"])
def test_a_path_stays_a_path(text):
    assert settings_of([f"model={text}"])["model"] == str(Path(text).resolve())


def test_a_comparison_hands_on_what_was_typed():
    given = settings_of(TYPED)
    asked = Comparison((Path.cwd(),), platform="CPU")
    wanted = wanted_run(asked.plan(Model("nn", "nn", given, given)), "nn", Path.cwd())
    words = wanted.plan.driver_words()
    assert settings_of([after for word, after in pairwise(words) if word == "--set"]) == given
    assert _label("nn", {"fallback": None, "a": True}) == "nn (null, true)"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["build", "case", "--xy", "3"],
            "unknown argument '--xy'; known: -h, --help, --electrode, --repeat",
        ),
        (
            ["build", "case", "--zz", "3"],
            "unknown argument '--zz'; known: -h, --help, --electrode, --repeat",
        ),
        (["build", "case", "--Na", "3"], "unknown argument '--Na' (did you mean '--na'?)"),
        (["run", "case", "--steps", "3", "--backend", "nn", "--refrsh=2"], "did you mean '--refresh'?"),
        (["check", "case", "another"], "unknown argument 'another'"),
    ],
)
def test_an_unknown_argument_names_the_nearest_or_all(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_settings_of_a_compared_backend():
    """Commas part settings, but not what is between brackets."""
    name, given = parse_backend(
        "nn:fallback=dftb,fallback_settings={k_points: [2, 1, 1], slako: null},a=null"
    )
    assert (name, given["fallback"], given["a"]) == ("nn", "dftb", None)
    assert given["fallback_settings"] == {"k_points": [2, 1, 1], "slako": None}


def test_help_lists_the_settings_of_every_backend(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for name in backend_names():
        _, _, listed = said.partition(f"settings of backend {name} (KEY=VALUE):")
        listed = listed.partition("settings of backend")[0]
        for key, field in importlib.import_module(f"polcouple.backends.{name}").Options.model_fields.items():
            assert f" {key} " in listed
            assert field.description.split()[0] in listed


def test_polcouple_alone_lists_its_commands(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "electron-density" in said and "write a case directory" in said


def test_import_of_a_structure_before_its_force_field_says_to_swap_them(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["import", str(tmp_path / "case"), "s.gro", "s.top", "--electrode", "resname GRA"])
    assert end.value.code == 2
    assert "s.gro s.top: swap them" in capsys.readouterr().err
