"""A quantum liquid at a quantum electrode under i-PI, against the dynamics that DFTB+ did."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from dftb_force_cases import slako_directory
from run_cases import properties

DYNAMICS = Path(__file__).parent.parent / "data" / "dftbplus_dynamics"
CASE = ROOT / "ipi_inputs" / "graphene_water_qm"
#: electron masses in DFTB+'s unit of mass
DALTON = 1822.888


def numbers(array):
    return "[" + ", ".join(f"{x:.17e}" for x in np.ravel(array)) + "]"


def write_case(directory, recorded, symbols):
    """The shipped case with another start, and its own masses and velocities in atomic units."""
    directory.mkdir()
    held = "fixed_fermi_level_Ha" in recorded
    text = (CASE / "system.yaml").read_text()
    head, _, rest = text.partition("potential:")
    assert rest
    level = float(recorded["fixed_fermi_level_Ha"]) * 27.211386245988 if held else 0.0
    potential = f"potential:\n  fermi_level_ev: {level:.12f}\n  counter_charge: background\n"
    backends = "backends:\n  dftb:\n    slako: mio-1-1\n    accuracy: 1.0e-9\n"
    (directory / "system.yaml").write_text(head + (potential if held else "") + backends)
    edges = " ".join(f"{x:.12f}" for x in np.diag(recorded["cell"]))
    comment = f"# CELL(abcABC): {edges} 90 90 90 positions{{angstrom}} cell{{angstrom}}"
    places = zip(symbols, recorded["start_positions"], strict=True)
    rows = [f"{symbol} " + " ".join(f"{x:.14f}" for x in place) for symbol, place in places]
    (directory / "init.xyz").write_text("\n".join([str(len(symbols)), comment, *rows]) + "\n")
    shutil.copy(CASE / "polcouple_pes.py", directory)
    text = (CASE / "input_nve.xml").read_text()
    start = '<velocities mode="thermal" units="kelvin"> 300 </velocities>'
    masses = numbers(recorded["masses_amu"] * DALTON)
    velocities = numbers(recorded["start_velocities_bohr_per_au"])
    own = f'<masses mode="manual"> {masses} </masses><velocities mode="manual"> {velocities} </velocities>'
    time_step = float(recorded["timestep_fs"]) * float(recorded["femtosecond_in_au"])
    changed = text.replace(start, own).replace(
        '<timestep units="femtosecond"> 0.5 </timestep>', f"<timestep> {time_step:.12f} </timestep>"
    )
    assert changed.count("manual") == 2 and f"{time_step:.12f}" in changed
    (directory / "input.xml").write_text(changed)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(DYNAMICS.glob("*.npz")), ids=lambda path: path.stem)
def test_dynamics_of_dftbplus_through_ipi(path, tmp_path):
    with np.load(path) as data:
        recorded = {key: data[key] for key in data.files}
    symbols = tuple(str(symbol) for symbol in recorded["symbols"])
    slako_directory("mio-1-1", symbols)
    write_case(tmp_path / "case", recorded, symbols)
    command = [sys.executable, "-m", "polcouple.cli", "run", str(tmp_path / "case"), "--backend", "dftb"]
    command += ["--steps", "40", "--output", str(tmp_path / "run"), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    rows = properties(tmp_path / "run" / "simulation.out")
    potential, kinetic = rows[:, 4], rows[:, 5]
    assert len(rows) == 41
    own = "force_related_energy_Ha" if "force_related_energy_Ha" in recorded else "potential_mermin_energy_Ha"
    assert np.abs(potential - recorded[own]).max() < 1e-6
    assert np.abs(kinetic - recorded["kinetic_energy_Ha"]).max() < 1e-6
