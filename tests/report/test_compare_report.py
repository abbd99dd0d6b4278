"""The report: complete or not there, nobody's files overwritten, readable in a browser on desk and phone."""

import csv
import json
import re

import pytest
from browser_cases import NEEDS_A_BROWSER, require_readable
from matplotlib.figure import Figure as Canvas

from polcouple.errors import InputError
from polcouple.report.directory import write_report
from polcouple.report.section import Figure, Movie, Section, Table

COMPARISON = {"backends": ["dftb", "nn:model=./a<b"], "steps": 10}
#: 1 x 1 pixel
GIF = bytes.fromhex("47494638396101000100800000ffffff00000021f90400000000002c00000000010001000002024401003b")


def figure(width=5.0):
    canvas = Canvas(figsize=(width, 2.0))
    canvas.subplots().plot([0, 1], [0, 1])
    return canvas


def sections():
    columns = ("backend", *(f"quantity number {i} (kJ/mol)" for i in range(12)))
    table = Table("scores", columns, [["nn <b>", *[1.23456e-5] * 11, None]], "A wide table.")
    return [
        Section(
            "Charges & more",
            ("A path: " + "/very/long/directory/without/a/place/to/break" * 4 + ", R² = 1 - 1e-5.",),
            (Figure("narrow", figure(), "A figure."), Figure("wide", figure(9.0), "A wide figure.")),
            (table,),
            (Movie("film", GIF, "A movie."),),
            {"value": 1.5},
        )
    ]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    directory = tmp_path_factory.mktemp("report") / "out"
    write_report(directory, "Title <1>", COMPARISON, sections())
    return directory


def test_files(report):
    found = {str(path.relative_to(report)) for path in report.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.{kind}" for name in ("narrow", "wide") for kind in ("png", "pdf")}
    assert found == {"report.html", "numbers.json", "tables/scores.csv", "figures/film.gif"} | figures
    numbers = json.loads((report / "numbers.json").read_text())
    assert numbers == {"comparison": COMPARISON, "Charges & more": {"value": 1.5}}
    rows = list(csv.reader((report / "tables" / "scores.csv").open()))
    assert rows[0][1] == "quantity number 0 (kJ/mol)"
    assert float(rows[1][1]) == 1.23456e-5
    assert rows[1][-1] == ""


def test_page_needs_nothing_else(report):
    page = (report / "report.html").read_text()
    assert "<script" not in page
    assert re.findall(r'src="(.{11})', page) == ["data:image/"] * 3
    assert not re.search(r"url\(|@import|<link", page)
    assert "nn &lt;b&gt;" in page
    assert "<title>Title &lt;1&gt;</title>" in page
    assert "1.235e\N{MINUS SIGN}05" in page


def test_same_comparison_replaces_and_another_is_refused(tmp_path):
    write_report(tmp_path / "out", "first", COMPARISON, [])
    write_report(tmp_path / "out", "second", COMPARISON, [])
    assert "second" in (tmp_path / "out" / "report.html").read_text()
    with pytest.raises(InputError, match="another comparison; choose another -o"):
        write_report(tmp_path / "out", "third", COMPARISON | {"steps": 11}, [])
    assert "second" in (tmp_path / "out" / "report.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("content", [{"notes.txt": "mine"}, {"numbers.json": "[1]"}])
def test_directories_of_other_things_are_left_alone(tmp_path, content):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="is no report"):
        write_report(tmp_path, "title", COMPARISON, [])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == content


def test_failure_leaves_the_old_report(tmp_path, monkeypatch):
    write_report(tmp_path / "out", "old", COMPARISON, [])
    monkeypatch.setattr(Canvas, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(tmp_path / "out", "new", COMPARISON, sections())
    assert "old" in (tmp_path / "out" / "report.html").read_text()


@NEEDS_A_BROWSER
@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_browser(report, tmp_path, width):
    require_readable((report / "report.html").read_text(), width, tmp_path)
