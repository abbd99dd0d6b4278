"""A force field as OpenMM writes it to a file: what of it can be honoured, and what it says of the atoms.

Particles of the file are the atoms, in i-PI's order, and virtual sites anywhere between them. Whatever the
evaluation of forces would leave out is refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from polcouple.case.given_pair_forces import require_plain_pairs
from polcouple.case.virtual_sites import VirtualSites, no_sites
from polcouple.errors import InputError
from polcouple.units import DALTON_TO_ELECTRON_MASS, NM_TO_BOHR

if TYPE_CHECKING:
    import openmm

#: interactions within molecules
BONDED = (
    "HarmonicBondForce",
    "HarmonicAngleForce",
    "PeriodicTorsionForce",
    "RBTorsionForce",
    "CMAPTorsionForce",
    "CustomBondForce",
    "CustomAngleForce",
    "CustomTorsionForce",
    "CustomCompoundBondForce",
)
#: of OpenMM's own propagation, which is i-PI's here; it changes no force
_WITHOUT_FORCES = ("CMMotionRemover",)
_FIXED_CHARGES = "electrodes see fixed charges; choose a force field without polarization"
_WATER_OF_ITS_OWN = "the liquid must be there atom by atom; leave implicit solvent out"
_CONSTANT_CELL = "the cell is constant at an electrode; leave the barostat out"
#: what else there is, by the beginning of its name, and what to do
_REFUSED = {
    "Amoeba": _FIXED_CHARGES,
    "Hippo": _FIXED_CHARGES,
    "Drude": _FIXED_CHARGES,
    "GBSA": _WATER_OF_ITS_OWN,
    "CustomGB": _WATER_OF_ITS_OWN,
    "MonteCarlo": _CONSTANT_CELL,
    "ConstantPotential": "the electrodes' charges come from polcouple's backends; use a NonbondedForce",
    "AndersenThermostat": "i-PI has the thermostat; leave it out",
    "CustomExternalForce": "it depends on where the cell begins; leave it out (harmonic walls: `walls` in"
    " system.yaml)",
}
#: coordinates in the expression of a CustomCompoundBondForce
_PLACE = re.compile(r"\b[xyz][1-9][0-9]*\b")


@dataclass(frozen=True, eq=False)
class GivenSystem:
    """A serialised System of OpenMM.

    Attributes:
        path: of the file.
        system: as the file has it; not to be changed.
        atoms: (N,) particle that each atom is.
        site_particles: (v,) particle that each virtual site is.
        charges: (N,) of the atoms in e.
        masses: (N,) of the atoms in electron masses.
        sites: the virtual sites.
        bonds, bond_lengths: harmonic bonds between atoms, (b, 2) and (b,) in bohr.
        constraints, constraint_lengths: (c, 2) and (c,) in bohr.
        cutoff: the longest, in bohr.
    """

    path: Path
    system: openmm.System
    atoms: np.ndarray
    site_particles: np.ndarray
    charges: np.ndarray
    masses: np.ndarray
    sites: VirtualSites
    bonds: np.ndarray
    bond_lengths: np.ndarray
    constraints: np.ndarray
    constraint_lengths: np.ndarray
    cutoff: float

    @cached_property
    def nonbonded(self) -> openmm.NonbondedForce:
        """Its Coulomb interactions and, mostly, Lennard-Jones ones."""
        import openmm

        return next(f for f in self.system.getForces() if isinstance(f, openmm.NonbondedForce))


def read_given_system(path: Path) -> GivenSystem:
    """The System in a file.

    Raises:
        InputError: it is none, or holds what cannot be honoured.
    """
    import openmm

    try:
        system = openmm.XmlSerializer.deserialize(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except Exception as error:  # OpenMM's own exceptions, of any kind
        raise InputError(f"{path}: no System that OpenMM can read ({error})") from None
    if not isinstance(system, openmm.System):
        raise InputError(f"{path}: holds a {type(system).__name__} of OpenMM, and a System is expected")
    return given_system(path, system)


def given_system(path: Path, system: openmm.System) -> GivenSystem:
    """What a System that is or will be in ``path`` says of its atoms.

    Raises:
        InputError: it holds what cannot be honoured.
    """
    import openmm

    nonbonded = _honoured(path, system)
    n = system.getNumParticles()
    is_site = np.array([system.isVirtualSite(i) for i in range(n)], bool)
    atoms, sites = np.flatnonzero(~is_site), np.flatnonzero(is_site)
    number = np.cumsum(~is_site) - 1
    charges = np.array([nonbonded.getParticleParameters(i)[0]._value for i in range(n)])
    masses = np.array([system.getParticleMass(i)._value for i in range(n)])
    harmonic = [
        force.getBondParameters(i)
        for force in system.getForces()
        if isinstance(force, openmm.HarmonicBondForce)
        for i in range(force.getNumBonds())
    ]
    bonds = [(i, j, length._value) for i, j, length, k in harmonic if k._value > 0.0 and length._value > 0.0]
    fixed = [system.getConstraintParameters(i) for i in range(system.getNumConstraints())]
    custom = [f for f in system.getForces() if isinstance(f, openmm.CustomNonbondedForce)]
    cutoffs = [f.getCutoffDistance()._value for f in (nonbonded, *custom)]
    return GivenSystem(
        path,
        system,
        atoms,
        sites,
        charges[atoms],
        masses[atoms] * DALTON_TO_ELECTRON_MASS,
        _virtual_sites(path, system, sites, charges, number),
        *_pairs(bonds, number, is_site),
        *_pairs([(i, j, length._value) for i, j, length in fixed], number, is_site),
        max(cutoffs) * NM_TO_BOHR,
    )


def _pairs(
    found: list[tuple[int, int, float]], number: np.ndarray, is_site: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of atoms (p, 2), and their distances (p,) in bohr, of those of particles with nanometers."""
    between = [pair for pair in found if not (is_site[pair[0]] or is_site[pair[1]])]
    pairs = np.array([pair[:2] for pair in between], int).reshape(-1, 2)
    return number[pairs], np.array([pair[2] for pair in between]) * NM_TO_BOHR


def _honoured(path: Path, system: openmm.System) -> openmm.NonbondedForce:
    """The one NonbondedForce of a System all of whose forces can be honoured."""
    import openmm

    coulomb, custom = [], []
    for force in system.getForces():
        kind = type(force).__name__
        if isinstance(force, openmm.NonbondedForce):
            coulomb.append(force)
        elif isinstance(force, openmm.CustomNonbondedForce):
            custom.append(force)
        elif kind == "CustomCompoundBondForce" and _PLACE.search(force.getEnergyFunction()):
            raise InputError(
                f"{path}: {kind} '{force.getEnergyFunction()[:40]}' depends on where atoms are in the cell;"
                " write it by distances and angles"
            )
        elif kind not in BONDED and kind not in _WITHOUT_FORCES:
            reasons = [reason for start, reason in _REFUSED.items() if kind.startswith(start)]
            reason = reasons[0] if reasons else "polcouple has no way to honour it; leave it out"
            raise InputError(f"{path}: {kind}: {reason}")
    if len(coulomb) != 1:
        raise InputError(f"{path}: {len(coulomb)} NonbondedForces, one is needed: it holds the charges")
    force = coulomb[0]
    method = force.getNonbondedMethod()
    if method not in (openmm.NonbondedForce.PME, openmm.NonbondedForce.Ewald):
        names = {
            getattr(openmm.NonbondedForce, name): name
            for name in ("NoCutoff", "CutoffNonPeriodic", "CutoffPeriodic", "LJPME")
        }
        raise InputError(
            f"{path}: NonbondedForce has the method {names[method]}; electrodes need periodic Coulomb sums,"
            " make the System with nonbondedMethod=PME"
        )
    if not force.getIncludeDirectSpace():
        raise InputError(f"{path}: NonbondedForce leaves direct space out; make the System with all of it")
    if force.getNumParticleParameterOffsets() or force.getNumExceptionParameterOffsets():
        raise InputError(
            f"{path}: NonbondedForce has parameter offsets, whose global parameters nothing sets here; make"
            " the System without them"
        )
    _require_lennard_jones(path, force)
    for one in custom:
        require_plain_pairs(path, one, force)
    return force


def _require_lennard_jones(path: Path, force: openmm.NonbondedForce) -> None:
    """Refuse what OpenMM does when it is asked for forces."""
    particles = [force.getParticleParameters(i) for i in range(force.getNumParticles())]
    exceptions = [force.getExceptionParameters(i) for i in range(force.getNumExceptions())]
    for kind, rows in (("particle", particles), ("exception", exceptions)):
        for name, column in (("sigma", -2), ("epsilon", -1)):
            values = np.array([row[column]._value for row in rows])
            wrong = np.flatnonzero(~(values >= 0.0))
            if len(wrong):
                raise InputError(
                    f"{path}: NonbondedForce: {name} of {kind} {wrong[0]} is {values[wrong[0]]:g}; neither"
                    " sigma nor epsilon may be negative"
                )


def _virtual_sites(
    path: Path, system: openmm.System, particles: np.ndarray, charges: np.ndarray, number: np.ndarray
) -> VirtualSites:
    """Sites in numbers; ``charges`` and the atoms' ``number`` are of all particles."""
    import openmm

    if not len(particles):
        return no_sites()
    sites = [system.getVirtualSite(int(i)) for i in particles]
    width = max(3, *(site.getNumParticles() for site in sites))
    v = len(sites)
    parents, weights = np.zeros((v, width), int), np.zeros((v, 3, width))
    cross, places, local = np.zeros(v), np.zeros((v, 3)), np.zeros(v, bool)
    for s, (site, own) in enumerate(zip(sites, particles.tolist(), strict=True)):
        count = site.getNumParticles()
        atoms = [site.getParticle(k) for k in range(count)]
        if any(system.isVirtualSite(atom) for atom in atoms):
            raise InputError(
                f"{path}: virtual site {own} is fixed by another virtual site; write it in terms of atoms"
            )
        parents[s] = number[[*atoms, *[atoms[0]] * (width - count)]]
        if isinstance(site, openmm.TwoParticleAverageSite | openmm.ThreeParticleAverageSite):
            weights[s, 0, :count] = [site.getWeight(k) for k in range(count)]
        elif isinstance(site, openmm.OutOfPlaneSite):
            second, third = site.getWeight12(), site.getWeight13()
            weights[s, 0, :3] = (1.0 - second - third, second, third)
            cross[s] = site.getWeightCross() / NM_TO_BOHR
        elif isinstance(site, openmm.LocalCoordinatesSite):
            weights[s, :, :count] = (
                site.getOriginWeights(),
                site.getXWeights(),
                site.getYWeights(),
            )
            places[s] = np.array(site.getLocalPosition()._value) * NM_TO_BOHR
            local[s] = True
        else:
            raise InputError(
                f"{path}: virtual site {own} is a {type(site).__name__}, whose place polcouple cannot"
                " compute; use an average or local coordinates"
            )
    return VirtualSites(charges[particles], parents, weights, cross, places, local)


def check_given_system(given: GivenSystem, electrode: np.ndarray, where: Path) -> None:
    """Electrode and liquid interact by Coulomb and Lennard-Jones forces alone, and all of the liquid moves.

    Args:
        electrode: indices of its atoms.
        where: the file that names them.

    Raises:
        InputError: with the atoms.
    """
    is_electrode = np.zeros(given.system.getNumParticles(), bool)
    is_electrode[given.atoms[electrode]] = True
    own_sites = is_electrode[given.atoms[given.sites.parents]].any(axis=1)
    if own_sites.any():
        particle = int(given.site_particles[own_sites.argmax()])
        raise InputError(
            f"{where}: {given.path.name} has a virtual site (particle {particle}) on the electrode, whose"
            " atoms alone carry charges; leave it out"
        )
    number = {int(particle): atom for atom, particle in enumerate(given.atoms)}
    force = given.nonbonded
    for index in range(force.getNumExceptions()):
        i, j, *_ = force.getExceptionParameters(index)
        if is_electrode[i] != is_electrode[j]:
            raise InputError(
                f"{where}: atom {number.get(i, i)} of the electrode's molecule and atom {number.get(j, j)}"
                f" are excluded from one another in {given.path.name}, so that one is bonded to the other;"
                " take whole molecules into the electrode"
            )
    still = np.flatnonzero((given.masses <= 0.0) & ~is_electrode[given.atoms])
    if len(still):
        raise InputError(
            f"{where}: atom {still[0]} has no mass in {given.path.name} and is no electrode's; give it its"
            " mass, or name it as electrode"
        )
