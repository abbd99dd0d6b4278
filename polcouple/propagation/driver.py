"""i-PI's socket client around :class:`polcouple.coupling.forces.ForceProvider`.

One process serves all sockets of an i-PI input (with multiple time stepping there are two) and all replicas.
i-PI's protocol: 12-byte headers; STATUS is answered by NEEDINIT, READY or HAVEDATA; INIT names the replica
of the positions that follow; POSDATA brings cell and positions, GETFORCE takes the answer, EXIT ends.
All numbers are in atomic units, the cell's lattice vectors are its columns.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.calculators.socketio import IPIProtocol, SocketClosed

from polcouple.case.model import Case
from polcouple.coupling.forces import Evaluation, Forces
from polcouple.errors import InputError, ProtocolError
from polcouple.ipi.sockets import SocketAddress
from polcouple.propagation.guard import serves

#: longest INIT string that is read (bytes)
_LONGEST_INIT = 1_000_000
#: a message that has begun must go on within this time (s). i-PI sends each in one piece, so that over a unix
#: socket only an i-PI that was stopped, or no i-PI, keeps us waiting; TCP repeats lost packets for seconds
_MESSAGE_TIMEOUT = {"unix": 1.0, "inet": 10.0}
#: i-PI may be busy with other replicas or its output for this long before it takes an answer (s)
_ANSWER_TIMEOUT = 60.0
#: i-PI looks for EXIT every second; then it waits for its step, and that for us, until we hang up (s)
_STOP_TIMEOUT = 3.0


@dataclass
class _Connection:
    """One socket and where it stands in the protocol."""

    address: SocketAddress
    provider: Forces
    stream: socket.socket
    protocol: IPIProtocol
    replica: int | None = None
    evaluation: Evaluation | None = None


@dataclass
class DriverReport:
    """What the driver did so far.

    Attributes:
        evaluations: answers given to i-PI; of several parts those of the slow one, or not the bonded one's.
        started: ``time.perf_counter()`` when the first positions arrived; 0 before.
        waited: seconds spent waiting for i-PI since then.
    """

    evaluations: int = 0
    started: float = 0.0
    waited: float = 0.0

    @property
    def seconds(self) -> float:
        """Wall time in s since the first positions arrived."""
        return time.perf_counter() - self.started if self.started else 0.0


def connect(
    addresses: Sequence[SocketAddress],
    patience: float,
    log: Callable[[str], None],
    server: int | None = None,
) -> list[socket.socket]:
    """Connect to every address, retrying for ``patience`` seconds while i-PI is not there.

    Args:
        server: process of the i-PI to connect to, and to no other; None for whoever listens.

    Raises:
        InputError: i-PI did not appear in time, or the host is unknown.
    """
    deadline = time.monotonic() + patience
    streams = []
    for address in addresses:
        announced = False
        while True:
            try:
                streams.append(_open(address, server))
                break
            except (ConnectionRefusedError, FileNotFoundError, TimeoutError) as error:
                foreign = isinstance(error, _ForeignServerError)
                stale = address.mode == "unix" and isinstance(error, ConnectionRefusedError) and not foreign
                cure = "start it with `i-pi input.xml`"
                if stale:
                    cure = f"an i-PI that was killed left {address.path}: remove it and start i-PI again"
                if foreign:
                    cure = "another program listens there, not this run's i-PI"
                if not announced:
                    log(f"waiting for i-PI at {address}; {cure}")
                    announced = True
                if time.monotonic() > deadline:
                    raise InputError(
                        f"i-PI did not appear at {address} within {patience:g} s; {cure},"
                        " or correct the address in its <ffsocket>"
                    ) from None
                time.sleep(0.2)
            except OSError as error:
                raise InputError(f"cannot connect to {address}: {error}") from None
    return streams


def serve(
    addresses: Sequence[SocketAddress],
    streams: Sequence[socket.socket],
    providers: Sequence[Forces],
    case: Case,
    progress: Callable[[DriverReport], None],
) -> DriverReport:
    """Answer i-PI until it says EXIT on every socket.

    ``streams`` and ``providers`` belong to ``addresses`` one by one; a provider may serve several. All are of
    ``case``.

    Raises:
        ProtocolError: i-PI closed the connection without EXIT, or sent what the protocol does not allow.
        PolcoupleError: whatever the providers refuse.
    """
    report = DriverReport()
    parts = {address.part for address in addresses}
    refreshing = {"slow"} & parts or parts - {"bonded"} or {"bonded"}
    with selectors.DefaultSelector() as selector:
        for address, stream, provider in zip(addresses, streams, providers, strict=True):
            stream.settimeout(_MESSAGE_TIMEOUT[address.mode])
            connection = _Connection(address, provider, stream, IPIProtocol(stream))
            selector.register(stream, selectors.EVENT_READ, connection)
        while selector.get_map():
            start = time.perf_counter()
            ready = selector.select()
            if report.started:
                report.waited += time.perf_counter() - start
            for key, _ in ready:
                connection = key.data
                with _protocol_errors(connection.address):
                    header = connection.protocol.recvmsg()
                if header == "EXIT":
                    selector.unregister(connection.stream)
                    connection.stream.close()
                    continue
                if header == "POSDATA" and not report.started:
                    report.started = time.perf_counter()
                _answer(connection, header, case)
                if header == "GETFORCE" and connection.address.part in refreshing:
                    report.evaluations += 1
                    progress(report)
    return report


def stop_ipi(directory: Path, streams: Sequence[socket.socket]) -> None:
    """Have i-PI stop cleanly and write its RESTART, instead of waiting for another driver.

    i-PI looks for a file EXIT in its directory every second; it is removed again once i-PI has hung up.
    """
    signal_file = directory / "EXIT"
    signal_file.touch()
    try:
        for stream in streams:
            stream.settimeout(_STOP_TIMEOUT)
            with suppress(OSError):
                while stream.recv(4096):
                    pass
    finally:
        signal_file.unlink(missing_ok=True)


def _answer(connection: _Connection, header: str, case: Case) -> None:
    """Act on one message."""
    address = connection.address
    if header == "STATUS":
        if connection.evaluation is not None:
            status = "HAVEDATA"
        elif connection.replica is None:
            status = "NEEDINIT"
        else:
            status = "READY"
        with _protocol_errors(address):
            connection.protocol.sendmsg(status)
    elif header == "INIT":
        with _protocol_errors(address):
            connection.replica = _receive_init(connection.protocol, address)
    elif header == "POSDATA":
        with _protocol_errors(address):
            cell, positions = _receive_positions(connection.protocol, address, case)
        replica = connection.replica or 0
        connection.evaluation = connection.provider.evaluate(case.whole(positions), cell, replica)
    elif header == "GETFORCE":
        if connection.evaluation is None:
            raise ProtocolError(f"{address}: GETFORCE came before any positions")
        with _protocol_errors(address):
            connection.stream.settimeout(_ANSWER_TIMEOUT)
            connection.stream.sendall(_force_message(connection.evaluation, case))
            connection.stream.settimeout(_MESSAGE_TIMEOUT[address.mode])
        connection.evaluation = None
        # ask for INIT again: the next positions may be another replica's
        connection.replica = None
    else:
        raise ProtocolError(f"{address}: unknown message {header[:12]!r}; is this an i-PI server?")


def _receive_init(protocol: IPIProtocol, address: SocketAddress) -> int:
    replica, length = protocol.recv(2, np.int32).tolist()
    if replica < 0 or not 0 <= length <= _LONGEST_INIT:
        raise ProtocolError(f"{address}: INIT with replica {replica} and {length} bytes is not valid")
    protocol.recv(length, np.uint8)
    return replica


def _receive_positions(
    protocol: IPIProtocol, address: SocketAddress, case: Case
) -> tuple[np.ndarray, np.ndarray]:
    """Cell (rows) and positions (n, 3) in bohr; the count is checked before anything is allocated."""
    cell = protocol.recv((3, 3), np.float64).T.copy()
    protocol.recv((3, 3), np.float64)  # the inverse cell
    count = int(protocol.recv(1, np.int32)[0])
    expected = len(case.ipi_indices)
    if count != expected:
        has = "its liquid has" if case.system.ipi_atoms == "liquid" else "the case has"
        raise InputError(
            f"{address}: i-PI sends {count} atoms, {has} {expected}; start i-PI from the case's init.xyz"
        )
    return cell, protocol.recv((count, 3), np.float64)


def _force_message(evaluation: Evaluation, case: Case) -> bytes:
    """FORCEREADY with energy, forces, virial and extras in one piece, to save round trips.

    The virial is zero: the cell of a frozen electrode is constant and nothing may use it.
    """
    # at least one byte: i-PI's older versions cannot tell an empty message from a closed socket
    forces = case.of_ipi(evaluation.forces)
    extras = evaluation.extras_json().encode() or b" "
    return b"".join(
        (
            b"FORCEREADY".ljust(12),
            np.float64(evaluation.energy).tobytes(),
            np.int32(len(forces)).tobytes(),
            forces.tobytes(),
            np.zeros(9).tobytes(),
            np.int32(len(extras)).tobytes(),
            extras,
        )
    )


class _ForeignServerError(ConnectionRefusedError):
    """Another process than the one that was meant listens."""


def _open(address: SocketAddress, server: int | None) -> socket.socket:
    if address.mode == "unix":
        stream = socket.socket(socket.AF_UNIX)
        target: str | tuple[str, int] = str(address.path)
    else:
        stream = socket.socket(socket.AF_INET)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = (address.address, address.port)
    try:
        stream.connect(target)
        if server is not None and not serves(stream, address, server):
            raise _ForeignServerError
    except OSError:
        stream.close()
        raise
    return stream


@contextmanager
def _protocol_errors(address: SocketAddress) -> Iterator[None]:
    """Turn what the socket and ASE's protocol raise into one line."""
    try:
        yield
    except (SocketClosed, ConnectionError):  # reset or broken pipe: i-PI died with a message of ours unread
        raise ProtocolError(
            f"{address}: i-PI hung up without EXIT; look at i-PI's output and go on from RESTART"
        ) from None
    except TimeoutError:
        raise ProtocolError(f"{address}: a message stopped half-way; is i-PI suspended?") from None
    except (AssertionError, UnicodeDecodeError):
        raise ProtocolError(
            f"{address}: received numbers that are not finite or text that is not ASCII"
        ) from None
    except OSError as error:
        raise ProtocolError(f"{address}: the connection broke ({error}); i-PI ended?") from None
