"""What the package says of itself, in its metadata and for those who cite it."""

import pytest
import yaml
from conftest import ROOT

import polcouple

DOI = "https://doi.org/"


@pytest.fixture(scope="module")
def project():
    # of Python 3.11
    tomllib = pytest.importorskip("tomllib")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_project_and_its_citation_agree(project, citation):
    assert citation["title"] == project["name"]
    assert citation["version"] == project["version"] == polcouple.__version__
    assert [one["name"] for one in citation["authors"]] == [one["name"] for one in project["authors"]]
    assert " AND ".join(citation["license"]) == project["license"]
    summary = citation["abstract"]
    assert summary.lower() == project["description"].replace(": i-PI", ", i-PI").lower()


def test_addresses_are_those_of_the_references(project, citation):
    """There is no home page to name: the addresses are articles, each with all that a citation needs."""
    urls = project["urls"]
    assert all(len(name) <= 32 for name in urls), "PyPI takes no longer labels"
    assert {*urls.values()} == {DOI + reference["doi"] for reference in citation["references"]}
    for reference in citation["references"]:
        assert {"title", "authors", "journal", "volume", "start", "year", "notes"} <= {*reference}
    assert urls["Method (QM/MD, NN/MD)"] == DOI + "10.1021/acs.jctc.1c00360"


def test_the_articles_are_those_that_the_texts_name(citation):
    method, parameters = citation["references"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"J. Chem. Theory Comput. {method['volume']}, {method['start']} ({method['year']})" in readme
    slako = (ROOT / "polcouple" / "dftb" / "slako" / "README.md").read_text()
    assert parameters["doi"] in slako
