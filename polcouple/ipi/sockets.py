"""Sockets of an i-PI input: where i-PI listens, which the driver serves, and what forces it expects there."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from polcouple.errors import InputError, nearest
from polcouple.ipi.parts import Part

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


def rename_sockets(root: ElementTree.Element, suffix: str) -> None:
    """Make the names of the driver's unix sockets unique by a suffix, in place."""
    for socket in own_sockets(root):
        if socket.get("mode", "inet").strip() != "unix":
            continue
        address = socket.find("address")
        if address is None:
            address = ElementTree.SubElement(socket, "address")
        address.text = ((address.text or "").strip() or _ADDRESS) + suffix
