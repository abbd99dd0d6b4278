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
from dataclasses import replace
from typing import Any

import numpy as np

from polcouple.backends.base import (
    ChargeBackend,
    ChargeResult,
    Environment,
    backends_with,
    create_backend,
    resolved_options,
    what_decides,
)
from polcouple.backends.capabilities import Capabilities
from polcouple.case.model import Case
from polcouple.coupling.apart import require_apart
from polcouple.coupling.joint_search import CoupledResult as CoupledResult
from polcouple.coupling.joint_search import Coupling, JointSearch
from polcouple.coupling.mutual import kernel_between
from polcouple.errors import InputError, ModelMismatchError
from polcouple.units import EV_TO_HARTREE


def create_electrodes(case: Case, name: str, settings: Mapping[str, Any] | None = None) -> ChargeBackend:
    """The backend ``name`` for all electrodes of a case: itself for one electrode of given charge.

    Args:
        settings: over those of system.yaml; relative paths are taken from the case's directory.

    Raises:
        InputError: unknown backend or setting, a backend without a Fermi level where a potential is held, or
            a mobile electrode (:mod:`polcouple.coupling.mobile`).
    """
    require_in_place(case)
    if len(case.electrodes) == 1 and case.system.potential is None and case.slab_field is None:
        own = case.backend_settings(name, settings)
        return create_backend(
            name, case.electrode, case.electrolyte, own, case.directory, case.system.backends
        )
    return create_coupled(case, name, settings)


def create_coupled(case: Case, name: str, settings: Mapping[str, Any] | None = None) -> CoupledElectrodes:
    """The backend ``name`` for the electrodes of a case, however many, at a potential or not.

    Args:
        settings: as :func:`create_electrodes`.

    Raises:
        InputError: as :func:`create_electrodes`.
    """
    require_in_place(case)
    own = case.backend_settings(name, settings)
    options = resolved_options(name, own, case.directory, case.system.backends)
    _require_fit(case, name, options.capabilities())
    require_apart(case, options)
    backends = [
        create_backend(name, electrode, case.electrolyte, own, case.directory, case.system.backends)
        for electrode in case.electrodes
    ]
    return CoupledElectrodes(case, backends, name)


def backend_identity(case: Case, name: str, settings: Mapping[str, Any]) -> str:
    """Text that tells the backend ``name`` of a case, and all that decides its charges, from others.

    Args:
        settings: as :func:`create_electrodes`.

    Raises:
        InputError: unknown backend or setting.
    """
    own = case.backend_settings(name, settings)
    options = resolved_options(name, own, case.directory, case.system.backends)
    return f"{name} {sorted(what_decides(name, options, case.electrode.symbols).items())}"


def require_in_place(case: Case) -> None:
    """Refuse an electrode that moves where charges are asked for of one in its place.

    Raises:
        InputError: naming it.
    """
    if case.mobile:
        raise InputError(
            f"{case.directory / 'system.yaml'}: electrode '{case.system.electrodes[0].name}' is mobile, and"
            " this is done for electrodes in their place alone; take mobile: true out in a copy of the case"
        )


def _require_fit(case: Case, name: str, capabilities: Capabilities) -> None:
    """Refuse a backend that cannot do what the case asks for, which its options tell: before it is made.

    Raises:
        InputError: naming what it lacks.
    """
    lacking, where = capabilities.reasons, case.directory / "system.yaml"
    most, several = capabilities.most_electrodes, len(case.electrodes)
    if most is not None and several > most:
        reason = lacking.get("most_electrodes", "use another --backend")
        raise InputError(f"{name}: {reason} (electrodes: {several} in {where}, {most} at most)")
    if case.slab_field is not None and not capabilities.slab:
        raise InputError(f"{name}: {lacking.get('slab', 'it sees no slab field')} (slab: in {where})")
    if not capabilities.search:
        raise InputError(f"{name}: {lacking.get('search', 'it may be asked once a frame; use another')}")
    if case.system.potential is not None and not capabilities.fermi_level:
        reason = lacking.get("fermi_level") or f"use {backends_with('fermi_level')}"
        raise InputError(
            f"{where}: potential: charges of backend '{name}' have no Fermi level to be held; {reason}"
        )


class CoupledElectrodes:
    """The electrodes of a case, each with its backend; see the module's equations.

    Args:
        case: with one electrode or more.
        backends: one for each electrode.
        name: of the backends, for messages.

    Attributes:
        backends: as given.
        capabilities: of all together.

    Raises:
        InputError: the backends cannot do what the case asks for.
    """

    def __init__(self, case: Case, backends: Sequence[ChargeBackend], name: str) -> None:
        for backend in backends:
            _require_fit(case, name, backend.capabilities)
        self.backends = tuple(backends)
        every = [backend.capabilities for backend in backends]
        self.capabilities = replace(
            every[0],
            potential_accuracy=min(one.potential_accuracy for one in every),
            conservative=all(one.conservative for one in every),
        )
        self._coupling = Coupling(
            self.backends,
            tuple(case.electrode_slices),
            np.array([section.total_charge_e for section in case.system.electrodes]),
            kernel_between(case),
            _held(case),
            self.capabilities.potential_accuracy,
        )

    def held_at(self, volts: float) -> CoupledElectrodes:
        """The same electrodes at another voltage (V); a potential must be held. Shares all that is big."""
        assert self._coupling.held is not None
        other = copy(self)
        other._coupling = replace(self._coupling, held=volts * EV_TO_HARTREE)
        return other

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`.

        The electrodes' charges are the case's (sum ``total_charge``), or what the potential makes them.
        """
        known = self._coupling.usable(guess)
        if known is not None:
            try:
                result = JointSearch(self._coupling, environment, known).run()
            except (InputError, ModelMismatchError):
                pass  # on the way from there; the charges that are sought lie elsewhere
            else:
                if result.converged:
                    return result
        try:
            return JointSearch(self._coupling, environment, None).run()
        except (InputError, ModelMismatchError) as error:
            if self._coupling.held is None:
                raise
            raise type(error)(f"the potential held is out of reach: {error}") from None


def _held(case: Case) -> float | None:
    """U, or -mu of the only electrode, in Hartree/e; None where charges are given."""
    potential = case.system.potential
    if potential is None:
        return None
    if potential.voltage_volt is not None:
        return potential.voltage_volt * EV_TO_HARTREE
    assert potential.fermi_level_ev is not None
    return -potential.fermi_level_ev * EV_TO_HARTREE
