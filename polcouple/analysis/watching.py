"""Where a run stands, at work or ended, from what it has written so far."""

from __future__ import annotations

import datetime
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polcouple.analysis.watched_system import SystemNow, WatchedSystem
from polcouple.case.model import Case, read_case
from polcouple.errors import InputError
from polcouple.ipi.files import progress_file, system_names
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml, time_step_ps
from polcouple.log import Warned
from polcouple.propagation.driver_log import warnings_in
from polcouple.propagation.guard import at_work
from polcouple.propagation.record import Record, Start, read_record

#: the rate is that of the last so many seconds
_WINDOW = 60.0
_SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a run stands.

    Attributes:
        state: ``running``, ``done``, ``stopped``, ``failed``, ``killed`` or ``not begun``.
        message: why it failed.
        backend: that gives the charges; empty where no record says so.
        step, last_step: of i-PI; None where it is not known.
        systems: where each of them stands; one, or the replicas.
        ns_per_day: simulated per wall time, lately, or on average where the run has ended.
        seconds_left: until the last step; None where nobody can tell or there is nothing left.
        warnings: of the driver, each kind once.
    """

    state: str
    message: str
    backend: str
    step: int | None
    last_step: int | None
    systems: Sequence[SystemNow]
    ns_per_day: float | None
    seconds_left: float | None
    warnings: Sequence[str]

    @property
    def time_ps(self) -> float | None:
        """Simulated so far."""
        return self.systems[0].time_ps


class Watched:
    """A run directory that is looked at again and again; only what is new is read.

    Raises:
        InputError: there is no run, or its input or its case cannot be used.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / "input.xml"
        if not path.is_file():
            raise InputError(f"{directory}: no run here; give a directory that `polcouple run` made")
        root = read_xml(path)
        self.directory = directory
        self._case: Case = read_case(directory, start_file(root, path))
        try:
            self._time_step: float | None = time_step_ps(root, path)
        except InputError:
            self._time_step = None  # minimisations have none
        self._root = root
        self._systems: list[WatchedSystem] = []
        self._seen: deque[tuple[float, float]] = deque()

    def look(self) -> Standing:
        """Where the run stands now."""
        systems = [system.look() for system in self._found()]
        record = read_record(self.directory)
        start = record.starts[-1] if record is not None and record.starts else None
        working = at_work(self.directory)
        step = systems[0].step
        state = "killed" if start is not None and start.status == "running" else "not begun"
        if working:
            state = "running"
        elif start is not None and start.status != "running":
            state = start.status
        last_step = None if start is None else start.last_step
        rate = self._rate(step, start) if working else _average_rate(start)
        left = None
        if working and rate and step is not None and last_step is not None and last_step > step:
            left = (last_step - step) / rate
        return Standing(
            state,
            "" if start is None or working else start.message,
            "" if record is None else record.made_of.backend,
            step,
            last_step,
            systems,
            rate * self._time_step * 1e-3 * _SECONDS_PER_DAY if rate and self._time_step else None,
            left,
            self._warnings(record),
        )

    def _found(self) -> list[WatchedSystem]:
        """The run's systems; those of a template are known when i-PI has written them down."""
        if self._systems:
            return self._systems
        try:
            names = system_names(self.directory / "input.xml")
        except InputError:
            names = []
        found = [
            WatchedSystem(
                self.directory,
                name,
                len(names) > 1,
                self.directory / progress_file(self._root, name),
                self._case,
                self._time_step,
            )
            for name in names or [""]
        ]
        self._systems = found if names else []
        return found

    def _rate(self, step: int | None, start: Start | None) -> float | None:
        """Steps per second while the run is at work."""
        if step is None:
            return None
        now = time.time()
        if not self._seen or step != self._seen[-1][1]:
            self._seen.append((now, step))
        while len(self._seen) > 2 and now - self._seen[1][0] > _WINDOW:
            self._seen.popleft()
        (first_time, first_step), (last_time, newest) = self._seen[0], self._seen[-1]
        if newest > first_step:
            return (newest - first_step) / (last_time - first_time)
        return None if start is None else _rate_since(start, step, now)

    def _warnings(self, record: Record | None) -> list[str]:
        """Of the driver's log, and of the record where there is no log."""
        try:
            text = (self.directory / "driver.log").read_text(errors="replace")
        except OSError:
            text = ""
        listed = [] if record is None else [w for s in record.starts for w in s.driver.get("warnings", [])]
        return list(Warned().new([*warnings_in(text), *listed]))


def _rate_since(start: Start, step: int, now: float) -> float | None:
    """Steps per second since a start began, its preparation included."""
    seconds = now - _moment(start.began)
    return (step - start.first_step) / seconds if step > start.first_step and seconds > 0 else None


def _average_rate(start: Start | None) -> float | None:
    """Steps per second of a start that has ended."""
    if start is None or start.ended is None or start.reached is None:
        return None
    return _rate_since(start, start.reached, _moment(start.ended))


def _moment(text: str) -> float:
    """Seconds since 1970 of a record's time of day."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
