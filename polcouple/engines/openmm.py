"""The classical engine: OpenMM energies and forces for given electrode charges.

Particle-mesh Ewald Coulomb, Lennard-Jones, flexible water and walls. Water's bonded terms and everything
else are separate parts, so that i-PI's multiple time stepping can ask for either.

The energy returned is that of the electrolyte in the field of the electrode,

    E = E_electrolyte + sum_i q_i phi_i,

a slab's field (:mod:`polcouple.electrostatics.slab`) included, without the interaction of the electrode's
charges with one another: that belongs to the electrode's electronic energy
(:mod:`polcouple.coupling.forces`). OpenMM's energy contains it as 1/2 q^T B q with a constant matrix B (the
periodic Ewald kernel less the pairs that are excluded), which is subtracted here.

OpenMM gets the lattice in its reduced form and every atom as an image in or near that cell, moved along with
all others so that no electrode atom lies on a face: OpenMM's mesh on the CPU (8.6.1) spreads a charge on
wrong points where a lattice coordinate is 0 or 1 but for rounding. Atoms that come as close to a face are
moved off it by some roundings of single precision.
"""

from __future__ import annotations

import numpy as np
import openmm
import openmm.app

from polcouple.case.model import Case
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.engines.external import add_slab
from polcouple.engines.openmm_given import system_of_file
from polcouple.engines.openmm_parts import (
    InsideCell,
    Particles,
    add_electrode_charges,
    excluded_electrode_pairs,
    particle_mesh,
    set_electrode_charges,
    wall_force,
)
from polcouple.errors import InputError, nearest
from polcouple.ipi.parts import Part
from polcouple.units import (
    BOHR_TO_ANGSTROM,
    BOHR_TO_NM,
    KCAL_TO_KJ,
    KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR,
    KJ_PER_MOL_TO_HARTREE,
)

_ANGSTROM_TO_NM = 0.1
_PER_A2_TO_PER_NM2 = 100.0
#: Reference's lists are whole in cells that are as many cut-offs high, or less tilted
_LOWEST_TILTED, _TILTED = 3.1, 1e-9


class ClassicalEngine:
    """Energies and forces of one case.

    Args:
        case: the system.
        part: ``bonded`` (inside water molecules), ``nonbonded`` (all the rest) or ``all``.
        platform: OpenMM platform by name (CPU, CUDA, OpenCL, Reference).
        threads: of the CPU platform; None leaves the choice to OpenMM.

    Raises:
        InputError: the platform is not available here.
    """

    def __init__(
        self, case: Case, part: Part = "all", platform: str = "CPU", threads: int | None = None
    ) -> None:
        self._case = case
        self._electrode = case.electrode_indices
        self._particles = Particles(case)
        if platform == "Reference" and part != "bonded":
            require_whole_lists(case)
        self._system, self._nonbonded = build_system(case, part)
        # the integrator is never stepped: i-PI moves the atoms
        self._context = create_context(self._system, openmm.VerletIntegrator(0.001), platform, threads)
        self._charges = np.zeros(len(self._electrode))
        self._self_energy = 0.0
        if self._nonbonded is not None:
            self._self_matrix = _openmm_self_interaction(case)

    def set_charges(self, charges: np.ndarray) -> None:
        """Replace the electrode's charges, (n_electrode,) in e, in place."""
        if self._nonbonded is None or np.array_equal(charges, self._charges):
            return
        set_electrode_charges(self._context, charges)
        self._charges = charges.copy()
        self._self_energy = 0.5 * float(charges @ self._self_matrix @ charges)

    def evaluate(self, positions: np.ndarray, replica: int = 0) -> tuple[float, np.ndarray]:
        """See :class:`polcouple.engines.base.Engine`; OpenMM keeps nothing of a replica."""
        self._context.setPositions(self._particles.positions(positions) * BOHR_TO_NM)
        self._particles.compute_sites(self._context)
        state = self._context.getState(getEnergy=True, getForces=True)
        energy = state.getPotentialEnergy()._value * KJ_PER_MOL_TO_HARTREE - self._self_energy
        forces = self._particles.of_atoms(state.getForces(asNumpy=True)._value)
        forces *= KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR
        if self._nonbonded is not None:
            energy += add_slab(self._case, self._charges, positions, forces)
        forces[self._electrode] = 0.0
        return energy, forces


def require_whole_lists(case: Case) -> None:
    """Refuse cells in which OpenMM's Reference platform (8.6.1) leaves out pairs within the cut-off.

    Its lists take atoms beyond the cell's face along b or c from one image, of the several that a tilt shifts
    against one another where a cell is lower than three cut-offs.

    Raises:
        InputError: the cell is one of these.
    """
    cell, cutoff = InsideCell(case).cell, case.cutoff
    for row, name in ((1, "b"), (2, "c")):
        height = float(cell[row, row])
        if np.abs(cell[row, :row]).max() > _TILTED * height and height < _LOWEST_TILTED * cutoff:
            raise InputError(
                f"--platform Reference: OpenMM leaves out pairs in a tilted cell lower than three cut-offs"
                f" (along {name} {height * BOHR_TO_ANGSTROM:.1f} Angstrom, cut-off"
                f" {cutoff * BOHR_TO_ANGSTROM:.1f}); take --platform native or CPU"
            )


def create(case: Case, part: Part, platform: str, threads: int | None) -> ClassicalEngine:
    """See :mod:`polcouple.engines.base`."""
    return ClassicalEngine(case, part, platform, threads)


def unsupported(case: Case) -> str | None:
    """See :mod:`polcouple.engines.base`; OpenMM computes every case."""
    return None


def build_system(case: Case, part: Part = "all") -> tuple[openmm.System, openmm.NonbondedForce | None]:
    """OpenMM system of a case (the electrode has no mass) and its nonbonded force, if the part has one.

    Positions are those that :class:`InsideCell` gives.
    """
    if case.given is not None:
        return system_of_file(case, part)
    system = openmm.System()
    images = InsideCell(case)
    system.setDefaultPeriodicBoxVectors(*(images.cell * BOHR_TO_NM))
    electrode = set(case.electrode_indices.tolist())
    for index, symbol in enumerate(case.symbols):
        mass = openmm.app.Element.getBySymbol(symbol).mass
        system.addParticle(0.0 if index in electrode else mass)
    nonbonded = None
    if part != "bonded":
        nonbonded = _nonbonded_force(case)
        system.addForce(nonbonded)
        if case.system.force_field.walls is not None:
            system.addForce(wall_force(case, images))
    if part != "nonbonded":
        for force in _water_forces(case):
            system.addForce(force)
    return system, nonbonded


def create_context(
    system: openmm.System, integrator: openmm.Integrator, platform: str, threads: int | None
) -> openmm.Context:
    """A context with reproducible forces; see :class:`ClassicalEngine` for the arguments.

    Raises:
        InputError: the platform is not available here.
    """
    available = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
    if platform not in available:
        raise InputError(
            f"OpenMM has no platform '{platform}' here{nearest(platform, available)};"
            f" available: {', '.join(available)}, or native"
        )
    properties: dict[str, str] = {}
    if platform != "Reference":
        properties["DeterministicForces"] = "true"
    if platform in ("CUDA", "OpenCL"):
        properties["Precision"] = "mixed"
    if platform == "CPU" and threads is not None:
        properties["Threads"] = str(threads)
    return openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform), properties)


def _nonbonded_force(case: Case) -> openmm.NonbondedForce:
    parameters = case.parameters
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(parameters.cutoff_angstrom * _ANGSTROM_TO_NM)
    if parameters.switch_angstrom is not None:
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(parameters.switch_angstrom * _ANGSTROM_TO_NM)
    force.setPMEParameters(*particle_mesh(case))
    force.setUseDispersionCorrection(False)
    force.setExceptionsUsePeriodicBoundaryConditions(True)
    for lj, charge in zip(case.lennard_jones, case.charges.tolist(), strict=True):
        force.addParticle(charge, lj.sigma_angstrom * _ANGSTROM_TO_NM, lj.epsilon_kcal_per_mol * KCAL_TO_KJ)
    add_electrode_charges(force, case.electrode_indices)
    for oxygen in case.water_oxygens.tolist():
        for i, j in ((0, 1), (0, 2), (1, 2)):
            force.addException(oxygen + i, oxygen + j, 0.0, 1.0, 0.0)
    first, second, _ = excluded_electrode_pairs(case)
    indices = case.electrode_indices
    for i, j in zip(indices[first].tolist(), indices[second].tolist(), strict=True):
        force.addException(i, j, 0.0, 1.0, 0.0)
    return force


def _water_forces(case: Case) -> tuple[openmm.Force, ...]:
    water = case.parameters.water
    if water is None or water.springs is None:  # none, or rigid
        return ()
    bond_length = water.bond_length_angstrom * _ANGSTROM_TO_NM
    bond_k = water.springs[0] * KCAL_TO_KJ * _PER_A2_TO_PER_NM2
    angle_k = water.springs[1] * KCAL_TO_KJ
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    for force in (bonds, angles):
        force.setUsesPeriodicBoundaryConditions(True)
    for oxygen in case.water_oxygens.tolist():
        bonds.addBond(oxygen, oxygen + 1, bond_length, bond_k)
        bonds.addBond(oxygen, oxygen + 2, bond_length, bond_k)
        angles.addAngle(oxygen + 1, oxygen, oxygen + 2, np.deg2rad(water.angle_degree), angle_k)
    return bonds, angles


def _openmm_self_interaction(case: Case) -> np.ndarray:
    """B in Hartree/e^2: OpenMM's energy of the electrode's charges among themselves is 1/2 q^T B q."""
    matrix = ewald_matrix(case.positions[case.electrode_indices], case.lattice)
    first, second, distance = excluded_electrode_pairs(case)
    matrix[first, second] -= 1.0 / distance
    matrix[second, first] -= 1.0 / distance
    return matrix
