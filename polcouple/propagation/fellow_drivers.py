"""Drivers of one i-PI share its beads, and must answer alike: what decides their answers is compared."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from textwrap import shorten

from polcouple.errors import InputError
from polcouple.ipi.sockets import SocketAddress


@contextmanager
def alike(addresses: Sequence[SocketAddress], decides: Mapping[str, str]) -> Iterator[None]:
    """Be one of the drivers of ``addresses``; the first one of this machine says what all must have.

    Args:
        decides: names and values of what decides a driver's answers.

    Raises:
        InputError: a driver that is at work at one of the addresses has other values.
    """
    with ExitStack() as held:
        for address in addresses:
            held.callback(os.close, _join(address, decides))
        yield


def _join(address: SocketAddress, decides: Mapping[str, str]) -> int:
    """A descriptor that keeps a shared lock for as long as it is open."""
    folder = Path(tempfile.gettempdir()) / f"polcouple-drivers-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / hashlib.sha256(str(address).encode()).hexdigest()[:16]
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            _require_alike(
                address, json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0)), decides
            )
        except InputError:
            os.close(descriptor)
            raise
    else:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(dict(decides)).encode(), 0)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _require_alike(address: SocketAddress, theirs: Mapping[str, str], ours: Mapping[str, str]) -> None:
    for name in sorted(theirs.keys() | ours.keys()):
        other, own = theirs.get(name, "none"), ours.get(name, "none")
        if other != own:
            raise InputError(
                f"{address}: a driver that serves the same i-PI has another {name} ({_brief(other)}, here"
                f" {_brief(own)}), and beads would be computed in two ways; give all drivers the same"
            )


def _brief(value: str) -> str:
    """Its beginning, up to the end of a word."""
    return shorten(value, 60, placeholder=" ...")
