"""The socket client against a scripted i-PI: states, replicas, errors, hostile input."""

import json
import os
import socket
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import numpy as np
import pytest

from polcouple.backends.fixed import Backend, Options
from polcouple.coupling.forces import ForceProvider
from polcouple.errors import InputError, ProtocolError
from polcouple.ipi.sockets import UNIX_SOCKET_PREFIX, SocketAddress
from polcouple.propagation.driver import connect, serve, stop_ipi


class ScriptedIPI:
    """The server's side of the protocol, one message at a time."""

    def __init__(self):
        self.address = SocketAddress("unix", f"polcouple-test-{uuid.uuid4().hex[:8]}")
        self.path = Path(UNIX_SOCKET_PREFIX + self.address.address)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.path))
        self.server.listen(1)
        self.server.settimeout(10)
        self.client = None

    def accept(self):
        self.client, _ = self.server.accept()
        self.client.settimeout(20)

    def send(self, header, *payload):
        self.client.sendall(header.ljust(12).encode() + b"".join(payload))

    def header(self):
        return self.receive(12).decode().strip()

    def receive(self, count):
        data = b""
        while len(data) < count:
            piece = self.client.recv(count - len(data))
            assert piece, "the driver hung up"
            data += piece
        return data

    def status(self):
        self.send("STATUS")
        return self.header()

    def init(self, replica):
        self.send("INIT", np.int32(replica).tobytes(), np.int32(1).tobytes(), b" ")

    def positions(self, case, positions, count=None):
        self.send(
            "POSDATA",
            case.cell.T.tobytes(),
            np.linalg.inv(case.cell).T.tobytes(),
            np.int32(len(positions) if count is None else count).tobytes(),
            positions.tobytes(),
        )

    def forces(self):
        self.send("GETFORCE")
        assert self.header() == "FORCEREADY"
        energy = np.frombuffer(self.receive(8))[0]
        count = np.frombuffer(self.receive(4), np.int32)[0]
        forces = np.frombuffer(self.receive(24 * count)).reshape(-1, 3)
        virial = np.frombuffer(self.receive(72)).reshape(3, 3)
        extras = self.receive(np.frombuffer(self.receive(4), np.int32)[0]).decode()
        return energy, forces, virial, json.loads(extras)

    def close(self):
        if self.client is not None:
            self.client.close()
        self.server.close()
        self.path.unlink(missing_ok=True)


@pytest.fixture
def ipi():
    server = ScriptedIPI()
    yield server
    server.close()


@pytest.fixture(scope="module")
def provider(small_case):
    return ForceProvider(
        small_case, Backend(small_case.electrode, small_case.electrolyte, Options()), threads=1
    )


class Driver(threading.Thread):
    """``serve`` in a thread; what it returned or raised is kept."""

    def __init__(self, ipi, provider, case):
        super().__init__(daemon=True)
        self.streams = connect([ipi.address], 5.0, lambda message: None)
        self.arguments = ([ipi.address], self.streams, [provider], case, lambda report: None)
        self.report = self.error = None

    def run(self):
        try:
            self.report = serve(*self.arguments)
        except Exception as error:
            self.error = error
        finally:
            for stream in self.streams:
                stream.close()

    def failure(self, kind):
        self.join(15)
        assert not self.is_alive()
        assert isinstance(self.error, kind), self.error
        assert "\n" not in str(self.error)
        return str(self.error)


@pytest.fixture
def driver(ipi, provider, small_case):
    thread = Driver(ipi, provider, small_case)
    ipi.accept()
    thread.start()
    return thread


def test_a_step_and_exit(ipi, driver, provider, small_case):
    assert ipi.status() == "NEEDINIT"
    ipi.init(0)
    assert ipi.status() == "READY"
    ipi.positions(small_case, small_case.positions)
    assert ipi.status() == "HAVEDATA"
    energy, forces, virial, extras = ipi.forces()
    direct = provider.evaluate(small_case.positions, small_case.cell)
    assert energy == direct.energy
    assert np.array_equal(forces, direct.forces)
    assert not virial.any()
    assert sum(extras["charges"]) == pytest.approx(small_case.total_charge, abs=1e-12)
    assert ipi.status() == "NEEDINIT"
    ipi.send("EXIT")
    driver.join(5)
    assert driver.error is None
    assert driver.report.evaluations == 1


def test_fused_messages(ipi, driver, small_case):
    """i-PI sends POSDATA and GETFORCE in one piece."""
    ipi.status()
    ipi.init(3)
    assert ipi.status() == "READY"
    ipi.positions(small_case, small_case.positions)
    assert np.isfinite(ipi.forces()[0])
    ipi.send("EXIT")
    driver.join(5)
    assert driver.error is None


def test_hang_up_without_exit(ipi, driver):
    ipi.status()
    ipi.client.close()
    assert "hung up without EXIT" in driver.failure(ProtocolError)


def test_hang_up_with_an_answer_unread(ipi, driver):
    """The system reports a reset connection then, not its end; for the user it is the same."""
    ipi.send("STATUS")
    assert ipi.client.recv(1, socket.MSG_PEEK)
    ipi.client.close()
    assert "hung up without EXIT" in driver.failure(ProtocolError)


def test_other_number_of_atoms(ipi, driver, small_case):
    ipi.init(0)
    ipi.positions(small_case, small_case.positions[:-3])
    assert f"i-PI sends {len(small_case) - 3} atoms" in driver.failure(InputError)


@pytest.mark.parametrize("count", [-1, 0, 2**31 - 1])
def test_absurd_counts_allocate_nothing(ipi, driver, small_case, count):
    ipi.init(0)
    ipi.positions(small_case, small_case.positions[:1], count)
    driver.failure(InputError)


@pytest.mark.parametrize(
    "message",
    [
        b"GET / HTTP/1",
        b"\xff" * 12,
        b"GETFORCE".ljust(12),
        b"INIT".ljust(12) + np.array([0, -5], np.int32).tobytes(),
        b"INIT".ljust(12) + np.array([0, 2**31 - 1], np.int32).tobytes(),
        b"INIT".ljust(12) + np.array([-1, 0], np.int32).tobytes(),
        b"POSDATA".ljust(12) + np.full(18, np.nan).tobytes(),
    ],
)
def test_hostile_messages_end_with_one_line(ipi, driver, message):
    ipi.client.sendall(message)
    driver.failure(ProtocolError)


def test_nobody_listens():
    address = SocketAddress("unix", f"polcouple-nobody-{uuid.uuid4().hex[:8]}")
    said = []
    with pytest.raises(InputError, match="did not appear"):
        connect([address], 0.5, said.append)
    assert len(said) == 1
    assert "waiting for i-PI" in said[0]


def test_stop_ipi_leaves_no_exit_file(ipi, small_case, tmp_path):
    streams = connect([ipi.address], 5.0, lambda message: None)
    ipi.accept()
    stopper = threading.Thread(target=stop_ipi, args=(tmp_path, streams))
    stopper.start()
    while not (tmp_path / "EXIT").exists():
        assert stopper.is_alive()
    ipi.client.close()
    stopper.join(5)
    assert not (tmp_path / "EXIT").exists()
    streams[0].close()


@pytest.mark.parametrize("mode", ["unix", "inet"])
def test_a_driver_serves_the_ipi_it_was_started_for_only(mode, tmp_path):
    """Somebody else listens where the run's own i-PI should."""
    family = socket.AF_UNIX if mode == "unix" else socket.AF_INET
    with socket.socket(family) as server:
        if mode == "unix":
            address = SocketAddress("unix", "foreign", prefix=f"{tmp_path}/")
            server.bind(str(address.path))
        else:
            server.bind(("localhost", 0))
            address = SocketAddress("inet", "localhost", server.getsockname()[1])
        server.listen()
        (stream,) = connect([address], 1.0, print, server=os.getpid())
        stream.close()
        # a process of this user's own, whose open files are seen
        other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        with other, pytest.raises(InputError, match="another program listens there, not this run's i-PI"):
            connect([address], 0.3, print, server=other.pid)


@pytest.mark.parametrize("buried", [True, False], ids=["gone", "zombie"])
@pytest.mark.parametrize("mode", ["unix", "inet"])
def test_a_driver_whose_ipi_has_died_serves_no_other(mode, buried, tmp_path):
    """Two runs at one port: the i-PI of the first could not listen, and that of the second answers."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is still in the table
    if buried:
        dead.wait()
    family = socket.AF_UNIX if mode == "unix" else socket.AF_INET
    with socket.socket(family) as server:
        if mode == "unix":
            address = SocketAddress("unix", "second", prefix=f"{tmp_path}/")
            server.bind(str(address.path))
        else:
            server.bind(("", 0))
            address = SocketAddress("inet", "localhost", server.getsockname()[1])
        server.listen()
        with pytest.raises(InputError, match="another program listens there, not this run's i-PI"):
            connect([address], 0.3, print, server=dead.pid)
        # and its own, which listens at all addresses of the machine
        (stream,) = connect([address], 1.0, print, server=os.getpid())
        stream.close()
    dead.wait()
