"""i-PI adds ``part: electrode`` to a liquid of LAMMPS, of ASE or of tblite: the forces of one engine."""

import sys

import numpy as np
import pytest
from conftest import ROOT
from run_cases import BIN
from shared_forces_cases import accurate, run_shared

from polcouple.case.model import read_case
from polcouple.engines.base import create_engine

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


@pytest.mark.slow
@pytest.mark.skipif(
    not ((BIN / "lmp").exists() and (BIN / "mpiexec").exists()), reason="LAMMPS or MPI is not installed"
)
def test_lammps_on_two_ranks(small_directory):
    accurate(small_directory, switch=False)

    def liquid(address):
        sys.path.insert(0, str(EXAMPLES))
        from lammps_liquid import write_liquid

        write_liquid(read_case(small_directory), small_directory, 1e-7, address)
        return [str(BIN / "mpiexec"), "-n", "2", str(BIN / "lmp"), "-in", "liquid.lammps"]

    frames = run_shared(small_directory, liquid)
    require_forces_of_one_engine(small_directory, frames)


@pytest.mark.slow
def test_ase_calculator(small_directory):
    accurate(small_directory)

    def liquid(address):
        program = [sys.executable, str(EXAMPLES / "ase_liquid.py"), ".", "--address", address]
        return [*program, "--platform", "Reference", "--tolerance", "1e-7"]

    frames = run_shared(small_directory, liquid)
    require_forces_of_one_engine(small_directory, frames)
