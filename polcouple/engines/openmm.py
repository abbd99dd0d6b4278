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
from scipy.fft import next_fast_len

from polcouple.case.model import Case
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.electrostatics.slab import SlabField
from polcouple.errors import InputError, nearest
from polcouple.ipi.parts import Part
from polcouple.lattice.cell import widest_gap
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    BOHR_TO_NM,
    KCAL_TO_KJ,
    KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR,
    KJ_PER_MOL_TO_HARTREE,
)

_ANGSTROM_TO_NM = 0.1
_PER_A2_TO_PER_NM2 = 100.0
#: sites this much beyond the cut-off are excluded too, lest rounding decides
_EXCLUSION_MARGIN_BOHR = 0.1
#: mesh spacing times the splitting parameter over the fifth root of the tolerance. OpenMM's own rule has 1.5,
#: which costs a mesh 2.7 times as large for an error smaller by 4 to 9 % (docs/speed.md)
_MESH_SPACING = 2.1
#: no atom is closer to a face of OpenMM's cell, in lattice coordinates: some roundings of single precision
_OFF_FACES = 1e-6
#: OpenMM refuses a lattice that is not reduced, by rounding too: off-diagonal elements stay this much short
#: of half the diagonal ones
_SHORT_OF_HALF = 1e-12


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
        self._images = InsideCell(case)
        self._system, self._nonbonded = build_system(case, part)
        # the integrator is never stepped: i-PI moves the atoms
        self._context = create_context(self._system, openmm.VerletIntegrator(0.001), platform, threads)
        self._charges = np.zeros(len(self._electrode))
        self._self_energy = 0.0
        self._slab = case.slab_field if self._nonbonded is not None else None
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
        self._context.setPositions(self._images(positions) * BOHR_TO_NM)
        state = self._context.getState(getEnergy=True, getForces=True)
        energy = state.getPotentialEnergy()._value * KJ_PER_MOL_TO_HARTREE - self._self_energy
        forces = state.getForces(asNumpy=True)._value * KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR
        if self._slab is not None:
            energy += self._add_slab(self._slab, positions, forces)
        forces[self._electrode] = 0.0
        return energy, forces

    def _add_slab(self, slab: SlabField, positions: np.ndarray, forces: np.ndarray) -> float:
        """Add the slab's field to ``forces``; its energy less that of the electrode's own dipole moment."""
        charges = self._case.charges.copy()
        charges[self._electrode] = self._charges
        moments = charges * slab.heights(positions)
        dipole, own = float(moments.sum()), float(moments[self._electrode].sum())
        forces[:, 2] -= slab.gradient(dipole) * charges
        return slab.energy(dipole) - 0.5 * slab.curvature * own**2


def create(case: Case, part: Part, platform: str, threads: int | None) -> ClassicalEngine:
    """See :mod:`polcouple.engines.base`."""
    return ClassicalEngine(case, part, platform, threads)


def unsupported(case: Case) -> str | None:
    """See :mod:`polcouple.engines.base`; OpenMM computes every case."""
    return None


class InsideCell:
    """Images of the atoms of a case in the reduced cell and near it, away from all faces.

    The first images are inside the cell. Later ones are those closest to the last, as long as these stay near
    the cell: OpenMM makes its neighbour lists anew when an atom jumps.

    Attributes:
        cell: (3, 3) in bohr, reduced.
        shift: (3,) in bohr, by which all atoms are moved.
    """

    def __init__(self, case: Case) -> None:
        self.cell = case.lattice.copy()
        for row, column in ((1, 0), (2, 0), (2, 1)):
            most = 0.5 * self.cell[column, column] * (1.0 - _SHORT_OF_HALF)
            self.cell[row, column] = np.clip(self.cell[row, column], -most, most)
        self._inverse = np.linalg.inv(self.cell)
        electrode = case.positions[case.electrode_indices] @ self._inverse
        gaps = [widest_gap(electrode[:, axis], 1.0) for axis in range(3)]
        # the faces go through the middle of the widest gap between electrode atoms
        self._shift = -np.array([start + 0.5 * gap for start, gap in gaps])
        self.shift = self._shift @ self.cell
        self._last: np.ndarray | None = None

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Positions (N, 3) in bohr, of any images of the atoms."""
        lattice = positions @ self._inverse + self._shift
        if self._last is None:
            lattice -= np.floor(lattice)
        else:
            lattice -= np.round(lattice - self._last)
            far = (lattice < -1.0) | (lattice > 2.0)
            lattice[far] -= np.floor(lattice[far])
        offset = lattice - np.round(lattice)
        near = np.abs(offset) < _OFF_FACES
        lattice[near] += np.copysign(_OFF_FACES, offset[near]) - offset[near]
        self._last = lattice
        return lattice @ self.cell


def build_system(case: Case, part: Part = "all") -> tuple[openmm.System, openmm.NonbondedForce | None]:
    """OpenMM system of a case (the electrode has no mass) and its nonbonded force, if the part has one.

    Positions are those that :class:`InsideCell` gives.
    """
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
            system.addForce(_wall_force(case, images))
    if part != "nonbonded":
        for force in _water_forces(case):
            system.addForce(force)
    return system, nonbonded


def set_electrode_charges(context: openmm.Context, charges: np.ndarray) -> None:
    """Give the electrode's atoms ``charges`` (n_electrode,) in e; they have none before."""
    for number, charge in enumerate(charges.tolist()):
        context.setParameter(_charge_parameter(number), charge)


def _charge_parameter(number: int) -> str:
    return f"electrode_charge_{number}"


def particle_mesh(case: Case) -> tuple[float, int, int, int]:
    """Particle-mesh Ewald of OpenMM: splitting in 1/nm, and mesh points along the cell's vectors.

    The splitting is OpenMM's choice for ``ewald_tolerance``; the mesh is as coarse as the error of splines of
    fifth order, which grows as the fifth power of its spacing, allows.
    """
    force_field = case.system.force_field
    tolerance = force_field.ewald_tolerance
    splitting = np.sqrt(-np.log(2.0 * tolerance)) / (force_field.cutoff_angstrom * _ANGSTROM_TO_NM)
    spacing = _MESH_SPACING * tolerance**0.2 / splitting
    points = np.ceil(np.linalg.norm(case.lattice, axis=1) * BOHR_TO_NM / spacing)
    x, y, z = (next_fast_len(int(count), real=True) for count in points)
    return float(splitting), x, y, z


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


def _lennard_jones(case: Case) -> dict[str, tuple[float, float]]:
    """(sigma in nm, epsilon in kJ/mol) of each element."""
    return {
        symbol: (lj.sigma_angstrom * _ANGSTROM_TO_NM, lj.epsilon_kcal_per_mol * KCAL_TO_KJ)
        for symbol, lj in case.system.force_field.lennard_jones.items()
    }


def _nonbonded_force(case: Case) -> openmm.NonbondedForce:
    parameters = case.system.force_field
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(parameters.cutoff_angstrom * _ANGSTROM_TO_NM)
    if parameters.switch_angstrom is not None:
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(parameters.switch_angstrom * _ANGSTROM_TO_NM)
    force.setPMEParameters(*particle_mesh(case))
    force.setUseDispersionCorrection(False)
    force.setExceptionsUsePeriodicBoundaryConditions(True)
    lj = _lennard_jones(case)
    for symbol, charge in zip(case.symbols, case.charges.tolist(), strict=True):
        force.addParticle(charge, *lj[symbol])
    # global parameters of the context: updateParametersInContext copies all atoms and takes twice as long
    for number, index in enumerate(case.electrode_indices.tolist()):
        force.addGlobalParameter(_charge_parameter(number), 0.0)
        force.addParticleParameterOffset(_charge_parameter(number), index, 1.0, 0.0, 0.0)
    for oxygen in case.water_oxygens.tolist():
        for i, j in ((0, 1), (0, 2), (1, 2)):
            force.addException(oxygen + i, oxygen + j, 0.0, 1.0, 0.0)
    first, second, _ = _excluded_electrode_pairs(case)
    indices = case.electrode_indices
    for i, j in zip(indices[first].tolist(), indices[second].tolist(), strict=True):
        force.addException(i, j, 0.0, 1.0, 0.0)
    return force


def _wall_force(case: Case, images: InsideCell) -> openmm.CustomExternalForce:
    """Harmonic walls seen from the slab's middle along z, whichever way the cell's third vector leans.

    All periodic images of an atom feel the same force.
    """
    walls = case.system.force_field.walls
    assert walls is not None
    force = openmm.CustomExternalForce(
        "0.5*k*max(0, abs(height)-half_width)^2; height=above-period*floor(above/period+0.5); above=z-middle"
    )
    force.addGlobalParameter("period", images.cell[2, 2] * BOHR_TO_NM)
    force.addGlobalParameter("k", walls.spring_kcal_per_mol_angstrom2 * KCAL_TO_KJ * _PER_A2_TO_PER_NM2)
    middle = 0.5 * (walls.lower_angstrom + walls.upper_angstrom)
    force.addGlobalParameter("middle", middle * _ANGSTROM_TO_NM + images.shift[2] * BOHR_TO_NM)
    force.addGlobalParameter("half_width", (walls.upper_angstrom - middle) * _ANGSTROM_TO_NM)
    for index in np.concatenate([case.water_oxygens, case.ion_indices]).tolist():
        force.addParticle(index)
    return force


def _water_forces(case: Case) -> tuple[openmm.HarmonicBondForce, openmm.HarmonicAngleForce]:
    water = case.system.force_field.water
    bond_length = water.bond_length_angstrom * _ANGSTROM_TO_NM
    bond_k = water.bond_kcal_per_mol_angstrom2 * KCAL_TO_KJ * _PER_A2_TO_PER_NM2
    angle_k = water.angle_kcal_per_mol_rad2 * KCAL_TO_KJ
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    for force in (bonds, angles):
        force.setUsesPeriodicBoundaryConditions(True)
    for oxygen in case.water_oxygens.tolist():
        bonds.addBond(oxygen, oxygen + 1, bond_length, bond_k)
        bonds.addBond(oxygen, oxygen + 2, bond_length, bond_k)
        angles.addAngle(oxygen + 1, oxygen, oxygen + 2, np.deg2rad(water.angle_degree), angle_k)
    return bonds, angles


def _excluded_electrode_pairs(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Electrode pairs (i < j, within the electrode) closer than the cut-off, and their distance in bohr.

    Only these would interact in real space; distances are of the minimum image.
    """
    positions = case.positions[case.electrode_indices]
    cutoff = case.system.force_field.cutoff_angstrom * ANGSTROM_TO_BOHR + _EXCLUSION_MARGIN_BOHR
    cell = case.lattice
    inverse = np.linalg.inv(cell)
    firsts, seconds, distances = [], [], []
    for i in range(len(positions) - 1):
        offsets = (positions[i + 1 :] - positions[i]) @ inverse
        offsets -= np.round(offsets)
        distance = np.linalg.norm(offsets @ cell, axis=1)
        near = np.flatnonzero(distance < cutoff)
        firsts.append(np.full(len(near), i))
        seconds.append(i + 1 + near)
        distances.append(distance[near])
    return (
        np.concatenate(firsts or [np.empty(0, int)]),
        np.concatenate(seconds or [np.empty(0, int)]),
        np.concatenate(distances or [np.empty(0)]),
    )


def _openmm_self_interaction(case: Case) -> np.ndarray:
    """B in Hartree/e^2: OpenMM's energy of the electrode's charges among themselves is 1/2 q^T B q."""
    matrix = ewald_matrix(case.positions[case.electrode_indices], case.lattice)
    first, second, distance = _excluded_electrode_pairs(case)
    matrix[first, second] -= 1.0 / distance
    matrix[second, first] -= 1.0 / distance
    return matrix
