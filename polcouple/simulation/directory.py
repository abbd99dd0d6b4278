"""A run directory: made from a case, looked at before a run goes on in it, and its record kept."""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from polcouple.errors import InputError
from polcouple.ipi.files import output_names, progress_file
from polcouple.ipi.initialize import text_of
from polcouple.ipi.input import read_xml, write_xml
from polcouple.ipi.output import last_properties
from polcouple.ipi.sockets import rename_sockets
from polcouple.log import log
from polcouple.propagation.case_copy import copy_system
from polcouple.propagation.guard import locked
from polcouple.propagation.inputs import COPIED, WRITTEN, copy_beside, copy_inputs, file_elements
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.propagate import step_reached
from polcouple.propagation.record import RECORD, MadeOf, begin_record, read_record, write_record
from polcouple.simulation.changes import changes, made_of, require_unchanged

#: changes i-PI's input in place
Edit = Callable[[ElementTree.Element], None]


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
        root = plan.input_root()
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


def begin(plan: RunPlan, directory: Path, edit: Edit | None = None) -> None:
    """Make a run directory and its record; nothing must speak against the run.

    Args:
        edit: changes i-PI's input of the run in place.

    Raises:
        InputError: see :func:`prepare`.
    """
    prepare(plan.case, plan.input, directory)
    root, own = plan.input_root(), read_xml(directory / "input.xml")
    plan.changes.apply(own, directory / "input.xml")
    if edit is not None:
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
    copy_beside(case, directory)
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
