"""The progress of several runs that go on at a time: one bar on a terminal, a line now and then in a file."""

from __future__ import annotations

import sys
import time
import xml.etree.ElementTree as ElementTree
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from polcouple.log import log
from polcouple.propagation.progress import Properties

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

#: between two lines: this share of all steps, or this long (s)
_SHARE, _PERIOD = 0.1, 60.0


class SideBySide:
    """All runs together.

    Args:
        steps: of all runs, those of earlier starts included.
    """

    def __init__(self, steps: int) -> None:
        self._total, self._parts = steps, list[_Part]()
        self._began: tuple[int, float] | None = None
        self._said = (0, time.monotonic())
        self._bar: RichProgress | None = None

    def show(self, properties: Path, root: ElementTree.Element, first: int, last: int) -> _Part:
        """The part of one run; see :class:`polcouple.propagation.progress.Progress`."""
        part = _Part(self, properties, first)
        self._parts.append(part)
        return part

    def begin(self) -> None:
        """A run begins."""
        if self._bar is None and sys.stdout.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            step = TextColumn("step {task.completed:.0f} of {task.total:.0f}")
            self._bar = Progress(TextColumn("{task.description}"), BarColumn(), step, TimeRemainingColumn())
            self._bar.add_task("sampling", total=self._total)
            self._bar.start()

    def look(self) -> None:
        """Show what is new."""
        done, now = sum(part.step for part in self._parts), time.monotonic()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)
            return
        if self._began is None:
            self._began = self._said = (done, now)
        if done - self._said[0] < _SHARE * self._total and (
            now - self._said[1] < _PERIOD or done == self._said[0]
        ):
            return
        self._said = (done, now)
        rate = (done - self._began[0]) / (now - self._began[1]) if now > self._began[1] else 0.0
        left = f", {timedelta(seconds=round((self._total - done) / rate))} left" if rate > 0.0 else ""
        going = sum(part.running for part in self._parts)
        log(f"step {done} of {self._total} of all runs, {going} running, {rate:.1f} steps/s{left}")

    def end(self) -> None:
        """A run has ended."""
        if self._bar is not None and not any(part.running for part in self._parts):
            self._bar.stop()
            self._bar = None


class _Part:
    """One run of several."""

    def __init__(self, whole: SideBySide, properties: Path, first: int) -> None:
        self._whole, self._properties = whole, Properties(properties)
        self.step, self.running = first, True
        self._name = properties.parent.name

    def __enter__(self) -> None:
        self._whole.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.running = False
        self._whole.end()

    def look(self) -> None:
        """Show what is new."""
        reading = self._properties.latest()
        if reading is not None and reading.step > self.step:
            self.step = reading.step
        self._whole.look()

    def end(self, state: str, step: int) -> None:
        """Show how the run ended, and the step that was reached."""
        self.step = step
        log(f"{self._name}: {state} at step {step}")
