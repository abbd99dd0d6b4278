"""Answers of a backend that may be used: converged, finite, a charge for each atom and the right sum."""

from __future__ import annotations

import numpy as np

from polcouple.backends.base import ChargeBackend, ChargeResult, Environment
from polcouple.errors import ConvergenceError

#: a backend whose charges miss the total charge by more than this is at fault (e)
_SUM_TOLERANCE = 1e-8


def checked_solve(
    backend: ChargeBackend,
    environment: Environment,
    n_electrode: int,
    total_charge: float,
    guess: ChargeResult | None,
    where: str,
) -> ChargeResult:
    """Charges that may be used: converged, finite, one for each electrode atom and with the right sum.

    Raises:
        ConvergenceError: naming ``where``.
    """
    result = backend.solve(environment, total_charge, guess)
    require_usable_result(result, n_electrode, total_charge, where)
    return result


def require_usable_result(
    result: ChargeResult, n_electrode: int, total_charge: float | None, where: str
) -> None:
    """Refuse charges that may not be used; ``total_charge`` (e) is what was given, None for a level held.

    Raises:
        ConvergenceError: naming ``where``.
    """
    if not result.converged:
        raise ConvergenceError(
            f"{where}: the backend did not converge in {result.iterations} cycles (residual"
            f" {result.residual:.1e} e); loosen its accuracy or look at the structure"
            + "".join(f"; {warning}" for warning in result.warnings)
        )
    if result.charges.shape != (n_electrode,):
        raise ConvergenceError(
            f"{where}: the backend returned charges of shape {result.charges.shape}, not {(n_electrode,)}"
        )
    if not np.isfinite(result.charges).all():
        raise ConvergenceError(f"{where}: the backend returned charges that are not finite")
    expected = total_charge if result.total_charge is None else result.total_charge
    excess = np.inf if expected is None else float(result.charges.sum()) - expected
    if abs(excess) > _SUM_TOLERANCE:
        raise ConvergenceError(f"{where}: the backend's charges miss the total charge by {excess:.2e} e")
