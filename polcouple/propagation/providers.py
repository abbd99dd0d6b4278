"""The force providers of one driver: one for each part of the forces, all with the same charges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from polcouple.case.model import Case
from polcouple.coupling.electrodes import backend_identity
from polcouple.coupling.forces import ForceProvider, Observer
from polcouple.coupling.held_state import held_states
from polcouple.coupling.mobile import create_charges
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
    observer: Observer | None = None,
) -> dict[Part, ForceProvider]:
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
    charges, held = None, None
    if wanted != {"bonded"}:
        charges = create_charges(case, backend, settings)
        held = held_states(case, charges, identity, interval, first_evaluation, counted=observer is not None)
    return {
        part: ForceProvider(case, charges, part, platform, threads, interval, observer, held)
        for part in sorted(wanted)
    }
