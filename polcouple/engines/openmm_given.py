"""The System of a case whose force field is in a file: only what concerns the electrodes is ours.

Their charges are parameters of the context; pairs of electrode atoms neither interact in real space nor by
Lennard-Jones forces; terms between bonded electrode atoms are left out unless the case keeps them. Everything
else is as the file has it, in the case's periodic cell: cut-offs, switches, long-range dispersion corrections
(a constant energy in a constant cell), mixing rules, 1-4 exceptions, virtual sites.
"""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import openmm

from polcouple.case.force_field_schema import GivenForceField
from polcouple.case.given_system import BONDED, GivenSystem
from polcouple.case.model import Case
from polcouple.engines.openmm_parts import (
    InsideCell,
    add_electrode_charges,
    excluded_electrode_pairs,
    particle_mesh,
    wall_force,
)
from polcouple.ipi.parts import Part
from polcouple.units import BOHR_TO_NM

#: attributes that name the particles of a term in OpenMM's XML
_PARTICLE = re.compile(r"[pab][1-9][0-9]*")
#: containers of terms in OpenMM's XML
_TERMS = ("Bonds", "Angles", "Torsions")


def system_of_file(case: Case, part: Part) -> tuple[openmm.System, openmm.NonbondedForce | None]:
    """See :func:`polcouple.engines.openmm.build_system`."""
    given, force_field = case.given, case.system.force_field
    assert given is not None and isinstance(force_field, GivenForceField)
    electrode = given.atoms[case.electrode_indices]
    images = InsideCell(case)
    system = _without_forces(given, images)
    frozen = set(electrode.tolist())
    for index in frozen:
        system.setParticleMass(index, 0.0)
    pairs = electrode[np.stack(excluded_electrode_pairs(case)[:2], axis=1)] if part != "bonded" else None
    nonbonded = None
    dropped = frozen if force_field.electrode_bonded == "drop" else set()
    for force in given.system.getForces():
        kind = type(force).__name__
        if kind in BONDED and part != "nonbonded":
            system.addForce(_bonded(force, dropped))
        elif pairs is None:
            continue
        elif isinstance(force, openmm.NonbondedForce):
            nonbonded = _coulomb(case, given, electrode, pairs)
            system.addForce(nonbonded)
        elif isinstance(force, openmm.CustomNonbondedForce):
            system.addForce(_pairs_without(force, pairs))
    if pairs is not None and force_field.walls is not None:
        system.addForce(wall_force(case, images))
    return system, nonbonded


def electrode_pairs(case: Case) -> openmm.System:
    """The System of a file with what acts between electrodes and liquid alone, but for Coulomb forces.

    Long-range dispersion corrections, a constant energy, are left out.
    """
    given = case.given
    assert given is not None
    system = _without_forces(given, InsideCell(case))
    electrode = set(given.atoms[case.electrode_indices].tolist())
    liquid = set(range(system.getNumParticles())) - electrode
    for force in given.system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            active = {i for i in electrode | liquid if force.getParticleParameters(i)[2]._value > 0.0}
            if active & electrode and active & liquid:
                between = _lennard_jones(force)
                between.addInteractionGroup(active & electrode, active & liquid)
                system.addForce(between)
        elif isinstance(force, openmm.CustomNonbondedForce):
            between = _without_exclusions(force)
            _restrict(between, electrode, liquid)
            system.addForce(between)
    return system


def _restrict(force: openmm.CustomNonbondedForce, first: set[int], second: set[int]) -> None:
    """Leave the pairs of ``force`` that have one particle in each set."""
    groups = [force.getInteractionGroupParameters(i) for i in range(force.getNumInteractionGroups())]
    for number, (one, other) in enumerate(groups):
        force.setInteractionGroupParameters(number, set(one) & first, set(other) & second)
        force.addInteractionGroup(set(one) & second, set(other) & first)
    if not groups:
        force.addInteractionGroup(first, second)


def _without_exclusions(force: openmm.CustomNonbondedForce) -> openmm.CustomNonbondedForce:
    """A copy; exclusions are within molecules, and OpenMM wants the same ones in all forces."""
    root = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
    for exclusions in root.iter("Exclusions"):
        exclusions.clear()
    own = openmm.XmlSerializer.deserialize(ElementTree.tostring(root, encoding="unicode"))
    own.setUseLongRangeCorrection(False)
    return own


def _lennard_jones(source: openmm.NonbondedForce) -> openmm.CustomNonbondedForce:
    """The Lennard-Jones interactions of all pairs."""
    force = openmm.CustomNonbondedForce(
        "4*epsilon*((sigma/r)^12-(sigma/r)^6); sigma=0.5*(sigma1+sigma2); epsilon=sqrt(epsilon1*epsilon2)"
    )
    force.addPerParticleParameter("sigma")
    force.addPerParticleParameter("epsilon")
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(source.getCutoffDistance())
    force.setUseSwitchingFunction(source.getUseSwitchingFunction())
    force.setSwitchingDistance(source.getSwitchingDistance())
    for index in range(source.getNumParticles()):
        _, sigma, epsilon = source.getParticleParameters(index)
        force.addParticle([sigma, epsilon])
    return force


def _without_forces(given: GivenSystem, images: InsideCell) -> openmm.System:
    """The particles and virtual sites of a file in the case's cell."""
    system = copy.deepcopy(given.system)
    system.setDefaultPeriodicBoxVectors(*(images.cell * BOHR_TO_NM))
    for index in reversed(range(system.getNumForces())):
        system.removeForce(index)
    for index in reversed(range(system.getNumConstraints())):
        system.removeConstraint(index)
    return system


def _bonded(force: openmm.Force, dropped: set[int]) -> openmm.Force:
    """A copy that sees closest images, without the terms all of whose particles are ``dropped``."""
    root = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
    for terms in root.iter():
        if terms.tag not in _TERMS:
            continue
        for term in list(terms):
            particles = {int(value) for name, value in term.items() if _PARTICLE.fullmatch(name)}
            if particles <= dropped:
                terms.remove(term)
    kept = openmm.XmlSerializer.deserialize(ElementTree.tostring(root, encoding="unicode"))
    kept.setUsesPeriodicBoundaryConditions(True)
    return kept


def _coulomb(
    case: Case, given: GivenSystem, electrode: np.ndarray, pairs: np.ndarray
) -> openmm.NonbondedForce:
    """The file's NonbondedForce with the electrodes' charges as parameters."""
    source, force = given.nonbonded, openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(source.getCutoffDistance())
    force.setUseSwitchingFunction(source.getUseSwitchingFunction())
    force.setSwitchingDistance(source.getSwitchingDistance())
    force.setUseDispersionCorrection(source.getUseDispersionCorrection())
    force.setPMEParameters(*particle_mesh(case))
    force.setExceptionsUsePeriodicBoundaryConditions(True)
    frozen = set(electrode.tolist())
    for index in range(source.getNumParticles()):
        charge, sigma, epsilon = source.getParticleParameters(index)
        force.addParticle(0.0 if index in frozen else charge, sigma, epsilon)
    add_electrode_charges(force, electrode)
    for index in range(source.getNumExceptions()):
        i, j, *parameters = source.getExceptionParameters(index)
        if i not in frozen:  # nor j, which the case's checks see to
            force.addException(i, j, *parameters)
    for i, j in pairs.tolist():
        force.addException(i, j, 0.0, 1.0, 0.0)
    return force


def _pairs_without(force: openmm.CustomNonbondedForce, pairs: np.ndarray) -> openmm.CustomNonbondedForce:
    """A copy in which ``pairs`` do not interact."""
    own = copy.deepcopy(force)
    known = {tuple(sorted(own.getExclusionParticles(i))) for i in range(own.getNumExclusions())}
    for i, j in pairs.tolist():
        if (min(i, j), max(i, j)) not in known:
            own.addExclusion(i, j)
    return own
