"""The classical engine written for this project: all forces of a case on a few CPU cores.

Coulomb interactions are split (:mod:`polcouple.electrostatics.splitting`): pairs within the cut-off
(:mod:`~polcouple.engines.native.pairs`) and the rest on a mesh (:mod:`~polcouple.engines.native.mesh`). Pairs
are found by lists (:mod:`~polcouple.engines.native.lists`). Atoms are dealt into a fixed number of slices
that write where no other does, so that the number of threads changes no bit.

One pass goes through the liquid first: it is spread and transformed, its potentials are read at the
electrode's atoms, and the pairs that know nothing of the electrode's charges are begun. Then come the
electrode's charges, which are those of the backend for these potentials: their part of the mesh is added, and
forces are read. The backend computes while the pairs are computed.

Pairs of electrode atoms are left out everywhere: with phi the liquid's potential and psi the electrode's on
the mesh, the energy there is sum_j q_j (phi/2 + psi)(r_j) over the liquid, half of which is
sum_i Q_i phi(R_i) / 2 over the electrode.

The atoms of a mobile electrode go through the same pass at their own positions, and feel the liquid: on the
mesh the potential phi alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polcouple.case.model import Case
from polcouple.compile import tell_of_first_time
from polcouple.electrostatics import splitting as split
from polcouple.electrostatics.tasks import available_threads
from polcouple.engines.accuracy import force_accuracy
from polcouple.engines.external import add_slab, add_walls
from polcouple.engines.native.case_terms import terms_of_case
from polcouple.engines.native.clusters import TICKS
from polcouple.engines.native.lists import ENTRY, PairList
from polcouple.engines.native.mesh import Mesh
from polcouple.engines.native.neighbours import NeighbourLists, Neighbours
from polcouple.engines.native.pairs import PairParameters, layout, pair_buffer, pair_forces
from polcouple.engines.native.places import Places, add_forces
from polcouple.engines.native.running import Answer, Tasks
from polcouple.engines.native.sites import NearPotentials
from polcouple.engines.native.terms import Listed, Terms
from polcouple.engines.native.tuning import choose_splittings, force_series
from polcouple.errors import InputError
from polcouple.ipi.parts import Part

#: numbers of slices that atoms and clusters are dealt into; fixed, so that threads change no bit
_SLICES = 4
#: forces finer than this are computed in double precision
_SINGLE = 1e-5
#: positions are rounded to ticks, which shows in the forces beyond this
_FINEST = 1e-7
#: best accuracy of site potentials (Hartree/e) in single and double precision
_FINEST_SINGLE_POTENTIAL, _FINEST_POTENTIAL = 9e-7, 1e-8
#: rounding in single precision grows with the potentials, and they with the longest edge: Hartree/e by bohr
_ROUNDING_POTENTIAL = 2e-9


@dataclass(eq=False)
class _Pass:
    """A pass that has gone through the liquid.

    Attributes:
        positions, replica: what it was begun for; positions are those of atoms.
        pairs: what the pairs of the liquid will give: the energy of each slice.
        rest: the same of all that is computed in double precision, with its forces added to ``forces``.
        forces: (n, 3) on all places.
    """

    positions: np.ndarray
    replica: int
    near: Neighbours
    pairs: Sequence[Answer]
    rest: Sequence[Answer]
    forces: np.ndarray


class NativeEngine:
    """Energies and forces of one case, and site potentials on the way.

    See :class:`polcouple.engines.base.SitePotentialEngine`.

    Args:
        case: the system.
        part: which forces.
        threads: at most; None for all processors.

    Raises:
        InputError: an accuracy that cannot be had.
    """

    def __init__(self, case: Case, part: Part = "all", threads: int | None = None) -> None:
        tell_of_first_time(layout)
        self._case = case
        self._part = part
        self._cell = np.ascontiguousarray(case.lattice)
        self._inverse = np.linalg.inv(self._cell)
        self._threads = threads or available_threads()
        self._tasks = Tasks(self._threads)
        terms = terms_of_case(case)
        assert isinstance(terms, Terms), terms
        self._terms = terms
        self._places = Places(case)
        self._liquid = self._places.liquid
        self._inside = terms.inside if part != "nonbonded" else ()
        self._charges = terms.charges.copy()
        self.finest_potential = np.inf
        if part != "bonded":
            self._prepare_nonbonded()

    def _prepare_nonbonded(self) -> None:
        case = self._case
        accuracy = case.system.force_field.ewald_tolerance
        if accuracy < _FINEST:
            raise InputError(
                f"force_field.ewald_tolerance {accuracy:g}: the native engine is good to {_FINEST:g};"
                " raise it, or use --platform Reference"
            )
        longest = float(np.linalg.norm(self._cell, axis=1).max())
        self._finest_single = max(_FINEST_SINGLE_POTENTIAL, _ROUNDING_POTENTIAL * longest)
        # a frozen electrode's potentials have a mesh of their own where double precision would be needed for
        # them alone, which costs less
        single = accuracy >= _SINGLE and not case.mobile
        self.finest_potential = self._finest_single if single else _FINEST_POTENTIAL
        self._liquid_charges = self._charges[self._liquid]
        #: where the slices of the places that move begin
        self._bounds = np.linspace(0, len(self._liquid), _SLICES + 1).astype(int).tolist()
        self._pass: _Pass | None = None
        self._potential_accuracy: float | None = None
        self._earlier: Mapping[str, np.ndarray] = {}
        self._near_potentials: dict[int, NearPotentials] = {}
        #: of each place that is an atom of the electrode, which one
        self._site_of_place = np.zeros(len(self._places), int)
        self._site_of_place[case.electrode_indices] = np.arange(len(case.electrode_indices))
        self._choose_parameters()

    def _choose_parameters(self) -> None:
        """Splitting, mesh and lists for forces, and for site potentials if they are asked for."""
        case, lennard_jones = self._case, self._terms.lennard_jones
        n, accuracy = len(self._places), force_accuracy(case)
        finest = np.inf if self._potential_accuracy is None else self._potential_accuracy
        coarse = case.system.force_field.ewald_tolerance >= _SINGLE and finest >= self._finest_single
        self._real: Any = np.float32 if coarse else np.float64
        tables = lennard_jones.repulsion.ravel(), lennard_jones.attraction.ravel()
        self._table = np.array(tables, self._real)
        self._pair_forces = np.zeros((_SLICES, n, 4), self._real)
        self._buffers = [pair_buffer(self._real) for _ in range(_SLICES)]
        parameters, site_parameters = choose_splittings(
            self._cell, lennard_jones.cutoff, accuracy, self._potential_accuracy
        )
        self._pairs = PairParameters(*force_series(parameters, accuracy), parameters.r_cut, lennard_jones)
        self._smooth_self = float(np.polynomial.polynomial.polyval(-1.0, self._pairs.energy_series))
        volume = abs(float(np.linalg.det(self._cell)))
        self._background = split.background(parameters, volume)
        sites = case.electrode.positions
        self._mesh = Mesh(
            self._cell,
            sites,
            case.mobile,
            parameters,
            site_parameters,
            self._real,
            _SLICES,
            min(self._threads, 2),
        )
        self._mesh_forces = np.empty((n, 4), self._real)
        self._potentials = np.empty(n, self._real)
        frozen = np.zeros(n, bool)
        frozen[case.electrode_indices] = True
        # long steps, which rigid molecules bear, take atoms out of a thin skin at once
        wide = len(case.constraints[0]) > 0 or self._part == "nonbonded"
        self._lists = NeighbourLists(
            self._cell, lennard_jones, frozen, parameters.r_cut, wide, _SLICES, ENTRY
        )
        self._lists.earlier = self._earlier
        self._settings = {
            several: self._pairs.settings(self._real, self._cell, several) for several in (False, True)
        }
        self._near_potentials.clear()
        self._site_parameters = site_parameters
        if site_parameters is not None:
            self._site_background = split.background(site_parameters, volume)

    def set_charges(self, charges: np.ndarray) -> None:
        """Replace the electrode's charges, (n_electrode,) in e."""
        self._charges[self._case.electrode_indices] = charges

    def kept_lists(self) -> dict[str, np.ndarray]:
        """See :class:`polcouple.engines.base.ListKeeper`."""
        return {} if self._part == "bonded" else self._lists.kept()

    def go_on_from(self, lists: Mapping[str, np.ndarray]) -> None:
        """See :class:`polcouple.engines.base.ListKeeper`."""
        if self._part != "bonded":
            self._earlier = self._lists.earlier = lists

    def prepare_site_potentials(self, accuracy: float) -> None:
        """See :class:`polcouple.engines.base.SitePotentialEngine`."""
        self._finish_pass()
        self._potential_accuracy = accuracy
        self._choose_parameters()

    def site_potentials(self, positions: np.ndarray, replica: int = 0) -> np.ndarray:
        """See :class:`polcouple.engines.base.SitePotentialEngine`."""
        places = self._places.of_atoms(positions)
        near = self._near(positions, replica)
        _, answers = self._begin(positions, places, replica, near)
        far = self._mesh.site_potentials()
        for answer in answers:
            answer.result()
        near.require_apart(places, self._liquid)
        background = self._site_background * float(self._liquid_charges.sum())
        return near.potentials() + far + background

    def _near(self, positions: np.ndarray, replica: int) -> NearPotentials:
        """What gives the short-ranged potentials at the sites; of one that moves, each replica its own."""
        case, accuracy, parameters = self._case, self._potential_accuracy, self._site_parameters
        assert parameters is not None and accuracy is not None, "prepare_site_potentials comes first"
        own = replica if case.mobile else 0
        near = self._near_potentials.get(own)
        if near is None:
            sites = case.electrode.positions
            near = NearPotentials(
                sites, case.mobile, self._cell, parameters, accuracy, self._lists.skin, self._real, _SLICES
            )
            self._near_potentials[own] = near
        if case.mobile:
            near.move(positions[case.electrode_indices])
        return near

    def evaluate(self, positions: np.ndarray, replica: int = 0) -> tuple[float, np.ndarray]:
        """See :class:`polcouple.engines.base.Engine`."""
        if self._part == "bonded":
            forces = np.zeros((len(self._places), 3))
            energy = self._inside_molecules(self._places.of_atoms(positions), forces)
            return energy, self._places.onto_atoms(positions, forces)
        first = self._pass
        if first is None or first.replica != replica or not np.array_equal(first.positions, positions):
            first, _ = self._begin(positions, self._places.of_atoms(positions), replica)
        self._pass = None
        energy, forces = self._finish(first)
        if not self._case.mobile:
            forces[self._case.electrode_indices] = 0.0
        return energy, forces

    def _begin(
        self, positions: np.ndarray, places: np.ndarray, replica: int, sites: NearPotentials | None = None
    ) -> tuple[_Pass, Sequence[Answer]]:
        """Go through the liquid; what it does at ``sites`` is begun before its pairs, which may still run."""
        self._finish_pass()
        if self._case.mobile:
            self._mesh.move_sites(places[self._case.electrode_indices], self._inverse)
        near = self._lists.at(places, replica, self._tasks.run)
        order, ticks = near.clusters.order, self._lists.ticks
        charges = self._charges[order].astype(self._real)
        self._tasks.run(self._mesh.spread_tasks(ticks, charges, self._bounds))
        answers: Sequence[Answer] = ()
        if sites is not None:
            if near.by_sites is None:
                near.by_sites = sites.within_reach(near.places(self._cell), self._liquid)
            answers = self._tasks.start(sites.tasks(places, self._charges, near.by_sites))
        forces = np.zeros((len(order), 3))
        pairs = self._tasks.start(self._pair_tasks(near, near.moving, charges))
        rounded = places
        if self._real is np.float64:  # excluded pairs are taken away where the pair loop had them
            rounded = np.empty_like(places)
            rounded[order] = (ticks.T / TICKS) @ self._cell
        rest = self._tasks.start([(self._double_precision, places, rounded, forces)])
        self._mesh.transform_liquid()
        self._pass = _Pass(np.array(positions, dtype=float), replica, near, pairs, rest, forces)
        return self._pass, answers

    def _finish_pass(self) -> None:
        """Wait until nothing of a pass that was begun is under way; it is given up."""
        if self._pass is not None:
            for future in (*self._pass.pairs, *self._pass.rest):
                future.result()
            self._pass = None

    def _finish(self, first: _Pass) -> tuple[float, np.ndarray]:
        """Add what needs the electrode's charges; energy and forces (N, 3) on atoms."""
        near, order, ticks = first.near, first.near.clusters.order, self._lists.ticks
        moving, charges = len(self._liquid), self._charges[order].astype(self._real)
        own = self._charges[self._case.electrode_indices]
        last = moving
        if self._case.mobile:
            self._mesh_forces[moving:, :3] = self._mesh.site_forces(own)[self._site_of_place[order[moving:]]]
            last = len(order)
        mutual = self._mesh.add_electrode(own)
        reading = self._tasks.start(
            self._mesh.read_tasks(ticks, charges, self._bounds, self._mesh_forces, self._potentials)
        )
        energies = [future.result() for future in first.pairs]
        energies += self._tasks.run(self._pair_tasks(near, near.frozen, charges, False))
        energies += [future.result() for future in first.rest]
        for future in reading:
            future.result()
        add_forces(first.forces, order, self._pair_forces, self._mesh_forces, last)
        forces = self._places.onto_atoms(first.positions, first.forces)
        energy = (
            self._terms.constant + float(sum(energies)) + add_slab(self._case, own, first.positions, forces)
        )
        liquid = float(self._liquid_charges.sum())
        energy += 0.5 * float(self._potentials[:moving].astype(float) @ self._charges[order[:moving]])
        energy += 0.5 * mutual
        energy += self._background * liquid * (0.5 * liquid + float(own.sum()))
        energy -= 0.5 * self._smooth_self * float((self._liquid_charges**2).sum())
        return energy, forces

    def _pair_tasks(
        self, near: Neighbours, lists: Sequence[PairList], charges: np.ndarray, anew: bool = True
    ) -> list[tuple[Any, ...]]:
        """Tasks that add the forces of the lists to ``_pair_forces``, set to zero before where ``anew``."""
        n_kinds = len(self._terms.lennard_jones.repulsion)
        settings = self._settings[near.several_images]
        return [
            (pair_forces, one.entries, one.atoms, one.excluded, one.excluded_start, self._lists.ticks,
             charges, near.kinds, self._table, n_kinds, near.clusters.start, near.clusters.n_lj, near.centres,
             settings, buffer, forces, anew)
            for one, buffer, forces in zip(lists, self._buffers, self._pair_forces, strict=True)
        ]  # fmt: skip

    def _double_precision(self, positions: np.ndarray, rounded: np.ndarray, forces: np.ndarray) -> float:
        """Listed pairs, walls and what is inside molecules; adds to ``forces``."""
        energy = self._listed(self._terms.pairs, rounded, forces)
        energy += add_walls(self._case, positions, forces)
        if self._part == "all":
            energy += self._inside_molecules(positions, forces)
        return energy

    def _inside_molecules(self, positions: np.ndarray, forces: np.ndarray) -> float:
        return sum(self._listed(terms, positions, forces) for terms in self._inside)

    def _listed(self, terms: Listed, positions: np.ndarray, forces: np.ndarray) -> float:
        energy: float = terms.function(
            terms.atoms, terms.parameters, positions, self._cell, self._inverse, forces
        )
        return energy


def create(case: Case, part: Part, platform: str, threads: int | None) -> NativeEngine:
    """See :mod:`polcouple.engines.base`."""
    return NativeEngine(case, part, threads)


def unsupported(case: Case) -> str | None:
    """Why this engine cannot compute a case; None where it can."""
    terms = terms_of_case(case)
    return terms if isinstance(terms, str) else None
