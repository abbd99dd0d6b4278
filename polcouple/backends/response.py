"""`response`: linear response of `dftb` about the bare electrode; one matrix-vector product a call.

    E(phi) = E0 + q0 . phi + 1/2 phi . K phi,    q = dE/dphi = q0 + K phi

with q0, E0 and K = dq/dphi of the self-consistent electrode at phi = 0 and the same total charge. That
reference needs no history, so a restarted run goes on with the same energy, and it lies nearer to every
configuration of a liquid than another configuration does: on the reference system its charges have half the
error (docs/dftb.md). A total charge gets a reference of its own, because the response of a sheet changes with
every level that is filled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from polcouple.backends.base import ChargeResult, Environment
from polcouple.backends.dftb import HamiltonianOptions
from polcouple.dftb.response import LinearResponse
from polcouple.dftb.scf import FrozenElectrode, Solution
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import ConvergenceError

#: accuracy of the self-consistent reference points, e
_REFERENCE_ACCURACY = 1e-9


class Options(HamiltonianOptions):
    """Settings of the reference calculation and of its renewal."""

    reanchor_every: int = Field(
        0, ge=0, description="solve exactly, and expand about that point, every so many refreshes; 0: never"
    )
    warn_error: float = Field(1e-3, gt=0.0, description="estimated error of a charge to warn about, e")


@dataclass(frozen=True, eq=False)
class _Reference:
    """Point of expansion, the response there, and what a check against the exact answer gave."""

    point: Solution
    response: LinearResponse
    checked_distance: float
    checked_error: float

    def error(self, distance: float) -> float:
        """Estimated largest error of a charge: the neglected term is quadratic in the distance."""
        return self.checked_error * (distance / self.checked_distance) ** 2


class Backend:
    """Linear response with a drift monitor.

    The first call at a total charge builds the reference and solves the environment exactly once; the error
    found there, scaled with the square of the potentials' distance from the reference, is the ``residual`` of
    every result. With ``reanchor_every`` the energy jumps at each re-anchoring, and the count is not restored
    on restart, so that the backend no longer counts as conservative.
    """

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self._options = options
        self.conservative = options.reanchor_every == 0
        self._electrode: FrozenElectrode = options.frozen_electrode(electrode)
        self._references: dict[float, _Reference] = {}
        self._since_anchor = 0

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`.

        Raises:
            ConvergenceError: an exact reference calculation did not converge.
        """
        potentials = environment.site_potentials
        reference = self._reference(potentials, total_charge)
        shift = potentials - reference.point.site_potentials
        induced = reference.response.charge_kernel @ shift
        charges = reference.point.charges + induced
        charges += (total_charge - charges.sum()) / len(charges)
        distance = _distance(shift)
        error = reference.error(distance)
        return ChargeResult(
            charges,
            potentials,
            energy=reference.point.energy + float((reference.point.charges + 0.5 * induced) @ shift),
            fermi_level=reference.point.fermi_level - float(reference.response.fukui @ shift),
            residual=error,
            warnings=self._drift(distance, error, reference),
        )

    def _reference(self, potentials: np.ndarray, total_charge: float) -> _Reference:
        if total_charge not in self._references:
            point, response = self._electrode.bare_reference(total_charge)
            check = self._exact(potentials, total_charge)
            self._references[total_charge] = _checked(point, response, check)
        elif self._options.reanchor_every and self._since_anchor >= self._options.reanchor_every:
            exact = self._exact(potentials, total_charge)
            response = self._electrode.linear_response(exact)
            self._references[total_charge] = _checked(exact, response, self._references[total_charge].point)
            self._since_anchor = 0
        self._since_anchor += 1
        return self._references[total_charge]

    def _exact(self, potentials: np.ndarray, total_charge: float) -> Solution:
        solution = self._electrode.solve(potentials, total_charge, accuracy=_REFERENCE_ACCURACY)
        if not solution.converged:
            raise ConvergenceError(
                f"response: the reference calculation at Q = {total_charge:g} e did not converge in "
                f"{solution.cycles} cycles (error about {solution.residual:.1e} e): raise temperature_kelvin"
            )
        return solution

    def _drift(self, distance: float, error: float, reference: _Reference) -> tuple[str, ...]:
        if error <= self._options.warn_error:
            return ()
        return (
            f"response: site potentials lie {distance:.2e} Ha (rms) from the reference, "
            f"{distance / reference.checked_distance:.1f} times as far as when it was checked: "
            f"charges may be wrong by {error:.1e} e",
        )


def _checked(point: Solution, response: LinearResponse, check: Solution) -> _Reference:
    """Reference at ``point``, with the error that its response has at the exact solution ``check``."""
    shift = check.site_potentials - point.site_potentials
    error = point.charges + response.charge_kernel @ shift - check.charges
    return _Reference(point, response, max(_distance(shift), 1e-12), float(np.abs(error).max()))


def _distance(shift: np.ndarray) -> float:
    """Root mean square of a change of potential, Hartree/e, apart from a constant that moves no charge."""
    return float(np.std(shift))
