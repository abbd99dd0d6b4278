"""Steps of OpenMM's own integrator: charges fixed, or from its constant-potential force.

The electrode of the constant-potential force has Gaussian charges of the width that LAMMPS is given
(:mod:`benchmarks.lammps_electrode`), and the cell is kept neutral, which fixes the electrode's total charge.
"""

from __future__ import annotations

import time
from typing import Literal

import numpy as np
import openmm

from benchmarks.lammps_electrode import ETA
from polcouple.case.model import Case
from polcouple.engines.openmm import (
    InsideCell,
    build_system,
    create_context,
    particle_mesh,
    set_electrode_charges,
)
from polcouple.units import BOHR_TO_NM

Method = Literal["fixed", "matrix", "cg"]

_ANGSTROM_TO_NM = 0.1
_BLOCK = 10
_WARM_UP = 20


def milliseconds(case: Case, method: Method, blocks: int) -> list[float]:
    """Wall time in ms a step of each block of ten steps, Langevin at 300 K, 0.5 fs."""
    system, nonbonded = build_system(case)
    assert nonbonded is not None
    if method != "fixed":
        _take_over_charges(system, nonbonded, case, method)
    integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.0005)
    context = create_context(system, integrator, "CPU", None)
    if method == "fixed":
        set_electrode_charges(context, np.full(len(case.electrode), case.total_charge / len(case.electrode)))
    context.setPositions(InsideCell(case)(case.positions) * BOHR_TO_NM)
    context.setVelocitiesToTemperature(300, 1)
    integrator.step(_WARM_UP)
    times = []
    for _ in range(blocks):
        start = time.perf_counter()
        integrator.step(_BLOCK)
        context.getState(getEnergy=True)
        times.append(1e3 * (time.perf_counter() - start) / _BLOCK)
    return times


def _take_over_charges(
    system: openmm.System, nonbonded: openmm.NonbondedForce, case: Case, method: Method
) -> None:
    """Leave Lennard-Jones to the nonbonded force and move all charges to a constant-potential force.

    All forces of a system have the same exclusions, and the constant-potential force excludes nothing within
    an electrode: the carbons' constant Lennard-Jones energy is computed along.
    """
    coulomb = openmm.ConstantPotentialForce()
    coulomb.setCutoffDistance(nonbonded.getCutoffDistance())
    coulomb.setPMEParameters(*particle_mesh(case))
    coulomb.setExceptionsUsePeriodicBoundaryConditions(True)
    for charge in case.charges.tolist():
        coulomb.addParticle(charge)
    lennard_jones = openmm.NonbondedForce()
    lennard_jones.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    lennard_jones.setCutoffDistance(nonbonded.getCutoffDistance())
    lennard_jones.setUseSwitchingFunction(nonbonded.getUseSwitchingFunction())
    lennard_jones.setSwitchingDistance(nonbonded.getSwitchingDistance())
    lennard_jones.setUseDispersionCorrection(False)
    lennard_jones.setExceptionsUsePeriodicBoundaryConditions(True)
    for index in range(nonbonded.getNumParticles()):
        _, sigma, epsilon = nonbonded.getParticleParameters(index)
        lennard_jones.addParticle(0.0, sigma, epsilon)
    for oxygen in case.water_oxygens.tolist():
        for i, j in ((0, 1), (0, 2), (1, 2)):
            coulomb.addException(oxygen + i, oxygen + j, 0.0)
            lennard_jones.addException(oxygen + i, oxygen + j, 0.0, 1.0, 0.0)
    coulomb.addElectrode(set(case.electrode_indices.tolist()), 0.0, _ANGSTROM_TO_NM / ETA, 0.0)
    coulomb.setUseChargeConstraint(True)
    coulomb.setChargeConstraintTarget(0.0)
    coulomb.setConstantPotentialMethod(coulomb.Matrix if method == "matrix" else coulomb.CG)
    forces = [system.getForce(i) for i in range(system.getNumForces())]
    system.removeForce(next(i for i, f in enumerate(forces) if isinstance(f, openmm.NonbondedForce)))
    system.addForce(lennard_jones)
    system.addForce(coulomb)
