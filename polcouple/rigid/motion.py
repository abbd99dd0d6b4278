"""i-PI's ``<motion mode="constrained_dynamics">`` with a solver that is compiled.

i-PI 3.3.1's own class of that name cannot start. This one takes the same XML: RATTLE velocity Verlet for
``nve``, and for ``nvt`` OBABO or g-BAOAB of B. Leimkuhler and C. Matthews, Proc. R. Soc. A 472, 20160138
(2016), the thermostat's momenta being projected onto what the constraints leave free. Atoms may be frozen;
multiple time stepping is i-PI's.
"""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from ipi.engine.barostats import Barostat
from ipi.engine.motion.dynamics import Dynamics, NVTIntegrator
from ipi.engine.thermostats import ThermoLangevin, Thermostat, ThermoSVR
from ipi.utils.constrtools import AngleConstraint, ConstraintList, RigidBondConstraint
from ipi.utils.depend import dstrip
from ipi.utils.messages import verbosity, warning
from ipi.utils.softexit import softexit

from polcouple.errors import ConvergenceError, InputError

if TYPE_CHECKING:
    from polcouple.rigid.constraints import Constraints

_ELEMENT = "<motion mode='constrained_dynamics'>"
#: momenta whose stretching is less than this of the thermal speed are left alone: a restarted run goes on
#: with the same bits
_AT_REST = 1e-12


class _Integrator(NVTIntegrator):
    """OBABO or BAOAB, or without thermostat RATTLE velocity Verlet; a move is done in two halves."""

    def bind(self, motion: Any) -> None:
        super().bind(motion)
        self._constraints: Constraints = motion.constraints
        self._substeps: int = motion.nsteps_geo
        self._masses = dstrip(self.beads.m3)[0].copy()
        #: 1 where an atom may move along an axis, else 0
        self._free = np.ones(len(self._masses))
        self._free[self.fixatoms_dof] = 0.0
        self._move = self._free / self._masses

    def step(self, step: int | None = None) -> None:
        if self.enstype == "nvt":
            super().step(step)
        else:
            self.mtsprop(0)

    def pstep(self, level: int = 0) -> None:
        force = dstrip(self.forces.mts_forces[level].f)[0]
        if level == 0 and self.ensemble.has_bias:
            force = force + dstrip(self.bias.f)[0]
        self._set_momenta(dstrip(self.beads.p)[0] + self._free * force * self.pdt[level])

    def qcstep(self) -> None:
        time_step = float(self.qdt) / self._substeps
        q, p = dstrip(self.beads.q)[0].copy(), dstrip(self.beads.p)[0].copy()
        for _ in range(self._substeps):
            before = q
            q = before + self._move * p * time_step
            self._constraints.finish_move(_rows(before), _rows(q), _rows(p), time_step)
        self.beads.q[0] = q
        self.beads.p[0] = p

    def tstep(self) -> None:
        self.thermostat.step()
        p = dstrip(self.beads.p)[0]
        before = self._kinetic_energy(p)
        self._set_momenta(self._free * p)
        # what the thermostat gave to motion that there is not is no heat
        self.ensemble.eens += before - self._kinetic_energy(dstrip(self.beads.p)[0])

    def pconstraints(self) -> None:
        if self.fixcom:
            super().pconstraints()

    def _set_momenta(self, p: np.ndarray) -> None:
        self._constraints.stop_stretching(_rows(dstrip(self.beads.q)[0]), _rows(p))
        self.beads.p[0] = p

    def _kinetic_energy(self, p: np.ndarray) -> float:
        return 0.5 * float(p @ (p / self._masses))


class ConstrainedDynamics(Dynamics):
    """Takes the place of i-PI's class of this name; for the arguments see there.

    Raises:
        InputError: something that is not supported.
    """

    def __init__(
        self,
        timestep: float,
        mode: str = "nve",
        splitting: str = "baoab",
        thermostat: Any = None,
        barostat: Any = None,
        fixcom: bool = False,
        fixatoms_dof: np.ndarray | None = None,
        nmts: Any = None,
        nsteps_geo: int = 1,
        nsteps_o: int = 1,
        constraint_list: list[Any] | None = None,
        csolver: Any = None,
    ) -> None:
        super().__init__(timestep, mode, splitting, thermostat, barostat, fixcom, fixatoms_dof, nmts)
        kind = type(self.thermostat)
        if mode == "nvt" and kind not in (ThermoLangevin, ThermoSVR):
            found = "none" if kind is Thermostat else kind.__name__.removeprefix("Thermo").lower()
            raise InputError(
                f"{_ELEMENT}: thermostat {found} does not go with constraints; use langevin or svr"
            )
        if type(self.barostat) is not Barostat:
            raise InputError(f"{_ELEMENT}: a barostat does not go with constraints; leave it out")
        if nsteps_o != 1 or nsteps_geo < 1:
            raise InputError(
                f"{_ELEMENT}: <nsteps_o> {nsteps_o} and <nsteps_geo> {nsteps_geo}; nsteps_o must be 1 (more"
                " change nothing for langevin and svr) and nsteps_geo at least 1"
            )
        self.integrator = _Integrator()
        self.nsteps_geo, self.nsteps_o = int(nsteps_geo), 1
        self.constraint_list = constraint_list or []
        # for RESTART: of i-PI's solver; ours goes to the last digits whatever they say
        self.csolver = SimpleNamespace(
            **{"tolerance": 1e-4, "maxit": 1000, "norm_order": 2, **(csolver or {})}
        )

    def bind(self, ens: Any, beads: Any, nm: Any, cell: Any, bforce: Any, prng: Any, omaker: Any) -> None:
        """Put the start onto the constraints, where it is not, and bind what i-PI binds."""
        from polcouple.rigid.constraints import Constraints  # compiled loops take long to load

        require_one_bead(beads.nbeads)
        q = _rows(dstrip(beads.q)[0])
        lattice = dstrip(cell.h).T
        pairs, lengths = constrained_distances(self.constraint_list, q, lattice)
        self.constraints = Constraints(pairs, lengths, dstrip(beads.m3)[0][::3])
        require_unfrozen(pairs, self.fixatoms_dof)
        whole, deviation = self.constraints.fitted(q, lattice)
        if deviation > 1e-6:
            warning(
                f"The start's constrained distances are made to fit, {deviation:.1e} at most", verbosity.low
            )
        if not np.array_equal(whole, q):
            beads.q[0] = whole.ravel()
        p = dstrip(beads.p)[0].copy()
        p[self.fixatoms_dof] = 0.0
        if self.constraints.stretching(whole, _rows(p)) > _AT_REST:
            self.constraints.stop_stretching(whole, _rows(p))
        beads.p[0] = p
        super().bind(ens, beads, nm, cell, bforce, prng, omaker)

    def get_fixdof(self) -> int:
        """Degrees of freedom that atoms do not have: fixed ones, the centre of mass's, constraints."""
        return int(super().get_fixdof()) + len(self.constraints)

    def step(self, step: int | None = None) -> None:
        """One step; RESTART is written before constraints without a solution end i-PI."""
        try:
            super().step(step)
        except ConvergenceError as error:
            _write_restart(str(error))
            raise


def _write_restart(message: str) -> None:
    """What i-PI does when it is asked to stop, without ending the process."""
    if hasattr(softexit, "cleanup"):
        softexit.cleanup(status="bad", message=message)
    else:  # i-PI 3.1 and 3.2
        with suppress(SystemExit):
            softexit.trigger(status="bad", message=message)


def require_one_bead(n_beads: int) -> None:
    """Refuse path integrals.

    Raises:
        InputError: there are several beads.
    """
    if n_beads > 1:
        raise InputError(
            f"{_ELEMENT}: {n_beads} beads; rigid molecules have one, write nbeads='1' or use mode='dynamics'"
            " with a flexible model"
        )


def require_unfrozen(pairs: np.ndarray, fixed: np.ndarray) -> None:
    """Refuse constraints (p, 2) of atoms that have ``fixed`` degrees of freedom.

    Raises:
        InputError: naming the first.
    """
    both = np.intersect1d(pairs, np.asarray(fixed, int) // 3)
    if len(both):
        raise InputError(
            f"{_ELEMENT}: atom {both[0]} is in a constraint and in <fixatoms>; take it out of one of them"
        )


def _rows(vector: np.ndarray) -> np.ndarray:
    """(n, 3) view of (3 n,) numbers."""
    return vector.reshape(-1, 3)


def kinetic_temperature(motion: ConstrainedDynamics, kinetic_energy: float, boltzmann: float) -> float:
    """Of all that moves: twice the kinetic energy over the degrees of freedom that are left."""
    freedoms = 3 * motion.beads.natoms - motion.get_fixdof()
    return 2.0 * kinetic_energy / (boltzmann * freedoms)


def constrained_distances(
    constraint_list: list[Any], positions: np.ndarray, lattice: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (p, 2) and lengths (p,) of i-PI's constraints; values that are not given are the start's."""
    pairs: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    angles = []
    for constraint in _flat(constraint_list):
        _require_atoms(np.asarray(constraint.constrained_indices), len(positions))
        if isinstance(constraint, RigidBondConstraint):
            if constraint._calc_cons:
                i, j = np.asarray(constraint.constrained_indices).T
                constraint.constraint_values = np.linalg.norm(
                    _nearest(positions[j] - positions[i], lattice), axis=1
                )
                constraint._calc_cons = False
            pairs.append(np.asarray(constraint.constrained_indices))
            lengths.append(dstrip(constraint.constraint_values).copy())
        elif isinstance(constraint, AngleConstraint):
            angles.append(constraint)
        else:
            raise InputError(
                f"{_ELEMENT}: <constraint mode='eckart'> is not supported; use distance and angle"
            )
    if not pairs:
        raise InputError(f"{_ELEMENT}: no <constraint mode='distance'>; add them, or write mode='dynamics'")
    known = {
        frozenset(pair): length
        for pair, length in zip(np.concatenate(pairs).tolist(), np.concatenate(lengths).tolist(), strict=True)
    }
    for angle in angles:
        more = _across(angle, positions, lattice, known)
        pairs.append(more[0])
        lengths.append(more[1])
    return np.concatenate(pairs), np.concatenate(lengths)


def _require_atoms(atoms: np.ndarray, n_atoms: int) -> None:
    wrong = atoms[(atoms < 0) | (atoms >= n_atoms)]
    if len(wrong):
        raise InputError(
            f"{_ELEMENT}: a constraint names atom {wrong[0]}; there are atoms 0 to {n_atoms - 1}"
        )


def _flat(constraint_list: list[Any]) -> list[Any]:
    found: list[Any] = []
    for constraint in constraint_list:
        found += constraint.constraint_list if isinstance(constraint, ConstraintList) else [constraint]
    return found


def _across(
    constraint: Any, positions: np.ndarray, lattice: np.ndarray, known: dict[frozenset[int], float]
) -> tuple[np.ndarray, np.ndarray]:
    """The distances that angles between two constrained bonds fix: pairs (a, 2) and lengths (a,)."""
    atoms = np.asarray(constraint.constrained_indices)
    if constraint._calc_cons:
        u, v = (_nearest(positions[atoms[:, k]] - positions[atoms[:, 0]], lattice) for k in (1, 2))
        cosines = (u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
        constraint.constraint_values = np.arccos(np.clip(cosines, -1.0, 1.0))
        constraint._calc_cons = False
    lengths = []
    for (centre, i, j), angle in zip(
        atoms.tolist(), dstrip(constraint.constraint_values).tolist(), strict=True
    ):
        try:
            a, b = known[frozenset((centre, i))], known[frozenset((centre, j))]
        except KeyError:
            raise InputError(
                f"{_ELEMENT}: the angle {i}-{centre}-{j} is constrained and its bonds are not; constrain the"
                " distances of its atoms"
            ) from None
        lengths.append(np.sqrt(a * a + b * b - 2.0 * a * b * np.cos(angle)))
    return atoms[:, 1:], np.array(lengths)


def _nearest(vectors: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Closest images, for vectors much shorter than the cell."""
    fractional = vectors @ np.linalg.inv(lattice)
    images = np.round(fractional)
    return vectors - images @ lattice if images.any() else vectors
