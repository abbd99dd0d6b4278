"""Replica exchange on one page: what is of a temperature, and what follows a replica."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from browser_cases import NEEDS_A_BROWSER, require_readable
from compare_cases import STRIDE
from conftest import ROOT
from test_run_page import FRAMES, make_run, numbers

from polcouple.analysis.replicas import by_ensemble, read_exchanges
from polcouple.analysis.runs import read_run
from polcouple.errors import InputError
from polcouple.ipi.input import read_xml, set_total_steps, write_xml
from polcouple.report.run_page import write_run_report

NAMES = ("T300", "T310")
#: i-PI's step s ends with the outputs of step s + 1: the first exchange is in those of frame 1, the second in
#: those after frame 5
EXCHANGES = f"{STRIDE - 1:10d}     1     0\n{5 * STRIDE:10d}     0     1\n"
#: frames that each temperature had from the other replica
AWAY = range(1, 6)


def replica_run(directory, case, exchanges=EXCHANGES):
    """Two replicas; the charges of the second are twice as spread, and its temperature 40 K lower."""
    run = make_run(directory, case)
    script = ROOT / "examples" / "replica_exchange" / "replicas.py"
    words = ["--temperatures", "300", "310", "--output", "input.xml"]
    subprocess.run([sys.executable, script, run, *words], check=True, capture_output=True, timeout=60)
    root = read_xml(run / "input.xml")
    set_total_steps(root, (FRAMES - 1) * STRIDE)
    write_xml(root, run / "input.xml")
    for path in sorted(run.glob("simulation.*")):
        shutil.copy(path, run / f"T310_{path.name}")
        path.rename(run / f"T300_{path.name}")
    second = run / "T310_simulation.charges_0"
    lines = second.read_text().splitlines()
    for number in range(1, len(lines), 2):
        charges = np.array(lines[number].split(), dtype=float)
        lines[number] = " ".join(f"{one:.16e}" for one in 2 * charges - charges.mean())
    second.write_text("\n".join(lines) + "\n")
    rows = np.loadtxt(run / "T310_simulation.out")
    rows[:, 3] -= 40.0
    header = "".join(line for line in (run / "T310_simulation.out").open() if line.startswith("#"))
    np.savetxt(run / "T310_simulation.out", rows, header=header.rstrip(), comments="", fmt="%.16e")
    (run / "simulation.exchanges").write_text(exchanges)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_case):
    return replica_run(tmp_path_factory.mktemp("replicas") / "run", small_case)


def test_frames_of_a_temperature(run):
    """As `i-pi-remdsort` sorts them, which the example of replica exchange is held against."""
    replicas = [read_run(run, system=name) for name in NAMES]
    own = [[charges for _, charges in one.charges()] for one in replicas]
    exchanges = read_exchanges(run)
    assert exchanges.names == ["300 K", "310 K"]
    for number, ensemble in enumerate(by_ensemble(replicas, exchanges)):
        found = dict(ensemble.charges())
        assert len(found) == len(ensemble) == FRAMES
        for frame in range(FRAMES):
            replica = 1 - number if frame in AWAY else number
            assert np.array_equal(found[frame * STRIDE], own[replica][frame])
            expected = replicas[replica].frame(frame)
            assert np.array_equal(ensemble.frame(frame).positions, expected.positions)


@pytest.mark.parametrize("rows", ["12 0 2\n", "12 1\n", "a 0 1\n", "3 1 1\n"])
def test_what_is_no_list_of_exchanges(tmp_path, run, rows):
    shutil.copy(run / "input.xml", tmp_path)
    (tmp_path / "simulation.exchanges").write_text(rows)
    with pytest.raises(InputError, match="not a list of exchanges between 2 replicas"):
        read_exchanges(tmp_path)


def test_rows_that_a_restart_superseded(tmp_path, run):
    """i-PI appends after a checkpoint; a last row without its end is being written."""
    shutil.copy(run / "input.xml", tmp_path)
    path = tmp_path / "simulation.exchanges"
    assert np.array_equal(read_exchanges(tmp_path).at(np.array([0, 5])), [[0, 1], [0, 1]])
    path.write_text("5 1 0\n9 0 1\n7 0 1\n11 1")
    assert np.array_equal(read_exchanges(tmp_path).at(np.array([5, 6, 8])), [[0, 1], [1, 0], [0, 1]])


@pytest.fixture(scope="module")
def page(run):
    write_run_report(run, run.parent / "page.html")
    return (run.parent / "page.html").read_text()


def test_the_page(page):
    """Charges and temperatures stand under a temperature, whoever had it; energies under a replica."""
    assert "Not shown" not in page
    titles = re.findall("<h2>(.*?)</h2>", page)
    for title in ("Energy account, T310", "Temperature, 310 K", "Electrode charges, 310 K", "Densities"):
        assert titles.count(title) == 1
    found = numbers(page)
    assert found["Replicas"]["exchanges"] == 2
    # of 231 rows, 20 steps apart, those of steps 200 to 1000 were away
    away = 41 / 231
    assert found["Replicas"]["share_of_time"]["T300"] == pytest.approx([1 - away, away])
    share = len(AWAY) / FRAMES
    for name, spread, kelvin in (("300 K", 1.0, 300.0), ("310 K", 2.0, 260.0)):
        mean = np.sqrt((1 - share) * spread**2 + share * (3 - spread) ** 2)
        section = found[f"Electrode charges, {name}"]["sheet"]
        assert section["spread_e"]["value"] == pytest.approx(0.01 * mean, rel=0.03)
        temperature = found[f"Temperature, {name}"]
        expected = (1 - away) * kelvin + away * (560.0 - kelvin)
        assert temperature["mean_kelvin"]["value"] == pytest.approx(expected, abs=0.5)
        assert temperature["asked_for_kelvin"] == float(name.split()[0])
    assert set(found["Densities"]) == {"300 K", "310 K"}
    assert {*NAMES} <= set(found["Ions near the sheet"])
    assert set(found["Electrode charges in time"]) == {*NAMES}


@pytest.mark.slow
def test_replicas_that_exchange_nothing(tmp_path, run):
    """Every section is of a replica, under its prefix."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    root = read_xml(copy / "input.xml")
    root.remove(root.find("smotion"))
    write_xml(root, copy / "input.xml")
    write_run_report(copy, tmp_path / "page.html")
    found = numbers((tmp_path / "page.html").read_text())
    assert "Replicas" not in found
    for name, spread in zip(NAMES, (0.01, 0.02), strict=True):
        section = found[f"Electrode charges, {name}"]["sheet"]
        assert section["spread_e"]["value"] == pytest.approx(spread, rel=0.03)
    assert set(found["Densities"]) == set(NAMES)


@pytest.mark.slow
@NEEDS_A_BROWSER
def test_browser(page, tmp_path):
    require_readable(page, 390, tmp_path)
