"""What polcouple needs to know of an i-PI input (or RESTART) file but its sockets: steps, dynamics, beads."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from polcouple.errors import InputError
from polcouple.files import write_whole
from polcouple.ipi.sockets import named_part
from polcouple.ipi.units import to_atomic_units
from polcouple.units import ATOMIC_TIME_TO_FS, KELVIN_TO_HARTREE

_FORCE_FIELDS = {
    f"ff{kind}"
    for kind in ("cavphsocket", "committee", "debye", "direct", "dmd", "lj", "mpi", "plumed", "rotations",
                 "sgdml", "socket", "yaff")
}  # fmt: skip
#: what may stand in an element more than once, by the element's tag; all else i-PI takes the last of
_REPEATABLE = {
    "simulation": frozenset({*_FORCE_FIELDS, "system", "system_template"}),
    "ffcommittee": frozenset(_FORCE_FIELDS),
    "system_template": frozenset({"instance"}),
    "output": frozenset({"checkpoint", "properties", "trajectory"}),
    "forces": frozenset({"force"}),
    "bias": frozenset({"force"}),
    "initialize": frozenset(
        {"cell", "file", "gle", "labels", "masses", "momenta", "positions", "velocities"}
    ),
    "thermostat": frozenset({"thermostat"}),
    "motion": frozenset({"motion"}),
    "smotion": frozenset({"smotion"}),
    "constrained_dynamics": frozenset({"constraint"}),
    "constraint": frozenset({"constraint"}),
}


def read_xml(path: Path) -> ElementTree.Element:
    """Root of an i-PI input file, without comments, which i-PI leaves out of the text around them.

    Raises:
        InputError: the file is missing, is not XML, or says something twice.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; name i-PI's input with --input") from None
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid XML: {error}") from None
    for parent in root.iter():
        seen: set[str] = set()
        for tag in (child.tag for child in parent):
            if tag in seen and tag not in _repeatable(parent.tag):
                raise InputError(
                    f"{path}: <{tag}> stands twice in <{parent.tag}>, and i-PI takes the last; leave one"
                )
            seen.add(tag)
    return root


def _repeatable(parent: str) -> frozenset[str]:
    """Tags that i-PI takes any number of in an element of this tag."""
    return _REPEATABLE.get(parent, frozenset())


def step_of(root: ElementTree.Element) -> int:
    """Step at which a RESTART was written; 0 for a fresh input.

    Raises:
        InputError: it is not a number.
    """
    text = (root.findtext("step") or "0").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InputError(f"<step> '{text[:40]}' of i-PI's input is not a number of steps")
    return int(text)


def dynamics_at_work(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The <dynamics> or <constrained_dynamics> of each <motion> that its mode names.

    i-PI lets the other one rest where both stand there.
    """
    motions = [(motion, motion.get("mode", "dynamics").strip()) for motion in root.iter("motion")]
    found = [motion.find(mode) for motion, mode in motions if mode in ("dynamics", "constrained_dynamics")]
    return [one for one in found if one is not None]


def time_step_ps(root: ElementTree.Element, path: Path) -> float:
    """Time in ps between two steps (of the outer level, with multiple time stepping).

    Raises:
        InputError: there is no time step, it is not positive, or it is in an unknown unit.
    """
    found = [dynamics.find("timestep") for dynamics in dynamics_at_work(root)]
    element = next((one for one in found if one is not None), None)
    if element is None:
        raise InputError(f"{path}: no <timestep> in <dynamics>")
    unit = 1e-3 * ATOMIC_TIME_TO_FS * to_atomic_units("time", element.get("units", ""), f"{path}: <timestep>")
    try:
        value = float(element.text or "")
    except ValueError:
        value = 0.0
    if not 0.0 < value < math.inf:
        raise InputError(f"{path}: <timestep> '{(element.text or '').strip()[:40]}' is not a positive number")
    return value * unit


def holds_temperature(root: ElementTree.Element) -> bool:
    """Whether a thermostat is at work in all of the dynamics.

    i-PI lets a thermostat rest that stands in dynamics with mode="nve", and one without a mode.
    """
    at_work = [
        found.get("mode", "nve").strip() != "nve"
        and any(thermostat.get("mode", "").strip() for thermostat in found.iter("thermostat"))
        for found in dynamics_at_work(root)
    ]
    return bool(at_work) and all(at_work)


def thermostat_temperature(root: ElementTree.Element) -> float | None:
    """k_B T in Hartree of the nuclei; None without a temperature in kelvin and a thermostat at work."""
    element = root.find(".//ensemble/temperature")
    if not holds_temperature(root) or element is None or element.get("units", "").strip() != "kelvin":
        return None
    return float(element.text or "nan") * KELVIN_TO_HARTREE


def evaluations_per_step(root: ElementTree.Element, path: Path) -> int:
    """How often the electrode's charges are asked for between two steps of i-PI, each at other positions.

    One, but with multiple time stepping where forces that need the charges have a weight on an inner level:
    then as often as there are steps of the innermost such level in one step of i-PI. The charges of
    ``part: fast`` do not count.

    Raises:
        InputError: a list of numbers is none.
    """
    levels = [dynamics.find("nmts") for dynamics in dynamics_at_work(root)]
    divisions = [round(number) for number in _numbers(next(iter(levels), None), path)]
    others = {
        field.get("name", "").strip()
        for tag in ("ffsocket", "ffdirect")
        for field in root.iter(tag)
        if named_part(field.findtext("parameters") or "") in ("bonded", "fast")
    }
    deepest = 0
    for force in root.iter("force"):
        if force.get("forcefield", "").strip() not in others:
            weights = _numbers(force.find("mts_weights"), path)
            deepest = max([deepest, *(level for level, weight in enumerate(weights) if weight)])
    return max(1, math.prod(divisions[: deepest + 1]))


def _numbers(element: ElementTree.Element | None, path: Path) -> list[float]:
    """The numbers of an array as i-PI writes it; none where there is no element."""
    if element is None:
        return []
    words = (element.text or "").strip().strip("[]").replace(",", " ").split()
    try:
        return [float(word) for word in words]
    except ValueError:
        found = (element.text or "").strip()[:40]
        raise InputError(f"{path}: <{element.tag}> '{found}' is not a list of numbers") from None


def require_sound_beads(root: ElementTree.Element, path: Path) -> None:
    """Refuse several beads that i-PI's output threads would spoil.

    i-PI 3.3.1 transforms normal modes in one buffer whichever thread asks (``nm_fft``).

    Raises:
        InputError: with the cure.
    """
    numbers = [e.get("nbeads", "1").strip() for tag in ("initialize", "beads") for e in root.iter(tag)]
    threads = root.get("threading", "True").strip().lower() != "false"
    transforms = [e.get("transform", "fft").strip() for e in root.iter("normal_modes")] or ["fft"]
    if threads and "fft" in transforms and any(number not in ("0", "1") for number in numbers):
        raise InputError(
            f'{path}: i-PI\'s threads may spoil several beads; write <simulation threading="False" ...>'
        )


def set_total_steps(root: ElementTree.Element, total_steps: int) -> None:
    """Set the step at which i-PI ends, in place."""
    element = root.find("total_steps")
    if element is None:
        element = ElementTree.SubElement(root, "total_steps")
    element.text = str(total_steps)


def write_xml(root: ElementTree.Element, path: Path) -> None:
    """Write an input file; an existing one is replaced only when the new one is complete."""
    write_whole(path, ElementTree.tostring(root, encoding="unicode") + "\n")
