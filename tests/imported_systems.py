"""Small liquids on graphene, by force fields that ship with OpenMM, and OpenMM's own answers."""

import copy
import dataclasses
import io
import random
from pathlib import Path

import numpy as np
import openmm
import openmm.app as app
import pytest
from openmm.unit import Quantity, molar, nanometer

from polcouple.builder.surfaces import graphene_sheet
from polcouple.engines.base import create_engine
from polcouple.engines.openmm import ClassicalEngine, build_system, create_context
from polcouple.engines.openmm_parts import Particles, set_electrode_charges
from polcouple.importing.source import source_of_openmm
from polcouple.units import BOHR_TO_NM, KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR, KJ_PER_MOL_TO_HARTREE

#: graphene's carbon (Cornell et al., JACS 117, 5179 (1995)) as a residue of one atom
_CARBON = """<ForceField>
<AtomTypes><Type name="graphene-C" class="GC" element="C" mass="12.011"/></AtomTypes>
<Residues><Residue name="GRA"><Atom name="CG" type="graphene-C" charge="0.0"/></Residue></Residues>
<NonbondedForce coulomb14scale="{coulomb}" lj14scale="{lj}"><UseAttributeFromResidue name="charge"/>
<Atom type="graphene-C" sigma="0.339967" epsilon="{epsilon}"/></NonbondedForce>{more}</ForceField>"""
AMBER = _CARBON.format(coulomb=0.8333333333333334, lj=0.5, epsilon=0.359824, more="")
#: with Lennard-Jones interactions apart, because of NBFIX pairs
CHARMM = _CARBON.format(
    coulomb=1.0,
    lj=1.0,
    epsilon=0.0,
    more='<LennardJonesForce lj14scale="1.0"><Atom type="graphene-C" sigma="0.339967" epsilon="0.359824"/>'
    "</LennardJonesForce>",
)


def sheet(*heights):
    """Topology, positions in nm and sides in nm of graphene of 6 x 4 cells at ``heights`` (nm)."""
    topology, places = app.Topology(), []
    flat, sides = graphene_sheet(6, 4)
    chain = topology.addChain()
    for height in heights:
        for place in flat:
            topology.addAtom("CG", app.element.carbon, topology.addResidue("GRA", chain))
            places.append(0.1 * place + [0.0, 0.0, height])
    return topology, np.array(places), 0.1 * np.asarray(sides)


def aqueous(*files, model="tip3p", carbon=AMBER, heights=(0.0,), salt=1.0, rigid=False):
    """A source of water and NaCl on graphene by force fields of OpenMM; flexible, or ``rigid`` waters."""
    return source_of(
        *aqueous_parts(*files, model=model, carbon=carbon, heights=heights, salt=salt, rigid=rigid)
    )


def aqueous_parts(*files, model, carbon, heights=(0.0,), salt=1.0, rigid=False, solute=False):
    """System and topology of OpenMM, positions (n, 3) and cell (3, 3) in nm; ``solute``: with a peptide."""
    field = app.ForceField(*files, io.StringIO(carbon))
    topology, places, sides = sheet(*heights)
    thickness = (heights[1] if len(heights) > 1 else 1.9) - 0.6
    box = openmm.Vec3(sides[0], sides[1], thickness)
    liquid = app.Modeller(app.Topology(), [] * nanometer)
    if solute:
        liquid = peptide(field)
        middle = np.array(liquid.positions.value_in_unit(nanometer))
        middle += 0.5 * np.array([sides[0], sides[1], thickness]) - middle.mean(axis=0)
        liquid = app.Modeller(liquid.topology, Quantity(middle, nanometer))
    random.seed(1)  # by which OpenMM chooses the molecules that ions take the place of
    liquid.addSolvent(field, boxSize=box * nanometer, model=model, ionicStrength=salt * molar)
    above = np.array(liquid.positions.value_in_unit(nanometer)) + np.array([0.0, 0.0, 0.3])
    both = app.Modeller(topology, Quantity(places, nanometer))
    both.add(liquid.topology, Quantity(above, nanometer))
    cell = np.diag([*sides, 3.4 + (heights[1] if len(heights) > 1 else 0.0)])
    both.topology.setPeriodicBoxVectors(Quantity(cell, nanometer))
    system = field.createSystem(
        both.topology,
        nonbondedMethod=app.PME,
        nonbondedCutoff=0.7 * nanometer,
        switchDistance=0.6 * nanometer,
        rigidWater=rigid,
        constraints=None,
        removeCMMotion=False,
    )
    graphene = np.array([atom.residue.name == "GRA" for atom in both.topology.atoms()])
    places = np.array(both.positions.value_in_unit(nanometer))
    return system, both.topology, relaxed(system, places, graphene), cell


def source_of(system, topology, places, cell):
    """Of a System, its topology, positions and cell in nm."""
    files = Path("given.xml"), Path("given.pdb")
    return source_of_openmm(*files, system, topology, Quantity(places, nanometer), Quantity(cell, nanometer))


def peptide(field):
    """The last two residues of the peptide that ships with OpenMM, in water."""
    whole = app.PDBFile(str(Path(app.__file__).parent / "data" / "test.pdb"))
    protein = [r for r in whole.topology.residues() if r.name.upper() not in ("HOH", "CL")]
    model = app.Modeller(whole.topology, whole.positions)
    kept = set(protein[-2:])
    hydrogen = app.element.hydrogen
    model.delete([a for a in whole.topology.atoms() if a.residue not in kept or a.element == hydrogen])
    model.addHydrogens(field)
    return model


def relaxed(system, positions, electrode, steps=50):
    """Positions (n, 3) in nm without overlaps; particles of ``electrode`` (n,) bool stay where they are."""
    still = copy.deepcopy(system)
    for index in np.flatnonzero(electrode).tolist():
        still.setParticleMass(index, 0.0)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(still, openmm.LangevinMiddleIntegrator(300.0, 10.0, 0.0005), platform)
    context.setPositions(positions)
    context.computeVirtualSites()
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=60)
    context.setVelocitiesToTemperature(300.0, 1)
    context.getIntegrator().step(steps)
    return np.array(context.getState(getPositions=True).getPositions(asNumpy=True)._value)


def openmm_answer(source, particles, electrode, charges, tolerance, platform="Reference"):
    """Energy of each force in Hartree and forces (particles, 3) of a source's own System.

    Args:
        particles: (particles, 3) in bohr.
        electrode: particles that have ``charges`` in e in place of their own.
    """
    system = copy.deepcopy(source.system)
    for index in reversed(range(system.getNumConstraints())):
        system.removeConstraint(index)
    system.setDefaultPeriodicBoxVectors(*(source.cell * BOHR_TO_NM))
    names = []
    for number, force in enumerate(system.getForces()):
        force.setForceGroup(number)
        names.append(type(force).__name__)
        if isinstance(force, openmm.NonbondedForce):
            for index, charge in zip(electrode.tolist(), charges.tolist(), strict=True):
                _, sigma, epsilon = force.getParticleParameters(index)
                force.setParticleParameters(index, charge, sigma, epsilon)
            force.setEwaldErrorTolerance(tolerance)
            force.setNonbondedMethod(openmm.NonbondedForce.PME)
            force.setExceptionsUsePeriodicBoundaryConditions(True)
        elif hasattr(force, "setUsesPeriodicBoundaryConditions"):
            force.setUsesPeriodicBoundaryConditions(True)
    context = create_context(system, openmm.VerletIntegrator(0.001), platform, None)
    context.setPositions(particles * BOHR_TO_NM)
    context.computeVirtualSites()
    energies = {}
    for number, name in enumerate(names):
        state = context.getState(getEnergy=True, groups={number})
        energy = state.getPotentialEnergy()._value * KJ_PER_MOL_TO_HARTREE
        energies[name] = energies.get(name, 0.0) + energy
    forces = context.getState(getForces=True).getForces(asNumpy=True)._value
    return energies, forces * KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR


def engine_terms(case, charges, positions, platform):
    """Energy of each kind of force in Hartree of the system that OpenMM's engine makes of a case."""
    system, _ = build_system(case)
    names = [type(force).__name__ for force in system.getForces()]
    for number, force in enumerate(system.getForces()):
        force.setForceGroup(number)
    context = create_context(system, openmm.VerletIntegrator(0.001), platform, None)
    set_electrode_charges(context, charges)
    particles = Particles(case)
    context.setPositions(particles.positions(positions) * BOHR_TO_NM)
    particles.compute_sites(context)
    energies = {}
    for number, name in enumerate(names):
        energy = context.getState(getEnergy=True, groups={number}).getPotentialEnergy()._value
        energies[name] = energies.get(name, 0.0) + energy * KJ_PER_MOL_TO_HARTREE
    return energies


def with_tolerance(case, tolerance):
    """The same imported case at another accuracy of its Coulomb interactions."""
    force_field = case.system.force_field.model_copy(update={"ewald_tolerance": tolerance})
    return dataclasses.replace(case, system=case.system.model_copy(update={"force_field": force_field}))


def some_charges(case, seed=1):
    """(n_electrode,) in e that sum to the case's total charge."""
    charges = 0.05 * np.random.default_rng(seed).standard_normal(len(case.electrode))
    return charges + (case.total_charge - charges.sum()) / len(charges)


def particles_of(case, positions):
    """(particles, 3) in bohr of molecules that are whole."""
    particles = np.full((case.given.system.getNumParticles(), 3), np.nan)
    particles[case.given.atoms] = positions
    particles[case.given.site_particles] = 0.0  # OpenMM puts them where they belong
    return particles


def assert_openmms_own_forces(
    case, source, tolerance=1e-6, relative=1e-5, platform="Reference", terms=True, native=True
):
    """Forces, and the change of each energy term when the liquid moves, are those of the source's System.

    So are those of the native engine, if it is said to compute the case.
    """
    case = with_tolerance(case, tolerance)
    charges = some_charges(case)
    electrode = case.given.atoms[case.electrode_indices]
    engine = ClassicalEngine(case, "all", platform)
    engine.set_charges(charges)
    other, lacking = create_engine(case, "all", "native", 1)
    other.set_charges(charges)
    assert (lacking is None) == native, lacking
    others = []
    moved = case.positions.copy()
    liquid = case.electrolyte_indices
    moved[liquid] += 0.05 * np.random.default_rng(2).standard_normal((len(liquid), 3))
    answers = []
    for positions in (case.positions, moved):
        energies, forces = openmm_answer(
            source, particles_of(case, positions), electrode, charges, 0.1 * tolerance, platform
        )
        energy, own = engine.evaluate(positions)
        answers.append((energies, engine_terms(case, charges, positions, platform), energy))
        forces = forces[case.given.atoms]
        scale = np.sqrt((forces[liquid] ** 2).mean())
        assert np.sqrt(((own - forces)[liquid] ** 2).mean()) < relative * scale
        others.append(other.evaluate(positions))
        assert np.sqrt(((others[-1][1] - forces)[liquid] ** 2).mean()) < relative * scale
        assert not own[case.electrode_indices].any()
    (first, own_first, start), (second, own_second, end) = answers
    assert others[1][0] - others[0][0] == pytest.approx(end - start, abs=10 * tolerance)
    assert end - start == pytest.approx(sum(second.values()) - sum(first.values()), abs=5 * tolerance)
    if not terms:
        return
    assert first.keys() == own_first.keys()
    for name in first:
        expected = second[name] - first[name]
        assert own_second[name] - own_first[name] == pytest.approx(expected, rel=1e-6, abs=2 * tolerance), (
            name
        )
    assert end - start == pytest.approx(sum(second.values()) - sum(first.values()), abs=5 * tolerance)


def unconstrained(source):
    """The source without constraints, which change no force; i-PI's inputs are then of plain dynamics."""
    system = copy.deepcopy(source.system)
    for index in reversed(range(system.getNumConstraints())):
        system.removeConstraint(index)
    return dataclasses.replace(source, system=system)
