"""Where a run stands: a bar on a terminal, a line now and then in a file."""

from __future__ import annotations

import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from polcouple.errors import InputError
from polcouple.ipi.input import time_step_ps
from polcouple.ipi.output import last_properties
from polcouple.log import log
from polcouple.units import KELVIN_TO_HARTREE

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

#: between two lines: this share of the steps, or this long (s)
_SHARE, _PERIOD = 0.1, 60.0
_SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True)
class Reading:
    """What the last row of i-PI's properties tells.

    Attributes:
        step: of i-PI.
        temperature: in K, or None where it is not written.
        steps_per_second: since the first row of this start, so that starting up is left out; None before
            the second row.
    """

    step: int
    temperature: float | None
    steps_per_second: float | None


class Properties:
    """Follows the rows that i-PI adds to its properties.

    Rows of an earlier start, which may lie beyond the checkpoint that this one begins from, are passed over.

    Args:
        path: of the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._old_size = path.stat().st_size if path.exists() else 0
        self._first: tuple[int, float] | None = None

    def latest(self) -> Reading | None:
        """The last row; None where this start has added none."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        row = last_properties(self._path) if status.st_size > self._old_size else {}
        if "step" not in row:
            return None
        step, written = int(row["step"]), status.st_mtime
        self._first = self._first or (step, written)
        steps, seconds = step - self._first[0], written - self._first[1]
        return Reading(
            step,
            row["temperature"] / KELVIN_TO_HARTREE if "temperature" in row else None,
            steps / seconds if steps > 0 and seconds > 0 else None,
        )


class Progress:
    """Shows the progress of one start on standard output, and at its end what became of it.

    Args:
        properties: path of i-PI's file of properties.
        root: i-PI's input, for the time step.
        first, last: steps from and to which i-PI goes.
    """

    def __init__(self, properties: Path, root: ElementTree.Element, first: int, last: int) -> None:
        self._properties = Properties(properties)
        self._first, self._last, self._step = first, last, first
        try:
            self._time_step: float | None = time_step_ps(root, properties)
        except InputError:
            self._time_step = None  # minimisations have none
        self._bar: RichProgress | None = _bar() if sys.stdout.isatty() else None
        self._said = (first, time.monotonic())

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("starting", total=self._last, completed=self._first, rate="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def look(self) -> None:
        """Show what is new."""
        reading = self._properties.latest()
        if reading is None or reading.step < self._step:
            return
        self._step = reading.step
        words = ", ".join(self._words(reading))
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=reading.step, description="running", rate=words)
            return
        done, since = reading.step - self._said[0], time.monotonic() - self._said[1]
        if done > 0 and (done >= _SHARE * (self._last - self._first) or since >= _PERIOD):
            self._said = (reading.step, time.monotonic())
            log(f"step {reading.step} of {self._last}" + (f", {words}" if words else ""))

    def end(self, state: str, step: int) -> None:
        """Show how it ended, ``done``, ``stopped`` or ``failed``, and the step that was reached."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=step, description=state)
        else:
            log(f"{state} at step {step} of {self._last}")

    def _words(self, reading: Reading) -> list[str]:
        words = [] if reading.temperature is None else [f"{reading.temperature:.0f} K"]
        if reading.steps_per_second is None:
            return words
        if self._time_step is not None:
            rate = reading.steps_per_second * self._time_step * 1e-3 * _SECONDS_PER_DAY
            words.append(f"{rate:.3g} ns/day")
        left = round((self._last - reading.step) / reading.steps_per_second)
        return [*words, f"{timedelta(seconds=left)} left"] if left > 0 else words


def _bar() -> RichProgress:
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("step {task.completed:.0f} of {task.total:.0f}"),
        TextColumn("{task.fields[rate]}"),
    )
