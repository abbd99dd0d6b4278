"""Gaussian charges that move against OpenMM's ConstantPotentialForce."""

import numpy as np
import openmm
import pytest
from nn_cases import sheet
from openmm.unit import elementary_charge, kilojoule_per_mole, nanometer

from polcouple.backends.base import Environment
from polcouple.backends.metal_mobile import factorised, gaussian_matrix
from polcouple.backends.mobile import create_mobile
from polcouple.dftb.moving.ensemble import FermiLevel
from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import ewald_forces_between, ewald_potential
from polcouple.errors import InputError
from polcouple.testing.cases import graphene_case
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_KJ_PER_MOL

#: the metal's potential, Hartree/e; bohr in nm; eta of the charges, 1/Angstrom
_POTENTIAL, _NM, _EXPONENT = 0.05, 0.1 / ANGSTROM_TO_BOHR, 1.979


@pytest.mark.slow
def test_openmms_constant_potential():
    """Charges, forces and energy differences at a held potential, atoms in their place and 0.1 bohr off."""
    case = graphene_case()
    n, liquid = len(case.electrode), case.electrolyte_indices
    system, force = openmm.System(), openmm.ConstantPotentialForce()
    system.setDefaultPeriodicBoxVectors(*(case.cell * _NM))
    force.setConstantPotentialMethod(force.CG)
    force.setCGErrorTolerance(1e-7)
    force.setCutoffDistance(0.6)
    force.setPMEParameters(6.0, 60, 60, 128)
    for charge in [*np.zeros(n), *case.charges[liquid]]:
        system.addParticle(12.0)
        force.addParticle(charge)
    force.addElectrode(set(range(n)), _POTENTIAL * HARTREE_TO_KJ_PER_MOL, 0.1 / _EXPONENT, 0.0)
    system.addForce(force)
    platform = openmm.Platform.getPlatform("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    metal = create_mobile("metal", case.electrode, case.electrolyte, {"bonds": "file"})
    energies = []
    for size in (0.0, 0.1):
        places = case.positions.copy()
        places[:n] += size * np.random.default_rng(1).standard_normal((n, 3))
        context.setPositions(places * _NM)
        state = context.getState(energy=True, forces=True)
        forces = state.getForces(asNumpy=True).value_in_unit(kilojoule_per_mole / nanometer)[:n]
        charges = [q.value_in_unit(elementary_charge) for q in force.getCharges(context)][:n]
        around = places[liquid], case.charges[liquid], case.cell
        seen = Environment(case.electrolyte, places[liquid], ewald_potential(places[:n], *around))
        found = metal.solve(places[:n], seen, FermiLevel(-_POTENTIAL))
        own = found.forces + ewald_forces_between(places[:n], found.charges, *around)[0]
        assert np.abs(found.charges - charges).max() < 2e-7
        assert np.abs(own - forces * _NM / HARTREE_TO_KJ_PER_MOL).max() < 5e-9
        assert np.abs(own).max() > 5e-5 and np.abs(charges).max() > 0.01
        given = state.getPotentialEnergy().value_in_unit(kilojoule_per_mole) / HARTREE_TO_KJ_PER_MOL
        energies.append((given, found.energy))
    (given, energy), (given_moved, energy_moved) = energies
    assert energy_moved - energy == pytest.approx(given_moved - given, abs=1e-8)
    assert abs(energy_moved - energy) > 1e-4


@pytest.mark.parametrize(("exponent", "told"), [(0.3, False), (0.5, False), (0.8, True)])
def test_charges_that_rounding_decides_are_refused(exponent, told):
    """Wide Gaussians on atoms of graphene: the smallest eigenvalue tells how much of the charges is noise."""
    matrix = gaussian_matrix(sheet(), exponent / ANGSTROM_TO_BOHR)
    values = np.linalg.eigvalsh(matrix)
    assert (values[0] > 1e-6 * values[-1]) == told
    if told:
        factorised(matrix)
    else:
        with pytest.raises(InputError, match=r"overlap so much .*; raise gaussian_exponent_per_angstrom"):
            factorised(matrix)


@pytest.mark.parametrize("atoms", [1, 3])
def test_atoms_out_of_one_anothers_reach_interact_as_points(atoms):
    """12 bohr apart, in a chain; each has the Coulomb energy of its own Gaussian, eta / sqrt(2 pi) / 2."""
    positions = np.zeros((atoms, 3))
    positions[:, 0] = 12.0 * np.arange(atoms)
    electrode = Electrode(("C",) * atoms, positions, np.zeros((3, 3)), (False,) * 3)
    expected = np.diag(np.full(atoms, np.sqrt(2.0 / np.pi)))
    for i in range(atoms):
        for j in range(i):
            expected[i, j] = expected[j, i] = 1.0 / (12.0 * (i - j))
    assert gaussian_matrix(electrode, 1.0) == pytest.approx(expected, abs=1e-14)
