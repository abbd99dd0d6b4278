"""``polcouple run``: i-PI and the driver together, in a directory of the run's own.

The run directory is a case directory itself: `i-pi input.xml` and `polcouple-driver --backend NAME` in it do
the same by hand.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from polcouple.backends.base import backend_names
from polcouple.check.findings import require_sound
from polcouple.cli.options import add_backend_arguments, add_engine_arguments, given_settings
from polcouple.engines.base import NATIVE
from polcouple.errors import InputError
from polcouple.ipi.files import output_names, progress_file
from polcouple.ipi.initialize import text_of
from polcouple.ipi.input import (
    read_xml,
    rename_sockets,
    write_xml,
)
from polcouple.ipi.output import last_properties
from polcouple.log import log, say_how_to_go_on
from polcouple.propagation.case_copy import copy_system
from polcouple.propagation.guard import locked
from polcouple.propagation.inputs import COPIED, WRITTEN, copy_inputs, file_elements
from polcouple.propagation.plan import RunPlan, plan_from_arguments
from polcouple.propagation.programs import RunFailedError
from polcouple.propagation.propagate import propagate, step_reached
from polcouple.propagation.record import RECORD, MadeOf, begin_record, read_record, write_record
from polcouple.simulation.changes import changes, made_of, require_unchanged

#: what to do about changes
_CURE = (
    "begin another run with --output, or go on all the same with --force (the run keeps its own copies of"
    " case and input)"
)

#: changes i-PI's input in place
Edit = Callable[[ElementTree.Element], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple run``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, metavar="N", help="steps of i-PI to do")
    length.add_argument("--until", type=int, metavar="N", help="step of i-PI to go on to")
    parser.add_argument("--input", help="which of the case's i-PI inputs (input.xml)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="run directory (CASE/run_BACKEND)")
    parser.add_argument(
        "--restart",
        action="store_true",
        help="go on from where the run in the run directory stands, with its backend and settings",
    )
    parser.add_argument(
        "--force", action="store_true", help="go on although case, input, backend or settings are others now"
    )
    add_backend_arguments(parser, required=False)
    add_engine_arguments(parser)
    parser.set_defaults(platform=None)


def run(args: argparse.Namespace) -> int:
    """Prepare the run directory, start both programs, and follow them to the end."""
    name, given = ("--steps", args.steps) if args.until is None else ("--until", args.until)
    if given < 1:
        raise InputError(f"{name} {given}: ask for at least one step")
    if args.force and not args.restart:
        raise InputError("--force goes with --restart")
    stood, forced = 0, []
    if args.restart:
        plan, directory = _going_on(args)
        with locked(directory):
            stood = step_reached(directory)
    else:
        plan, directory = _beginning(args)
    last_step = args.until if args.steps is None else stood + args.steps
    if last_step <= stood:
        raise InputError(f"--until {last_step}: the run in {directory} stands at step {stood} already")
    if args.restart:
        continuation = examine(plan, directory, None if args.force else _CURE)
        require_sound(replace(plan, case=directory, input="input.xml"), last_step - stood, directory)
        take_up(directory, continuation)
        forced = continuation.changes
        for change in forced:
            log(f"warning: {change}; gone on with, as --force asks")
    else:
        require_sound(plan, last_step, directory)
        begin(plan, directory)
    try:
        reached = propagate(directory, last_step, plan.driver_words(), forced)
    except (KeyboardInterrupt, RunFailedError) as error:
        with suppress(InputError):  # nothing complete was written
            if step_reached(directory) > 0:
                state = "failed" if isinstance(error, RunFailedError) else "stopped"
                _say_how_to_go_on(state, args.case, directory, f"--until {last_step}")
        raise
    if reached < last_step:
        state, length = f"stopped by request at step {reached} of {last_step}", f"--until {last_step}"
    else:
        state, length = "done", f"--steps {last_step - stood}"
    _say_how_to_go_on(state, args.case, directory, length)
    return 0


def _beginning(args: argparse.Namespace) -> tuple[RunPlan, Path]:
    """The plan of a new run, and its directory."""
    if args.backend is None:
        raise InputError(f"a new run needs --backend NAME, one of {', '.join(backend_names())}")
    args.input, args.platform = args.input or "input.xml", args.platform or NATIVE
    plan = plan_from_arguments(args)
    directory: Path = args.output or args.case / f"run_{args.backend}"
    refuse_a_run(directory)
    return plan, directory


def _going_on(args: argparse.Namespace) -> tuple[RunPlan, Path]:
    """The plan of a run that is there, as its record and what is typed say, and its directory.

    Raises:
        InputError: there is no run, or it is not known how it was made.
    """
    directory = args.output or _only_run(args.case, args.backend)
    if not (directory / "input.xml").is_file():
        raise InputError(f"{directory}: no run to go on with; begin one without --restart")
    record = read_record(directory)
    if record is None and args.backend is None:
        raise InputError(
            f"{directory}: no {RECORD}, as in runs of earlier versions; give --backend and the settings that"
            " it began with"
        )
    given = given_settings(args)
    plan = RunPlan(
        args.case,
        args.input or "input.xml",
        args.backend or "",
        given,
        args.platform or NATIVE,
        args.threads,
        args.refresh,
    )
    if record is not None:
        before = record.made_of
        same = args.backend in (None, before.backend)
        plan = replace(
            plan,
            input=args.input or before.input,
            backend=args.backend or before.backend,
            given=before.given | given if same else given,
            platform=args.platform or before.platform,
            threads=args.threads or before.threads,
            refresh=args.refresh or before.refresh_given,
        )
    return plan, directory


@dataclass(frozen=True)
class Continuation:
    """How a run that is there goes on: with which ``changes``, and what it is ``made_of`` then."""

    changes: list[str]
    made_of: MadeOf


def examine(plan: RunPlan, directory: Path, cure: str | None, edit: Edit | None = None) -> Continuation:
    """See that a run that is there may go on by ``plan``; nothing is written.

    Args:
        cure: what a user may do who does not undo a change; None to go over changes.
        edit: what :func:`begin` was given.

    Raises:
        InputError: case, input, backend or settings have changed.
    """
    record = read_record(directory)
    if record is None:
        log(f"warning: {directory}: no {RECORD}, so that nobody knows how it began; gone on with as asked")
        return Continuation([], made_of(replace(plan, case=directory, input="input.xml")))
    root = None
    if edit is not None:
        root = read_xml(plan.case / plan.input)
        edit(root)
    found, own = changes(record.made_of, directory, plan, root)
    if cure is not None:
        require_unchanged(found, directory, cure)
    return Continuation(found, own)


def take_up(directory: Path, continuation: Continuation) -> None:
    """Put into the record how its run goes on; a run of an earlier version gets one.

    Raises:
        InputError: a program is at work in the directory.
    """
    with locked(directory):
        record = read_record(directory)
        if record is None:
            begin_record(directory, continuation.made_of)
        else:
            record.made_of = continuation.made_of
            write_record(directory, record)


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


def begin(plan: RunPlan, directory: Path, edit: Edit | None = None) -> None:
    """Make a run directory and its record; nothing must speak against the run.

    Args:
        edit: changes i-PI's input of the run in place.

    Raises:
        InputError: see :func:`prepare`.
    """
    prepare(plan.case, plan.input, directory)
    root = read_xml(plan.case / plan.input)
    if edit is not None:
        own = read_xml(directory / "input.xml")
        for one in (own, root):
            edit(one)
        write_xml(own, directory / "input.xml")
    begin_record(directory, made_of(plan, root))


def prepare(case: Path, input_name: str, directory: Path) -> None:
    """Copy the case into a new run directory and give it a socket of its own.

    Raises:
        InputError: the directory is in use, or cannot be written.
    """
    root = read_xml(case / input_name)
    for path in refuse_a_run(directory):
        path.unlink()
    rename_sockets(root, f"-{uuid.uuid4().hex[:8]}")
    directory.mkdir(parents=True, exist_ok=True)
    copy_system(case, directory)
    copy_inputs(root, case, directory)
    if (case / "polcouple_pes.py").exists():
        shutil.copy(case / "polcouple_pes.py", directory)
    write_xml(root, directory / "input.xml")


def refuse_a_run(directory: Path) -> list[Path]:
    """Refuse a directory with a run in it, or with anything but what one left that failed before step 1.

    Returns:
        What such a run has left; it may be removed.

    Raises:
        InputError: a step was done, a program is at work there, or there is something else.
    """
    if not directory.is_dir() or not any(directory.iterdir()):
        return []
    own = {*COPIED, *WRITTEN}
    names: re.Pattern[str] | None = None
    if (directory / "input.xml").exists():
        root = read_xml(directory / "input.xml")
        own |= {text_of(element) for element in file_elements(root)}
        names = output_names(root)
    left = list(directory.iterdir())
    holds = InputError(
        f"{directory} holds a run already; go on with --restart or choose another directory with --output"
    )
    if not all(path.name in own or (names and names.fullmatch(path.name)) for path in left):
        raise holds
    with locked(directory):
        if has_steps(directory):
            raise holds
        return [path for path in left if path.name != "run.lock"]


def has_steps(directory: Path) -> bool:
    """Whether a run in the directory has done a step.

    Raises:
        InputError: its files are damaged.
    """
    path = directory / "input.xml"
    if not path.exists():
        return False
    done = last_properties(directory / progress_file(read_xml(path))).get("step", 0)
    return done > 0 or step_reached(directory) > 0
