"""The charge that flows at a held potential, from runs whose charge is known."""

import re
import shutil

import numpy as np
import pytest
from compare_cases import write_run
from conftest import CAPACITOR

from polcouple.analysis.runs import labels, read_run
from polcouple.case.model import read_case
from polcouple.report.held_potential import _charges, _voltage, section

FRAMES = 2048


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs at 1 V whose first electrode carries white noise of 0.1 e about 0.5 and 0.6 e."""
    case = read_case(CAPACITOR)
    directory = tmp_path_factory.mktemp("runs")
    found = []
    for name, mean in (("metal", 0.5), ("response", 0.6)):
        total = mean + 0.1 * np.random.default_rng(len(found)).standard_normal(FRAMES)
        charges = np.repeat(np.stack([total, -total], axis=1) / 60.0, 60, axis=1)
        positions = [case.positions] * 2
        written = write_run(directory / name, positions, charges, case.symbols, name, case=CAPACITOR)
        with (written / "simulation.fermi_levels_0").open("w") as stream:
            # those of a step that a restart wrote again do not count
            for step, lower, upper in ((0, 7.0, 9.0), (0, -4.25, -3.25), (200, -4.75, -3.75 + 2e-5)):
                stream.write(f" #EXTRAS(fermi_levels)# Step: {step} \n {lower:.16e} {upper:.16e}\n")
        found.append(read_run(written))
    return found


def test_mean_fluctuation_and_capacitance(runs):
    found, (quantity,) = section(runs, labels(runs))
    metal, response = (found.numbers[name] for name in ("metal", "response"))
    error = 0.1 / np.sqrt(FRAMES)
    for electrode, mean in (("lower", 0.5), ("upper", -0.5)):
        assert metal[electrode]["charge_e"]["value"] == pytest.approx(mean, abs=4 * error)
        assert metal[electrode]["charge_e"]["error"] == pytest.approx(error, rel=0.3)
        assert metal[electrode]["fluctuation_e"]["value"] == pytest.approx(0.1, rel=0.06)
    # 0.5 e at 1 V on 12.3 x 12.7825 Angstrom
    assert metal["integral capacitance (µF/cm²)"]["value"] == pytest.approx(0.5 * 1602.18 / 157.225, rel=0.03)
    assert response["lower"]["charge_e"]["value"] > metal["lower"]["charge_e"]["value"] + 0.05
    assert quantity.name == "charge of lower (e)" and len(quantity.estimates) == 2
    assert [figure.name for figure in found.figures] == ["held_potential_charge"]


def test_both_electrodes_and_the_voltage(runs):
    """Each electrode has its charge and its potential, the sum over both runs; levels -4.5 and -3.5 eV."""
    found, _ = section(runs, labels(runs))
    electrodes, voltage = found.tables
    assert [row[:2] for row in electrodes.rows] == [
        ("lower", "metal"), ("lower", "response"), ("upper", "metal"), ("upper", "response")
    ]  # fmt: skip
    assert [float(row[4].value) for row in electrodes.rows] == pytest.approx([4.5, 4.5, 3.49999, 3.49999])
    for (_, _, lower, *_), (_, _, upper, *_) in zip(electrodes.rows[:2], electrodes.rows[2:], strict=True):
        assert float(lower.value + upper.value) == pytest.approx(0.0, abs=1e-12)
    assert voltage.columns[1:4] == ("voltage held (V)", "of the levels, mean (V)", "farthest from it (V)")
    assert [row[1:4] for row in voltage.rows] == [(1.0, pytest.approx(1.00001), pytest.approx(2e-5))] * 2
    assert found.paragraphs == ("lower is held at 1 V against upper.",)


def test_runs_without_levels_say_nothing_of_them(runs, tmp_path):
    shutil.copytree(runs[0].directory, tmp_path / "metal")
    (tmp_path / "metal" / "simulation.fermi_levels_0").unlink()
    found, _ = section([read_run(tmp_path / "metal")], ["metal"])
    electrodes, voltage = found.tables
    assert [row[4] for row in electrodes.rows] == [None, None]
    assert voltage.columns == ("run", "voltage held (V)", "integral capacitance (µF/cm²)", "remark")


def test_capacitance_is_of_the_charge_that_was_separated(runs):
    """What both electrodes carry besides does not count."""
    times, charges = _charges(runs[0])
    plain, charged = (_voltage(runs[0], (times, charges - more), None) for more in (0.0, 1.0))
    assert charges[:, 0].mean() == pytest.approx(0.5, abs=0.01)
    capacitance = "integral capacitance (µF/cm²)"
    assert float(charged[capacitance].value) == pytest.approx(float(plain[capacitance].value), rel=1e-9)


def test_a_run_that_is_short_against_its_correlation_says_what_it_needs(runs):
    """A charge that drifts through the run is never in equilibrium; of white noise nothing is missing."""
    times = np.arange(64) * 0.1
    drifting = np.linspace(0.0, 1.0, 64)[:, None] * np.array([1.0, -1.0])
    remark = _voltage(runs[0], (times, drifting), None)["remark"]
    found = re.fullmatch(r"too short: 6.3 ps, at least (\d+) ps needed", remark)
    assert found and 13 <= float(found.group(1)) <= 60
    assert _voltage(runs[0], _charges(runs[0]), None)["remark"] == ""
    short = _voltage(runs[0], (times[:4], drifting[:4]), None)["remark"]
    assert short == "too short: 0.3 ps, at least 0.6 ps needed"
