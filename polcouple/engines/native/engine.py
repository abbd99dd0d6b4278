"""The classical engine written for this project: all forces of a case on a few CPU cores.

Coulomb interactions are split (:mod:`polcouple.electrostatics.splitting`): pairs within the cut-off
(:mod:`~polcouple.engines.native.pairs`) and the rest on a mesh (:mod:`~polcouple.engines.native.mesh`). Pairs
are found by lists (:mod:`~polcouple.engines.native.clusters`) that reach _SKIN beyond the cut-off and serve
until an atom has moved by half of it. Atoms are dealt into a fixed number of slices that write where no other
does, so that the number of threads changes no bit.

Pairs of electrode atoms are left out of the pair loop. On the mesh they interact; what that adds is 1/2 q B q
with the periodic Ewald kernel less its short-ranged part as B, and is taken off the energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from polcouple.case.model import Case
from polcouple.electrostatics import splitting as split
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.electrostatics.tasks import available_threads
from polcouple.engines.external import add_slab, add_walls
from polcouple.engines.native import bonded
from polcouple.engines.native.clusters import (
    ENTRY,
    TICKS,
    Clusters,
    PairList,
    farthest_move,
    list_neighbours,
    make_clusters,
    to_ticks,
    widest_reach,
)
from polcouple.engines.native.mesh import Mesh
from polcouple.engines.native.pairs import PairParameters, pair_buffer, pair_forces
from polcouple.engines.native.tuning import choose_force_splitting, force_series
from polcouple.errors import InputError
from polcouple.ipi.parts import Part
from polcouple.lattice.cell import heights
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    BOHR_TO_ANGSTROM,
    KCAL_TO_KJ,
    KJ_PER_MOL_TO_HARTREE,
)

#: lists reach so far beyond the cut-off (bohr)
_SKIN = 0.7 * ANGSTROM_TO_BOHR
#: numbers of slices that atoms and clusters are dealt into; fixed, so that threads change no bit
_SLICES = 4
#: forces finer than this are computed in double precision
_SINGLE = 1e-5
#: positions are rounded to ticks, which shows in the forces beyond this
_FINEST = 1e-7
_KCAL = KCAL_TO_KJ * KJ_PER_MOL_TO_HARTREE


@dataclass(eq=False)
class _Neighbours:
    """The lists of one replica.

    Attributes:
        ticks: (3, n) where the atoms were when the lists were made, in the order of the clusters.
        several_images: see :func:`polcouple.engines.native.clusters.list_neighbours`.
        centres: (clusters, 3) in ticks.
    """

    clusters: Clusters
    lists: tuple[PairList, ...]
    ticks: np.ndarray
    several_images: bool
    centres: np.ndarray
    half_sigma: np.ndarray
    root_epsilon: np.ndarray


class NativeEngine:
    """Energies and forces of one case; see :class:`polcouple.engines.base.Engine`.

    Args:
        case: the system.
        part: which forces.
        threads: at most; None for all processors.

    Raises:
        InputError: an accuracy that cannot be had.
    """

    def __init__(self, case: Case, part: Part = "all", threads: int | None = None) -> None:
        self._case = case
        self._part = part
        self._cell = np.ascontiguousarray(case.lattice)
        self._inverse = np.linalg.inv(self._cell)
        self._heights = heights(self._cell)
        threads = threads or available_threads()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="forces") if threads > 1 else None
        self._charges = case.charges.copy()
        self._water: tuple[float, float, float, float] | None = None
        water = case.parameters.water
        if part != "nonbonded" and water.springs is not None:
            bond, bend = water.springs
            self._water = (
                bond * _KCAL * BOHR_TO_ANGSTROM**2,
                water.bond_length_angstrom * ANGSTROM_TO_BOHR,
                bend * _KCAL,
                float(np.deg2rad(water.angle_degree)),
            )
        if part != "bonded":
            self._prepare_nonbonded()

    def _prepare_nonbonded(self) -> None:
        case, force_field = self._case, self._case.parameters
        n = len(case)
        self._cutoff = force_field.cutoff_angstrom * ANGSTROM_TO_BOHR
        switch = force_field.switch_angstrom or force_field.cutoff_angstrom
        accuracy = force_field.ewald_tolerance
        if accuracy < _FINEST:
            raise InputError(
                f"force_field.ewald_tolerance {accuracy:g}: the native engine is good to {_FINEST:g};"
                " raise it, or use --platform Reference"
            )
        self._real: Any = np.float32 if accuracy >= _SINGLE else np.float64
        parameters = choose_force_splitting(self._cell, self._cutoff, accuracy)
        self._pairs = PairParameters(
            *force_series(parameters, accuracy), self._cutoff, switch * ANGSTROM_TO_BOHR
        )
        self._smooth_self = float(np.polynomial.polynomial.polyval(-1.0, self._pairs.energy_series))
        self._mesh = Mesh(self._cell, parameters, self._real, _SLICES)
        self._background = split.background(parameters, abs(float(np.linalg.det(self._cell))))
        lj = force_field.lennard_jones
        self._half_sigma = np.array(
            [0.5 * lj[s].sigma_angstrom * ANGSTROM_TO_BOHR for s in case.symbols], self._real
        )
        self._root_epsilon = np.array(
            [2.0 * np.sqrt(lj[s].epsilon_kcal_per_mol * _KCAL) for s in case.symbols], self._real
        )
        self._has_lj = np.greater(self._root_epsilon, 0.0)
        self._frozen = np.zeros(n, bool)
        self._frozen[case.electrode_indices] = True
        oxygens = case.water_oxygens
        self._excluded = (
            np.concatenate([oxygens, oxygens, oxygens + 1]),
            np.concatenate([oxygens + 1, oxygens + 2, oxygens + 2]),
        )
        self._products = self._charges[self._excluded[0]] * self._charges[self._excluded[1]]
        self._electrode_kernel = self._mesh_between_electrode_atoms()
        self._buffers = [pair_buffer(self._real) for _ in range(_SLICES)]
        self._pair_forces = np.empty((_SLICES, n, 4), self._real)
        self._mesh_forces = np.empty((n, 4), self._real)
        self._potentials = np.empty(n, self._real)
        self._ticks = np.empty((3, n), np.int32)
        self._bounds = np.linspace(0, n, _SLICES + 1).astype(int)
        self._neighbours: dict[int, _Neighbours] = {}

    def set_charges(self, charges: np.ndarray) -> None:
        """Replace the electrode's charges, (n_electrode,) in e."""
        self._charges[self._case.electrode_indices] = charges

    def evaluate(self, positions: np.ndarray, replica: int = 0) -> tuple[float, np.ndarray]:
        """See :class:`polcouple.engines.base.Engine`."""
        forces = np.zeros((len(positions), 3))
        energy = 0.0
        if self._part != "bonded":
            energy = self._nonbonded(positions, replica, forces)
        else:
            energy = self._inside_molecules(positions, forces)
        forces[self._case.electrode_indices] = 0.0
        return energy, forces

    def _nonbonded(self, positions: np.ndarray, replica: int, forces: np.ndarray) -> float:
        near = self._listed(positions, replica)
        order = near.clusters.order
        charges = self._charges[order].astype(self._real)
        pairs = [(self._pair_slice, near, index, charges) for index in range(_SLICES)]
        rest = (self._double_precision, positions, forces)
        *pair_energies, rest_energy = self._mesh.evaluate(
            self._ticks, charges, self._bounds, self._mesh_forces, self._potentials, self._run, [*pairs, rest]
        )
        _add(forces, order, self._pair_forces, self._mesh_forces)
        own = self._charges[self._case.electrode_indices]
        liquid = float((self._charges**2).sum() - (own**2).sum())
        mesh = 0.5 * float(self._potentials.astype(float) @ self._charges[order])
        mesh += 0.5 * self._background * float(self._charges.sum()) ** 2
        mesh -= 0.5 * self._smooth_self * liquid + 0.5 * float(own @ self._electrode_kernel @ own)
        return sum(pair_energies) + rest_energy + mesh

    def _pair_slice(self, near: _Neighbours, index: int, charges: np.ndarray) -> float:
        energy: float = pair_forces(
            near.lists[index].entries,
            near.lists[index].atoms,
            self._ticks,
            charges,
            near.half_sigma,
            near.root_epsilon,
            near.clusters.start,
            near.clusters.n_lj,
            near.centres,
            (np.eye(3) if near.several_images else self._cell) / TICKS,
            self._pairs.settings(self._real, self._cell if near.several_images else None),
            self._buffers[index],
            self._pair_forces[index],
        )
        return energy

    def _double_precision(self, positions: np.ndarray, forces: np.ndarray) -> float:
        """Everything but pairs and mesh; adds to ``forces``."""
        case = self._case
        positions = np.ascontiguousarray(positions, dtype=float)
        energy: float = bonded.excluded(
            *self._excluded, self._products, positions, self._cell, self._inverse, forces
        )
        energy += add_walls(case, positions, forces)
        energy += add_slab(case, self._charges[case.electrode_indices], positions, forces)
        if self._part == "all":
            energy += self._inside_molecules(positions, forces)
        return energy

    def _inside_molecules(self, positions: np.ndarray, forces: np.ndarray) -> float:
        if self._water is None:  # rigid
            return 0.0
        energy: float = bonded.water(
            self._case.water_oxygens,
            np.ascontiguousarray(positions, dtype=float),
            self._cell,
            self._inverse,
            *self._water,
            forces,
        )
        return energy

    def _listed(self, positions: np.ndarray, replica: int) -> _Neighbours:
        """Lists that hold at ``positions``, whose ticks are left in ``_ticks``."""
        positions = np.ascontiguousarray(positions, dtype=float)
        near = self._neighbours.get(replica)
        if near is not None:
            to_ticks(positions, self._inverse, near.clusters.order, self._ticks)
            if farthest_move(self._ticks, near.ticks, self._cell) < (0.5 * _SKIN) ** 2:
                return near
        near = self._neighbours[replica] = self._new_lists(positions)
        return near

    def _new_lists(self, positions: np.ndarray) -> _Neighbours:
        n = len(positions)
        to_ticks(positions, self._inverse, np.arange(n), self._ticks)
        clusters = make_clusters(self._ticks, self._has_lj, self._frozen, self._heights)
        order = clusters.order
        self._ticks = np.ascontiguousarray(self._ticks[:, order])
        reach = self._cutoff + _SKIN
        several = widest_reach(clusters, self._heights) <= reach
        bounds = np.linspace(0, clusters.n_moving, _SLICES + 1).astype(int)
        lists = self._run(
            [
                (
                    list_neighbours,
                    clusters,
                    self._ticks,
                    self._cell,
                    self._heights,
                    reach,
                    several,
                    a,
                    b,
                    ENTRY,
                )
                for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
            ]
        )
        middles = 0.5 * (clusters.low + clusters.high) * TICKS
        return _Neighbours(
            clusters,
            tuple(lists),
            self._ticks.copy(),
            several,
            np.floor(middles).astype(np.int64).astype(np.int32),
            self._half_sigma[order],
            self._root_epsilon[order],
        )

    def _mesh_between_electrode_atoms(self) -> np.ndarray:
        """B (n_electrode, n_electrode) in Hartree/e^2: electrode pairs on the mesh, background included."""
        positions = self._case.electrode.positions
        matrix = ewald_matrix(positions, self._cell)
        fractional = positions @ self._inverse
        for i in range(len(positions)):
            separation = fractional - fractional[i]
            separation -= np.rint(separation)
            distance = np.linalg.norm(separation @ self._cell, axis=1)
            distance[i] = np.inf
            near = np.flatnonzero(distance < self._cutoff)
            u = 2.0 * (distance[near] / self._cutoff) ** 2 - 1.0
            smooth = np.polynomial.polynomial.polyval(u, self._pairs.energy_series)
            matrix[i, near] -= 1.0 / distance[near] - smooth
            matrix[i, i] += self._smooth_self
        return matrix

    def _run(self, tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Results of the tasks (function, *arguments) in their order."""
        if self._pool is None:
            return [function(*arguments) for function, *arguments in tasks]
        futures = [self._pool.submit(*task) for task in tasks]
        return [future.result() for future in futures]


def create(case: Case, part: Part, platform: str, threads: int | None) -> NativeEngine:
    """See :mod:`polcouple.engines.base`."""
    return NativeEngine(case, part, threads)


def unsupported(case: Case) -> str | None:
    """Why this engine cannot compute a case; None where it can."""
    if case.given is not None:
        return f"the force field in {case.given.path.name}"
    lj = case.parameters.lennard_jones
    hydrogen = lj.get("H")
    if hydrogen is not None and hydrogen.epsilon_kcal_per_mol > 0.0 and len(case.water_oxygens):
        return "hydrogens of water with Lennard-Jones interactions, which are not excluded inside a molecule"
    return None


def _add(forces: np.ndarray, order: np.ndarray, pairs: np.ndarray, mesh: np.ndarray) -> None:
    """Add the forces on places to those on atoms."""
    summed = mesh[:, :3].astype(float)
    for part in pairs:
        summed += part[:, :3]
    forces[order] += summed
