"""The documentation's pages: all in the navigation, links and names that lead somewhere, tables as made."""

import importlib
import re

import pytest
import yaml
from conftest import ROOT
from doc_blocks import PAGES


def pages_of(navigation):
    """Of all levels, in order."""
    for entry in navigation:
        for page in [entry] if isinstance(entry, str) else entry.values():
            yield from pages_of(page) if isinstance(page, list) else [page]


def test_every_page_is_in_the_navigation():
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    listed = list(pages_of(navigation))
    docs = ROOT / "docs"
    assert sorted(listed) == sorted(page.relative_to(docs).as_posix() for page in docs.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_names(page):
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        assert link.startswith("http") or (page.parent / link).exists(), link
    for name in set(re.findall(r"`(polcouple(?:\.\w+)+)`", text)):
        found, where = importlib.import_module("polcouple"), "polcouple"
        for part in name.split(".")[1:]:
            where += f".{part}"
            found = getattr(found, part, None) or importlib.import_module(where)


def test_keys_of_a_case_are_those_of_its_models(monkeypatch):
    """After a change of the models: python docs/case_keys.py."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    keys = importlib.import_module("case_keys")
    tables = keys.tables()
    assert f"{keys.BEGIN}\n\n{tables}\n{keys.END}" in keys.PAGE.read_text()
    assert "| None |" not in tables, "a key has no description"


def test_a_warning_of_the_site_fails_the_checks():
    """Told to be quiet, mkdocs does not count warnings, and a strict build passes whatever they are."""
    (line,) = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if "mkdocs build" in line]
    assert "--strict" in line and not re.search(r"\s(--quiet|-q)\b", line)
