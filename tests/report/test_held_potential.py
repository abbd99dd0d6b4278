"""The charge that flows at a held potential, from runs whose charge is known."""

import numpy as np
import pytest
from compare_cases import write_run
from conftest import CAPACITOR

from polcouple.analysis.runs import read_run
from polcouple.case.model import read_case
from polcouple.report.held_potential import section

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
        found.append(read_run(written))
    return found


def test_mean_fluctuation_and_capacitance(runs):
    found, (quantity,) = section(runs)
    metal, response = (found.numbers[name] for name in ("metal", "response"))
    error = 0.1 / np.sqrt(FRAMES)
    assert metal["charge of lower (e)"]["value"] == pytest.approx(0.5, abs=4 * error)
    assert metal["charge of lower (e)"]["error"] == pytest.approx(error, rel=0.3)
    assert metal["its fluctuation (e)"]["value"] == pytest.approx(0.1, rel=0.06)
    # 0.5 e at 1 V on 12.3 x 12.7825 Angstrom
    assert metal["integral capacitance (µF/cm²)"]["value"] == pytest.approx(0.5 * 1602.18 / 157.225, rel=0.03)
    assert response["charge of lower (e)"]["value"] > metal["charge of lower (e)"]["value"] + 0.05
    assert quantity.name == "charge of lower (e)" and len(quantity.estimates) == 2
    assert "1 V" in found.paragraphs[0]
    assert [figure.name for figure in found.figures] == ["held_potential_charge"]
