"""`polcouple cases`: what comes along is listed, and a copy is a case of its own."""

import re
import shutil

import pytest
from conftest import ROOT, SMALL

import polcouple.case.shipped as shipped_module
from polcouple.case.model import read_case
from polcouple.case.shipped import copy_shipped, shipped
from polcouple.cli.commands import main
from polcouple.errors import InputError


def test_list(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["cases"])
    said = capsys.readouterr().out
    cases = {path.parent.name for path in (ROOT / "ipi_inputs").glob("*/system.yaml")}
    examples = {path.name for path in (ROOT / "examples").iterdir()} - {"__pycache__"}
    listed = re.findall(r"^  (\S+)\n      (\S.*)$", said, flags=re.MULTILINE)
    assert {name for name, _ in listed} == cases | examples
    assert dict(listed)["graphene_nacl"] == "The reference system"


def test_a_copy_is_a_case(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words in ([], ["-o", "there/mine"]):
        with pytest.raises(SystemExit, match="0"):
            main(["cases", "graphene_nacl_small", *words])
    assert "copied to there/mine; run it with `polcouple run there/mine" in capsys.readouterr().out
    for name in ("graphene_nacl_small", "there/mine"):
        assert read_case(tmp_path / name).system == read_case(SMALL).system
    with pytest.raises(SystemExit, match="2"):
        main(["cases", "graphene_nacl_small"])
    assert "graphene_nacl_small: exists already" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["cases", "graphene_nacl_smal"])
    assert "did you mean 'graphene_nacl_small'" in capsys.readouterr().err


def test_an_installed_package_has_them_inside(tmp_path, monkeypatch):
    """With a run that somebody did in place, which is no part of the case."""
    package = tmp_path / "polcouple"
    shutil.copytree(SMALL, package / "_cases" / "small")
    (package / "_cases" / "small" / "run_fixed").mkdir()
    (package / "_cases" / "small" / "simulation.out").write_text("")
    (package / "_examples").mkdir()
    (package / "_examples" / "one.sh").write_text("#!/bin/sh\n# Does one thing.\n")
    monkeypatch.setattr(shipped_module.polcouple, "__file__", str(package / "__init__.py"))
    assert [(one.name, one.is_case) for one in shipped().values()] == [("small", True), ("one.sh", False)]
    assert shipped()["one.sh"].about == "Does one thing."
    copy = copy_shipped("small", tmp_path / "copy")
    assert not (copy / "run_fixed").exists() and not (copy / "simulation.out").exists()
    assert copy_shipped("one.sh", tmp_path / "new" / "one.sh").read_text().endswith("thing.\n")
    with pytest.raises(InputError, match="exists already"):
        copy_shipped("one.sh", tmp_path / "copy")


def test_the_wheel_has_the_folders_that_are_looked_into():
    text = (ROOT / "pyproject.toml").read_text()
    for beside, inside in (shipped_module._CASES, shipped_module._EXAMPLES, ("models", "_models")):
        assert f'{beside} = "polcouple/{inside}"' in text
        assert re.search(rf'^only-include = .*"{beside}"', text, flags=re.MULTILINE)
