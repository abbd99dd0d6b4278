"""Electrode charges of imported liquids: those that plain Ewald sums over every charge of the files give."""

import numpy as np
import openmm
import pytest
from gromacs_run import PAIRS, RECORDED, file_name
from gromacs_systems import liquids, placed, write_gro, write_top

from polcouple.backends.base import Environment
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.importing.gromacs import read_gromacs
from polcouple.importing.writing import ImportOptions, import_case
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_NM, NM_TO_BOHR


@pytest.mark.slow
@pytest.mark.parametrize("name", liquids())
def test_charges_of_response_are_those_of_plain_sums(tmp_path, name):
    """Places of virtual sites are OpenMM's own."""
    liquid = liquids()[name]
    names, _, cell = placed(liquid)
    positions = np.load(RECORDED / file_name(name))["positions_0"]
    top, gro = tmp_path / "liquid.top", tmp_path / "liquid.gro"
    write_top(top, liquid, sum(residue == "GRA" for residue, _ in names))
    write_gro(gro, names, positions, cell)
    source = read_gromacs(top, gro, PAIRS)
    case = import_case(tmp_path / "case", source, ImportOptions(electrodes=("resname GRA",)))
    backend = create_electrodes(case, "response", {})
    answer = ForceProvider(case, backend).evaluate(case.positions, case.cell)

    context = openmm.Context(source.system, openmm.VerletIntegrator(0.001))
    context.setPositions(source.positions * BOHR_TO_NM)
    context.computeVirtualSites()
    places = np.array(context.getState(getPositions=True).getPositions(asNumpy=True)._value) * NM_TO_BOHR
    force = next(f for f in source.system.getForces() if isinstance(f, openmm.NonbondedForce))
    charges = np.array([force.getParticleParameters(i)[0]._value for i in range(len(places))])
    around = np.array([residue != "GRA" for residue in source.residue_names])
    sheet = positions[~around] * ANGSTROM_TO_BOHR
    potentials = ewald_potential(sheet, places[around], charges[around], source.cell)
    expected = backend.solve(
        Environment(case.electrolyte, places[around], potentials), case.total_charge, None
    ).charges
    assert np.abs(expected).max() > 1e-3
    assert np.abs(answer.extras["charges"] - expected).max() < 1e-6
