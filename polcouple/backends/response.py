"""`response`: linear response of `dftb` about the bare electrode; one matrix-vector product a call.

    E(phi) = E0 + q0 . phi + 1/2 phi . K phi,    q = dE/dphi = q0 + K phi

with q0, E0 and K = dq/dphi of the self-consistent electrode at phi = 0 and the same total charge. That
reference needs no history, so a restarted run goes on with the same energy, and it lies nearer to every
configuration of a liquid than another configuration does: on the reference system its charges have half the
error (docs/dftb.md). Every whole total charge gets a reference of its own, because the response of a sheet
changes with every level that is filled, and so do some charges beside one that fills a shell
(:mod:`polcouple.dftb.shells`); others are interpolated (:mod:`polcouple.dftb.expansion`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from polcouple.backends.base import ChargeDerivatives, ChargeResult, Environment
from polcouple.backends.capabilities import Capabilities
from polcouple.backends.dftb import HamiltonianOptions, filling
from polcouple.backends.response_mobile import MobileBackend as MobileBackend
from polcouple.dftb.expansion import Expanded, Node, at_node, between, interpolated_kernel
from polcouple.dftb.nodes import Nodes, split_charge
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.solution import Solution
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import ConvergenceError, InputError

#: accuracy of the self-consistent reference points, e
_REFERENCE_ACCURACY = 1e-9
#: electrodes of equal parts with more orbitals are not compared with `dftb`, which needs dense matrices
_LARGEST_CHECKED = 2500
#: charges closer to the reference's than this (e) do not tell how its error grows
_TELLING = 1e-4
#: times as far as at the last comparison with `dftb`, beyond which there is another
_AGAIN = 2.0
#: comparisons between two nodes: the interpolation's error changes with the part of the way
_COMPARED = 8
#: calls between them that are compared again
_CALLS = frozenset(10**power for power in range(1, 13))


_UNCHECKED = (
    "response: the electrode is too large to be compared with dftb; compare a smaller piece of it in the same"
    " liquid to know the error of linear response"
)

_DENSE = (
    "response: the electrode has no equal parts (defects, dopants or atoms out of place), so that its"
    " response comes from dense matrices of {} orbitals, which takes minutes once"
)


class Options(HamiltonianOptions):
    """Settings of the reference calculation and of its renewal."""

    incidental: ClassVar[frozenset[str]] = HamiltonianOptions.incidental | {"warn_error"}
    reanchor_every: int = Field(
        0, ge=0, description="solve exactly, and expand about that point, every so many refreshes; 0: never"
    )
    warn_error: float = Field(1e-3, gt=0.0, description="estimated error of a charge to warn about, e")

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`."""
        own = super().capabilities()
        frozen_only = {
            "reanchor_every": bool(self.reanchor_every),
            "warn_error": "warn_error" in self.model_fields_set,
            f"array_library: {self.array_library}": self.array_library != "numpy",
        }
        told = [name for name, given in frozen_only.items() if given]
        own = replace(own, mobile=not told)
        if told:
            reason = f"{told[0]} is for a frozen one; leave it out"
            own = replace(own, reasons={**own.reasons, "mobile": reason})
        if not self.reanchor_every:
            return own
        whole = "reanchor_every needs whole total charges, and a potential is held at any; leave it out"
        return replace(
            own, conservative=False, fermi_level=False, reasons={**own.reasons, "fermi_level": whole}
        )


@dataclass(frozen=True, eq=False)
class _Check:
    """What a comparison with the exact answer gave, and how many calls it has served."""

    distance: float
    error: float
    calls: int = 0

    def joined(self, other: _Check) -> _Check:
        """At the larger distance of both, the larger error."""
        distance = max(self.distance, other.distance)
        return replace(self, distance=distance, error=max(self.error_at(distance), other.error_at(distance)))

    def error_at(self, distance: float) -> float:
        """Estimated largest error of a charge: the neglected term is quadratic in the distance (e)."""
        return self.error * (distance / self.distance) ** 2


class Backend:
    """Linear response with a drift monitor.

    Whole total charges have a reference each, and those beside a filled shell; between them the expansion is
    interpolated. The first call at a whole charge, or in an eighth of the way between two nodes, solves the
    environment exactly, and so do the tenth, the hundredth and so on, and one with twice the largest change
    of a charge from the reference; the largest error found there for the square of that change, scaled with
    it, is the ``residual`` of every result. With ``reanchor_every`` the expansion at a whole charge is never
    older than so many calls, at whatever charge they were. The energy jumps at each re-anchoring, and the
    count is not restored on restart, so that the backend no longer counts as conservative.
    """

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self._options = options
        self.capabilities = options.capabilities()
        self._geometry = electrode
        self.frozen_electrode: FrozenElectrode = options.frozen_electrode(electrode)
        n_orbitals = self.frozen_electrode.n_orbitals
        large, repeats = n_orbitals > _LARGEST_CHECKED, self.frozen_electrode.repeating is not None
        self._is_checked = not (large and repeats)
        dense = (_DENSE.format(n_orbitals),) if large and not repeats else ()
        self._warnings = self.frozen_electrode.warnings + dense
        self._nodes = Nodes(self.frozen_electrode, electrode)
        #: exact solutions that took the place of the bare electrode, and when, by total charge
        self._anchors: dict[int, Node] = {}
        self._anchored_at: dict[int, int] = {}
        self._refreshes = 0
        #: by the total charges of the nodes between which it was made, and the part of the way
        self._checks: dict[tuple[float, float, int], _Check] = {}

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`.

        Raises:
            InputError: ``reanchor_every`` with a total charge that is not a whole number.
            ConvergenceError: an exact reference calculation did not converge.
        """
        potentials = environment.site_potentials
        whole, fraction = split_charge(total_charge)
        if self._options.reanchor_every and not fraction:
            self._reanchor(potentials, whole)
        elif self._options.reanchor_every:
            raise InputError(
                f"response: reanchor_every needs a whole total charge, not {total_charge:g} e; leave it out"
            )
        expanded = self._expand(potentials, whole, fraction)
        charges = expanded.charges + (total_charge - expanded.charges.sum()) / len(potentials)
        error, drift = self._error(potentials, whole, fraction, expanded.charges)
        return ChargeResult(
            charges,
            potentials,
            energy=expanded.energy,
            fermi_level=expanded.fermi_level,
            residual=error,
            warnings=self._warnings + drift,
        )

    def derivatives(self, environment: Environment, total_charge: float) -> ChargeDerivatives:
        """See :class:`polcouple.backends.base.RespondingBackend`."""
        whole, fraction = split_charge(total_charge)
        expanded = self._expand(environment.site_potentials, whole, fraction)
        kernel = self._reference(whole).kernel
        if fraction:
            kernel = interpolated_kernel(*self._nodes.neighbours(whole, fraction), total_charge)
        return ChargeDerivatives(kernel, expanded.fukui, expanded.hardness)

    def filling(self, result: ChargeResult) -> float:
        """See :class:`polcouple.backends.base.FillingBackend`."""
        return filling(self.frozen_electrode, result)

    def _expand(self, potentials: np.ndarray, whole: int, fraction: float) -> Expanded:
        if not fraction:
            return at_node(self._reference(whole), potentials)
        return between(*self._nodes.neighbours(whole, fraction), whole + fraction, potentials)

    def _reference(self, whole: int) -> Node:
        """What the answers at a whole charge are expanded about: the last exact one, or the bare electrode.

        Charges between whole ones are interpolated from bare electrodes alone.
        """
        return self._anchors.get(whole) or self._nodes.at(whole)

    def _reanchor(self, potentials: np.ndarray, charge: int) -> None:
        """Expand about the exact answer to ``potentials`` if the expansion at this charge is old enough."""
        if self._refreshes - self._anchored_at.get(charge, 0) >= self._options.reanchor_every:
            exact = self._exact(potentials, float(charge))
            before = self._reference(charge).point
            response = self.frozen_electrode.linear_response(exact)
            node = Node(charge, exact, response, response.kernel(self._geometry))
            found = at_node(node, before.site_potentials).charges
            check = _checked(found, before, _distance(found, exact.charges))
            if check.distance > _TELLING:
                self._checks[charge, charge, 0] = check
            self._anchors[charge], self._anchored_at[charge] = node, self._refreshes
        self._refreshes += 1

    def _error(
        self, potentials: np.ndarray, whole: int, fraction: float, charges: np.ndarray
    ) -> tuple[float, tuple[str, ...]]:
        """Estimated largest error of ``charges`` (n_atoms,), and what to say about it."""
        if not self._is_checked:
            return 0.0, (_UNCHECKED,)
        distance = _distance(charges, self._unpolarised(whole, fraction))
        check = self._check(potentials, whole, fraction, charges, distance)
        # between nodes a part of the error is the interpolation's, and stays where no potential is
        error = check.error_at(max(distance, check.distance) if fraction else distance)
        return error, self._drift(distance, error, check)

    def _unpolarised(self, whole: int, fraction: float) -> np.ndarray:
        """Charges (n_atoms,) of what the answers at a total charge are expanded about."""
        if not fraction:
            return self._reference(whole).point.charges
        below, above = self._nodes.neighbours(whole, fraction)
        share = (whole + fraction - below.total_charge) / (above.total_charge - below.total_charge)
        return (1.0 - share) * below.point.charges + share * above.point.charges

    def _check(
        self, potentials: np.ndarray, whole: int, fraction: float, charges: np.ndarray, distance: float
    ) -> _Check:
        """The comparison with the exact answer, made at the first call in a part of the way that tells.

        It is made again where charges go twice as far (``distance``), and at the tenth, the hundredth call
        and so on: other potentials have other errors, and those that grow fastest count.
        """
        low, high = self._nodes.neighbours(whole, fraction) if fraction else (self._reference(whole),) * 2
        begin, end = low.total_charge, high.total_charge
        part = int(_COMPARED * (whole + fraction - begin) / (end - begin)) if fraction else 0
        key = (begin, end, part)
        known = self._checks.get(key)
        calls = 1 if known is None else known.calls + 1
        if known is None or distance > _AGAIN * known.distance or calls in _CALLS:
            check = _checked(charges, self._exact(potentials, whole + fraction), distance)
            if check.distance > _TELLING:
                known = check if known is None else known.joined(check)
            elif known is None:
                return check
        self._checks[key] = replace(known, calls=calls)
        return known

    def _exact(self, potentials: np.ndarray, total_charge: float) -> Solution:
        solution = self.frozen_electrode.solve(potentials, total_charge, accuracy=_REFERENCE_ACCURACY)
        if not solution.converged:
            raise ConvergenceError(
                f"response: the reference calculation at Q = {total_charge:g} e did not converge in "
                f"{solution.cycles} cycles (error about {solution.residual:.1e} e): raise temperature_kelvin"
            )
        return solution

    def _drift(self, distance: float, error: float, check: _Check) -> tuple[str, ...]:
        if error <= self._options.warn_error:
            return ()
        return (
            f"response: a charge lies {distance:.2e} e from the reference, "
            f"{distance / check.distance:.1f} times as far as when it was checked: "
            f"charges may be wrong by {error:.1e} e",
        )


def _checked(charges: np.ndarray, exact: Solution, distance: float) -> _Check:
    return _Check(max(distance, 1e-12), float(np.abs(charges - exact.charges).max()))


def _distance(charges: np.ndarray, reference: np.ndarray) -> float:
    """Largest change of a charge from the reference, e: what the neglected term goes by.

    It tells a single potential and a wave over the whole sheet apart, which the mean square of the
    potentials does not: one atom's potential of 0.05 Ha has the error of a hundred times as large a mean.
    """
    return float(np.abs(charges - reference).max())
