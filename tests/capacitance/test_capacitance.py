"""Capacitance of two electrodes: the fluctuation formula, the sweep, the split, the command."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import yaml
from capacitor_cases import with_sections
from compare_cases import jiggled, write_run
from conftest import CAPACITOR

import polcouple.capacitance.measurement
from polcouple.analysis.runs import read_run
from polcouple.capacitance.frames import Frames, evaluate
from polcouple.capacitance.statistics import at_voltage, between
from polcouple.case.model import read_case
from polcouple.case.schema import Potential
from polcouple.cli.commands import main
from polcouple.compare.models import Model
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.electrodes import create_coupled
from polcouple.units import ATOMIC_TO_MICROFARAD_PER_CM2, EV_TO_HARTREE, KELVIN_TO_HARTREE

METAL = Model("metal", "metal", {}, {})
TEMPERATURE = 300.0 * KELVIN_TO_HARTREE

# A capacitor that can be solved: the charge Q = FIXED U + COUPLING R follows one nucleus R in a harmonic
# well of stiffness k, -dOmega/dU = Q, so that <R> = COUPLING U / k and C = FIXED + COUPLING^2 / k; the
# electrodes' levels take the voltages Q / FILLS
FIXED, COUPLING, STIFFNESS = 2.0, 0.6, 0.05
FILLS = np.array([40.0, 60.0])
TOTAL = FIXED + COUPLING**2 / STIFFNESS
DOUBLE_LAYER = 1.0 / (1.0 / TOTAL - (1.0 / FILLS).sum())


def harmonic(volts, count, seed=0, correlation=20.0):
    """Frames of the capacitor that can be solved, with a nucleus that forgets in ``correlation`` frames."""
    generator = np.random.default_rng(seed)
    potential = volts * EV_TO_HARTREE
    memory = np.exp(-1.0 / correlation)
    kicks = generator.standard_normal(count) * np.sqrt(1.0 - memory**2)
    nucleus = np.empty(count)
    state = generator.standard_normal()
    for i, kick in enumerate(kicks):
        state = memory * state + kick
        nucleus[i] = state
    nucleus = COUPLING * potential / STIFFNESS + nucleus * np.sqrt(TEMPERATURE / STIFFNESS)
    charges = FIXED * potential + COUPLING * nucleus
    slopes = np.full(count, FIXED)
    return Frames(
        volts,
        np.arange(count) * 0.02,
        charges,
        charges[:, None] / FILLS,
        slopes,
        slopes[:, None] / FILLS,
        charges,
    )


@pytest.fixture(scope="module")
def sweep():
    return [harmonic(volts, 20_000, seed) for seed, volts in enumerate((0.0, 1.0, 2.0))]


@pytest.fixture(scope="module")
def capacitor():
    return read_case(CAPACITOR)


@pytest.fixture(scope="module")
def run(capacitor, tmp_path_factory):
    """A run of 16 made-up frames with the charges that `metal` gives at the case's voltage."""
    directory = tmp_path_factory.mktemp("run") / "metal"
    frames = jiggled(capacitor, 16)
    solver, surroundings = create_coupled(capacitor, "metal"), Surroundings(capacitor)
    charges = [solver.solve(surroundings.environment(frame), 0.0).charges for frame in frames]
    write_run(directory, frames, charges, capacitor.symbols, "metal", case=CAPACITOR)
    return read_run(directory)


def test_fluctuations_give_the_capacitance_and_its_parts(sweep):
    expected = np.array([TOTAL, DOUBLE_LAYER, *FILLS])
    for frames in sweep:
        found = at_voltage(frames, TEMPERATURE)
        # what is known exactly, from the same frames: the parts of linear levels, the term at fixed nuclei
        assert found.differential.value[2:] == pytest.approx(FILLS, rel=1e-9)
        assert float(found.adiabatic.value) == pytest.approx(FIXED)
        error = found.differential.error[:2]
        assert np.all(error < 0.12 * expected[:2])
        assert np.all(np.abs(found.differential.value - expected)[:2] < 3.5 * error)
        parts = found.differential.value
        assert 1.0 / parts[0] == pytest.approx(float((1.0 / parts[1:]).sum()), rel=1e-12)


def test_error_of_the_fluctuations_is_that_of_repetitions():
    """The errors of 30 short runs, against their scatter."""
    found = [at_voltage(harmonic(1.0, 3000, seed), TEMPERATURE) for seed in range(30)]
    scatter = np.std([float(one.fluctuation.value) for one in found], ddof=1)
    assert np.mean([float(one.fluctuation.error) for one in found]) == pytest.approx(scatter, rel=0.35)


def test_sweep_gives_the_same(sweep):
    expected = np.array([TOTAL, DOUBLE_LAYER, *FILLS])
    for low, high in pairwise(sweep):
        found = between(low, high)
        assert (found.low, found.high) == (low.voltage, high.voltage)
        assert np.all(np.abs(found.value - expected)[:2] < 3.5 * found.error[:2])
        assert found.value[2:] == pytest.approx(FILLS, rel=1e-9)
        # a quotient of numbers in proportion has no error, though both have one
        assert np.all(found.error[2:] < 1e-6)
        # the double layers' share has the errors of the electrodes' shares, of the opposite sign
        assert found.error[1] / found.value[1] == pytest.approx(
            found.error[0] / found.value[0] * found.value[1] / found.value[0], rel=1e-3
        )


def test_total_without_parts(sweep):
    """A backend that does not tell how far levels are filled gives the total alone."""
    nothing = np.full_like(sweep[0].fillings, np.nan)
    low, high = (replace(one, fillings=nothing, filling_slopes=nothing) for one in sweep[1:])
    found, whole = at_voltage(low, TEMPERATURE), at_voltage(sweep[1], TEMPERATURE)
    assert np.isnan(found.differential.value[1:]).all()
    assert found.differential.value[0] == whole.differential.value[0]
    assert found.differential.error[0] == whole.differential.error[0]
    step, known = between(low, high), between(*sweep[1:])
    assert np.isnan(step.value[1:]).all()
    assert (step.value[0], step.error[0]) == pytest.approx((known.value[0], known.error[0]))


def test_integral_capacitance(sweep):
    assert np.isnan(at_voltage(sweep[0], TEMPERATURE).integral.value).all()
    found = at_voltage(sweep[2], TEMPERATURE).integral
    assert np.all(np.abs(found.value[:2] - [TOTAL, DOUBLE_LAYER]) < 3.5 * found.error[:2])
    assert found.value[2:] == pytest.approx(FILLS, rel=1e-9)


def test_unit():
    """Plates 1 nm apart: eps0 / d = 0.8854 uF/cm2."""
    per_bohr2 = 1.0 / (4.0 * np.pi * 10.0 / 0.529177210903)
    assert per_bohr2 * ATOMIC_TO_MICROFARAD_PER_CM2 == pytest.approx(0.885418781, rel=1e-6)


def test_frames_of_a_run(run, capacitor, tmp_path, monkeypatch):
    """Charge as recorded; the slope at fixed nuclei is that of two solutions; a metal has no fillings."""
    electrodes = create_coupled(capacitor, "metal")
    found = evaluate(run, 1.0, METAL, electrodes.held_at(0.3), tmp_path)
    assert found.charges == pytest.approx(found.recorded, abs=1e-3)
    assert np.std(found.charges) > 1e-3
    environment = Surroundings(capacitor).environment(next(iter(run.frames())).positions)
    high, low = (
        create_coupled(with_sections(capacitor, potential=Potential(voltage_volt=volts)), "metal").solve(
            environment, 0.0
        )
        for volts in (2.0, 0.0)
    )
    own = capacitor.electrode_slices[0]
    slope = (high.charges[own].sum() - low.charges[own].sum()) / (2.0 * EV_TO_HARTREE)
    assert found.charge_slopes == pytest.approx(slope, rel=1e-6)
    assert not found.fillings.any()
    # what is known is not solved again
    monkeypatch.setattr(polcouple.capacitance.frames, "ChargeSolver", None)
    again = evaluate(run, 1.0, METAL, electrodes, tmp_path)
    assert np.array_equal(again.charges, found.charges)


def test_report(run, tmp_path, monkeypatch):
    """From runs to tables, figures and numbers; a metal has no capacitance but the double layers'."""
    monkeypatch.setattr(
        polcouple.capacitance.measurement, "make_sweep", lambda sweep, _: [run for _ in sweep.voltages]
    )
    report = tmp_path / "report"
    words = [str(CAPACITOR), "--backend", "metal", "--steps", "3200", "-o", str(report)]
    with pytest.raises(SystemExit) as ended:
        main(["capacitance", *words, "--voltages", "1", "0"])
    assert ended.value.code == 0
    numbers = json.loads((report / "numbers.json").read_text())
    rows = numbers["Capacitance"]["fluctuations"]
    assert [row["U (V)"] for row in rows] == [0.0, 1.0]
    for row in rows:
        assert row["double layer (µF/cm²)"] == row["total (µF/cm²)"]
        assert row["first electrode (µF/cm²)"] is None
        assert row["total (µF/cm²)"] == pytest.approx(
            row["of fluctuations (µF/cm²)"] + row["at fixed nuclei (µF/cm²)"]
        )
    assert numbers["Charge against voltage"]["area_nm2"] == pytest.approx(1.230 * 1.27825, rel=1e-4)
    for name in ("charge", "capacitance", "charge_in_time"):
        assert (report / "figures" / f"{name}.pdf").stat().st_size > 0
    table = (report / "tables" / "charge.csv").read_text().splitlines()
    assert len(table) == 3 and table[0].startswith("U (V),frames,Q (e)")


def remove_potential(content, case):
    del content["potential"]


def hold_level(content, case):
    content["electrodes"] = [dict(content["electrodes"][0], last_atom=119)]
    content["topology"] = [{"species": "electrode", "count": 120}, *content["topology"][2:]]
    del content["potential"]


def resting_thermostat(content, case):
    """What one does by hand for NVE."""
    text = (case / "input.xml").read_text()
    (case / "input.xml").write_text(text.replace('mode="nvt"', 'mode="nve"'))


def edited_input(old, new):
    """A change of i-PI's input."""

    def change(content, case):
        text = (case / "input.xml").read_text()
        assert old in text
        (case / "input.xml").write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "words", "message"),
    [
        (edited_input('nbeads="1"', 'nbeads="3"'), [], "input.xml: 3 beads; only runs with one"),
        (edited_input('extra_type="charges"', 'extra_type="x"'), [], "no <trajectory extra_type='charges'>"),
        (edited_input("positions{angstrom}", "velocities"), [], "no <trajectory> of positions"),
        (None, ["--voltages", "1", "1.0"], "1 V twice"),
        (None, ["--voltages", "nan"], "give numbers"),
        (None, ["--steps", "100"], "leaves 5 frames at each voltage, 16 are needed"),
        (None, ["--skip", "0.9"], "leaves 10 frames"),
        (None, ["--refresh", "5"], "the fluctuation formula does not hold"),
        (None, ["--input", "input_nve.xml"], "no thermostat"),
        (resting_thermostat, [], "no thermostat"),
        (None, ["--backend", "fixed"], "no Fermi level"),
        (None, ["--backend", "metl"], "no backend 'metl'"),
        (None, ["--set", "gaussian=1"], "unknown key 'gaussian'"),
        (remove_potential, [], "no potential is held"),
        (hold_level, [], "1 electrode; a capacitance needs two"),
    ],
)
def test_bad_input_is_refused_in_a_line(change, words, message, tmp_path, capsys):
    case = tmp_path / "case"
    shutil.copytree(CAPACITOR, case)
    if change is not None:
        content = yaml.safe_load((case / "system.yaml").read_text())
        change(content, case)
        (case / "system.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    default = ["--backend", "metal", "--voltages", "0", "1", "--steps", "2000", "-o", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main(["capacitance", str(case), *default, *words])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.work").exists()


@pytest.mark.slow
def test_sweep_of_runs(tmp_path, capsys):
    """From case to report; repeated, the runs are kept, and a longer sweep goes on from them."""
    report = tmp_path / "report"
    words = ["capacitance", str(CAPACITOR), "--backend", "metal", "-o", str(report), "--every", "10"]

    def sweep(*more):
        with pytest.raises(SystemExit) as ended:
            main([*words, *more])
        return ended.value.code, capsys.readouterr()

    assert sweep("--voltages", "0", "1", "--steps", "160")[0] == 0
    runs = tmp_path / "report.work" / "runs"
    for volts in ("0V", "1V"):
        content = yaml.safe_load((runs / volts / "metal" / "system.yaml").read_text())
        assert content.pop("potential") == {"voltage_volt": float(volts[:-1])}
        original = yaml.safe_load((CAPACITOR / "system.yaml").read_text())
        del original["potential"]
        assert content == original
    numbers = json.loads((report / "numbers.json").read_text())
    charges = [row["Q (e)"] for row in numbers["Charge against voltage"]["voltages"]]
    assert charges[1] > charges[0]
    assert numbers["Charge in time"]["recorded_charges_reproduced_within_e"] < 1e-3
    code, said = sweep("--voltages", "0", "1", "--steps", "160")
    assert code == 0
    assert said.out.count("finished before, kept") == 2
    # more steps go on from there, and another sweep must not take the place of this one
    code, said = sweep("--voltages", "1", "--steps", "180")
    assert code == 0
    assert json.loads((report / "numbers.json").read_text())["Capacitance"]["sweep"] == []
    code, said = sweep("--voltages", "0", "1", "--steps", "180", "--every", "5")
    assert code == 2
    assert "another comparison" in said.err
