"""Where a run stands, at work or ended, from what it has written so far."""

from __future__ import annotations

import datetime
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.analysis.block_errors import Estimate
from polcouple.analysis.drift import drift, mean_in_time
from polcouple.case.model import Case, read_case
from polcouple.errors import InputError
from polcouple.ipi.files import RunFiles, progress_file, run_files
from polcouple.ipi.following import FollowedNumber, FollowedProperties
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml, time_step_ps
from polcouple.ipi.output import last_extras
from polcouple.log import Warned
from polcouple.propagation.driver_log import warnings_in
from polcouple.propagation.guard import at_work
from polcouple.propagation.record import Record, Start, read_record
from polcouple.units import ATOMIC_TIME_TO_FS, HARTREE_TO_KJ_PER_MOL, KELVIN_TO_HARTREE

#: the rate is that of the last so many seconds
_WINDOW = 60.0
_SECONDS_PER_DAY = 86400.0
#: rows at least for a mean or a drift
_LEAST_ROWS = 3


@dataclass(frozen=True)
class ElectrodeNow:
    """Charges of one electrode at one step, in e."""

    name: str
    total: float
    lowest: float
    highest: float


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a run stands.

    Attributes:
        state: ``running``, ``done``, ``stopped``, ``failed``, ``killed`` or ``not begun``.
        message: why it failed.
        backend: that gives the charges; empty where no record says so.
        step, last_step: of i-PI; None where it is not known.
        time_ps: simulated so far.
        temperature: now, in K, and ``mean_temperature`` since the run began.
        conserved: in kJ/mol per cell, less the work of the refreshes where that is written.
        drift: its slope, kJ/mol/ps.
        corrected: whether the refreshes' work is taken off.
        charges: of the electrodes at step ``charges_step``.
        ns_per_day: simulated per wall time, lately, or on average where the run has ended.
        seconds_left: until the last step; None where nobody can tell or there is nothing left.
        warnings: of the driver, each kind once.
    """

    state: str
    message: str
    backend: str
    step: int | None
    last_step: int | None
    time_ps: float | None
    temperature: float | None
    mean_temperature: Estimate | None
    conserved: float | None
    drift: Estimate | None
    corrected: bool
    charges: Sequence[ElectrodeNow]
    charges_step: int | None
    ns_per_day: float | None
    seconds_left: float | None
    warnings: Sequence[str]


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
        self._properties = FollowedProperties(directory / progress_file(root))
        self._files: RunFiles | None = None
        self._work: FollowedNumber | None = None
        self._seen: deque[tuple[float, float]] = deque()

    def look(self) -> Standing:
        """Where the run stands now."""
        self._properties.look()
        record = read_record(self.directory)
        start = record.starts[-1] if record is not None and record.starts else None
        working = at_work(self.directory)
        columns = self._properties.columns
        step = int(columns["step"][-1]) if "step" in columns else None
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
        conserved, corrected = self._conserved(columns)
        temperatures = columns.get("temperature", np.empty(0)) / KELVIN_TO_HARTREE
        number, charges = self._charges()
        time_ps = None
        if "time" in columns:
            time_ps = float(columns["time"][-1]) * ATOMIC_TIME_TO_FS * 1e-3
        elif step is not None and self._time_step is not None:
            time_ps = step * self._time_step
        return Standing(
            state,
            "" if start is None or working else start.message,
            "" if record is None else record.made_of.backend,
            step,
            last_step,
            time_ps,
            float(temperatures[-1]) if len(temperatures) else None,
            mean_in_time(temperatures) if len(temperatures) >= _LEAST_ROWS else None,
            float(conserved[1][-1]) if len(conserved[1]) else None,
            drift(*conserved) if len(conserved[1]) >= _LEAST_ROWS else None,
            corrected,
            charges,
            number,
            rate * self._time_step * 1e-3 * _SECONDS_PER_DAY if rate and self._time_step else None,
            left,
            self._warnings(record),
        )

    def _conserved(self, columns: dict[str, np.ndarray]) -> tuple[tuple[np.ndarray, np.ndarray], bool]:
        """Times in ps and energies in kJ/mol, and whether the refreshes' work is taken off."""
        if "conserved" not in columns or "step" not in columns or self._time_step is None:
            return (np.empty(0), np.empty(0)), False
        times, energies = columns["step"] * self._time_step, columns["conserved"] * HARTREE_TO_KJ_PER_MOL
        work = self._refresh_work()
        steps, rows, found = np.intersect1d(
            columns["step"].astype(int), np.fromiter(work, dtype=int), return_indices=True
        )
        if len(steps) < _LEAST_ROWS:
            return (times, energies), False
        values = np.fromiter(work.values(), dtype=float)[found] * HARTREE_TO_KJ_PER_MOL
        return (times[rows], energies[rows] - values), True

    def _refresh_work(self) -> dict[int, float]:
        """In Hartree by step; empty where it is not written, or by several beads."""
        files = self._of_one_bead()
        if files is None:
            return {}
        if self._work is None:
            try:
                self._work = FollowedNumber(files.extras("refresh_work")[0])
            except InputError:
                return {}
        self._work.look()
        return self._work.values

    def _charges(self) -> tuple[int | None, list[ElectrodeNow]]:
        """The last frame of charges."""
        files = self._of_one_bead()
        try:
            path = None if files is None else files.extras("charges")[0]
        except InputError:
            path = None
        found = None if path is None else last_extras(path, len(self._case.electrode))
        if found is None:
            return None, []
        step, charges = found
        sections = zip(self._case.system.electrodes, self._case.electrode_slices, strict=True)
        return step, [
            ElectrodeNow(section.name, float(own.sum()), float(own.min()), float(own.max()))
            for section, part in sections
            for own in [charges[part]]
        ]

    def _of_one_bead(self) -> RunFiles | None:
        """The run's outputs; None where they are not there yet, or of several systems or beads."""
        if self._files is None:
            try:
                self._files = run_files(self.directory)
            except InputError:
                return None
        return self._files if self._files.beads == 1 else None

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
