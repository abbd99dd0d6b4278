"""Where a run stands, as rows for a terminal and as one line for a file."""

from __future__ import annotations

from datetime import timedelta

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
    if now.temperature is not None:
        mean = "" if now.mean_temperature is None else f", mean {with_error(now.mean_temperature, 'K')}"
        found.append(("temperature", f"{fixed(now.temperature, 1)} K{mean}"))
    if now.conserved is not None:
        less = ", less the work of refreshes" if now.corrected else ""
        found.append(("conserved", f"{fixed(now.conserved, 3)} kJ/mol{less}"))
    if now.drift is not None:
        found.append(("drift", with_error(now.drift, "kJ/mol/ps")))
    for electrode in now.charges:
        found.append(
            (
                f"charge, {electrode.name}",
                f"{_charge(electrode.total)}, atoms {_charge(electrode.lowest)} to"
                f" {_charge(electrode.highest)} (step {now.charges_step})",
            )
        )
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
    if now.temperature is not None:
        words.append(f"{fixed(now.temperature, 0)} K")
    if now.drift is not None:
        words.append(f"drift {with_error(now.drift, 'kJ/mol/ps')}")
    words += [f"{electrode.name} {_charge(electrode.total)}" for electrode in now.charges]
    if now.ns_per_day is not None:
        words.append(f"{now.ns_per_day:.3g} ns/day")
    if now.seconds_left is not None:
        words.append(f"{timedelta(seconds=round(now.seconds_left))} left")
    if now.warnings:
        words.append(f"{len(now.warnings)} warning{'s' if len(now.warnings) > 1 else ''}")
    return ", ".join(words)


def _charge(value: float) -> str:
    return f"{fixed(value, 4, sign=True)} e"


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
