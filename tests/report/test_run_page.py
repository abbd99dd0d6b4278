"""One run on one page: all in it, nothing beside it, reasons where something cannot be shown."""

import base64
import json
import re
import shutil

import numpy as np
import pytest
from browser_cases import NEEDS_A_BROWSER, require_readable
from compare_cases import STRIDE, jiggled, write_run
from conftest import CAPACITOR, SMALL

from polcouple.case.model import read_case
from polcouple.cli.commands import main
from polcouple.propagation.record import Start, read_record, write_record
from polcouple.report.energy_sections import asked_temperature
from polcouple.report.run_page import _flat, write_run_report
from polcouple.units import HARTREE_TO_KJ_PER_MOL

FRAMES = 24
#: kJ/mol/ps, of the conserved quantity less the refreshes' work, and of that work
DRIFT, WORK = 2.0, -50.0
HEADER = (
    "# column 1 --> step : s\n# column 2 --> time{picosecond} : t\n# column 3 --> conserved : c\n"
    "# column 4 --> temperature{kelvin} : T\n"
)


def make_run(directory, case, frames=FRAMES, finished=True, place=SMALL):
    generator = np.random.default_rng(4)
    charges = generator.normal(scale=0.01, size=(frames, len(case.electrode)))
    charges += case.total_charge / len(case.electrode) - charges.mean(axis=1, keepdims=True)
    write_run(directory, jiggled(case, frames), charges, case.symbols, finished=finished, case=place)
    steps = np.arange(0, (frames - 1) * STRIDE + 1, 20)
    time, noise = steps * 5e-4, 0.01 * generator.normal(size=len(steps))
    with (directory / "simulation.out").open("w") as stream:
        stream.write(HEADER)
        for step, one, energy in zip(steps, time, (DRIFT + WORK) * time + noise, strict=True):
            kelvin = 300 + generator.normal()
            stream.write(f" {step:.10e} {one:.10e} {energy / HARTREE_TO_KJ_PER_MOL:.16e} {kelvin:.10e}\n")
    with (directory / "simulation.refresh_work_0").open("w") as stream:
        for step, one in zip(steps, time, strict=True):
            work = WORK * one / HARTREE_TO_KJ_PER_MOL
            stream.write(f" #EXTRAS(refresh_work)# Step: {step:10d} \n {work:.16e}\n")
    record = read_record(directory)
    last = int(steps[-1])
    driver = {
        "warnings": ["charges move by <0.3 e>"],
        "evaluations": last,
        "seconds": {"wall": 10.0, "forces": 6.0, "charges": 3.0, "i-PI and socket": 1.0},
    }
    start = Start(
        command="polcouple run --output " + "a/very/long/name/" * 12, directory="/",
        began="2026-01-01T10:00:00+0000", ended="2026-01-01T10:00:10+0000", first_step=0, last_step=last,
        reached=last, status="done", driver=driver,
    )  # fmt: skip
    record.starts.append(start)
    write_record(directory, record)
    return directory


def numbers(page):
    data = re.search(r'href="data:application/json;base64,([^"]+)"', page).group(1)
    return json.loads(base64.b64decode(data))


@pytest.fixture(scope="module")
def page(tmp_path_factory, small_case):
    directory = tmp_path_factory.mktemp("runs")
    make_run(directory / "run", small_case)
    write_run_report(directory / "run", directory / "page.html")
    assert sorted(path.name for path in directory.iterdir()) == ["page.html", "run"]
    return (directory / "page.html").read_text()


def test_nothing_is_asked_for_without_a_thermostat(tmp_path):
    """i-PI's <temperature> says then what fixed atoms count for, no more."""
    shutil.copy(SMALL / "input.xml", tmp_path)
    assert asked_temperature(tmp_path) == 300.0
    text = (tmp_path / "input.xml").read_text()
    assert 'mode="nvt"' in text
    (tmp_path / "input.xml").write_text(text.replace('mode="nvt"', 'mode="nve"'))
    assert asked_temperature(tmp_path) is None


def test_all_is_in_the_page(page, small_case):
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert titles == [
        "The run", "Warnings", "Energy account", "Temperature", "Electrode charges", "Densities along z",
        "Densities", "Water orientation", "Ions near the sheet", "Electrode charges in time",
        "Potential across the cell", "Where the time went", "Starts", "Settings", "Versions",
    ]  # fmt: skip
    assert "Not shown" not in page
    assert "charges move by &lt;0.3 e&gt;" in page
    # nothing beside the page, and nothing that runs in it
    assert "<script" not in page and not re.search(r"url\(|@import|<link", page)
    assert set(re.findall(r'(?:src|href)="(#|data:|.{1,12})', page)) == {"#", "data:"}
    found = numbers(page)
    drift = found["Energy account"]["less the work of the refreshes"]["drift_kj_per_mol_ps"]
    assert drift["value"] == pytest.approx(DRIFT, abs=4 * drift["error"]) and drift["error"] < 0.01
    raw = found["Energy account"]["as i-PI has it"]["drift_kj_per_mol_ps"]
    assert raw["value"] == pytest.approx(DRIFT + WORK, abs=4 * raw["error"])
    assert found["Energy account"]["refresh_work_kj_per_mol"] == pytest.approx(WORK * 2.3)
    sheet = found["Electrode charges"]["sheet"]
    assert sheet["total_e"]["value"] == pytest.approx(-1.0)
    assert sum(sheet["counts"]) == FRAMES * len(small_case.electrode)
    assert sheet["spread_e"]["value"] == pytest.approx(0.01, rel=0.1)
    assert found["Temperature"]["asked_for_kelvin"] == 300.0
    assert found["Temperature"]["mean_kelvin"]["value"] == pytest.approx(300.0, abs=0.5)
    # 4600 steps of 0.5 fs in 10 s
    assert "<td" in page and "19.87" in page
    assert re.search("\N{MINUS SIGN}" + r"(48\.0|47\.9)\d+ ± (&gt;)?0\.00\d", page)


@pytest.fixture(scope="module")
def capacitor_page(tmp_path_factory):
    directory = tmp_path_factory.mktemp("capacitor")
    run = make_run(directory / "run", read_case(CAPACITOR), place=CAPACITOR)
    with (run / "simulation.fermi_levels_0").open("w") as stream:
        for step in range(0, 2400, 200):
            stream.write(f" #EXTRAS(fermi_levels)# Step: {step} \n -4.5 {-3.5 + 2e-17 * step:.16e}\n")
    write_run_report(run, directory / "page.html")
    return (directory / "page.html").read_text()


def test_a_capacitors_page_names_both_electrodes(capacitor_page):
    """Charge, potential and potential drop of each, and the voltage; what is of one of them names it."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', capacitor_page)
    cells = [(name, re.findall(r'data-label="(.*?)">(.*?)</td>', own)) for name, own in rows]
    for electrode in ("lower", "upper"):
        labels = {label for name, own in cells if name == electrode for label, _ in own}
        assert {"charge (e)", "potential (V)", "potential against the bulk (V)"} <= labels
        assert f"charge of {electrode}, now (e)" in dict(cells)
    potentials = {name: text for name, own in cells for label, text in own if label == "potential (V)"}
    assert potentials == {"lower": "4.5 ± 0", "upper": "3.5 ± 0"}
    assert ("value", "1") in dict(cells)["voltage held, first electrode against the last (V)"]
    titles = re.findall("<h2>(.*?)</h2>", capacitor_page)
    for electrode in ("lower", "upper"):
        assert f"Ions near electrode {electrode}" in titles
        assert f"Densities, at electrode {electrode}" in titles
        assert f"Water orientation, at electrode {electrode}" in titles
    assert "lower less upper" in dict(cells) and "Not shown" not in capacitor_page
    drops = numbers(capacitor_page)["Potential across the cell"]["response"]["potential_volt"]
    between = drops["lower"]["value"] - drops["upper"]["value"]
    assert drops["lower less upper"]["value"] == pytest.approx(between) and abs(between) > 0.01


@NEEDS_A_BROWSER
@pytest.mark.parametrize("width", [390, 1280])
def test_browser(page, tmp_path, width):
    require_readable(page, width, tmp_path)


@NEEDS_A_BROWSER
def test_browser_of_a_capacitor(capacitor_page, tmp_path):
    require_readable(capacitor_page, 390, tmp_path)


def test_long_lists_are_shown_by_their_length():
    pairs = [[number, number + 1] for number in range(1482)]
    assert _flat({"atoms": str(pairs)})["atoms"].endswith(f"... ({2 * 1482} entries)")
    assert _flat({"mode": "nvt"}) == {"mode": "nvt"}


def test_a_run_that_is_short_and_not_at_its_end(tmp_path, small_case, capsys):
    """What can be shown is shown, the rest is told of."""
    make_run(tmp_path / "run", small_case, frames=5, finished=False)
    (tmp_path / "run" / "RESTART").unlink()
    with pytest.raises(SystemExit, match="0"):
        main(["report", str(tmp_path / "run"), "-o", str(tmp_path / "page.html")])
    assert "not shown: The liquid:" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert re.search(r"<h2>The liquid</h2>\s*<p>Not shown: .*5 frames, 16 are needed", page)
    assert page.count("Not shown") == 1
    assert numbers(page)["Electrode charges"]["sheet"]["total_e"]["value"] == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "-o", "page.pdf"], "the format written here is .html"),
        (["run", "-o", "nowhere/page.html"], "no directory"),
        (["nothing", "-o", "page.html"], "no run here"),
        (["run", "-o", "page.html", "--skip", "-1"], "not negative"),
        (["run", "-o", "page.html", "--skip", "9"], "the run has only 0.4 ps"),
    ],
)
def test_refusals(tmp_path, small_case, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run", small_case, frames=5)
    with pytest.raises(SystemExit, match="2"):
        main(["report", *words])
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("page*"))
