"""Cases whose force field is in a System of OpenMM: made of other cases, or at random."""

import copy
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import openmm

from polcouple.case.case import Case
from polcouple.case.given_system import given_system
from polcouple.case.schema import GivenSystemSection
from polcouple.engines.openmm import build_system
from polcouple.units import ANGSTROM_TO_BOHR

_FILE = Path("system.xml")
_CUSTOM = "acoef(type1, type2)/r^12 - bcoef(type1, type2)/r^6;"


def case_of(system, kinds, symbols, positions, cell, electrodes, tolerance=5e-5, walls=None, **sections):
    """A case in memory; ``kinds`` are (name, count, elements), ``electrodes`` (name, atoms, charge)."""
    content = {
        "format": "polcouple-case-2",
        "topology": [
            {"molecule": name, "count": count, "elements": list(elements), "labels": list(elements)}
            for name, count, elements in kinds
            if count
        ],
        "force_field": {"openmm_system": str(_FILE), "ewald_tolerance": tolerance, "walls": walls},
        "electrodes": [
            {"name": name, "atoms": [[int(i), int(i)] for i in atoms], "total_charge_e": charge}
            for name, atoms, charge in electrodes
        ],
        **sections,
    }
    section = GivenSystemSection.model_validate(content)
    return Case(Path(), section, tuple(symbols), positions, cell, given_system(_FILE, system))


def as_given(case, tables=False):
    """The same case as if imported; ``tables``: with Lennard-Jones interactions by pairs of types."""
    built, _ = build_system(case)
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*built.getDefaultPeriodicBoxVectors())
    frozen = set(case.electrode_indices.tolist())
    for index in range(built.getNumParticles()):
        system.addParticle(built.getParticleMass(index))
    for force in built.getForces():
        if isinstance(force, openmm.NonbondedForce):
            own = openmm.NonbondedForce()
            own.setNonbondedMethod(openmm.NonbondedForce.PME)
            own.setCutoffDistance(force.getCutoffDistance())
            own.setUseSwitchingFunction(force.getUseSwitchingFunction())
            own.setSwitchingDistance(force.getSwitchingDistance())
            own.setUseDispersionCorrection(False)
            for index in range(force.getNumParticles()):
                own.addParticle(*force.getParticleParameters(index))
            for index in range(force.getNumExceptions()):
                i, j, *parameters = force.getExceptionParameters(index)
                if i not in frozen:
                    own.addException(i, j, *parameters)
            for part in with_tables(own) if tables else [own]:
                system.addForce(part)
        elif not isinstance(force, openmm.CustomExternalForce):
            system.addForce(copy.deepcopy(force))
    kinds = [
        ("water" if block.species == "water" else block.species, block.count, elements)
        for block in case.system.topology
        for elements in [_elements(block.species)]
    ]
    force_field = case.parameters
    walls = None if force_field.walls is None else force_field.walls.model_dump()
    sections = {} if case.system.slab is None else {"slab": case.system.slab.model_dump()}
    electrodes = [(one.name, one.indices, one.total_charge_e) for one in case.system.electrodes]
    return case_of(
        system,
        kinds,
        case.symbols,
        case.positions,
        case.cell,
        electrodes,
        force_field.ewald_tolerance,
        walls,
        **sections,
    )


def _elements(species):
    return {"water": "OHH", "electrode": "C"}.get(species, [species])


def with_tables(force):
    """The force without Lennard-Jones interactions, and these by pairs of types."""
    parameters = [
        tuple(v._value for v in force.getParticleParameters(i)[1:]) for i in range(force.getNumParticles())
    ]
    types = list(dict.fromkeys(parameters))
    sigma, epsilon = np.array(types).T
    sixth = (0.5 * (sigma[:, None] + sigma)) ** 6
    attraction = 4.0 * np.sqrt(np.outer(epsilon, epsilon)) * sixth
    custom = openmm.CustomNonbondedForce(_CUSTOM)
    for name, table in (("acoef", attraction * sixth), ("bcoef", attraction)):
        table = openmm.Discrete2DFunction(len(types), len(types), table.ravel().tolist())
        custom.addTabulatedFunction(name, table)
    custom.addPerParticleParameter("type")
    custom.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    custom.setCutoffDistance(force.getCutoffDistance())
    custom.setUseSwitchingFunction(force.getUseSwitchingFunction())
    custom.setSwitchingDistance(force.getSwitchingDistance())
    for one in parameters:
        custom.addParticle([types.index(one)])
    for index in range(force.getNumExceptions()):
        custom.addExclusion(*force.getExceptionParameters(index)[:2])
    own = copy.deepcopy(force)
    for index in range(own.getNumParticles()):
        charge, sigma, _ = own.getParticleParameters(index)
        own.setParticleParameters(index, charge, sigma, 0.0)
    return [own, custom]


#: atoms of a chain
LENGTH = 5


def random_chains(rng, cell, cutoff, switch, tables, n_chains=5, n_electrode=4):
    """Chains with every kind of term between them, on an electrode of atoms anywhere; cell in Angstrom.

    Bonds, angles and dihedrals have any parameters, and so have exceptions of some pairs of a chain; the
    others of it interact as atoms of different chains do.
    """
    places = [_apart(rng, cell, n_electrode, 3.0)]
    for _ in range(n_chains):
        while True:
            steps = rng.standard_normal((LENGTH, 3))
            chain = np.cumsum(1.5 * steps / np.linalg.norm(steps, axis=1)[:, None], axis=0)
            chain += rng.random(3) @ cell
            if _closest(chain, chain, cell) > 1.4 and _closest(chain, np.concatenate(places), cell) > 2.2:
                break
        places.append(chain)
    positions = np.concatenate(places)
    n = len(positions)
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*(0.1 * cell))
    nonbonded = openmm.NonbondedForce()
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.PME)
    nonbonded.setUseDispersionCorrection(False)
    nonbonded.setCutoffDistance(0.1 * cutoff)
    nonbonded.setUseSwitchingFunction(switch)
    nonbonded.setSwitchingDistance(0.1 * cutoff - 0.1)
    charges = rng.uniform(-0.8, 0.8, n)
    charges[:n_electrode] = 0.0
    charges[n_electrode:] -= charges[n_electrode:].mean()
    types = rng.uniform([0.2, 0.1], [0.28, 0.6], (4, 2))
    types[0, 1] = 0.0
    for index in range(n):
        system.addParticle(12.0)
        nonbonded.addParticle(charges[index], *types[rng.integers(4)])
    forces = inside_forces()
    for start in range(n_electrode, n, LENGTH):
        add_terms(rng, forces, range(start, start + LENGTH))
        for i, j in combinations(range(start, start + LENGTH), 2):
            if j - i < 3 or rng.random() < 0.5:
                product = charges[i] * charges[j] * rng.uniform(0.0, 1.0)
                epsilon = rng.uniform(0.0, 0.3) if j - i > 2 else 0.0
                nonbonded.addException(i, j, product if j - i > 1 else 0.0, rng.uniform(0.15, 0.25), epsilon)
    for force in [*(with_tables(nonbonded) if tables else [nonbonded]), *forces.values()]:
        system.addForce(force)
    kinds = [("electrode", n_electrode, "C"), ("chain", n_chains, "C" * LENGTH)]
    images = positions + rng.integers(-1, 2, positions.shape) @ cell
    return case_of(
        system,
        kinds,
        ["C"] * n,
        images * ANGSTROM_TO_BOHR,
        cell * ANGSTROM_TO_BOHR,
        [("electrode", range(n_electrode), 0.0)],
    )


def _closest(first, second, cell):
    apart = (first[:, None] - second) @ np.linalg.inv(cell)
    distances = np.linalg.norm((apart - np.round(apart)) @ cell, axis=2)
    return distances[distances > 0.0].min()


def _apart(rng, cell, count, least):
    while True:
        places = rng.random((count, 3)) @ cell
        if _closest(places, places, cell) > least:
            return places


def inside_forces():
    """One force of each kind that the native engine has, without terms."""
    wrapped = (
        "thetap = step(-(theta-theta0+pi))*2*pi+theta+step(theta-theta0-pi)*(-2*pi); pi = 3.14159265358979"
    )
    forces = {
        "bond": openmm.HarmonicBondForce(),
        "quartic": openmm.CustomBondForce("0.25*k*(r^2-r0^2)^2"),
        "pair": openmm.CustomBondForce("-C/r^6+A/r^12"),
        "scaled pair": openmm.CustomBondForce("2*epsilon*((sigma/r)^12-(sigma/r)^6)"),
        "angle": openmm.HarmonicAngleForce(),
        "cosine": openmm.CustomAngleForce("0.5*k*(cos(theta)-cos(theta0))^2"),
        "torsion": openmm.PeriodicTorsionForce(),
        "rb": openmm.RBTorsionForce(),
        "improper": openmm.CustomTorsionForce(f"0.5*k*(thetap-theta0)^2; {wrapped}"),
        "amber improper": openmm.CustomTorsionForce(
            "k*min(dtheta, 2*3.1415926535-dtheta)^2; dtheta = abs(theta-theta0)"
        ),
    }
    forces["plain improper"] = openmm.CustomTorsionForce("k*(theta-theta0)^2")
    for name, parameters in {
        "quartic": ("Bond", "r0", "k"),
        "pair": ("Bond", "C", "A"),
        "scaled pair": ("Bond", "sigma", "epsilon"),
        "cosine": ("Angle", "theta0", "k"),
        "improper": ("Torsion", "theta0", "k"),
        "amber improper": ("Torsion", "k", "theta0"),
        "plain improper": ("Torsion", "k", "theta0"),
    }.items():
        for parameter in parameters[1:]:
            getattr(forces[name], f"addPer{parameters[0]}Parameter")(parameter)
    return forces


def add_terms(rng, forces, chain):
    """Terms of a chain of atoms, of all kinds."""
    bonds = list(pairwise(chain))
    for i, j in bonds:
        forces["bond"].addBond(i, j, rng.uniform(0.1, 0.2), rng.uniform(1e4, 3e5))
    forces["bond"].addBond(chain[0], chain[2], 0.25, 5e4)  # Urey-Bradley
    forces["quartic"].addBond(*bonds[1], [0.15, 1e6])
    forces["pair"].addBond(chain[0], chain[3], [rng.uniform(-1e-3, 1e-3), 1e-6])
    forces["scaled pair"].addBond(chain[1], chain[4], [0.25, rng.uniform(0.0, 0.5)])
    for i, j, k in zip(chain, chain[1:], chain[2:], strict=False):
        forces["angle"].addAngle(i, j, k, rng.uniform(1.6, np.pi), rng.uniform(100.0, 600.0))
        forces["cosine"].addAngle(i, j, k, [rng.uniform(1.6, 2.2), 400.0])
    for i, j, k, m in zip(chain, chain[1:], chain[2:], chain[3:], strict=False):
        phase = rng.uniform(-np.pi, np.pi)
        forces["torsion"].addTorsion(i, j, k, m, int(rng.integers(1, 7)), phase, rng.uniform(-8.0, 8.0))
        forces["rb"].addTorsion(i, j, k, m, *rng.uniform(-9.0, 9.0, 6))
        forces["improper"].addTorsion(k, i, j, m, [rng.uniform(-np.pi, np.pi), 150.0])
        for name in ("amber improper", "plain improper"):
            forces[name].addTorsion(i, k, j, m, [80.0, rng.uniform(-np.pi, np.pi)])
