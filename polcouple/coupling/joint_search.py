"""The charges of several electrodes, and the charge that flows between them, found together.

Unknown are the charges q of all atoms and, where a potential is held, Q_1. Each electrode is solved in the
potential phi + G q of the liquid and the others; what is sought makes the residuals vanish,

    r = q(phi + G q; Q) - q,        e = d(Omega)/dQ_1 = -sum_a t_a mu_a - U.

Newton's step for both comes from the electrodes' linear response (:mod:`polcouple.coupling.mutual`),
improved by Broyden's updates. With it the mutual polarisation that is still missing is taken out of the
slope, e + f . G D r, before it tells on which side Q_1 lies (:mod:`polcouple.coupling.charge_flow`): the
slope of Omega rises with Q_1 at charges that answer one another, not in between.

The last step is taken by linear response. It moves the potentials within an electrode by less than the
accuracy of the site potentials that the backends ask for, at most 1e-7 Hartree/e, Q_1 by ten times that
number of e, and the level by less than 1e-6 Hartree/e; what linear response neglects is a few per cent of
that. The energy at its end is known to second order from its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from polcouple.backends.base import (
    ChargeBackend,
    ChargeDerivatives,
    ChargeResult,
    Environment,
    RespondingBackend,
)
from polcouple.coupling.charge_flow import HARD, ChargeFlow
from polcouple.coupling.mutual import MutualResponse
from polcouple.coupling.quasi_newton import Broyden
from polcouple.errors import InputError, ModelMismatchError
from polcouple.lattice.matrix import Matrix
from polcouple.units import HARTREE_TO_EV

#: the last step moves the electrodes' potentials on one another, constants apart, by no more (Hartree/e)
_POTENTIAL_TOLERANCE = 1e-7
#: and the charge that flows (e) by so many times what it moves the potentials
_CHARGE_PER_POTENTIAL = 10.0
#: the slope tells on which side Q_1 lies if what mutual polarisation will add is less than this part of it
_CERTAIN = 0.1
#: a solution that took more cycles has derivatives of its own computed next time
_STALE_CYCLES = 3
#: a mean charge (e) that no atom has: such a result is nothing to start from
_NONSENSE = 0.5
_MAX_CYCLES = 100
#: a slope (Hartree/e) that rises by more within an interval without width does so in a gap, 27 mV
_JUMP = 1e-3
#: charges that a backend cannot have, or not solve, are approached up to this (e)
_LEAST_RETREAT = 1e-3
#: longest change of Q_1 (e) by which a solution starts from the one before
_LONGEST_START = 1.0
_IN_GAP = (
    "the potential held lies in a gap of the electrodes' levels, where no charge has it: fermi_levels are"
    " those of the charges, and differ from it"
)


@dataclass(frozen=True, eq=False)
class CoupledResult(ChargeResult):
    """The answer of several electrodes; ``energy`` is the grand potential where a potential is held.

    Attributes:
        parts: the results of the electrodes at the last cycle, before the last step of the charges.
        total_charges: (n_electrodes,) in e.
        fermi_levels: (n_electrodes,) in Hartree, of the electrodes at ``total_charges``; NaN where unknown.
        source_work: U Q_1 in Hartree, zero where no potential is held.
        response: by which the next solution starts; None if unknown.
        hardness: d^2(Omega)/dQ_1^2 in Hartree/e^2 as found by the search; NaN where no potential is held.
    """

    parts: tuple[ChargeResult, ...] = ()
    total_charges: np.ndarray = field(default_factory=lambda: np.empty(0))
    fermi_levels: np.ndarray = field(default_factory=lambda: np.empty(0))
    source_work: float = 0.0
    response: MutualResponse | None = None
    hardness: float = np.nan


def fermi_levels(result: ChargeResult, electrodes: int) -> np.ndarray:
    """(electrodes,) Fermi levels in Hartree of an answer for one or several, NaN where unknown."""
    if isinstance(result, CoupledResult):
        return result.fermi_levels
    return np.full(electrodes, np.nan if result.fermi_level is None else result.fermi_level)


@dataclass(frozen=True, eq=False)
class Coupling:
    """What is solved.

    Attributes:
        backends: of the electrodes.
        slices: of each electrode's atoms.
        total_charges: (n_electrodes,) in e; to start from where a potential is held, which keeps their sum.
        kernel: G (n, n) in Hartree/e^2, from :func:`polcouple.coupling.mutual.kernel_between`.
        held: U, or -mu of the only electrode, in Hartree/e; None where charges are given.
        potential_accuracy: largest error of the site potentials that the backends bear, Hartree/e.
    """

    backends: tuple[ChargeBackend, ...]
    slices: tuple[slice, ...]
    total_charges: np.ndarray
    kernel: Matrix
    held: float | None = None
    potential_accuracy: float = _POTENTIAL_TOLERANCE

    @property
    def potential_tolerance(self) -> float:
        """What the last step may move the electrodes' potentials on one another by, Hartree/e."""
        return min(_POTENTIAL_TOLERANCE, self.potential_accuracy)

    @property
    def transfer(self) -> np.ndarray:
        """(n_electrodes,) t_a, dQ_a per charge that flows onto the first electrode."""
        transfer = np.zeros(len(self.backends))
        if self.held is not None:
            transfer[:2] = (1.0, -1.0)[: len(transfer)]
        return transfer

    def with_charge(self, charge: float) -> np.ndarray:
        """(n_electrodes,) total charges at a potential where the first electrode has ``charge`` (e)."""
        return np.array([charge, self.total_charges.sum() - charge])[: len(self.backends)]

    def usable(self, guess: ChargeResult | None) -> CoupledResult | None:
        """The guess, if charges can be started from it."""
        if not isinstance(guess, CoupledResult) or guess.site_potentials is None:
            return None
        n = len(self.kernel)
        values = [guess.charges, guess.site_potentials, guess.total_charges]
        if [value.shape for value in values] != [(n,), (n,), self.total_charges.shape]:
            return None
        if not all(np.isfinite(value).all() for value in values):
            return None
        sizes = np.array([own.stop - own.start for own in self.slices])
        return guess if (np.abs(guess.total_charges) < _NONSENSE * sizes).all() else None


class JointSearch:
    """One solution.

    Args:
        coupling: what is solved.
        environment: what the electrodes see.
        known: an earlier result to start from, however far.
    """

    def __init__(self, coupling: Coupling, environment: Environment, known: CoupledResult | None) -> None:
        self._coupling = coupling
        self._environment = environment
        self._phi = environment.site_potentials
        self._guesses: Sequence[ChargeResult | None] = known.parts if known and known.parts else ()
        self._guesses = self._guesses or (None,) * len(coupling.backends)
        self._totals = coupling.total_charges
        if known is not None and coupling.held is not None:
            self._totals = coupling.with_charge(float(known.total_charges[0]))
        response = known.response if known and known.iterations <= _STALE_CYCLES else None
        if response is None or response.far_from(self._totals):
            response = self._respond()
        self._response = response
        self._flow: ChargeFlow | None = None
        if coupling.held is not None:
            hardness = np.nan if known is None else known.hardness
            self._flow = ChargeFlow(
                response.hardness if np.isnan(hardness) else hardness,
                _CHARGE_PER_POTENTIAL * coupling.potential_tolerance,
            )
        self._charges = self._first(known)
        #: Q_1 and charges of the last solution of each electrode
        self._reached: tuple[float, np.ndarray] | None = None
        self._newton = Broyden(response.inverse)

    def run(self) -> CoupledResult:
        """Iterate until level and charges are met, or no more cycles are allowed."""
        coupling = self._coupling
        for cycle in range(1, _MAX_CYCLES + 1):
            cross, solved = self._solve_each()
            if not all(part.converged for part in solved):
                return self._failure(solved, cycle, ())
            if self._response.far_from(self._totals) or self._stuck:
                self._renew()
            residual = np.concatenate([part.charges for part in solved]) - self._charges
            energy = sum(np.nan if part.energy is None else part.energy for part in solved)
            energy -= 0.5 * float(self._charges @ cross)
            change, totals, step, slope = self._newton.step(residual), self._totals, 0.0, 0.0
            if self._flow is not None:
                bare, missing = self._slope(solved), float(self._response.pull @ change)
                slope = bare + missing
                goal = self._flow.next(float(totals[0]), slope, abs(missing) <= _CERTAIN * abs(slope))
                step, totals = goal - float(totals[0]), coupling.with_charge(goal)
                change = change + step * self._response.relaxed_fukui
                energy += 0.5 * bare * step - self._held * self._totals[0]
            moved = coupling.kernel @ change
            energy += 0.5 * float(residual @ moved)
            # what the electrodes answered, and their linear response to what moves yet
            further = self._response.induced(moved) + step * self._response.fukui
            error = float(np.abs(further).max())
            self._charges, self._totals = self._charges + change, totals
            met = self._met(slope, step) and self._unevenness(moved) <= coupling.potential_tolerance
            if met and not self._is_gap():
                continue
            if met:
                self._charges += residual + further - change
                return self._result(solved, cycle, energy, self._levels(solved, moved, step), error)
            self._newton.remember(change, residual + step * self._response.fukui)
        return self._failure(solved, cycle, self._missed(slope, error))

    @property
    def _held(self) -> float:
        assert self._coupling.held is not None
        return self._coupling.held

    def _respond(self) -> MutualResponse:
        """Derivatives of all electrodes at the charges reached."""
        coupling, found = self._coupling, []
        for backend, own, total in zip(coupling.backends, coupling.slices, self._totals, strict=True):
            found.append(self._derivatives(backend, own, float(total)))
        return MutualResponse.of(found, coupling.slices, coupling.kernel, self._totals, coupling.transfer)

    def _renew(self) -> None:
        """Go on with derivatives at the charges reached."""
        self._response = self._respond()
        self._newton = Broyden(self._response.inverse)
        if self._flow is not None and self._flow.stalled:
            self._flow.offer(self._response.hardness)

    def _is_gap(self) -> bool:
        """Whether the interval of Q_1 that has no width any more, if it has none, lies in a gap.

        A slope that was thought certain and had the other sign shuts the interval elsewhere, too. There
        the levels are as soft as anywhere, and the search begins again with derivatives of that place.
        """
        if self._flow is None or not self._flow.in_gap:
            return True
        self._response = self._respond()
        self._newton = Broyden(self._response.inverse)
        hardness = self._response.hardness
        # derivatives may be of a place nearby: a large jump needs none
        if not hardness < HARD or self._flow.jump > _JUMP:
            return True
        self._flow.reopen(hardness)
        return False

    def _derivatives(self, backend: ChargeBackend, own: slice, total: float) -> ChargeDerivatives | None:
        """Those of one electrode; None where charges are given by a backend that has none."""
        if not backend.capabilities.derivatives:
            return None
        try:
            return cast(RespondingBackend, backend).derivatives(
                _shifted(self._environment, self._phi[own]), total
            )
        except ModelMismatchError:
            if self._coupling.held is None:
                return None
            raise

    def _first(self, known: CoupledResult | None) -> np.ndarray:
        """Charges to start from: the last ones and what linear response adds, which moves Q_1, too."""
        coupling, response = self._coupling, self._response
        if known is None:
            sizes = [own.stop - own.start for own in coupling.slices]
            return np.repeat(self._totals / sizes, sizes)
        assert known.site_potentials is not None
        charges = known.charges.copy()
        for own, total in zip(coupling.slices, self._totals, strict=True):
            charges[own] += (total - charges[own].sum()) / (own.stop - own.start)
        change = self._phi - known.site_potentials
        induced = response.inverse @ response.induced(change)
        if self._flow is None:
            return charges + induced
        before = float(self._totals[0])
        slope = float(response.fukui @ change + response.pull @ induced)
        goal = float(
            np.clip(self._flow.newton(before, slope), before - _LONGEST_START, before + _LONGEST_START)
        )
        self._totals = coupling.with_charge(goal)
        return charges + induced + (goal - before) * response.relaxed_fukui

    @property
    def _stuck(self) -> bool:
        """Whether the slope does not fall, and derivatives elsewhere may tell more of the hardness."""
        return self._flow is not None and self._flow.stalled and self._response.hardness > HARD

    def _solve_each(self) -> tuple[np.ndarray, tuple[ChargeResult, ...]]:
        """The potentials (n,) of the electrodes on one another, and what each answers to all potentials.

        Charges that a backend cannot have, or at which it does not converge, are approached by halves.
        """
        coupling = self._coupling
        while True:
            cross = coupling.kernel @ self._charges
            potentials = self._phi + cross
            try:
                solved = tuple(
                    backend.solve(_shifted(self._environment, potentials[own]), float(total), guess)
                    for backend, own, total, guess in zip(
                        coupling.backends, coupling.slices, self._totals, self._guesses, strict=True
                    )
                )
            except (InputError, ModelMismatchError):
                if not self._retreat():
                    raise
                continue
            if all(part.converged for part in solved):
                self._guesses, self._reached = solved, (float(self._totals[0]), self._charges)
                return cross, solved
            if not self._retreat():
                return cross, solved

    def _retreat(self) -> bool:
        """Go half the way back to the charges solved last; False where there is nowhere to go back to."""
        if self._reached is None or abs(self._totals[0] - self._reached[0]) < _LEAST_RETREAT:
            return False
        self._totals = self._coupling.with_charge(0.5 * float(self._totals[0] + self._reached[0]))
        self._charges = 0.5 * (self._charges + self._reached[1])
        self._newton = Broyden(self._response.inverse)
        return True

    def _slope(self, solved: Sequence[ChargeResult]) -> float:
        """d(Omega)/dQ_1 in Hartree/e at the potentials that were solved in."""
        levels = np.array([part.fermi_level for part in solved], dtype=float)
        return -float(self._coupling.transfer @ levels) - self._held

    def _levels(self, solved: Sequence[ChargeResult], moved: np.ndarray, step: float) -> np.ndarray:
        """Fermi levels (n_electrodes,) in Hartree after the last step, NaN where there are none."""
        levels = np.array([np.nan if part.fermi_level is None else part.fermi_level for part in solved])
        levels -= self._response.own_fukui @ moved
        if self._flow is not None and step != 0.0:
            own = self._flow.hardness - float(self._response.pull @ self._response.relaxed_fukui)
            levels -= self._coupling.transfer * self._response.shares() * own * step
        return levels

    def _unevenness(self, potentials: np.ndarray) -> float:
        """Largest potential difference within an electrode; a constant moves no charge."""
        return max(float(np.ptp(potentials[own])) for own in self._coupling.slices)

    def _met(self, slope: float, step: float) -> bool:
        return self._flow is None or self._flow.met(slope, step)

    def _result(
        self, solved: tuple[ChargeResult, ...], cycle: int, energy: float, levels: np.ndarray, error: float
    ) -> CoupledResult:
        warnings = [warning for part in solved for warning in part.warnings]
        if self._flow is not None and self._flow.in_gap:
            warnings.append(_IN_GAP)
        return CoupledResult(
            self._charges,
            self._phi,
            energy=None if np.isnan(energy) else energy,
            total_charge=float(self._totals.sum()),
            iterations=cycle,
            residual=max(error, *(part.residual for part in solved)),
            warnings=tuple(dict.fromkeys(warnings)),
            parts=solved,
            total_charges=self._totals,
            fermi_levels=levels,
            source_work=0.0 if self._flow is None else self._held * float(self._totals[0]),
            response=self._response,
            hardness=np.nan if self._flow is None else self._flow.hardness,
        )

    def _failure(self, solved: Sequence[ChargeResult], cycle: int, missed: tuple[str, ...]) -> CoupledResult:
        return CoupledResult(
            np.full_like(self._charges, np.nan),
            self._phi,
            converged=False,
            iterations=cycle,
            residual=max(part.residual for part in solved),
            warnings=tuple(warning for part in solved for warning in part.warnings) + missed,
        )

    def _missed(self, slope: float, error: float) -> tuple[str, ...]:
        """What is missing when cycles run out."""
        charges = f"the electrodes' charges still move one another by {error:.1e} e"
        if self._flow is None:
            return (charges,)
        return (f"the potential held is missed by {slope * HARTREE_TO_EV:.1e} V, and {charges}",)


def _shifted(environment: Environment, potentials: np.ndarray) -> Environment:
    """The same electrolyte as one electrode sees it, with the potential of the others."""
    return Environment(environment.electrolyte, environment.positions, potentials)
