"""A run directory belongs to one run at a time, and what a killed run left behind is cleared away."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from polcouple.errors import InputError
from polcouple.ipi_input import UNIX_SOCKET_PREFIX, SocketAddress


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


def remove_stale_sockets(addresses: Sequence[SocketAddress]) -> None:
    """Remove unix sockets that an i-PI that was killed has left; i-PI refuses to start while they are there.

    Raises:
        InputError: somebody listens, or the file is another user's.
    """
    for address in addresses:
        if address.mode != "unix":
            continue
        path = Path(UNIX_SOCKET_PREFIX + address.address)
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
