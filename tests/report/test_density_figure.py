"""`polcouple density`: numbers of atoms come out of its densities, and bad names are refused first."""

import csv

import numpy as np
import pytest
from compare_cases import jiggled, write_run
from conftest import SMALL

from polcouple.analysis.slab import slab_of
from polcouple.case.model import read_case
from polcouple.cli.commands import main
from polcouple.errors import InputError
from polcouple.lattice.cell import base_area
from polcouple.testing.cases import random_case
from polcouple.units import BOHR_TO_ANGSTROM

FRAMES = 24


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The case, its directory of outputs, and what was said."""
    case, directory = read_case(SMALL), tmp_path_factory.mktemp("density")
    charges = [np.full(len(case.electrode), case.total_charge / len(case.electrode))] * FRAMES
    write_run(directory / "run", jiggled(case, FRAMES), charges, case.symbols)
    with pytest.raises(SystemExit) as end:
        main(["density", str(directory / "run"), "-o", str(directory / "liquid.png"), "--skip", "0.5"])
    assert end.value.code == 0
    return case, directory


def test_a_case_is_no_run_and_a_full_cell_has_no_profile(tmp_path, capsys):
    run = tmp_path / "case" / "run_fixed"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    (tmp_path / "case" / "input.xml").write_text("<simulation/>")
    with pytest.raises(SystemExit) as end:
        main(["density", str(tmp_path / "case"), "-o", str(tmp_path / "liquid.png")])
    assert end.value.code == 2
    assert f"case: a case, not a run; its runs: {run}" in capsys.readouterr().err
    full = random_case(np.random.default_rng(1), [[14.0, 0, 0], [0, 14.0, 0], [0, 0, 14.0]], 6.0)
    with pytest.raises(InputError, match="liquid on both sides of a sheet has none"):
        slab_of(full)


def test_densities_add_up_to_the_atoms_there_are(drawn):
    case, directory = drawn
    with (directory / "liquid.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    area = base_area(case.cell) * BOHR_TO_ANGSTROM**2 / 100.0
    waters, ions = len(case.water_oxygens), [case.symbols[i] for i in case.ion_indices]
    expected = {"water O": waters, "water H": 2 * waters, "Na+": ions.count("Na"), "Cl-": ions.count("Cl")}
    assert {row["species"] for row in rows} == set(expected)
    for name, count in expected.items():
        own = [row for row in rows if row["species"] == name]
        heights = np.array([float(row["distance_angstrom"]) for row in own])
        density = np.array([float(row["density_per_nm3"]) for row in own])
        assert density.sum() * (heights[1] - heights[0]) / 10.0 * area == pytest.approx(count, rel=1e-4)
        below = density[(heights > -3.0) & (heights < 1.0)]
        assert len(below) and not below.any()  # nothing in the sheet


def test_the_figure_is_there_and_shows_what_it_should(drawn):
    from polcouple.report.density_figure import draw, read_densities

    _, directory = drawn
    assert (directory / "liquid.png").read_bytes()[:4] == b"\x89PNG"
    found = read_densities(directory / "run", 0.5)
    assert (found.start_ps, found.end_ps, found.frames) == pytest.approx((0.5, 2.3, 19))
    assert len(found.layers) == 1 and next(iter(found.layers.values())) == [pytest.approx(0.0, abs=1e-6)]
    panels = draw(found).axes
    labels = [[text.get_text() for text in panel.get_legend().get_texts()] for panel in panels]
    assert [label.split(",")[0] for label in labels[0]] == ["water O", "water H"]
    assert [label.split(",")[0] for label in labels[1]] == ["Na$^+$", "Cl$^-$"]
    assert "nm$^{-3}$" in panels[0].get_ylabel() and "Å" in panels[1].get_xlabel()


@pytest.mark.parametrize(
    ("name", "says"), [("liquid.gif", ".png or .pdf or .svg"), ("none/liquid.png", "no directory")]
)
def test_names_that_cannot_be_written_are_refused_before_the_run_is_read(tmp_path, capsys, name, says):
    with pytest.raises(SystemExit) as end:
        main(["density", str(tmp_path / "no run"), "-o", str(tmp_path / name)])
    assert end.value.code != 0
    assert says in capsys.readouterr().err


def test_skipping_more_than_the_run_says_how_long_it_is(drawn, tmp_path, capsys):
    _, directory = drawn
    with pytest.raises(SystemExit) as end:
        main(["density", str(directory / "run"), "-o", str(tmp_path / "liquid.png"), "--skip", "5"])
    assert end.value.code == 2
    assert "the run is 2.3 ps long; skip less" in capsys.readouterr().err


def test_a_cell_without_vacuum_is_told_before_frames_are_counted(tmp_path, monkeypatch):
    from polcouple.report import density_figure

    case = read_case(SMALL)
    charges = [np.full(len(case.electrode), case.total_charge / len(case.electrode))] * 2
    write_run(tmp_path / "run", jiggled(case, 2), charges, case.symbols)
    full = random_case(np.random.default_rng(1), [[14.0, 0, 0], [0, 14.0, 0], [0, 0, 14.0]], 6.0)
    with pytest.raises(InputError, match="2 frames, 16 are needed"):
        density_figure.read_densities(tmp_path / "run")
    monkeypatch.setattr(density_figure, "slab_of", lambda case: slab_of(full))
    with pytest.raises(InputError, match="without atoms somewhere along z"):
        density_figure.read_densities(tmp_path / "run")
