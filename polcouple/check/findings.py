"""All findings about a case, its i-PI input and a backend, and the refusal of a run that has errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polcouple.backends.setting_words import absolute
from polcouple.case.model import read_case
from polcouple.check.cost import check_patience, check_slater_koster, measure
from polcouple.check.direct import check_direct, check_names
from polcouple.check.finding import Finding
from polcouple.check.forces import named_part_of, own_fields, shares_liquid
from polcouple.check.inputs import check_input
from polcouple.check.simulation import load_input
from polcouple.check.structure import check_structure
from polcouple.coupling.mobile import create_charges, create_fast_charges
from polcouple.engines.base import NATIVE, engine_origin
from polcouple.errors import InputError, PolcoupleError
from polcouple.files import require_writable
from polcouple.ipi.initialize import start_beside
from polcouple.ipi.parts import Part
from polcouple.propagation.plan import RunPlan, require_case
from polcouple.propagation.programs import ipi_program


def find(plan: RunPlan, steps: int | None, for_a_run: bool = False) -> Iterator[Finding]:
    """All findings; what cannot be read ends the search, since the rest depends on it.

    Args:
        steps: of the run, over the input's.
        for_a_run: for a run that is about to start: its sockets get names of their own, and forces are
            evaluated once and not timed.
    """
    try:
        require_case(plan.case)
        engine_origin(plan.platform)
        path = plan.case / plan.input
        simulation = load_input(path, plan.changes)
        case = read_case(plan.case, start_beside(path))
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    yield from check_input(simulation, case, path, steps, for_a_run)
    yield from check_names(simulation)
    yield from check_direct(simulation, plan)
    broken = False
    for finding in check_structure(case):
        broken |= finding.severity == "error"
        yield finding
    try:
        missing = list(check_slater_koster(plan.backend, plan.settings(case), case))
        yield from missing
        if missing or broken:
            return
        part: Part = "electrode" if shares_liquid(simulation) else "all"
        if {named_part_of(field) for field in own_fields(simulation)} & {"fast", "slow"}:
            fast = create_fast_charges(case, plan.refresh or case.system.refresh.interval)
            cost, findings = measure(case, fast, part, plan.platform, plan.threads, once=for_a_run)
            yield from findings
            yield Finding(
                "note", f"fast_backend {case.system.fast_backend}: {cost.later:.3g} s for an evaluation"
            )
        charges = create_charges(case, plan.backend, plan.settings(case))
        cost, findings = measure(case, charges, part, plan.platform, plan.threads, once=for_a_run)
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    yield from findings
    yield from check_patience(simulation, cost, plan.backend)


def check_case(
    case: Path | str,
    backend: str = "fixed",
    *,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    input: str = "input.xml",
    platform: str = NATIVE,
    threads: int | None = None,
    refresh: int | None = None,
) -> list[Finding]:
    """What `polcouple check` finds; a run may start if no finding has the severity ``error``.

    Args:
        case: its directory.
        backend: name, with ``settings`` over those of system.yaml; relative paths are taken from here.
        steps: of the run, over the input's.
        input: which of the case's i-PI inputs.
        platform: that computes the forces, with ``threads`` at most (None: all processors).
        refresh: evaluations between refreshes of the charges; None for system.yaml's.
    """
    given = absolute(settings or {})
    return list(find(RunPlan(Path(case), input, backend, given, platform, threads, refresh), steps))


def require_sound(plan: RunPlan, steps: int | None, output: Path) -> None:
    """Refuse a run that `polcouple check` would refuse, before anything is written or started.

    Args:
        output: the directory that the run is to be written in.

    Raises:
        InputError: the first error that is found, ``output`` cannot be written, or i-PI is not installed.
    """
    require_writable(output)
    ipi_program()
    for finding in find(plan, steps, for_a_run=True):
        if finding.severity == "error":
            raise InputError(finding.text)
