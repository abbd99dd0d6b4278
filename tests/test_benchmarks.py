"""The benchmarks can be imported, and their functions work on toy-sized runs; no time is asserted."""

import dataclasses
import importlib
import shutil
import sys

import numpy as np
import pytest
from conftest import ROOT, SMALL

from polcouple.case.model import read_case
from polcouple.errors import InputError

sys.path.insert(0, str(ROOT))
results = importlib.import_module("benchmarks.results")
report = importlib.import_module("benchmarks.report")
items = importlib.import_module("benchmarks.items")


@pytest.mark.parametrize(
    "name",
    [
        "agreement",
        "dftb",
        "electrode_part",
        "engine_growth",
        "grand_potentials",
        "held_level",
        "ipi_steps",
        "lammps_electrode",
        "large",
        "mobile_mts",
        "mobile_sheet",
        "moving",
        "nve",
        "openmm_steps",
        "peers",
        "potential_networks",
        "qm",
        "ranks",
        "rigid",
        "ripples",
        "scaling",
        "site_potentials",
    ],
)
def test_modules_are_importable(name):
    importlib.import_module(f"benchmarks.{name}")


def test_every_step_of_the_table_is_an_item():
    assert {name for name, _, _ in report.STEPS} <= set(items.ITEMS)


def test_shares_add_up():
    steps = importlib.import_module("benchmarks.ipi_steps")
    marks = [{"wall": 0.02 * n, "forces": 0.015 * n, "i-PI and socket": 0.004 * n} for n in range(41)]
    shares = steps.shares(marks)
    assert shares["total"] == pytest.approx(20.0)
    assert shares["rest"] == pytest.approx(1.0)
    assert shares["forces"] + shares["i-PI and socket"] + shares["rest"] == pytest.approx(shares["total"])


def test_openmm_steps_of_the_small_case():
    steps = importlib.import_module("benchmarks.openmm_steps")
    case = read_case(SMALL)
    for method in ("fixed", "matrix", "cg"):
        assert len(steps.milliseconds(case, method, 1)) == 1


def test_a_repeated_case_is_the_case_at_other_places(tmp_path):
    growth = importlib.import_module("benchmarks.engine_growth")
    case, twice = read_case(SMALL), growth.repeated(SMALL, 2, 1, tmp_path)
    assert len(twice) == 2 * len(case)
    assert twice.total_charge == pytest.approx(2 * case.total_charge)
    assert twice.charges.sum() == pytest.approx(2 * case.charges.sum())
    assert [twice.symbols.count(s) for s in "CO"] == [2 * case.symbols.count(s) for s in "CO"]
    moved = twice.electrode.positions[len(case.electrode) :] - case.electrode.positions
    assert np.allclose(moved, case.cell[0], atol=1e-6)


def test_gromacs_topology_has_the_case():
    gromacs = importlib.import_module("benchmarks.gromacs")
    case = read_case(SMALL)
    text = gromacs.topology(case)
    names = [line.split() for line in text.partition("[ molecules ]")[2].splitlines() if line]
    counts = {}
    for name, count in names:
        counts[name] = counts.get(name, 0) + int(count)
    assert counts["GRA_C"] == len(case.electrode) and counts["SOL"] == len(case.water_oxygens)
    assert sum(counts.values()) + 2 * counts["SOL"] == len(case)


def test_lammps_data_has_the_case(tmp_path):
    lammps = importlib.import_module("benchmarks.lammps_electrode")
    case = read_case(SMALL)
    lammps.write_data(case, tmp_path / "case.data")
    text = (tmp_path / "case.data").read_text()
    rows = [line.split() for line in text.partition("Atoms")[2].partition("Bonds")[0].strip().splitlines()]
    assert len(rows) == len(case)
    assert sum(float(row[3]) for row in rows) == pytest.approx(0.0, abs=1e-6)
    assert f"{2 * len(case.water_oxygens)} bonds" in text
    script = lammps.input_script(case, "mat_inv", 1e-4, 1, 1)
    assert f"electrode/conq {case.total_charge:g} {lammps.ETA} algo mat_inv" in script


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("lmp") is None, reason="LAMMPS is not installed")
def test_lammps_computes_the_same_forces():
    errors = importlib.import_module("benchmarks.agreement").force_errors(SMALL, (1e-6,))
    assert max(errors.values()) < 2e-4


@pytest.mark.slow
def test_qm_and_scaling_of_toy_sizes():
    qm = importlib.import_module("benchmarks.qm")
    scaling = importlib.import_module("benchmarks.scaling")
    potentials = qm.smooth_potentials(qm.sheet(24), 2)
    assert potentials.shape == (2, 24)
    assert 0.1 * qm.STRENGTH < potentials.std() < 3.0 * qm.STRENGTH
    measured = qm.measure(24, warm=1)
    assert measured["carbons"] == 24
    assert measured["memory_mib"] > 0.0
    points = scaling.response(((1, 1),))
    assert points[0]["atoms"] == 336
    (solves,) = scaling.networks(((1, 1),))
    assert solves["atoms"] == 336
    assert min(solves["response_net_ms"], solves["classifier_ms"]) > 0.0
    assert scaling.exponent(np.array([1.0, 2.0, 4.0]), np.array([3.0, 12.0, 48.0])) == pytest.approx(2.0)


def test_results_are_kept_and_reported(tmp_path):
    path = tmp_path / "results.json"
    results.store("openmm_fixed", {"total": 12.0}, path=path)
    results.store("openmm_fixed", {"total": 10.0}, others=0.05, path=path)
    results.store("openmm_fixed", {"total": 9.0}, others=0.5, path=path)
    shares = {"total": 20.0, "forces": 12.0, "charges": 3.0, "i-PI and socket": 4.0, "rest": 1.0}
    results.store("ipi_fixed", shares, path=path)
    turn = dict.fromkeys(items.SHORT, shares) | {"ipi_response": shares | {"total": 25.0}}
    results.store("turns", [turn], path=path)
    entries = results.load(path)
    assert entries["machine"]["python"]
    assert report.best(entries, "openmm_fixed") == {"total": 10.0}
    page = tmp_path / "speed.md"
    page.write_text("before\n<!-- steps -->\nold\n<!-- end -->\n<!-- ratios -->\n<!-- end -->\nafter\n")
    report.write(entries, page, tmp_path)
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert "| 20.0 | 2.00 | 1.00 | 2.16 | forces 12.0, charges 3.0," in text
    assert "| `response` every step over `fixed` | 1.25 | 1.25 to 1.25 | 1 | at most 1.25 |" in text
    assert "| i-PI and socket in a step | 0.16 |" in text
    assert (tmp_path / "speed_steps.png").stat().st_size > 0


def test_electrode_part_of_the_small_case():
    module = importlib.import_module("benchmarks.electrode_part")
    case = read_case(SMALL)
    assert 0.0 < module.milliseconds(module.with_backend(case, "fixed"), 2)[0]
    call, charges, sites = module.coulomb(case, 2)
    assert (charges, sites) == (4 * 483, 4 * 96)
    assert 0.0 < module.milliseconds(call, 2)[0]


@pytest.mark.parametrize(("backend", "inner"), [("fixed", 1), ("metal", 4)])
def test_shadow_energy_is_what_a_step_conserves(backend, inner, tmp_path):
    trajectory = importlib.import_module("benchmarks.trajectory")
    case = read_case(SMALL)
    case = dataclasses.replace(case, system=case.system.model_copy(update={"fast_backend": "fixed"}))
    start = trajectory.warmed_start(case, {"fixed": 0.01})
    method = trajectory.Method(backend, inner)
    whole = trajectory.Trajectory(case, method, start)
    whole.advance(0.03)
    energies, shadows = whole.series("energy")[1:], whole.series("shadow")[1:]
    assert np.ptp(shadows) < 0.1 * np.ptp(energies)

    file = tmp_path / "run.npz"
    trajectory.Trajectory(case, method, start, kept=file).advance(0.01)
    rest = trajectory.Trajectory(case, method, start, kept=file)
    rest.advance(0.03)
    # not to the last digit: lists of neighbours are made at other times
    assert np.abs(rest.series("energy")[1:] - energies).max() < 0.01 * np.ptp(energies)
    assert len(rest.times) == len(whole.times) == round(60 / inner)

    with pytest.raises(InputError, match=r"run\.npz: is of another case"):
        trajectory.Trajectory(case, trajectory.Method(backend, inner + 1), start, kept=file)


@pytest.mark.parametrize(("white", "steps"), [(1.0, 0.0), (0.0, 1.0), (1.0, 0.1)])
def test_errors_of_drifts_know_of_random_walks(white, steps):
    drift = importlib.import_module("benchmarks.drift").drift
    rng, times = np.random.default_rng(1), 0.001 * np.arange(1000.0)
    noise, walks = (rng.standard_normal((100, len(times))) for _ in range(2))
    found = [
        drift(times, 3.0 * times + energies) for energies in white * noise + steps * walks.cumsum(axis=1)
    ]
    misses = np.median([abs(one.slope - 3.0) / one.error for one in found])
    assert 0.2 < misses < 1.0  # 0.67 where errors are right
    assert np.median([one.walk for one in found]) == pytest.approx(steps * 1000**0.5, rel=0.3, abs=1.5)
