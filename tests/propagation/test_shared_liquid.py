"""i-PI adds ``part: electrode`` to a liquid of LAMMPS, of ASE, of tblite or of a network."""

import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from conftest import CAPACITOR, ROOT
from run_cases import BIN
from shared_forces_cases import accurate, from_electrode, two_steps

from polcouple.case.model import read_case
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.engines.base import create_engine
from polcouple.nn.model_files import save_model
from polcouple.nn.potential.potential import Architecture, Potential
from polcouple.units import BOHR_TO_ANGSTROM, EV_TO_HARTREE

EXAMPLES = ROOT / "examples" / "electrode_part"


def require_forces_of_one_engine(directory, frames):
    """The forces of ``part: all`` in each frame, and frames that differ."""
    case = read_case(directory)
    engine, _ = create_engine(case, "all", threads=1)
    engine.set_charges(np.full(len(case.electrode), case.total_charge / len(case.electrode)))
    liquid = case.electrolyte_indices
    for positions, forces in frames:
        expected = engine.evaluate(positions)[1]
        assert np.abs(forces - expected)[liquid].max() < 1e-6
    assert np.abs(frames[1, 0] - frames[0, 0])[liquid].max() > 1e-3  # bohr


needs_lammps = pytest.mark.skipif(
    not ((BIN / "lmp").exists() and (BIN / "mpiexec").exists()), reason="LAMMPS or MPI is not installed"
)


def lammps(directory, address):
    """LAMMPS on two ranks with the liquid of a case."""
    sys.path.insert(0, str(EXAMPLES))
    from lammps_liquid import write_liquid

    write_liquid(read_case(directory), directory, 1e-7, address)
    return [str(BIN / "mpiexec"), "-n", "2", str(BIN / "lmp"), "-in", "liquid.lammps"]


@pytest.mark.slow
@needs_lammps
def test_lammps_on_two_ranks(small_directory):
    accurate(small_directory, switch=False)
    frames = two_steps(small_directory, partial(lammps, small_directory))
    require_forces_of_one_engine(small_directory, frames)


@pytest.mark.slow
@needs_lammps
def test_lammps_between_two_electrodes_at_a_voltage(tmp_path):
    """A slab with D = 0: LAMMPS knows nothing of it, nor of the voltage."""
    shutil.copytree(CAPACITOR, tmp_path, dirs_exist_ok=True)
    accurate(tmp_path, switch=False)
    script = [sys.executable, str(EXAMPLES / "share_input.py"), ".", "--input", "input_nve.xml"]
    subprocess.run(script, cwd=tmp_path, check=True)
    frames = two_steps(tmp_path, partial(lammps, tmp_path), ("--backend", "metal"))
    case = read_case(tmp_path)
    whole = ForceProvider(case, create_electrodes(case, "metal", {}), "all", threads=1)
    for positions, forces in frames:
        answer = whole.evaluate(positions, case.cell)
        assert np.abs(answer.extras["electrode_charges"]).min() > 0.01
        assert np.abs(forces - answer.forces)[case.electrolyte_indices].max() < 1e-6


@pytest.mark.slow
def test_ase_calculator(small_directory):
    accurate(small_directory)

    def liquid(address):
        program = [sys.executable, str(EXAMPLES / "ase_liquid.py"), ".", "--address", address]
        return [*program, "--platform", "Reference", "--tolerance", "1e-7"]

    frames = two_steps(small_directory, liquid)
    require_forces_of_one_engine(small_directory, frames)


@pytest.mark.slow
def test_tblite(tmp_path):
    """The electrode answers to the water's charges in system.yaml; water's own forces are GFN1-xTB's."""
    tblite = pytest.importorskip("tblite.interface")
    shutil.copytree(EXAMPLES / "xtb", tmp_path, dirs_exist_ok=True)
    accurate(tmp_path)

    def liquid(address):
        parameters = "template=liquid.xyz,method=GFN1-xTB,periodic=True"
        return [str(BIN / "i-pi-driver-py"), "-u", "-a", address, "-m", "xtb", "-o", parameters]

    frames = two_steps(tmp_path, liquid, ("--backend", "metal"), "input.xml")
    case = read_case(tmp_path)
    atoms = case.electrolyte_indices
    numbers = tblite.symbols_to_numbers([case.symbols[i] for i in atoms])
    water = tblite.Calculator(
        "GFN1-xTB", np.asarray(numbers), case.positions[atoms], lattice=case.cell, periodic=np.full(3, True)
    )
    water.set("verbosity", 0)
    backend = create_electrodes(case, "metal", {})
    for positions, forces in frames:
        environment = Surroundings(case, 1e-8).environment(positions)
        charges = backend.solve(environment, case.total_charge, None).charges
        assert np.abs(charges).max() > 1e-3
        expected = from_electrode(case, positions, charges)
        water.update(positions[atoms], case.cell)
        expected[atoms] -= water.singlepoint().get("gradient")
        assert np.abs(forces - expected)[atoms].max() < 1e-6


@pytest.mark.slow
def test_a_networks_potential(tmp_path):
    """The electrode answers to the water's charges; water's own forces are a network's, of random weights."""
    shutil.copytree(EXAMPLES / "xtb", tmp_path, dirs_exist_ok=True)
    accurate(tmp_path)
    architecture = Architecture(("H", "O"))
    members = np.array([architecture.layout().initial(seed) for seed in range(2)])
    net = Potential("net", architecture, members, np.zeros((2, 2)), (100.0, 100.0))
    save_model(tmp_path / "net", net.description(), net.arrays(), "")

    def liquid(address):
        return [str(BIN / "polcouple-driver"), "--potential", "net", "--unix", address]

    frames = two_steps(tmp_path, liquid, ("--backend", "metal"), "input.xml")
    case = read_case(tmp_path)
    atoms = case.electrolyte_indices
    kinds = architecture.kinds([case.symbols[i] for i in atoms])
    backend = create_electrodes(case, "metal", {})
    for positions, forces in frames:
        environment = Surroundings(case, 1e-8).environment(positions)
        expected = from_electrode(
            case, positions, backend.solve(environment, case.total_charge, None).charges
        )
        lengths = BOHR_TO_ANGSTROM * positions[atoms], BOHR_TO_ANGSTROM * case.cell
        own = net.evaluate(kinds, *lengths, (True, True, True)).forces
        expected[atoms] += own * (EV_TO_HARTREE * BOHR_TO_ANGSTROM)
        assert np.abs(own).max() > 1e-2
        assert np.abs(forces - expected)[atoms].max() < 1e-6
