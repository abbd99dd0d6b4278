"""run.json of a run directory: what the run is made of, and what became of each of its starts.

The driver writes a part of its own, driver.json, when it ends; it is taken over into run.json.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from polcouple import __version__
from polcouple.errors import InputError, PolcoupleError
from polcouple.files import write_whole
from polcouple.log import command_line, log
from polcouple.plugins import OWN

#: name of the record in a run directory, and of the driver's part
RECORD, DRIVER_RECORD = "run.json", "driver.json"
#: whose versions decide results; named where they were loaded
_LIBRARIES = ("ase", "h5py", "ipi", "jax", "numba", "numpy", "openmm", "scipy", "tensorflow")


class _Part(BaseModel):
    # a setting may be infinite
    model_config = ConfigDict(ser_json_inf_nan="constants")


class MadeOf(_Part):
    """What decides a run.

    Attributes:
        case: the directory, absolute; ``input`` is the name of i-PI's input there.
        backend: name.
        given: settings of the command line.
        settings: all settings of the backend, defaults and those of system.yaml included.
        answers: those that decide charges, and SHA-256 of the files that do (models, .skf files), by name.
        origins: package and version that the ``backend`` and the ``engine`` come from.
        platform, threads: that compute the forces.
        refresh: evaluations between refreshes of the charges, and ``refresh_given`` on the command line.
        system: content of system.yaml, defaults included, without the backends.
        elements: content of i-PI's input by the place of each element and attribute in it, without sockets
            and number of steps.
        files: SHA-256 of system.yaml, i-PI's input and the start structure as they are in the case.
        start: SHA-256 of the start structure, electrodes included.
        seed: of i-PI's random numbers; None where i-PI takes one from the clock.
        changes: what the command line set in i-PI's input, which ``elements`` have.
    """

    case: str
    input: str
    backend: str
    given: dict[str, Any]
    settings: dict[str, Any]
    answers: dict[str, str]
    origins: dict[str, str] = {}
    platform: str
    threads: int | None
    refresh: int
    refresh_given: int | None
    system: dict[str, Any]
    elements: dict[str, str]
    files: dict[str, str]
    start: str
    seed: int | None
    changes: dict[str, Any] = {}


def file_words(path: Path) -> str:
    """What stands for the content of a file in a record."""
    return f"SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of what is not the same in both, or is in one of them alone, in their order."""
    names = [*before, *(name for name in now if name not in before)]
    return [name for name in names if before.get(name) != now.get(name)]


def decisive(made_of: MadeOf) -> str:
    """What decides the trajectory, as text."""
    text = made_of.model_dump_json(
        include={"backend", "answers", "platform", "refresh", "system", "elements", "start"}
    )
    return text + json.dumps(other_packages(made_of)) if other_packages(made_of) else text


def other_packages(made_of: MadeOf) -> dict[str, str]:
    """Package and version of ``backend`` or ``engine``, where they are not this package's."""
    return {what: origin for what, origin in made_of.origins.items() if not origin.startswith(f"{OWN} ")}


class Start(_Part):
    """One start of i-PI and the driver.

    Attributes:
        command: as typed, with the working ``directory``.
        began, ended: time of day with its offset from UTC.
        first_step, last_step: from where, and how far it was to go.
        reached: step at the end.
        restart: SHA-256 of RESTART then; empty where there was none.
        status: ``running`` also where the program was killed before it could say more.
        message: what is said of it on the screen.
        forced: changes that --force went over.
        driver: what the driver wrote of itself; see :func:`driver_part`.
    """

    command: str
    directory: str
    began: str
    ended: str | None = None
    first_step: int
    last_step: int
    reached: int | None = None
    restart: str = ""
    status: Literal["running", "done", "stopped", "failed"] = "running"
    message: str = ""
    forced: list[str] = []
    driver: dict[str, Any] = {}


class Record(_Part):
    """The content of run.json."""

    format: Literal["polcouple-run-1"] = "polcouple-run-1"
    versions: dict[str, str]
    made_of: MadeOf
    starts: list[Start] = []


def begin_record(directory: Path, made_of: MadeOf) -> None:
    """Write the record of a run that has not started yet."""
    write_record(directory, Record(versions=versions(), made_of=made_of))


def read_record(directory: Path) -> Record | None:
    """The record of a run directory; None where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = directory / RECORD
    try:
        return Record.model_validate_json(path.read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "not text"
        raise InputError(
            f"{path}: damaged, or of another version ({first}); move it away to go on without what it says"
        ) from None


def write_record(directory: Path, record: Record) -> None:
    """Write it whole."""
    write_whole(directory / RECORD, record.model_dump_json(indent=1) + "\n")


@contextmanager
def recorded_start(
    directory: Path, first_step: int, last_step: int, forced: Sequence[str] = ()
) -> Iterator[Start]:
    """Add a start to the record; it ends as ``failed`` unless the block sets another status.

    The lock of the directory is to be held.
    """
    (directory / DRIVER_RECORD).unlink(missing_ok=True)
    record = read_record(directory)
    start = Start(
        command=command_line(),
        directory=str(Path.cwd()),
        began=_now(),
        first_step=first_step,
        last_step=last_step,
        forced=list(forced),
    )
    if record is None:
        yield start
        return
    record.starts.append(start)
    write_record(directory, record)
    start.status = "failed"
    try:
        yield start
    except BaseException as error:
        start.message = described(error)
        raise
    finally:
        start.ended = _now()
        start.driver = read_driver_part(directory)
        record.versions |= start.driver.get("versions", {})
        try:
            write_record(directory, record)
        except OSError as error:  # a full disk; why the run ended is more than that
            log(f"warning: {directory / RECORD}: not written ({error.strerror})")


def described(error: BaseException) -> str:
    """An error in one line; a defect of the program with its kind."""
    kind = "interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__
    if isinstance(error, (PolcoupleError, KeyboardInterrupt)):
        return str(error) or kind
    return f"{kind}: {error}"


def driver_part(summary: str, seconds: dict[str, float], evaluations: int, warnings: Sequence[str],
                message: str) -> dict[str, Any]:  # fmt: skip
    """What the driver tells of itself at its end.

    Args:
        summary: one line.
        seconds: wall time by kind of work.
        evaluations: answers given to i-PI.
        message: why it failed; empty if it did not.
    """
    return {
        "summary": summary,
        "evaluations": evaluations,
        "seconds": seconds,
        "warnings": list(warnings),
        "message": message,
        "versions": versions(),
    }


def write_driver_part(directory: Path, part: dict[str, Any]) -> None:
    """Write driver.json."""
    write_whole(directory / DRIVER_RECORD, json.dumps(part, indent=1) + "\n")


def read_driver_part(directory: Path) -> dict[str, Any]:
    """driver.json; empty where the driver was killed before it could write it."""
    try:
        part = json.loads((directory / DRIVER_RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return part if isinstance(part, dict) else {}


def versions() -> dict[str, str]:
    """Versions of polcouple, Python, the system, and the libraries that are loaded."""
    found = {"polcouple": __version__, "python": platform.python_version(), "system": platform.platform()}
    for name in _LIBRARIES:
        if name in sys.modules:
            found[name] = importlib.metadata.version(name)
    return found


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
