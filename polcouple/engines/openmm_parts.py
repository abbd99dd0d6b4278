"""What systems of OpenMM have in common, whatever their force field: images, mesh, electrodes, walls."""

from __future__ import annotations

import numpy as np
import openmm
from scipy.fft import next_fast_len

from polcouple.case.model import Case
from polcouple.case.virtual_sites import whole_parents
from polcouple.engines.accuracy import force_accuracy
from polcouple.lattice.cell import widest_gap, within_halves
from polcouple.units import BOHR_TO_NM, KCAL_TO_KJ

_ANGSTROM_TO_NM = 0.1
_PER_A2_TO_PER_NM2 = 100.0
#: sites this much beyond the cut-off are excluded too, lest rounding decides
_EXCLUSION_MARGIN_BOHR = 0.1
#: mesh spacing times the splitting parameter over the fifth root of the tolerance. OpenMM's own rule has 1.5,
#: which costs a mesh 2.7 times as large for an error smaller by 4 to 9 % (docs/speed_openmm.md)
_MESH_SPACING = 2.1
#: no atom is closer to a face of OpenMM's cell, in lattice coordinates: some roundings of single precision
_OFF_FACES = 1e-6
#: OpenMM refuses a lattice that is not reduced, by rounding too: off-diagonal elements stay this much short
#: of half the diagonal ones
_SHORT_OF_HALF = 1e-12


class InsideCell:
    """Images of the atoms of a case in the reduced cell and near it, away from all faces.

    The first images are inside the cell. Later ones are those closest to the last, as long as these stay near
    the cell: OpenMM makes its neighbour lists anew when an atom jumps.

    Attributes:
        cell: (3, 3) in bohr, reduced.
        shift: (3,) in bohr, by which all atoms are moved.
    """

    def __init__(self, case: Case) -> None:
        self.cell = within_halves(case.lattice, _SHORT_OF_HALF)
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


class Particles:
    """Positions and forces of a case's atoms in those of OpenMM's particles, virtual sites among them."""

    def __init__(self, case: Case) -> None:
        self._images = InsideCell(case)
        self._given = case.given
        self._inverse = np.linalg.inv(self._images.cell)

    def positions(self, positions: np.ndarray) -> np.ndarray:
        """(particles, 3) in bohr near the reduced cell, for atoms at ``positions`` (N, 3), any images."""
        atoms = self._images(positions)
        if self._given is None or not len(self._given.sites):
            return atoms
        given, sites = self._given, self._given.sites
        # a site is in the middle of its own molecule
        parents = whole_parents(sites, atoms, self._images.cell)
        places = sites.positions(parents)
        lattice = places @ self._inverse
        on_face = (np.abs(lattice - np.round(lattice)) < _OFF_FACES).any(axis=1)
        parents[on_face] += 2.0 * _OFF_FACES * self._images.cell.sum(axis=0)
        atoms[sites.parents] = parents
        particles = np.empty((len(atoms) + len(sites), 3))
        particles[given.atoms] = atoms
        particles[given.site_particles] = places
        return particles

    def compute_sites(self, context: openmm.Context) -> None:
        """Have OpenMM put the virtual sites where the atoms have them."""
        if self._given is not None and len(self._given.sites):
            context.computeVirtualSites()

    def of_atoms(self, particles: np.ndarray) -> np.ndarray:
        """(N, 3) values of the atoms."""
        return particles if self._given is None else particles[self._given.atoms]


def add_electrode_charges(force: openmm.NonbondedForce, particles: np.ndarray) -> None:
    """Make the charges of the electrodes' ``particles``, zero in ``force``, parameters of a context.

    updateParametersInContext would copy all atoms and take twice as long.
    """
    for number, index in enumerate(particles.tolist()):
        force.addGlobalParameter(_charge_parameter(number), 0.0)
        force.addParticleParameterOffset(_charge_parameter(number), index, 1.0, 0.0, 0.0)


def set_electrode_charges(context: openmm.Context, charges: np.ndarray) -> None:
    """Give the electrode's atoms ``charges`` (n_electrode,) in e; they have none before."""
    for number, charge in enumerate(charges.tolist()):
        context.setParameter(_charge_parameter(number), charge)


def _charge_parameter(number: int) -> str:
    return f"electrode_charge_{number}"


def particle_mesh(case: Case) -> tuple[float, int, int, int]:
    """Particle-mesh Ewald of OpenMM: splitting in 1/nm, and mesh points along the cell's vectors.

    The splitting is OpenMM's choice for this accuracy (:mod:`polcouple.engines.accuracy`); the mesh is as
    coarse as the error of splines of fifth order, which grows as the fifth power of its spacing, allows.
    """
    tolerance = force_accuracy(case)
    splitting = np.sqrt(-np.log(2.0 * tolerance)) / (case.cutoff * BOHR_TO_NM)
    spacing = _MESH_SPACING * tolerance**0.2 / splitting
    points = np.ceil(np.linalg.norm(case.lattice, axis=1) * BOHR_TO_NM / spacing)
    x, y, z = (next_fast_len(int(count), real=True) for count in points)
    return float(splitting), x, y, z


def wall_force(case: Case, images: InsideCell) -> openmm.CustomExternalForce:
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
    particles = case.wall_atoms if case.given is None else case.given.atoms[case.wall_atoms]
    for index in particles.tolist():
        force.addParticle(index)
    return force


def excluded_electrode_pairs(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Electrode pairs (i < j, within the electrode) closer than the cut-off, and their distance in bohr.

    Only these would interact in real space; distances are of the minimum image.
    """
    positions = case.positions[case.electrode_indices]
    cutoff = case.cutoff + _EXCLUSION_MARGIN_BOHR
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
