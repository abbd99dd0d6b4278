"""The electrodes of a case as one charge backend: several in one cell, and charge that flows between them.

Each electrode has an electronic structure and a backend of its own, E_a(phi_a; Q_a) with dE_a/dphi_a = q_a
and -dE_a/dQ_a = mu_a, the Fermi level. Electrostatics is shared: the potential at electrode a is that of the
electrolyte and of all other electrodes, phi_a + sum_b G_ab q_b, so that together

    E(phi; Q_1, ...) = sum_a E_a(phi_a + sum_b G_ab q_b; Q_a) - 1/2 sum_ab q_a G_ab q_b

is stationary in what the electrodes do to one another: dE/dphi_a = q_a and -dE/dQ_a = mu_a hold as before.
G is the periodic Coulomb kernel between different electrodes, plus the slab's kernel between all atoms
(:mod:`polcouple.electrostatics.slab`).

At a voltage U between two electrodes, the potential -mu of the first minus that of the second, charge flows
until mu_2 - mu_1 = U while Q_1 + Q_2 stays. The energy of electrodes and source is the grand potential

    Omega(phi) = E(phi; Q_1, Q_2) - U Q_1,    dOmega/dphi = q,

which is what i-PI sees; U Q_1 is the work of the source since Q_1 = 0. With one electrode at a Fermi level
mu, Omega = E + mu Q (J. I. Siepmann and M. Sprik, J. Chem. Phys. 102, 511 (1995); L. Scalfi et al., Phys.
Chem. Chem. Phys. 22, 10480 (2020)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polcouple.backends.base import (
    ChargeBackend,
    ChargeDerivatives,
    ChargeResult,
    Environment,
    FermiBackend,
    create_backend,
)
from polcouple.case import Case
from polcouple.dftb.hamiltonian import find_pairs
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, EV_TO_HARTREE

#: the electrodes' potentials on one another are iterated until they change by less, constants apart,
#: Hartree/e
_POTENTIAL_TOLERANCE = 1e-8
#: charge flows until the last step, which is taken by linear response, is shorter (e)
_CHARGE_TOLERANCE = 1e-6
#: a slope of the grand potential above this (Hartree/e) is not taken for zero, however hard the electrodes:
#: in a gap the search goes on by steps from _PROBE (e), each twice as long as the one before
_LEVEL_TOLERANCE = 1e-5
_PROBE = 1e-4
#: no step of the charge is longer (e)
_LONGEST_STEP = 1.0
#: slopes of the grand potential that differ by more (Hartree/e) tell the hardness between them
_SECANT = 1e-6
#: atoms of different electrodes are no closer (bohr): their charges would not see one another as points
_OVERLAP = 1.0 * ANGSTROM_TO_BOHR
#: a solution that took more cycles has derivatives of its own computed next time
_STALE_CYCLES = 3
_MAX_CYCLES = 50


def create_electrodes(case: Case, name: str, settings: Mapping[str, Any] | None = None) -> ChargeBackend:
    """The backend ``name`` for all electrodes of a case: itself for one electrode of given charge.

    Raises:
        InputError: unknown backend or setting, or a backend without a Fermi level where a potential is held.
    """
    if len(case.electrodes) == 1 and case.system.potential is None and case.slab_field is None:
        return create_backend(name, case.electrode, case.electrolyte, settings, case.directory)
    return create_coupled(case, name, settings)


def create_coupled(case: Case, name: str, settings: Mapping[str, Any] | None = None) -> CoupledElectrodes:
    """The backend ``name`` for the electrodes of a case, however many, at a potential or not.

    Raises:
        InputError: as :func:`create_electrodes`.
    """
    backends = [
        create_backend(name, electrode, case.electrolyte, settings, case.directory)
        for electrode in case.electrodes
    ]
    return CoupledElectrodes(case, backends, name)


@dataclass(frozen=True, eq=False)
class CoupledResult(ChargeResult):
    """The answer of several electrodes; ``energy`` is the grand potential where a potential is held.

    Attributes:
        parts: the results of the electrodes at the last cycle, before the last step of the charge.
        total_charges: (n_electrodes,) in e.
        fermi_levels: (n_electrodes,) in Hartree, NaN where there is none.
        source_work: U Q_1 in Hartree, zero where no potential is held.
        derivatives: of the electrodes' charges where a potential is held, else empty.
    """

    parts: tuple[ChargeResult, ...] = ()
    total_charges: np.ndarray = field(default_factory=lambda: np.empty(0))
    fermi_levels: np.ndarray = field(default_factory=lambda: np.empty(0))
    source_work: float = 0.0
    derivatives: tuple[ChargeDerivatives, ...] = ()


class CoupledElectrodes:
    """The electrodes of a case, each with its backend; see the module's equations.

    Args:
        case: with one electrode or more.
        backends: one for each electrode.
        name: of the backends, for messages.

    Attributes:
        backends: as given.

    Raises:
        InputError: a potential is held and the backends have no Fermi level, or two electrodes overlap.
    """

    def __init__(self, case: Case, backends: Sequence[ChargeBackend], name: str) -> None:
        self.conservative = all(backend.conservative for backend in backends)
        self.backends = tuple(backends)
        self._slices = case.electrode_slices
        self._start = np.array([section.total_charge_e for section in case.system.electrodes])
        self._kernel = _kernel_between(case)
        self._source_potential: float | None = None
        self._fermi_backends: list[FermiBackend] = []
        potential = case.system.potential
        if potential is None:
            return
        for backend in backends:
            if not isinstance(backend, FermiBackend):
                raise InputError(
                    f"{case.directory / 'system.yaml'}: potential: charges of backend '{name}' have no Fermi"
                    " level to be held; use response, nn with a response net, dftb or metal"
                )
            self._fermi_backends.append(backend)
        held = potential.voltage_volt
        if held is None:
            assert potential.fermi_level_ev is not None
            held = -potential.fermi_level_ev
        self._source_potential = held * EV_TO_HARTREE

    def held_at(self, volts: float) -> CoupledElectrodes:
        """The same electrodes at another voltage (V); a potential must be held. Shares all that is big."""
        assert self._source_potential is not None
        other = copy(self)
        other._source_potential = volts * EV_TO_HARTREE
        return other

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`.

        The electrodes' charges are the case's (sum ``total_charge``), or what the potential makes them.
        """
        phi = environment.site_potentials
        known = guess if isinstance(guess, CoupledResult) and guess.site_potentials is not None else None
        flow = self._flow(environment, phi, known)
        totals, charges = self._first(phi, known, flow)
        parts: Sequence[ChargeResult | None] = known.parts if known else [None] * len(self.backends)
        for cycle in range(1, _MAX_CYCLES + 1):
            cross = self._kernel @ charges
            solved = self._solve_each(environment, phi + cross, totals, parts)
            if not all(part.converged for part in solved):
                break
            before, charges = charges, np.concatenate([part.charges for part in solved])
            energy = self._energy(solved, before @ cross)
            step = 0.0
            if flow is not None:
                # the grand potential is quadratic over the last, short step
                excess, step = flow.step(totals[0], solved)
                energy += 0.5 * excess * step - flow.source_potential * totals[0]
                totals, charges = totals + step * flow.transfer, charges + step * flow.fukui
            moved = self._kernel @ (charges - before)
            parts = solved
            if abs(step) <= _CHARGE_TOLERANCE and self._unevenness(moved) <= _POTENTIAL_TOLERANCE:
                return self._result(phi, solved, charges, totals, energy, flow, cycle)
        return CoupledResult(
            np.full_like(charges, np.nan),
            phi,
            converged=False,
            iterations=cycle,
            residual=max(part.residual for part in solved),
            warnings=tuple(warning for part in solved for warning in part.warnings),
        )

    def _flow(self, environment: Environment, phi: np.ndarray, known: CoupledResult | None) -> _Flow | None:
        """How charge flows at the potential held; None where charges are given."""
        if self._source_potential is None:
            return None
        derivatives = known.derivatives if known and known.iterations <= _STALE_CYCLES else ()
        if not derivatives:
            totals = self._start if known is None else known.total_charges
            derivatives = tuple(
                backend.derivatives(_shifted(environment, phi[own]), float(total))
                for backend, own, total in zip(self._fermi_backends, self._slices, totals, strict=True)
            )
        return _Flow(derivatives, self._kernel, self._source_potential)

    def _first(
        self, phi: np.ndarray, known: CoupledResult | None, flow: _Flow | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Total charges and charges to start from: the last ones and what their linear response adds."""
        if known is None:
            sizes = [own.stop - own.start for own in self._slices]
            return self._start.copy(), np.repeat(self._start / sizes, sizes)
        totals, charges = known.total_charges, known.charges
        if flow is None:
            return totals, charges
        step = -float(flow.fukui @ (phi - known.site_potentials)) / flow.hardness
        return totals + step * flow.transfer, charges + step * flow.fukui

    def _solve_each(
        self,
        environment: Environment,
        potentials: np.ndarray,
        totals: np.ndarray,
        guesses: Sequence[ChargeResult | None],
    ) -> tuple[ChargeResult, ...]:
        return tuple(
            backend.solve(_shifted(environment, potentials[own]), float(total), guess)
            for backend, own, total, guess in zip(self.backends, self._slices, totals, guesses, strict=True)
        )

    def _energy(self, solved: Sequence[ChargeResult], twice_mutual: float) -> float:
        """E at the charges that made the potentials, wrong by the square of their error; NaN if unknown."""
        return sum(np.nan if part.energy is None else part.energy for part in solved) - 0.5 * twice_mutual

    def _unevenness(self, potentials: np.ndarray) -> float:
        """Largest potential difference within an electrode; a constant moves no charge."""
        return max(float(np.ptp(potentials[own])) for own in self._slices)

    def _result(
        self,
        phi: np.ndarray,
        solved: tuple[ChargeResult, ...],
        charges: np.ndarray,
        totals: np.ndarray,
        energy: float,
        flow: _Flow | None,
        cycles: int,
    ) -> CoupledResult:
        return CoupledResult(
            charges,
            phi,
            energy=None if np.isnan(energy) else energy,
            total_charge=float(totals.sum()),
            iterations=cycles,
            residual=max(part.residual for part in solved),
            warnings=tuple(dict.fromkeys(warning for part in solved for warning in part.warnings)),
            parts=solved,
            total_charges=totals,
            fermi_levels=np.array([np.nan if p.fermi_level is None else p.fermi_level for p in solved]),
            source_work=flow.source_potential * totals[0] if flow else 0.0,
            derivatives=flow.derivatives if flow else (),
        )


class _Flow:
    """Charge that flows through the source, onto the first electrode and off the second.

    Args:
        derivatives: of the electrodes.
        kernel: (n, n) by which the electrodes act on one another, Hartree/e^2.
        source_potential: U, or -mu of the only electrode, in Hartree/e.

    Attributes:
        transfer: (n_electrodes,) dQ_a per charge that flows.
        fukui: (n,) change of the charges per charge that flows.
        hardness: d^2(Omega)/dQ_1^2 in Hartree/e^2; improved as charge flows.
    """

    def __init__(
        self, derivatives: tuple[ChargeDerivatives, ...], kernel: np.ndarray, source_potential: float
    ) -> None:
        self.derivatives = derivatives
        self.source_potential = source_potential
        self.transfer = np.array([1.0, -1.0])[: len(derivatives)]
        self.fukui = np.concatenate([t * d.fukui for t, d in zip(self.transfer, derivatives, strict=True)])
        self.hardness = sum(d.hardness for d in derivatives) + float(self.fukui @ kernel @ self.fukui)
        self._last: tuple[float, float] | None = None
        self._bounds = [-np.inf, np.inf]
        self._probe = _PROBE

    def step(self, charge: float, solved: Sequence[ChargeResult]) -> tuple[float, float]:
        """dOmega/dQ_1 at Q_1 = ``charge`` in Hartree/e, and the step of Q_1 in e that makes it vanish."""
        levels = np.array([part.fermi_level for part in solved], dtype=float)
        excess = -float(self.transfer @ levels) - self.source_potential
        if self._last is not None and abs(excess - self._last[1]) > _SECANT:
            slope = (excess - self._last[1]) / (charge - self._last[0])
            self.hardness = slope if slope > 0.0 else self.hardness
        self._last = (charge, excess)
        self._bounds[int(excess > 0.0)] = charge
        step = float(np.clip(-excess / self.hardness, -_LONGEST_STEP, _LONGEST_STEP))
        if abs(step) <= _CHARGE_TOLERANCE and abs(excess) > _LEVEL_TOLERANCE:
            step, self._probe = -float(np.sign(excess)) * self._probe, 2.0 * self._probe
        low, high = self._bounds
        if not low < charge + step < high and abs(step) > _CHARGE_TOLERANCE:
            # Omega is convex: its minimum lies between two charges where the slopes have different signs;
            # where they come together without a charge of slope zero, the voltage lies in a gap
            step = 0.5 * (low + high) - charge
        return excess, step


def _shifted(environment: Environment, potentials: np.ndarray) -> Environment:
    """The same electrolyte as one electrode sees it, with the potential of the others."""
    return Environment(environment.electrolyte, environment.positions, potentials)


def _kernel_between(case: Case) -> np.ndarray:
    """G (n, n) in Hartree/e^2: Coulomb between different electrodes, the slab's kernel between all atoms."""
    positions = case.electrode.positions
    kernel = np.zeros((len(positions), len(positions)))
    if len(case.electrodes) > 1:
        _require_apart(case)
        kernel = ewald_matrix(positions, case.cell)
        for own in case.electrode_slices:
            kernel[own, own] = 0.0
    if case.slab_field is not None:
        heights = case.slab_field.heights(positions)
        kernel += case.slab_field.curvature * np.outer(heights, heights)
    return kernel


def _require_apart(case: Case) -> None:
    """Refuse electrodes that overlap.

    Raises:
        InputError: naming the closest two atoms.
    """
    pairs = find_pairs(case.electrode, _OVERLAP)
    owner = np.repeat(np.arange(len(case.electrodes)), [len(electrode) for electrode in case.electrodes])
    between = np.flatnonzero(owner[pairs.first] != owner[pairs.second])
    if not len(between):
        return
    distances = np.linalg.norm(pairs.vector[between], axis=1)
    closest = between[distances.argmin()]
    first, second = sorted((int(pairs.first[closest]), int(pairs.second[closest])))
    names = [case.system.electrodes[owner[atom]].name for atom in (first, second)]
    raise InputError(
        f"{case.directory / 'init.xyz'}: electrodes '{names[0]}' and '{names[1]}' overlap, atoms"
        f" {case.electrode_indices[first]} and {case.electrode_indices[second]} (from 0) are"
        f" {distances.min() * BOHR_TO_ANGSTROM:.2f} Angstrom apart; move one of them"
    )
