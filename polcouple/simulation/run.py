"""Runs: i-PI and the driver together, in a directory of the run's own.

The run directory is a case directory itself: `i-pi input.xml` and `polcouple-driver --backend NAME` in it do
the same by hand.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from polcouple.backends.base import backend_names
from polcouple.backends.setting_words import absolute
from polcouple.check.findings import require_sound
from polcouple.engines.base import NATIVE
from polcouple.errors import InputError
from polcouple.ipi.changes import NO_CHANGES, InputChanges
from polcouple.log import log, say_how_to_go_on
from polcouple.propagation.guard import locked
from polcouple.propagation.plan import RunPlan, require_case
from polcouple.propagation.programs import RunFailedError
from polcouple.propagation.propagate import propagate, require_same_step, step_reached
from polcouple.propagation.record import RECORD, MadeOf, read_record
from polcouple.simulation.directory import begin, examine, refuse_a_run, take_up

#: what to do about changes
_CURE = (
    "begin another run with --output, or go on all the same with --force (the run keeps its own copies of"
    " case and input)"
)


@dataclass(frozen=True)
class _Wanted:
    """What is said of a run; None where the default, or what the run began with, is meant.

    Attributes:
        case: its directory.
        backend: name; a new run needs one.
        given: settings of the backend that go before those of system.yaml; paths are absolute.
        input: name of i-PI's input in the case (input.xml).
        platform: that computes the forces (native), and ``threads`` at most (all processors).
        refresh: evaluations between refreshes of the charges (system.yaml's).
        output: the run's directory (CASE/run_BACKEND).
        changes: of i-PI's input.
    """

    case: Path
    backend: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    input: str | None = None
    platform: str | None = None
    threads: int | None = None
    refresh: int | None = None
    output: Path | None = None
    changes: InputChanges = NO_CHANGES


def run_case(
    case: Path | str,
    backend: str | None = None,
    *,
    steps: int | None = None,
    until: int | None = None,
    settings: Mapping[str, Any] | None = None,
    input: str | None = None,
    output: Path | str | None = None,
    platform: str | None = None,
    threads: int | None = None,
    refresh: int | None = None,
    changes: InputChanges = NO_CHANGES,
    restart: bool = False,
    force: bool = False,
) -> Path:
    """Begin a run of a case or go on with one, and follow i-PI and the driver to its end.

    Args:
        case: its directory.
        backend: name; a new run needs one, with ``settings`` over those of system.yaml (relative paths are
            taken from here).
        steps: of i-PI to do; or else the step to go on ``until``.
        input: name of i-PI's input in the case (input.xml).
        output: the run's directory (CASE/run_BACKEND).
        platform: that computes the forces (native), with ``threads`` at most (all processors).
        refresh: evaluations between refreshes of the charges (system.yaml's).
        changes: what to set in the run's copy of i-PI's input, such as its temperature.
        restart: go on from where the run that is there stands; what is not given is as it began.
        force: go on although case, input, backend or settings are others now.

    Returns:
        The run's directory. Where somebody asked i-PI to stop, the run in it is shorter.

    Raises:
        InputError: what `polcouple check` finds, a run directory in use, no run to go on with, or one that
            began otherwise.
        RunFailedError: i-PI or the driver stopped early.
    """
    if (steps is None) == (until is None):
        raise InputError("give one of the two, steps or until")
    name, given = ("--steps", steps) if until is None else ("--until", until)
    if given is None or given < 1:
        raise InputError(f"{name} {given}: ask for at least one step")
    if force and not restart:
        raise InputError("--force goes with --restart")
    own = None if output is None else Path(output)
    words = absolute(settings or {})
    wanted = _Wanted(Path(case), backend, words, input, platform, threads, refresh, own, changes)
    return _go_on_with_run(wanted, steps, until, force) if restart else _begin_run(wanted, given)


def _begin_run(wanted: _Wanted, last_step: int) -> Path:
    """Make a run directory, start both programs, and follow them to ``last_step``."""
    plan, directory = _beginning(wanted)
    require_sound(plan, last_step, directory)
    begin(plan, directory)
    _follow(plan, directory, 0, last_step)
    return directory


def _go_on_with_run(wanted: _Wanted, steps: int | None, until: int | None, force: bool) -> Path:
    """Take up a run where it stands, for ``steps`` more steps or ``until`` a step."""
    plan, directory = _going_on(wanted)
    with locked(directory):
        stood = step_reached(directory)
        require_same_step(directory)
        _tell_of_another_step(directory, stood)
    last_step = stood + (steps or 0) if until is None else until
    if last_step <= stood:
        raise InputError(f"--until {last_step}: the run in {directory} stands at step {stood} already")
    continuation = examine(plan, directory, None if force else _CURE)
    require_sound(replace(plan, case=directory, input="input.xml"), last_step - stood, directory)
    take_up(directory, continuation)
    for change in continuation.changes:
        log(f"warning: {change}; gone on with, as --force asks")
    _follow(plan, directory, stood, last_step, continuation.changes)
    return directory


def _tell_of_another_step(directory: Path, stood: int) -> None:
    """Warn where RESTART is of another step than the one that the run's last start ended at."""
    record = read_record(directory)
    reached = record.starts[-1].reached if record and record.starts else None
    if reached is not None and reached != stood:
        log(
            f"warning: {directory}: goes on from step {stood}, and {RECORD} says that the run reached step"
            f" {reached}: was RESTART put there, or is it of another run?"
        )


def _follow(plan: RunPlan, directory: Path, stood: int, last_step: int, forced: Sequence[str] = ()) -> None:
    """Run from step ``stood`` to ``last_step``, and say how to go on from where that ends."""
    try:
        reached = propagate(directory, last_step, plan.driver_words(), forced)
    except (KeyboardInterrupt, RunFailedError) as error:
        with suppress(InputError):  # nothing complete was written
            if step_reached(directory) > 0:
                state = "failed" if isinstance(error, RunFailedError) else "stopped"
                _say_how_to_go_on(state, plan.case, directory, f"--until {last_step}")
        raise
    if reached < last_step:
        state, length = f"stopped by request at step {reached} of {last_step}", f"--until {last_step}"
    else:
        state, length = "done", f"--steps {last_step - stood}"
    _say_how_to_go_on(state, plan.case, directory, length)


def _beginning(wanted: _Wanted) -> tuple[RunPlan, Path]:
    """The plan of a new run, and its directory."""
    if wanted.backend is None:
        raise InputError(f"a new run needs --backend NAME, one of {', '.join(backend_names())}")
    require_case(wanted.case)
    plan = RunPlan(
        wanted.case,
        wanted.input or "input.xml",
        wanted.backend,
        wanted.given,
        wanted.platform or NATIVE,
        wanted.threads,
        wanted.refresh,
        wanted.changes,
    )
    directory = wanted.output or wanted.case / f"run_{wanted.backend}"
    refuse_a_run(directory)
    return plan, directory


def _going_on(wanted: _Wanted) -> tuple[RunPlan, Path]:
    """The plan of a run that is there, as its record and what is typed say, and its directory.

    Raises:
        InputError: there is no run, or it is not known how it was made.
    """
    directory = wanted.output or _only_run(wanted.case, wanted.backend)
    if not (directory / "input.xml").is_file():
        raise InputError(f"{directory}: no run to go on with; begin one without --restart")
    record = read_record(directory)
    if record is None and wanted.backend is None:
        raise InputError(
            f"{directory}: no {RECORD}, as in runs of earlier versions; give --backend and the settings that"
            " it began with"
        )
    given = dict(wanted.given)
    plan = RunPlan(
        wanted.case,
        wanted.input or "input.xml",
        wanted.backend or "",
        given,
        wanted.platform or NATIVE,
        wanted.threads,
        wanted.refresh,
    )
    if record is not None:
        before = record.made_of
        same = wanted.backend in (None, before.backend)
        plan = replace(
            plan,
            input=wanted.input or before.input,
            backend=wanted.backend or before.backend,
            given=before.given | given if same else given,
            platform=wanted.platform or before.platform,
            threads=wanted.threads or before.threads,
            refresh=wanted.refresh or before.refresh_given,
            changes=_as_before(wanted.changes, before, directory),
        )
    elif wanted.changes.given():
        raise InputError(f"{directory}: no {RECORD}, so that its input is not changed any more")
    return plan, directory


def _as_before(changes: InputChanges, before: MadeOf, directory: Path) -> InputChanges:
    """What a run's input was changed by when it began.

    Raises:
        InputError: ``changes`` ask for something else: i-PI goes on with what its checkpoint says.
    """
    for name, value in changes.given().items():
        if value != before.changes.get(name):
            was = before.changes.get(name, "not given")
            raise InputError(
                f"--{name} {value}: the run in {directory} began with --{name} {was}, and goes on with that;"
                " begin another run with --output"
            )
    return InputChanges(**before.changes)


def _only_run(case: Path, backend: str | None) -> Path:
    """The default directory of a run of this backend, or of the only run there is.

    Raises:
        InputError: there is none, or several.
    """
    if backend is not None:
        return case / f"run_{backend}"
    found = sorted(path.parent for path in case.glob("run_*/input.xml"))
    if len(found) != 1:
        names = f"there are {', '.join(path.name for path in found)}" if found else "there is none"
        raise InputError(f"{case}: name the run to go on with by --output or --backend; {names}")
    return found[0]


def _say_how_to_go_on(state: str, case: Path, directory: Path, length: str) -> None:
    """What else was typed is in the run's record."""
    words = ["polcouple", "run", str(case), "--output", str(directory), "--restart"]
    say_how_to_go_on(state, f"{shlex.join(words)} {length}")
