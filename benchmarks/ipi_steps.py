"""Steps of i-PI with forces from here, each of them timed, whichever way i-PI asks.

The case's own inputs are used, apart from where i-PI looks for its forces. A block is ten steps.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args
from xml.etree import ElementTree

import numpy as np

from polcouple.backends.base import create_backend
from polcouple.case.model import read_case
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.held_state import held_states
from polcouple.engines.base import NATIVE
from polcouple.ipi.input import read_xml, set_total_steps, write_xml
from polcouple.ipi.sockets import socket_addresses
from polcouple.propagation.driver import DriverReport, connect, serve
from polcouple.propagation.programs import ipi_command
from polcouple.simulation.directory import prepare
from polcouple.threads import ONE_THREAD

#: how i-PI asks: through sockets, through shared memory by i-PI's own driver, or in its own process
Way = Literal["unix", "inet", "shm", "ffdirect"]

_BLOCK = 10
_WARM_UP = 20

#: potential inside another process: writes the time at which each of its answers was ready
_CLOCKED_PES = '''\
"""The case's potential with a clock."""

import json
import time

from polcouple.propagation.pes import PolcouplePES

__DRIVER_NAME__ = "polcouple"
__DRIVER_CLASS__ = "ClockedPES"


class ClockedPES(PolcouplePES):
    """Writes the time of every answer and what was spent until then on each kind of work."""

    def __init__(self, part="all", **settings):
        super().__init__(part=part, **settings)
        self._inside = 0.0
        self._log = None if part == "bonded" else open("marks.jsonl", "w", buffering=1)

    def compute_structure(self, cell, pos):
        start = time.perf_counter()
        answer = super().compute_structure(cell, pos)
        now = time.perf_counter()
        self._inside += now - start
        if self._log:
            mark = {"wall": now, "inside": self._inside, **self._provider.timings.seconds}
            self._log.write(json.dumps(mark) + "\\n")
        return answer
'''


def steps(
    directory: Path,
    scratch: Path,
    backend: str,
    count: int,
    way: Way = "unix",
    interval: int = 1,
    input_name: str = "input.xml",
    platform: str = NATIVE,
) -> dict[str, float]:
    """Median ms a step of i-PI (over blocks), in all and by share.

    Args:
        directory: case directory.
        scratch: where the run directory is made.
        count: steps after the warm-up.
        interval: evaluations between refreshes of the charges.
        input_name: which of the case's i-PI inputs.
        platform: what computes the forces, over a socket.

    Returns:
        ``total`` and its parts: ``forces``, ``charges``, ``i-PI and socket`` and ``rest``, the driver's own.
    """
    run = scratch / "run"
    prepare(directory, input_name, run)
    root = read_xml(run / "input.xml")
    set_total_steps(root, count + _WARM_UP)
    _ask_through(root, way, backend, interval)
    write_xml(root, run / "input.xml")
    (run / "polcouple_pes.py").write_text(_CLOCKED_PES)
    ipi = _start("i-pi", ["input.xml"], run)
    try:
        if way in ("unix", "inet"):
            marks = _serve(run, backend, interval, platform)
        else:
            if way == "shm":
                _own_driver(run, root, backend, interval)
            ipi.wait(600)
            marks = [json.loads(line) for line in (run / "marks.jsonl").read_text().splitlines()]
        ipi.wait(60)
    finally:
        if ipi.poll() is None:
            ipi.kill()
    return shares(marks[_WARM_UP:])


def processor_time(directory: Path, backend: str, count: int = 160) -> float:
    """Processor time in ms that a step takes i-PI and the driver together, the driver with one thread."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        prepare(directory, "input.xml", run)
        root = read_xml(run / "input.xml")
        set_total_steps(root, count + _WARM_UP)
        write_xml(root, run / "input.xml")
        ipi = _start("i-pi", ["input.xml"], run)
        try:
            marks = _serve(run, backend, 1, NATIVE, 1, lambda: time.process_time() + _seconds_of(ipi.pid))
            ipi.wait(60)
        finally:
            if ipi.poll() is None:
                ipi.kill()
    spent = marks[-1]["wall"] - marks[_WARM_UP]["wall"]
    return 1e3 * spent / (len(marks) - 1 - _WARM_UP)


def _seconds_of(process: int) -> float:
    """Processor time of another process (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shares(marks: list[dict[str, float]]) -> dict[str, float]:
    """Median ms a step of blocks, from the seconds so far after each step."""
    edges = marks[::_BLOCK]
    differences = {
        name: 1e3 * np.diff([mark.get(name, 0.0) for mark in edges]) / _BLOCK for name in marks[-1]
    }
    total = differences.pop("wall")
    if "inside" in differences:
        differences["i-PI and socket"] = total - differences.pop("inside")
    differences["rest"] = total - sum(differences.values())
    return {"total": float(np.median(total))} | {
        name: float(np.median(values)) for name, values in differences.items()
    }


def _serve(
    run: Path,
    backend_name: str,
    interval: int,
    platform: str,
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[dict[str, float]]:
    """Be the driver, and keep the time of every answer."""
    case = read_case(run)
    addresses = socket_addresses(read_xml(run / "input.xml"), run / "input.xml")
    backend = create_backend(backend_name, case.electrode, case.electrolyte, {}, case.directory)
    held = held_states(case, backend, "benchmark", interval)
    providers = {
        part: ForceProvider(case, backend, part, platform, threads, interval=interval, held=held)
        for part in {address.part for address in addresses}
    }
    streams = connect(addresses, 60.0, print)
    marks: list[dict[str, float]] = []

    def progress(report: DriverReport) -> None:
        spent: dict[str, float] = {}
        for provider in providers.values():
            for name, seconds in provider.timings.seconds.items():
                spent[name] = spent.get(name, 0.0) + seconds
        marks.append({"wall": clock(), "i-PI and socket": report.waited, **spent})

    serve(addresses, streams, [providers[a.part] for a in addresses], case, progress)
    return marks


def _ask_through(root: ElementTree.Element, way: Way, backend: str, interval: int) -> None:
    """Change where i-PI looks for its forces, in place; <ffdirect> elements keep their part."""
    assert way in get_args(Way)
    for element in list(root.iter("ffsocket")):
        if way == "inet":
            element.set("mode", "inet")
            _set(element, "address", "127.0.0.1")
            _set(element, "port", str(_free_port()))
        elif way == "shm":
            element.set("mode", "shm")
        elif way == "ffdirect":
            part = "all"
            element.tag = "ffdirect"
            del element.attrib["mode"]
            for child in list(element):
                element.remove(child)
            _set(element, "pes", "custom")
            _set(element, "pes_path", "polcouple_pes.py")
            _set(element, "parameters", f"{{case: ., backend: {backend}, part: {part}, refresh: {interval}}}")


def _own_driver(run: Path, root: ElementTree.Element, backend: str, interval: int) -> None:
    """i-PI's own driver program around our potential, through shared memory."""
    address = (root.findtext(".//ffsocket/address") or "").strip()
    path = Path("/tmp/ipi_" + address)
    while not path.exists():
        time.sleep(0.1)
    words = ["--shm", "-a", address, "-m", "custom", "-P", "polcouple_pes.py"]
    words += ["-o", f"case=.,backend={backend},refresh={interval}"]
    driver = _start("i-pi-driver-py", words, run)
    driver.wait(600)


def _start(program: str, words: list[str], run: Path) -> subprocess.Popen[bytes]:
    if program == "i-pi":
        command = ipi_command()
    else:
        path = shutil.which(
            program, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        )
        assert path is not None, f"{program} is not installed"
        command = [path]
    with (run / f"{program}.log").open("wb") as log:
        return subprocess.Popen(
            [*command, *words],
            cwd=run,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**ONE_THREAD, **os.environ},  # as `polcouple run` starts it
        )


def _set(element: ElementTree.Element, name: str, text: str) -> None:
    child = element.find(name)
    if child is None:
        child = ElementTree.SubElement(element, name)
    child.text = f" {text} "


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
