"""The protocol of backends for an electrode whose atoms move; the capability ``mobile``.

Such a backend is the class ``MobileBackend`` beside ``Backend`` in its module, with the same ``Options``. The
positions R of the electrode's atoms come with every question. Its energy is a function of R, of the site
potentials phi that the electrolyte makes there, and of what is held,

    E(R, phi; Q) at a total charge Q,
    Omega(R, phi; mu) = E - mu N at a Fermi level mu, N counting electrons,

and it answers with two derivatives of the same function,

    q_i = dE/dphi_i at fixed R,    F_i = -dE/dR_i at fixed phi.

What depends on R through phi, -q_i dphi/dR_i, is the engine's, as are Lennard-Jones forces between electrode
and liquid: the engine, too, gives what the charges do to the liquid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from polcouple.backends.base import (
    ChargeResult,
    Environment,
    backend_module,
    backend_origin,
    backends_with,
    resolved_options,
)
from polcouple.backends.capabilities import Capabilities
from polcouple.backends.usable import require_usable_result
from polcouple.dftb.moving.ensemble import Ensemble, TotalCharge
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import ConvergenceError, InputError


def _unknown() -> float:
    """The capacitance where a backend has none."""
    return np.nan


@dataclass(frozen=True, eq=False)
class MobileResult(ChargeResult):
    """The answer for one geometry of the electrode; see the module for the signs.

    ``energy`` is E at a total charge and Omega = E - mu N at a Fermi level, in Hartree; ``total_charge`` is
    given where a Fermi level is held.

    Attributes:
        forces: (n, 3) on the electrode's atoms at fixed site potentials, Hartree/bohr.
        electrons: N: the valence electrons, or minus the charge where a backend knows of no others.
        entropy: T S of the electrons in Hartree, which E has subtracted; NaN where a backend does not know.
        capacitance: dN/dmu at fixed R and phi in 1/Hartree when called; NaN where a backend has none.
    """

    forces: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    electrons: float = np.nan
    entropy: float = 0.0
    capacitance: Callable[[], float] = _unknown


class MobileBackend(Protocol):
    """A source of charges of, and forces on, an electrode whose atoms move.

    The constructor gets the electrode at the case's initial positions, in the cell that stays.

    Attributes:
        capabilities: those of its options; ``mobile`` is True.

    Raises:
        PolcoupleError: from the constructor when options, files or electrode do not fit.
    """

    capabilities: Capabilities

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Any) -> None: ...

    def solve(
        self,
        positions: np.ndarray,
        environment: Environment,
        held: Ensemble,
        guess: ChargeResult | None = None,
    ) -> MobileResult:
        """Charges, energy and forces when the electrode's atoms are at ``positions``.

        Args:
            positions: (n, 3) in bohr, any periodic images; atoms may have gone anywhere since the start.
            environment: with the site potentials (n,) at these positions.
            held: the total charge, or the Fermi level.
            guess: the previous result of the same replica, or None. It saves work and changes the answer by
                no more than the accuracy.

        Returns:
            What was found; non-convergence is a status of it.

        Raises:
            InputError: positions or a level that the backend cannot compute.
        """
        ...


def create_mobile(
    name: str,
    electrode: Electrode,
    electrolyte: Electrolyte,
    settings: Mapping[str, Any] | None = None,
    case_directory: Path = Path(),
    others: Mapping[str, Mapping[str, Any]] | None = None,
) -> MobileBackend:
    """The backend ``name`` for an electrode that moves; arguments as
    :func:`polcouple.backends.base.create_backend`.

    Raises:
        InputError: unknown backend, unknown or invalid setting, or a backend without the capability.
    """
    options = resolved_options(name, settings, case_directory, others)
    capabilities = options.capabilities()
    if not capabilities.mobile:
        reason = capabilities.reasons.get("mobile") or f"use {backends_with('mobile')}"
        raise InputError(f"backend '{name}' gives no forces on an electrode that moves; {reason}")
    made = getattr(backend_module(name), "MobileBackend", None)
    if made is None:
        raise InputError(
            f"backend '{name}' of the package {backend_origin(name)} promises the capability mobile and has"
            " no class MobileBackend"
        )
    backend: MobileBackend = made(electrode, electrolyte, options)
    return backend


def checked_mobile_solve(
    backend: MobileBackend,
    positions: np.ndarray,
    environment: Environment,
    held: Ensemble,
    guess: ChargeResult | None,
    where: str,
) -> MobileResult:
    """An answer that may be used: as :func:`polcouple.backends.usable.checked_solve`, with its forces.

    Raises:
        ConvergenceError: naming ``where``.
    """
    result = backend.solve(positions, environment, held, guess)
    given = held.charge if isinstance(held, TotalCharge) else None
    require_usable_result(result, len(positions), given, where)
    if result.forces.shape != positions.shape or not np.isfinite(result.forces).all():
        raise ConvergenceError(
            f"{where}: the backend returned forces that are not {len(positions)} x 3 numbers"
        )
    if result.energy is None or not np.isfinite(result.energy):
        raise ConvergenceError(f"{where}: the backend returned no energy")
    return result
