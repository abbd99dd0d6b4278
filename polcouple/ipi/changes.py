"""What a command sets in an i-PI input, so that nobody needs to edit it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from polcouple.errors import InputError, nearest
from polcouple.ipi.input import dynamics_at_work

#: thermostats that one relaxation time describes
_THERMOSTATS = ("langevin", "svr", "pile_l", "pile_g")
_OF_CONSTRAINTS = ("langevin", "svr")


@dataclass(frozen=True)
class InputChanges:
    """Values over those of an input; None for what stays.

    Attributes:
        temperature: in K, of the ensemble and of velocities that are drawn at the start.
        timestep: in fs; of multiple time stepping the outer one.
        thermostat: langevin, svr, or for ring polymers pile_l or pile_g.
        tau: relaxation time of the thermostat in fs.
        stride: steps between frames of positions and of the electrodes' charges.

    Raises:
        InputError: a number that is not positive, or an unknown thermostat.
    """

    temperature: float | None = None
    timestep: float | None = None
    thermostat: str | None = None
    tau: float | None = None
    stride: int | None = None

    def __post_init__(self) -> None:
        for name in ("temperature", "timestep", "tau", "stride"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"--{name} {value:g}: give a positive number")
        if self.thermostat is not None and self.thermostat not in _THERMOSTATS:
            raise InputError(
                f"--thermostat {self.thermostat}: unknown{nearest(self.thermostat, _THERMOSTATS)}; those that"
                f" one --tau describes are {', '.join(_THERMOSTATS)}, others go into i-PI's input"
            )

    def given(self) -> dict[str, Any]:
        """Those that are not None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def apply(self, root: Element, path: Path) -> None:
        """Change an input in place; ``path`` is its file, for messages.

        Raises:
            InputError: the input has not what is to be changed, or has it several times.
        """
        given = self.given()
        if not given:
            return
        if given.keys() - {"stride"} and (
            len(root.findall("system")) != 1 or root.find("system_template") is not None
        ):
            raise InputError(
                f"{path}: not one <system>, so that {_options(given)} would not say of which; write it into"
                " the input"
            )
        if self.temperature is not None:
            _set_temperature(root, self.temperature, path)
        if self.timestep is not None:
            _set_timestep(root, self.timestep, path)
        if self.thermostat is not None or self.tau is not None:
            _set_thermostat(root, self.thermostat, self.tau, path)
        if self.stride is not None:
            set_stride(root, self.stride, path)


NO_CHANGES = InputChanges()


def set_stride(root: Element, stride: int, path: Path) -> None:
    """Have positions and the electrodes' charges written every ``stride`` steps.

    Raises:
        InputError: one of them is not written at all.
    """
    for kind in ("positions", "charges"):
        found = [element for element in root.iter("trajectory") if _holds(element) == kind]
        if not found:
            raise InputError(
                f"{path}: no <trajectory> of {kind} for --stride; add it as `polcouple build` writes it"
            )
        for element in found:
            element.set("stride", str(stride))


def _holds(trajectory: Element) -> str:
    content = (trajectory.text or "").partition("{")[0].strip()
    return trajectory.get("extra_type", "").strip() if content == "extras" else content


def _set_temperature(root: Element, kelvin: float, path: Path) -> None:
    element = root.find("system/ensemble/temperature")
    if element is None:
        raise InputError(f"{path}: no <temperature> in <ensemble> for --temperature; add it")
    _set(element, kelvin, "kelvin")
    for velocities in root.iter("velocities"):
        if velocities.get("mode", "").strip() == "thermal":
            _set(velocities, kelvin, "kelvin")


def _set_timestep(root: Element, femtoseconds: float, path: Path) -> None:
    found = [element for dynamics in dynamics_at_work(root) for element in dynamics.findall("timestep")]
    if len(found) != 1:
        raise InputError(f"{path}: {len(found)} <timestep> in <dynamics> for --timestep, one is needed")
    _set(found[0], femtoseconds, "femtosecond")


def _set_thermostat(root: Element, mode: str | None, tau: float | None, path: Path) -> None:
    dynamics = dynamics_at_work(root)
    kinds = [element.get("mode", "nve").strip() for element in dynamics]
    found = [thermostat for element in dynamics for thermostat in element.findall("thermostat")]
    option = "--tau" if mode is None else "--thermostat"
    if len(found) != 1 or kinds != ["nvt"]:
        has = (
            "nve has none" if kinds == ["nve"] else f"{len(found)} <thermostat> in {', '.join(kinds) or 'it'}"
        )
        raise InputError(f"{path}: {option} needs dynamics with mode='nvt' and one thermostat, and {has}")
    (thermostat,) = found
    if mode is not None and mode not in _OF_CONSTRAINTS and dynamics[0].tag == "constrained_dynamics":
        raise InputError(
            f"{path}: --thermostat {mode} does not go with constraints; use {' or '.join(_OF_CONSTRAINTS)}"
        )
    before = thermostat.get("mode", "").strip()
    if mode is not None and mode != before:
        old = thermostat.find("tau")
        if tau is None and (old is None or before not in _THERMOSTATS):
            raise InputError(f"{path}: its thermostat {before} has no relaxation time; give --tau, too")
        for child in list(thermostat):
            if child is not old:
                thermostat.remove(child)
        thermostat.set("mode", mode)
    elif before not in _THERMOSTATS:
        raise InputError(
            f"{path}: its thermostat {before} is not described by one --tau; give --thermostat, too"
        )
    if tau is not None:
        element = thermostat.find("tau")
        _set(SubElement(thermostat, "tau") if element is None else element, tau, "femtosecond")


def _set(element: Element, value: float, unit: str) -> None:
    element.text = f" {value:.12g} "
    element.set("units", unit)


def _options(given: dict[str, Any]) -> str:
    return ", ".join(f"--{name}" for name in given)
