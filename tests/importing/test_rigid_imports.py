"""Force fields in files whose waters are rigid, virtual sites and all: i-PI keeps their shapes."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import openmm
import pytest
from imported_systems import CHARMM, aqueous
from run_cases import properties

from polcouple.check.findings import require_sound
from polcouple.check.inputs import check_input
from polcouple.check.simulation import load_input
from polcouple.errors import InputError
from polcouple.importing.source import Source
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.propagation.plan import RunPlan
from polcouple.units import BOHR_TO_ANGSTROM, NM_TO_BOHR


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


def rounded_source(shape=0.1):
    """Eight carbons below 27 SPC/E waters whose places have three decimals in nm, as .gro files have."""
    rng = np.random.default_rng(4)
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*np.diag([1.6, 1.6, 4.0]))
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(0.7)
    places = [[0.4 * i, 0.4 * j, 0.5] for i in range(4) for j in range(2)]
    for _ in places:
        system.addParticle(12.011)
        force.addParticle(0.0, 0.34, 0.36)
    triangle = np.array([[0.0, 0.0, 0.0], [shape, 0.0, 0.0], [-0.33333 * shape, 0.94281 * shape, 0.0]])
    for cell in np.ndindex(3, 3, 3):
        first = system.getNumParticles()
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        places += list(triangle @ turn + 0.5 * np.array(cell) + [0.2, 0.2, 1.1])
        for mass, charge, epsilon in ((15.999, -0.8476, 0.65), (1.008, 0.4238, 0.0), (1.008, 0.4238, 0.0)):
            system.addParticle(mass)
            force.addParticle(charge, 0.3166, epsilon)
        for i, j, length in ((0, 1, 0.1), (0, 2, 0.1), (1, 2, 0.163298)):
            system.addConstraint(first + i, first + j, length)
            force.addException(first + i, first + j, 0.0, 1.0, 0.0)
    system.addForce(force)
    water, n = ("O", "H", "H") * 27, 8
    residues, numbers = ["GRA"] * n + ["SOL"] * 81, [0] * n + [1 + k // 3 for k in range(81)]
    positions = np.round(places, 3) * NM_TO_BOHR
    labels = ("C",) * n + ("OW", "HW1", "HW2") * 27
    return Source(
        Path("water.top"), Path("water.gro"), system, ("C",) * n + water, labels, tuple(residues),
        tuple(numbers), positions, np.diag([1.6, 1.6, 4.0]) * NM_TO_BOHR,
    )  # fmt: skip


def test_molecules_of_a_file_of_three_decimals_are_put_into_shape(tmp_path, capsys):
    source = rounded_source()
    case = import_case(tmp_path / "case", source, ImportOptions(electrodes=("resname GRA",)))
    pairs, lengths = case.constraints
    distances = np.linalg.norm(case.positions[pairs[:, 0]] - case.positions[pairs[:, 1]], axis=1)
    given = np.linalg.norm(source.positions[pairs[:, 0]] - source.positions[pairs[:, 1]], axis=1)
    assert np.abs(given / lengths - 1.0).max() > 5e-3
    assert np.abs(distances / lengths - 1.0).max() < 1e-7
    assert np.abs(case.positions - source.positions).max() < 1.5e-3 * NM_TO_BOHR
    told = capsys.readouterr().out
    assert "are put into their shape: distances were off by up to" in told
    assert "electrode_1: 8 C (GRA), z 5.00 Angstrom, charge 0 e\n" in told
    assert "liquid: 27 SOL rigid; input.xml steps 2 fs\n" in told
    require_sound(RunPlan(case.directory, "input.xml", "fixed", {}), 10, tmp_path / "run")


def test_molecules_of_another_shape_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"water.gro: atoms \d+ and \d+ are .* their constraint says"):
        import_case(tmp_path / "case", rounded_source(0.13), ImportOptions(electrodes=("resname GRA",)))


def test_electrodes_have_whole_molecules_and_their_rigid_ones_are_told_of(tmp_path, capsys):
    part = ImportOptions(electrodes=("resname GRA or index 8 9",))
    with pytest.raises(InputError, match=r"1 bonded atoms are not in it, 10 \(SOL HW2\) \(counted from 0\)"):
        import_case(tmp_path / "part", rounded_source(), part)
    whole = ImportOptions(electrodes=("resname GRA or index 8:10",))
    import_case(tmp_path / "whole", rounded_source(), whole)
    told = capsys.readouterr().out
    assert "8 C, 1 O, 2 H (GRA, SOL), z " in told and "holds rigid molecules (SOL), which are frozen" in told
    assert "liquid: 26 SOL rigid;" in told


def test_a_charge_that_files_round_is_the_electrodes(tmp_path):
    options = ImportOptions(electrodes=("resname GRA",), total_charges=(5e-4,))
    case = import_case(tmp_path / "case", rounded_source(), options)
    assert case.total_charge == pytest.approx(0.0, abs=1e-9)
