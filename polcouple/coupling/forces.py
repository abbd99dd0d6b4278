"""Positions in, energy, forces and extras out: what i-PI asks for, whichever way it asks.

The energy i-PI sees is

    E = E_electrolyte + E_surface,    E_surface = E(phi; Q) at a refresh of the charges,

where phi are the site potentials and E(phi; Q) is the electronic energy of the charge backend, with
dE/dphi = q. Between refreshes the charges are held and the energy follows their fixed field,

    E_surface = U + sum_i q_i phi_i,    U = E(phi_r; Q) - sum_i q_i phi_r,i  of the last refresh r,

so exchanging the charges at positions x lifts the energy by

    W(x) = [U_new + q_new . phi(x)] - [U_old + q_old . phi(x)].

Velocity Verlet takes the step that leads to a refresh with half a kick by the old charges at its beginning
and half a kick by the new ones at its end, so the work done on the system from outside is the mean of W at
both ends. The accumulated work is reported with every evaluation; i-PI's conserved quantity less this work is
conserved by the integrator. A conservative backend refreshed at every evaluation does no such work: its
energy is a function of the positions alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

import numpy as np
from pydantic_core import to_json

from polcouple.backends.base import ChargeBackend, Environment
from polcouple.backends.mobile import MobileBackend, MobileResult
from polcouple.case.model import Case
from polcouple.case.structure_guard import StructureGuard
from polcouple.coupling.charges import ChargeSolver, Surroundings
from polcouple.coupling.held_state import HeldStates, ReplicaState
from polcouple.coupling.joint_search import CoupledResult, fermi_levels
from polcouple.coupling.mobile import MobileSolver
from polcouple.coupling.overlap import require_usable
from polcouple.engines.base import NATIVE, ListKeeper, create_engine
from polcouple.errors import InputError
from polcouple.ipi.parts import Part
from polcouple.units import HARTREE_TO_EV

#: largest error of site potentials that an observer sees, Hartree/e: what is recorded for labels by `dftb`
_SEEN_ACCURACY = 1e-7


#: names of all that is told beside energy and forces, whichever backend and whatever is held
EXTRAS = frozenset(
    {"charges", "total_charge", "electrode_charges", "refresh_work", "refreshes", "fermi_level",
     "fermi_levels", "source_work", "electrons", "free_energy", "grand_potential"}
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Answer to one set of positions.

    Attributes:
        energy: in Hartree.
        forces: (N, 3) in Hartree/bohr, zero on an electrode in its place.
        extras: what i-PI can write along: ``charges`` (n_electrode,) in e, ``total_charge`` in e,
            ``electrode_charges`` (electrodes,) in e, ``refresh_work`` accumulated in Hartree, ``refreshes``
            counted, and ``fermi_level`` in eV where the backend has one; of several electrodes, or where a
            potential is held, ``fermi_levels`` (electrodes,) in eV and ``source_work`` in Hartree, NaN where
            unknown; of a mobile electrode both, ``electrons`` N, ``free_energy`` E and ``grand_potential``
            E - mu N in Hartree, in the liquid's potentials. Empty for the bonded part.
    """

    energy: float
    forces: np.ndarray
    extras: dict[str, object]

    def extras_json(self) -> str:
        """The extras as i-PI reads them: one JSON object."""
        extras = {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in self.extras.items()
        }
        return to_json(extras, inf_nan_mode="constants").decode()


@dataclass
class Timings:
    """Wall time in seconds spent in each kind of work."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, start: float) -> None:
        """Add the time since ``start`` (``time.perf_counter``) to ``name``."""
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


class Forces(Protocol):
    """What answers positions with energy, forces and extras; attributes as :class:`ForceProvider`'s."""

    @property
    def timings(self) -> Timings:
        """Where the time went."""
        ...

    @property
    def warnings(self) -> set[str]:
        """What the backend warned of, each line once."""
        ...

    def evaluate(self, positions: np.ndarray, cell: np.ndarray, replica: int = 0) -> Evaluation:
        """See :meth:`ForceProvider.evaluate`."""
        ...


#: called with the replica, the number of its evaluations since the run began before this one, what its
#: electrodes see, and their charges (n_electrode,) in e
Observer = Callable[[int, int, Environment, np.ndarray], None]
#: the same of a mobile electrode: replica, number, positions (N, 3) in bohr, the answer, and the backend's
MobileObserver = Callable[[int, int, np.ndarray, Evaluation, MobileResult], None]


class ForceProvider:
    """Energy and forces of a case with charges from a backend.

    Args:
        case: the system.
        backend: source of the electrode charges (:func:`polcouple.coupling.mobile.create_charges`); None for
            the bonded part, which needs none.
        part: which forces; charges matter to all but ``bonded``. ``fast`` is ``all`` with the backend that is
            given; of ``slow`` see :mod:`polcouple.coupling.difference`.
        platform: ``native``, or a platform of OpenMM.
        threads: of the processor, at most; None for all.
        interval: evaluations of a replica between refreshes of its charges.
        observer: told of every evaluation that charges matter to; of a mobile electrode a
            :data:`MobileObserver`.
        held: where the states of an earlier provider are found and this one's are kept; None if nothing but
            the positions matters, or nobody goes on from here.

    Attributes:
        timings: where the time went.
        warnings: what the backend warned of, each line once.

    Raises:
        InputError: a number that is not positive, or an engine that cannot compute the case.
    """

    def __init__(
        self,
        case: Case,
        backend: ChargeBackend | MobileBackend | None,
        part: Part = "all",
        platform: str = NATIVE,
        threads: int | None = None,
        interval: int = 1,
        observer: Observer | MobileObserver | None = None,
        held: HeldStates | None = None,
    ) -> None:
        for name, number in (("threads", threads), ("interval", interval)):
            if number is not None and number < 1:
                raise InputError(f"{name} {number}: give a positive number")
        if case.mobile and interval != 1:
            raise InputError(
                f"refresh {interval}: charges that are kept give no forces on a mobile electrode; take 1"
            )
        self._case = case
        self._backend = backend if part != "bonded" else None
        self._interval = interval
        self._observer = observer
        self._held = held
        self._engine, other = create_engine(case, "all" if part == "fast" else part, platform, threads)
        self._charges = None if self._backend is None else self._solver(self._backend)
        self._guard = StructureGuard(case)
        self._replicas: dict[int, ReplicaState] = {}
        self.timings = Timings()
        self.warnings: set[str] = set() if other is None else {other}

    def kept_lists(self) -> dict[str, np.ndarray]:
        """The engine's lists, where it has any; see :class:`polcouple.engines.base.ListKeeper`."""
        return self._engine.kept_lists() if isinstance(self._engine, ListKeeper) else {}

    def go_on_from(self, lists: Mapping[str, np.ndarray]) -> None:
        """Begin with the lists of an earlier provider."""
        if isinstance(self._engine, ListKeeper):
            self._engine.go_on_from(lists)

    def _solver(self, backend: ChargeBackend | MobileBackend) -> ChargeSolver | MobileSolver:
        """What asks the backend."""
        case, accuracy = self._case, backend.capabilities.potential_accuracy
        if case.mobile:
            return MobileSolver(case, cast(MobileBackend, backend), self._engine)
        # the engine's own potentials cost every step a finer mesh, whether they are looked at or not
        reads = backend.capabilities.site_potentials
        every_step = reads and self._interval == 1 and self._observer is None
        surroundings = Surroundings(
            case,
            min(accuracy, _SEEN_ACCURACY) if self._observer else accuracy,
            self._engine if every_step else None,
        )
        return ChargeSolver(case, cast(ChargeBackend, backend), surroundings)

    def evaluate(self, positions: np.ndarray, cell: np.ndarray, replica: int = 0) -> Evaluation:
        """Energy, forces and extras at ``positions`` (N, 3) in ``cell`` (rows), both in bohr.

        Raises:
            InputError: positions or cell do not belong to the case, or atoms overlap.
            ConvergenceError: the backend did not reach its accuracy or returned unusable charges.
        """
        self._guard.check(positions, cell)
        state, repeated = self._state(replica, positions)
        surface_energy = 0.0
        extras: dict[str, object] = {}
        if self._charges is not None and self._backend is not None:
            start = time.perf_counter()
            environment = self._charges.environment(positions, replica)
            if repeated and self._case.mobile:  # what was written down of the state has no forces
                state.result = self._charges.solve(environment, f"replica {replica}", None)
            if not repeated:
                conservative = self._backend.capabilities.conservative
                self._advance(self._charges, conservative, state, environment, replica)
                if self._held is not None:
                    self._held.append(replica, positions, state)
            self.timings.add("charges", start)
            if self._observer is not None and state.result is not None and not self._case.mobile:
                observer = cast(Observer, self._observer)
                observer(replica, state.evaluations - 1, environment, state.result.charges)
            surface_energy = state.internal_energy
            extras = _extras(state, self._case)
        start = time.perf_counter()
        if state.result is not None:
            self._engine.set_charges(state.result.charges)
        energy, forces = self._engine.evaluate(positions, replica)
        if isinstance(state.result, MobileResult):
            forces[self._case.electrode_indices] += state.result.forces
        self.timings.add("forces", start)
        require_usable(self._case, positions, energy, forces, replica)
        answer = Evaluation(energy + surface_energy, forces, extras)
        if self._observer is not None and isinstance(state.result, MobileResult):
            watch = cast(MobileObserver, self._observer)
            watch(replica, state.evaluations - 1, positions, answer, state.result)
        return answer

    def _state(self, replica: int, positions: np.ndarray) -> tuple[ReplicaState, bool]:
        """State of a replica, and whether it is the one after these positions (of an earlier provider)."""
        if replica in self._replicas:
            return self._replicas[replica], False
        self._guard.check_order(positions)
        state, repeated = ReplicaState(), False
        if self._held is not None and self._backend is not None:
            recalled = self._held.recall(replica, positions)
            if recalled is not None:
                state, repeated = recalled
            else:
                state.evaluations = self._held.first_evaluation
                if (warning := self._held.unknown(replica)) is not None:
                    self.warnings.add(warning)
        self._replicas[replica] = state
        return state, repeated

    def _advance(
        self,
        solver: ChargeSolver | MobileSolver,
        conservative: bool,
        state: ReplicaState,
        environment: Environment,
        replica: int,
    ) -> None:
        """Count an evaluation, refresh the charges if it is time, and account for the work of that."""
        does_work = not (conservative and self._interval == 1)
        if state.result is None or state.evaluations % self._interval == 0:
            old, old_energy = state.result, state.internal_energy
            self._refresh(solver, state, environment, replica)
            if does_work and old is not None and state.result is not None:
                assert state.site_potentials is not None
                ends = state.site_potentials + environment.site_potentials
                change = state.result.charges - old.charges
                state.work += state.internal_energy - old_energy + 0.5 * float(change @ ends)
        state.evaluations += 1
        next_refreshes = does_work and state.evaluations % self._interval == 0
        state.site_potentials = environment.site_potentials if next_refreshes else None

    def _refresh(
        self, solver: ChargeSolver | MobileSolver, state: ReplicaState, environment: Environment, replica: int
    ) -> None:
        """Compute new charges."""
        new = solver.solve(environment, f"replica {replica}", state.result)
        self.warnings.update(new.warnings)
        state.result = new
        state.internal_energy = 0.0
        if new.energy is not None:
            state.internal_energy = new.energy - float(new.charges @ environment.site_potentials)
        state.refreshes += 1


def _extras(state: ReplicaState, case: Case) -> dict[str, object]:
    result = state.result
    assert result is not None
    charges = result.charges
    totals = [float(charges[own].sum()) for own in case.electrode_slices]
    extras: dict[str, object] = {
        "charges": charges,
        "total_charge": float(charges.sum()),
        "electrode_charges": totals,
        "refresh_work": state.work,
        "refreshes": state.refreshes,
    }
    levels = (fermi_levels(result, len(totals)) * HARTREE_TO_EV).tolist()
    if len(totals) > 1 or case.system.potential is not None:
        extras["fermi_levels"] = levels
        extras["source_work"] = result.source_work if isinstance(result, CoupledResult) else np.nan
    elif np.isfinite(levels[0]):
        extras["fermi_level"] = levels[0]
    if isinstance(result, MobileResult):
        extras |= _of_mobile(result, held=case.system.potential is not None)
    return extras


def _of_mobile(result: MobileResult, held: bool) -> dict[str, object]:
    """What a mobile electrode tells beside its charges and level."""
    assert result.energy is not None
    electrons, level = result.electrons, np.nan if result.fermi_level is None else result.fermi_level
    free = result.energy + (level * electrons if held else 0.0)
    told: dict[str, object] = {
        "fermi_level": level * HARTREE_TO_EV,
        "fermi_levels": [level * HARTREE_TO_EV],
        "electrons": electrons,
        "free_energy": free,
        "grand_potential": free - level * electrons,
    }
    if held:
        told["source_work"] = -level * float(result.charges.sum())
    return told
