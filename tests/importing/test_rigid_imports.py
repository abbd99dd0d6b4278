"""Force fields in files whose waters are rigid, virtual sites and all: i-PI keeps their shapes."""

import re
import subprocess
import sys

import numpy as np
import pytest
from imported_systems import CHARMM, aqueous
from run_cases import properties

from polcouple.check.inputs import check_input
from polcouple.check.simulation import load_input
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.units import BOHR_TO_ANGSTROM


@pytest.fixture(scope="module")
def tip4p(tmp_path_factory):
    """TIP4P/2005 and NaCl: rigid triangles with a charge that is no atom."""
    source = aqueous("charmm36/tip4p2005.xml", model="tip4pew", carbon=CHARMM, rigid=True)
    options = ImportOptions(electrodes=("resname GRA",))
    return import_case(tmp_path_factory.mktemp("rigid") / "case", source, options)


@pytest.mark.slow
def test_inputs_keep_the_distances_of_the_file(tip4p):
    pairs, lengths = tip4p.constraints
    assert len(pairs) == 3 * len(tip4p.water_oxygens) > 100
    found = np.unique(np.round(lengths * BOHR_TO_ANGSTROM, 4))
    assert found == pytest.approx([0.9572, 1.5139], abs=2e-4)
    for name in ("input.xml", "input_nve.xml"):
        path = tip4p.directory / name
        found = check_input(load_input(path), tip4p, path, None)
        assert [str(f) for f in found if f.severity != "note"] == []
    assert not (tip4p.directory / "input_mts.xml").exists()


@pytest.mark.slow
def test_energy_is_conserved_at_two_femtoseconds(tip4p):
    path = tip4p.directory / "input_nve.xml"
    path.write_text(re.sub('(<checkpoint filename="checkpoint" stride=)"1000"', r'\1"400"', path.read_text()))
    run = tip4p.directory / "run"
    command = [sys.executable, "-m", "polcouple.cli", "run", str(tip4p.directory), "--backend", "fixed"]
    command += ["--input", "input_nve.xml", "--steps", "400", "--threads", "1", "--output", str(run)]
    subprocess.run(command, check=True, capture_output=True)
    rows = properties(run / "simulation.out")[10:]
    assert np.ptp(rows[:, 2]) < 0.02 * np.ptp(rows[:, 4])
    slope = np.polyfit(rows[:, 1], rows[:, 2], 1)[0]
    assert abs(slope) < 2e-3  # Hartree/ps
