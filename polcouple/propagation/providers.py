"""The force providers of one driver: one for each part of the forces, all with the same charges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from polcouple.case.model import Case
from polcouple.coupling.difference import SlowForces
from polcouple.coupling.electrodes import backend_identity
from polcouple.coupling.forces import ForceProvider, Forces, MobileObserver, Observer
from polcouple.coupling.held_state import held_states
from polcouple.coupling.mobile import create_charges, create_fast_charges
from polcouple.engines.base import NATIVE
from polcouple.ipi.parts import Part


def create_providers(
    case: Case,
    backend: str,
    settings: Mapping[str, Any],
    parts: Iterable[Part],
    *,
    platform: str = NATIVE,
    threads: int | None = None,
    interval: int | None = None,
    first_evaluation: int = 0,
    observer: Observer | MobileObserver | None = None,
) -> dict[Part, Forces]:
    """Providers by part; the backend is made where a part needs charges.

    Args:
        backend: name, with ``settings`` over those of system.yaml.
        platform: ``native``, or a platform of OpenMM, with ``threads`` at most (None: all processors).
        interval: evaluations between refreshes of the charges; system.yaml's when None.
        first_evaluation: of the run that is served.
        observer: told of every evaluation that charges matter to.

    Raises:
        PolcoupleError: unknown backend or setting, or the backend or the engine refuses the case.
    """
    interval = case.system.refresh.interval if interval is None else interval
    identity = backend_identity(case, backend, settings)
    wanted = set(parts)
    fast = create_fast_charges(case, interval) if wanted & {"fast", "slow"} else None
    charges, held = None, None
    if not wanted <= {"bonded", "fast"}:
        charges = create_charges(case, backend, settings)
        held = held_states(case, charges, identity, interval, first_evaluation, counted=observer is not None)

    def provider(part: Part) -> Forces:
        if part == "fast":
            return ForceProvider(case, fast, part, platform, threads)
        kind: Part = "nonbonded" if part == "slow" else part
        accurate = ForceProvider(case, charges, kind, platform, threads, interval, observer, held)
        if part == "slow":
            return SlowForces(accurate, ForceProvider(case, fast, kind, platform, threads))
        return accurate

    return {part: provider(part) for part in sorted(wanted)}
