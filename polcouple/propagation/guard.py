"""A run directory and its sockets belong to one run; what a killed run left behind is cleared away."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from polcouple.errors import InputError
from polcouple.ipi.sockets import OWN_NAME_LENGTH, SocketAddress

#: longest path of a unix socket, in bytes
_LONGEST_PATH = 107


@contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Hold the lock of a run directory; yields the descriptor.

    Processes that inherit the descriptor hold the lock too: what a killed run left running keeps others out.

    Raises:
        InputError: another run, or what is left of it, is at work there, or the directory is not writable.
    """
    try:
        descriptor = os.open(directory / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(f"{directory}: cannot be written ({error.strerror})") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"{directory}: i-PI or a driver is at work there; wait for it, or stop it with"
                f" `touch {directory / 'EXIT'}`"
            ) from None
        yield descriptor
    finally:
        os.close(descriptor)


def at_work(directory: Path) -> bool:
    """Whether a program holds the lock of a run directory; nothing is made or changed there."""
    try:
        descriptor = os.open(directory / "run.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def require_usable(address: SocketAddress, own_name: bool = True) -> None:
    """Refuse an address at which i-PI cannot listen, whoever starts it.

    Args:
        own_name: whether the name of a unix socket will get the suffix that makes it a run's own.

    Raises:
        InputError: the path of a unix socket is too long or its directory cannot be written; a host that is
            not this machine, or a port that is taken or reserved.
    """
    if address.mode == "inet":
        _require_free_port(address)
        return
    path = address.path
    room = _LONGEST_PATH - (OWN_NAME_LENGTH if own_name else 0)
    length = len(os.fsencode(path))
    if length > room:
        raise InputError(
            f"<address> '{address.address[:20]}...' is too long for a unix socket: its path has {length}"
            f" characters, {room} are the most"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"{path}: no unix socket can be made in {path.parent}; change sockets_prefix or <address>"
        )


def _require_free_port(address: SocketAddress) -> None:
    """By listening there for a moment, as i-PI does."""
    with socket.socket(socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.address, address.port))
            probe.listen(1)
        except socket.gaierror as error:
            raise InputError(f"<address> {address.address}: {error.strerror}; use localhost") from None
        except OSError as error:
            cures = {
                errno.EADDRINUSE: "another program, maybe another run, listens there; choose another <port>",
                errno.EADDRNOTAVAIL: "not an address of this machine; use localhost",
                errno.EACCES: "reserved; choose a <port> above 1023",
            }
            cure = cures.get(error.errno or 0, error.strerror)
            raise InputError(f"<ffsocket> at {address}: {cure}") from None


def serves(stream: socket.socket, address: SocketAddress, pid: int) -> bool:
    """Whether process ``pid`` listens where ``stream`` is connected; one that has ended listens nowhere.

    True where the system does not tell which sockets are whose, and the process lives.
    """
    if address.mode == "unix":
        if not hasattr(socket, "SO_PEERCRED"):
            return _lives(pid)
        credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return bool(struct.unpack("3i", credentials)[0] == pid)
    try:
        rows = _connections()
    except OSError:
        return _lives(pid)
    try:
        own = _sockets_of(pid)
    except OSError:
        return False
    host, port = stream.getpeername()
    (number,) = struct.unpack("=I", socket.inet_aton(host))
    listening = {row.local: row.inode for row in rows if row.state == "0A"}
    # who listens at that very address has it, and else who listens at all of them
    inode = listening.get(f"{number:08X}:{port:04X}", listening.get(f"{0:08X}:{port:04X}"))
    return inode in own


def _lives(pid: int) -> bool:
    """Whether a process has not ended, as far as signals tell."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def foreign_client(address: SocketAddress, pid: int) -> bool:
    """Whether another program of this machine than process ``pid`` is connected to a port that i-PI serves.

    Clients on other machines are nobody's to judge, and a unix socket has a name that nobody else knows.
    """
    if address.mode != "inet":
        return False
    foreign = _foreign_ends(address.port, pid)
    if foreign:
        # one that was closed while we looked is gone when we look again
        time.sleep(0.05)
        foreign &= _foreign_ends(address.port, pid)
    return bool(foreign)


def _foreign_ends(port: int, pid: int) -> set[str]:
    """Inodes of this machine's sockets that are connected to its port and are not of process ``pid``."""
    try:
        rows, own = _connections(), _sockets_of(pid)
    except OSError:
        return set()
    served = f":{port:04X}"
    rows = [row for row in rows if row.state == "01"]
    clients = {row.remote for row in rows if row.local.endswith(served)}
    return {row.inode for row in rows if row.local in clients and row.remote.endswith(served)} - own


class _Connection(NamedTuple):
    """A line of the kernel's table: addresses and state in hexadecimal numbers, inode in decimal ones."""

    local: str
    remote: str
    state: str
    inode: str


def _connections() -> list[_Connection]:
    """All TCP sockets of this machine."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [_Connection(*(line.split()[column] for column in (1, 2, 3, 9))) for line in lines]


def _sockets_of(pid: int) -> set[str]:
    """Inodes of the sockets that a process has open."""
    links = []
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(entry.path))
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def remove_stale_sockets(addresses: Sequence[SocketAddress]) -> None:
    """Remove unix sockets that an i-PI that was killed has left; i-PI refuses to start while they are there.

    Raises:
        InputError: somebody listens, or the file is another user's.
    """
    for address in addresses:
        if address.mode != "unix":
            continue
        path = address.path
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except FileNotFoundError:
                continue
            except ConnectionRefusedError:
                _remove(path)
                continue
            except OSError as error:
                raise InputError(f"{path}: cannot be used as a socket ({error.strerror})") from None
        raise InputError(f"{path}: another i-PI listens there; end it, or change <address> in the input")


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise InputError(
            f"{path}: left by an i-PI that was killed and cannot be removed ({error.strerror})"
        ) from None
