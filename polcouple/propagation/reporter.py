"""What a driver tells while it serves: progress, warnings, and at its end its part of the run's record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from polcouple.log import log
from polcouple.propagation.record import driver_part

if TYPE_CHECKING:
    from polcouple.coupling.forces import Forces
    from polcouple.propagation.driver import DriverReport


class Reporter:
    """Prints steps per second and the split of time, at most every ``period`` seconds.

    The first step, in which backends prepare themselves, is reported apart from the others.
    """

    def __init__(self, period: float) -> None:
        self.providers: list[Forces] = []
        self._report: DriverReport | None = None
        self._period = period
        self._last = time.perf_counter()
        self._first: dict[str, float] = {}
        self._warned: set[str] = set()

    def progress(self, report: DriverReport) -> None:
        """Called after every answer."""
        self._report = report
        self._first = self._first or self._seconds(report)
        for provider in self.providers:
            for warning in provider.warnings - self._warned:
                log(f"warning: {warning}")
            self._warned |= provider.warnings
        if time.perf_counter() - self._last >= self._period:
            self._last = time.perf_counter()
            log(self.summary(report))

    def summary(self, report: DriverReport) -> str:
        """One line: evaluations, rate and where the time went."""
        line = f"{report.evaluations} steps"
        if report.evaluations:
            line += f", the first in {self._first['wall']:.2f} s"
        if report.evaluations > 1:
            since = {name: t - self._first.get(name, 0.0) for name, t in self._seconds(report).items()}
            count = report.evaluations - 1
            line += f", then {count / since.pop('wall'):.1f} steps/s; per step: "
            line += ", ".join(f"{name} {1e3 * seconds / count:.2f} ms" for name, seconds in since.items())
        return line

    def part(self, message: str) -> dict[str, Any]:
        """What the driver tells of itself at its end; ``message`` says why it failed."""
        report = self._report
        warnings = sorted({warning for provider in self.providers for warning in provider.warnings})
        if report is None:
            return driver_part("0 steps", {}, 0, warnings, message)
        return driver_part(self.summary(report), self._seconds(report), report.evaluations, warnings, message)

    def _seconds(self, report: DriverReport) -> dict[str, float]:
        """Wall time so far and its parts."""
        seconds = {"wall": report.seconds, "i-PI and socket": report.waited}
        for provider in self.providers:
            for name, value in provider.timings.seconds.items():
                seconds[name] = seconds.get(name, 0.0) + value
        return seconds
