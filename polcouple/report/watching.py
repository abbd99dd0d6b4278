"""Where a run stands, as rows for a terminal and as one line for a file."""

from __future__ import annotations

from datetime import timedelta

from polcouple.analysis.watched_system import SystemNow
from polcouple.analysis.watching import Standing
from polcouple.number_words import fixed, significant
from polcouple.report.words import with_error

#: warnings that are shown; more are counted
_SHOWN = 4


def rows(now: Standing) -> list[tuple[str, str]]:
    """Name and value of each thing that is known."""
    found = [("state", _state(now)), ("steps", _steps(now))]
    if now.time_ps is not None:
        found.append(("simulated", f"{significant(now.time_ps)} ps"))
    several = len(now.systems) > 1
    for system in now.systems:
        own = _rows(system)
        if several:
            found.append((system.name, "; ".join(f"{name} {value}" for name, value in own)))
        else:
            found += own
    if now.ns_per_day is not None:
        found.append(("speed", f"{now.ns_per_day:.3g} ns/day"))
    if now.seconds_left is not None:
        found.append(("time left", str(timedelta(seconds=round(now.seconds_left)))))
    shown = list(now.warnings[:_SHOWN])
    if len(now.warnings) > _SHOWN:
        shown.append(f"and {len(now.warnings) - _SHOWN} more in driver.log")
    found += [("warning", warning) for warning in shown] or [("warnings", "none")]
    return found


def line(now: Standing) -> str:
    """The same in one line, without what does not change."""
    words = [_steps(now)]
    for system in now.systems:
        own = []
        if system.temperature is not None:
            own.append(f"{fixed(system.temperature, 0)} K")
        if system.drift is not None:
            own.append(f"drift {with_error(system.drift, 'kJ/mol/ps')}")
        own += [f"{electrode.name} {_charge(electrode.total)} e" for electrode in system.charges]
        words += [f"{system.name}: {' '.join(own)}"] if len(now.systems) > 1 else own
    if now.ns_per_day is not None:
        words.append(f"{now.ns_per_day:.3g} ns/day")
    if now.seconds_left is not None:
        words.append(f"{timedelta(seconds=round(now.seconds_left))} left")
    if now.warnings:
        words.append(f"{len(now.warnings)} warning{'s' if len(now.warnings) > 1 else ''}")
    return ", ".join(words)


def _rows(system: SystemNow) -> list[tuple[str, str]]:
    """What is known of one system alone."""
    found = []
    if system.temperature is not None:
        mean = "" if system.mean_temperature is None else f", mean {with_error(system.mean_temperature, 'K')}"
        found.append(("temperature", f"{fixed(system.temperature, 1)} K{mean}"))
    if system.conserved is not None:
        less = ", less the work of refreshes" if system.corrected else ""
        found.append(("conserved", f"{fixed(system.conserved, 3)} kJ/mol{less}"))
    if system.drift is not None:
        found.append(("drift", with_error(system.drift, "kJ/mol/ps")))
    for electrode in system.charges:
        found.append(
            (
                f"charge, {electrode.name}",
                f"{_charge(electrode.total)} e, atoms {_charge(electrode.lowest)} to"
                f" {_charge(electrode.highest)} e (step {system.charges_step})",
            )
        )
    return found


def _charge(value: float) -> str:
    return fixed(value, 4, sign=True)


def _state(now: Standing) -> str:
    by = f", charges by {now.backend}" if now.backend else ""
    message = f": {now.message}" if now.message else ""
    return f"{now.state}{by}{message}"


def _steps(now: Standing) -> str:
    if now.step is None:
        return "none written yet" + ("" if now.last_step is None else f" of {now.last_step}")
    if not now.last_step:
        return f"step {now.step}"
    return f"step {now.step} of {now.last_step} ({100 * now.step / now.last_step:.0f} %)"
