"""An electrode whose atoms move: what it sees, and what it answers with.

With the liquid's positions r the energy that i-PI sees is

    E(R, r) = E_liquid(R, r) + E_electrode(R, phi(R; r)),

where the engine's E_liquid has the Lennard-Jones interactions of electrode and liquid. With q = dE/dphi

    -dE/dR_i = F_i - q_i dphi/dR_i - dE_liquid/dR_i,

F_i of the backend at fixed phi, and the rest of the engine, as are all forces on the liquid. Where a Fermi
level is held, E_electrode is the grand potential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from polcouple.backends.base import ChargeBackend, ChargeResult, Environment, backends_with, resolved_options
from polcouple.backends.mobile import MobileBackend, MobileResult, checked_mobile_solve, create_mobile
from polcouple.case.model import Case
from polcouple.case.schema import GivenSystemSection, Potential
from polcouple.coupling.electrodes import create_electrodes
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel, TotalCharge
from polcouple.electrode import Electrolyte
from polcouple.engines.base import Engine, SitePotentialEngine
from polcouple.errors import InputError
from polcouple.units import EV_TO_HARTREE, HARTREE_TO_EV


def create_charges(
    case: Case, name: str, settings: Mapping[str, Any] | None = None
) -> ChargeBackend | MobileBackend:
    """The backend ``name`` for the electrodes of a case, be they in their place or mobile.

    Args:
        settings: over those of system.yaml; relative paths are taken from the case's directory.

    Raises:
        InputError: as :func:`polcouple.coupling.electrodes.create_electrodes`, or a backend that gives no
            forces on a mobile electrode.
    """
    if not case.mobile:
        return create_electrodes(case, name, settings)
    own = case.backend_settings(name, settings)
    _require_bonds(case, name, own)
    return create_mobile(name, case.electrode, case.electrolyte, own, case.directory, case.system.backends)


def _require_bonds(case: Case, name: str, settings: Mapping[str, Any]) -> None:
    """Either the backend or the case's file holds a mobile electrode together, not both and not none."""
    system, where = case.system, case.directory / "system.yaml"
    options = resolved_options(name, settings, case.directory, case.system.backends)
    kept = isinstance(system, GivenSystemSection) and system.force_field.electrode_bonded == "keep"
    if options.capabilities().bonds and kept:
        raise InputError(
            f"{where}: backend '{name}' gives the forces between a mobile electrode's atoms, so the file's"
            " may not be kept; write electrode_bonded: drop"
        )
    if not options.capabilities().bonds and not kept:
        raise InputError(
            f"{where}: nothing holds the atoms of the mobile electrode together with bonds: file; write"
            f" electrode_bonded: keep (imported cases), or bonds: dftb under backends: {name}"
        )


def create_fast_charges(case: Case, interval: int = 1) -> ChargeBackend | MobileBackend:
    """The case's ``fast_backend``, for ``part: fast`` and ``part: slow`` of multiple time stepping.

    Args:
        interval: evaluations between refreshes of the charges.

    Raises:
        InputError: the case names none, or one whose energy is no function of the positions; or charges are
            kept.
    """
    where, name = case.directory / "system.yaml", case.system.fast_backend
    if name is None:
        raise InputError(
            f"{where}: part: fast and part: slow need a cheaper backend; write fast_backend: with its name"
        )
    if interval != 1:
        raise InputError(
            f"{where}: part: fast and part: slow need charges in every evaluation, not every {interval};"
            " write refresh: {interval: 1}"
        )
    own = case.backend_settings(name)
    if not resolved_options(name, own, case.directory, case.system.backends).capabilities().conservative:
        raise InputError(
            f"{where}: fast_backend: {name} has no energy of which its charges are the derivative, and"
            f" multiple time stepping would drift; use {backends_with('conservative')}"
        )
    return create_charges(case, name)


def held_of(case: Case) -> Ensemble:
    """What is held of a case's mobile electrode."""
    potential = case.system.potential
    if potential is None:
        return TotalCharge(case.total_charge)
    assert potential.fermi_level_ev is not None
    return FermiLevel(potential.fermi_level_ev * EV_TO_HARTREE)


def in_words(held: Ensemble) -> Potential | float:
    """What system.yaml says of it: a potential, or a total charge in e."""
    if isinstance(held, FermiLevel):
        return Potential(fermi_level_ev=held.level * HARTREE_TO_EV, counter_charge="background")
    return held.charge


def with_held(case: Case, held: Ensemble) -> Case:
    """The same case of a mobile electrode with something else held; that its cell is neutral is not asked."""
    sections, told = list(case.system.electrodes), in_words(held)
    potential = told if isinstance(told, Potential) else None
    if not isinstance(told, Potential):
        sections[0] = sections[0].model_copy(update={"total_charge_e": told})
    changed = case.system.model_copy(update={"electrodes": sections, "potential": potential})
    return replace(case, system=changed)


class MobileEnvironment(Environment):
    """What the electrode sees, and where its atoms are: ``places`` (n, 3) in bohr."""

    def __init__(
        self, electrolyte: Electrolyte, positions: np.ndarray, potentials: Any, places: np.ndarray
    ) -> None:
        super().__init__(electrolyte, positions, potentials)
        self.places = places


class MobileSolver:
    """Charges of, and forces on, a mobile electrode in one configuration after the other.

    Args:
        case: the system.
        backend: as :func:`create_charges` makes it.
        engine: of the case, which gives the site potentials.
    """

    def __init__(self, case: Case, backend: MobileBackend, engine: Engine) -> None:
        assert isinstance(engine, SitePotentialEngine)
        self._case, self._backend, self._engine = case, backend, engine
        self._held = held_of(case)
        engine.prepare_site_potentials(max(backend.capabilities.potential_accuracy, engine.finest_potential))

    def environment(self, positions: np.ndarray, replica: int = 0) -> MobileEnvironment:
        """What the electrode sees when all atoms are at ``positions`` (N, 3) in bohr."""
        case, everywhere = self._case, positions.copy()

        return MobileEnvironment(
            case.electrolyte,
            case.electrolyte_positions(positions),
            partial(self._potentials, everywhere, replica),
            everywhere[case.electrode_indices],
        )

    def solve(self, environment: Environment, where: str, guess: ChargeResult | None) -> MobileResult:
        """The answer in ``environment``, sought from ``guess``.

        Raises:
            ConvergenceError: naming ``where``.
        """
        assert isinstance(environment, MobileEnvironment)
        return checked_mobile_solve(self._backend, environment.places, environment, self._held, guess, where)

    def _potentials(self, everywhere: np.ndarray, replica: int, positions: np.ndarray) -> np.ndarray:
        return self._engine.site_potentials(everywhere, replica)
