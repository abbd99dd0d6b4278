"""What polcouple needs to know of an i-PI input (or RESTART) file: sockets, initial structure, steps."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from polcouple.errors import InputError, nearest
from polcouple.files import write_whole
from polcouple.ipi.parts import Part
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
#: i-PI's own default
_ADDRESS = "localhost"
#: i-PI puts its unix sockets here unless <simulation sockets_prefix=...> says where
UNIX_SOCKET_PREFIX = "/tmp/ipi_"
#: `polcouple run` appends so many characters to the name of a unix socket, to have one of its own
OWN_NAME_LENGTH = 9


@dataclass(frozen=True)
class SocketAddress:
    """Where i-PI listens and which forces it expects there.

    Attributes:
        mode: ``unix`` or ``inet``.
        address: name of the unix socket, or host.
        port: of an inet socket.
        part: the parameter ``part`` of the <ffsocket>.
        prefix: of the path of a unix socket.
    """

    mode: str
    address: str
    port: int = 0
    part: Part = "all"
    prefix: str = UNIX_SOCKET_PREFIX

    @property
    def path(self) -> Path:
        """Of a unix socket."""
        return Path(self.prefix + self.address)

    def __str__(self) -> str:
        if self.mode == "unix":
            return f"unix socket {self.path}"
        return f"{self.address}:{self.port}"


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


def socket_addresses(root: ElementTree.Element, path: Path) -> list[SocketAddress]:
    """The sockets of an input file that the driver is to serve (:func:`own_sockets`).

    Raises:
        InputError: there is none, or one has a mode, port, parameter or option that the driver cannot serve.
    """
    prefix = root.get("sockets_prefix", UNIX_SOCKET_PREFIX).strip()
    addresses: list[SocketAddress] = []
    for element in own_sockets(root):
        name = element.get("name", "?").strip()
        where = f"{path}: <ffsocket name='{name}'>"
        mode = element.get("mode", "inet").strip()
        if mode not in ("unix", "inet"):
            raise InputError(f"{where}: mode '{mode}' is not served by polcouple-driver; use unix or inet")
        port = (element.findtext("port") or "65535").strip()
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise InputError(f"{where}: port '{port[:40]}' is not a number from 1 to 65535")
        _refuse_unserved(element, where)
        part = part_of(element.findtext("parameters") or "", where)
        host = (element.findtext("address") or _ADDRESS).strip()
        address = SocketAddress(mode, host, int(port) if mode == "inet" else 0, part, prefix)
        if str(address) in map(str, addresses):
            raise InputError(f"{where}: another <ffsocket> has the address {address}, too; give each its own")
        addresses.append(address)
    if not addresses:
        raise InputError(f"{path}: no <ffsocket>; the driver needs one to connect to")
    return addresses


def own_sockets(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The <ffsocket> elements that polcouple-driver serves.

    These are all but those of :func:`reference_fields`, unless a force field is asked for
    ``part: electrode``: then those that name a part, and the others belong to the programs that give the
    liquid's own forces.
    """
    references = reference_fields(root)
    sockets = [one for one in root.iter("ffsocket") if one.get("name", "").strip() not in references]
    fields = [*sockets, *root.iter("ffdirect")]
    if all(named_part(field.findtext("parameters") or "") != "electrode" for field in fields):
        return sockets
    return [socket for socket in sockets if named_part(socket.findtext("parameters") or "") is not None]


def reference_fields(root: ElementTree.Element) -> set[str]:
    """Names of force fields that multiple time stepping adds on inner levels and takes off on outer ones.

    Their ``mts_weights`` sum to zero: the forces as a whole have nothing of them, whatever they are.
    """
    found = set()
    for force in root.iter("force"):
        try:
            weights = [
                float(word) for word in re.split(r"[\s,\[\]]+", force.findtext("mts_weights") or "") if word
            ]
        except ValueError:
            continue  # i-PI says so
        if len(weights) > 1 and any(weights) and abs(sum(weights)) < 1e-9:
            found.add(force.get("forcefield", "").strip())
    return found


def other_sockets(root: ElementTree.Element) -> list[str]:
    """Names and places of the sockets that other programs serve, for people to read."""
    return [f"'{name}' at {address}" for name, address in other_addresses(root)]


def other_addresses(root: ElementTree.Element) -> list[tuple[str, SocketAddress]]:
    """Names and addresses of the sockets that other programs serve."""
    prefix = root.get("sockets_prefix", UNIX_SOCKET_PREFIX).strip()
    found = []
    for element in root.iter("ffsocket"):
        if element in own_sockets(root):
            continue
        host = (element.findtext("address") or _ADDRESS).strip()
        mode = "unix" if element.get("mode", "inet").strip() == "unix" else "inet"
        port = (element.findtext("port") or "65535").strip()
        number = int(port) if mode == "inet" and port.isascii() and port.isdigit() else 0
        found.append((element.get("name", "?").strip(), SocketAddress(mode, host, number, prefix=prefix)))
    return found


def named_part(parameters: str) -> str | None:
    """The word for ``part`` in the parameters of any force field; None where there is none.

    Raises:
        InputError: it stands twice, or not in a dictionary, so that i-PI may take another one.
    """
    text = parameters.strip()
    items = [tuple(map(unquoted, item.partition(":"))) for item in re.split("[{},]", text)]
    words = [value for key, _, value in items if key == "part"]
    if words and not (text.startswith("{") and text.endswith("}")):
        raise InputError(f"<parameters> '{text[:60]}' are no dictionary; write {{part: {words[0][:20]}}}")
    if len(words) > 1:
        raise InputError(f"<parameters> '{text[:60]}': part stands twice; leave one")
    return words[0] if words else None


def part_of(parameters: str, where: str) -> Part:
    """The part of the forces that i-PI's dictionary ``{part: ...}`` asks for, with or without JSON's quotes.

    Raises:
        InputError: it is no dictionary, or holds another key or an unknown part.
    """
    part = "all"
    text = parameters.strip()
    if text and not (text.startswith("{") and text.endswith("}")):
        raise InputError(f"{where}: <parameters> '{text[:40]}' are no dictionary; write {{part: all}}")
    for item in filter(None, (item.strip() for item in text[1:-1].split(","))):
        key, colon, value = map(unquoted, item.partition(":"))
        if key != "part" or not colon:
            raise InputError(
                f"{where}: unknown parameter '{key[:40]}'{nearest(key, ['part'])}; write {{part: all}}"
            )
        part = value
    return known_part(part, where)


def known_part(word: str, where: str) -> Part:
    """A part of the forces.

    Raises:
        InputError: there is no such part.
    """
    if word not in get_args(Part):
        raise InputError(f"{where}: part '{word}' is unknown{nearest(word, get_args(Part))}")
    return cast(Part, word)


def unquoted(word: str) -> str:
    """Without JSON's quotes and the space around it and them, which i-PI leaves where they are."""
    return word.strip().strip("\"'").strip()


def _refuse_unserved(element: ElementTree.Element, where: str) -> None:
    """Options of i-PI by which the driver would get something else than all atoms of one replica."""
    size = (element.findtext("batch_size") or "1").strip()
    if size != "1":
        raise InputError(
            f"{where}: <batch_size> {size[:20]}: polcouple-driver takes one structure at a time; leave it out"
        )
    active = (element.findtext("activelist") or "[-1]").replace(" ", "").strip()
    if active != "[-1]":
        raise InputError(
            f"{where}: <activelist>: polcouple-driver needs the positions of all atoms; leave it out"
        )


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


def rename_sockets(root: ElementTree.Element, suffix: str) -> None:
    """Make the names of the driver's unix sockets unique by a suffix, in place."""
    for socket in own_sockets(root):
        if socket.get("mode", "inet").strip() != "unix":
            continue
        address = socket.find("address")
        if address is None:
            address = ElementTree.SubElement(socket, "address")
        address.text = ((address.text or "").strip() or _ADDRESS) + suffix


def write_xml(root: ElementTree.Element, path: Path) -> None:
    """Write an input file; an existing one is replaced only when the new one is complete."""
    write_whole(path, ElementTree.tostring(root, encoding="unicode") + "\n")
