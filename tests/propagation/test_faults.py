"""Faults, with real i-PI and driver processes on the small case."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from fault_cases import environment_with_faulty_backends, find_faulty_backends
from run_cases import BIN, driver_in_this_process, extras, in_this_process, properties

from polcouple.backends.base import create_backend
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.held_state import FILE_NAME
from polcouple.data.dataset import Dataset
from polcouple.engines.base import create_engine
from polcouple.ipi.input import read_xml
from polcouple.ipi.output import last_properties
from polcouple.units import ANGSTROM_TO_BOHR


@pytest.fixture
def address():
    """Name of a unix socket; none must be left of it."""
    name = f"polcouple-fault-{uuid.uuid4().hex[:8]}"
    yield name
    left = list(Path("/tmp").glob(f"ipi_{name}*"))
    for path in left:
        path.unlink()
    assert not left


@pytest.fixture
def environment(tmp_path):
    """Environment variables with which the faulty backends are found."""
    return environment_with_faulty_backends(tmp_path / "faulty") | {"OMP_NUM_THREADS": "1"}


@pytest.fixture
def processes():
    """Whatever a test started is ended with it, with what that started."""
    started = []
    # a shell that runs the tests in the background ignores Ctrl-C on behalf of all of them
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield started
    signal.signal(signal.SIGINT, before)
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def start(processes, environment):
    """Start a command of this environment in a directory, its output in a file beside it."""

    def spawn(directory, *words, **options):
        log = directory / f"{len(processes)}.txt"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [str(word) for word in words],
                cwd=directory,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                **options,
            )
        process.log = log
        processes.append(process)
        return process

    return spawn


def prepare(directory, address, steps, stride=1, **changes):
    """Steps, outputs at each of them, and the socket's name in the case's input."""
    path = directory / "input.xml"
    text = path.read_text()
    replacements = {
        r"<total_steps>.*?</total_steps>": f"<total_steps>{steps}</total_steps>",
        r"<address>.*?</address>": f"<address>{address}</address>",
        r'stride="10+"': f'stride="{stride}"',
        **changes,
    }
    for old, new in replacements.items():
        assert re.search(old, text), old
        text = re.sub(old, new, text)
    path.write_text(text)


def ipi(start, directory, name="input.xml"):
    return start(directory, BIN / "i-pi", name)


def driver(start, directory, *words, backend="fixed", **options):
    command = (BIN / "polcouple-driver", "--threads", 1, "--backend", backend, *words)
    return start(directory, *command, **options)


def steps_done(directory):
    return int(last_properties(directory / "simulation.out").get("step", -1))


def wait_for(condition, seconds=40.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def last_line(process):
    return last_of(process.log.read_text())


def last_of(text):
    lines = text.strip().splitlines()
    assert not any("Traceback" in line for line in lines), lines
    return lines[-1]


def refused(done):
    """The line by which a program of this process was refused."""
    assert done.returncode == 2, done.stdout
    return last_of(done.stderr)


def refused_driver(directory, *words, backend="fixed"):
    """What a driver says that ends by itself with an error; the files it reads are the directory's."""
    return refused(driver_in_this_process("--case", directory, "--backend", backend, *words))


@pytest.mark.slow
def test_killed_driver_is_replaced_while_ipi_waits(small_directory, address, start, tmp_path):
    """Charges held for seven steps: the second driver takes them over, and no step is lost."""
    prepare(small_directory, address, 40)
    words = ("--refresh", 7)
    server = ipi(start, small_directory)
    first = driver(start, small_directory, *words, backend="response")
    wait_for(lambda: steps_done(small_directory) >= 10)
    first.kill()
    first.wait()
    time.sleep(0.5)
    assert server.poll() is None
    stopped_at = steps_done(small_directory)
    assert stopped_at < 40
    second = driver(start, small_directory, *words, backend="response")
    assert server.wait(60) == 0
    assert second.wait(10) == 0, second.log.read_text()
    assert "warning" not in second.log.read_text()
    interrupted = properties(small_directory / "simulation.out")
    assert np.array_equal(interrupted[:, 0], np.arange(41))

    whole = tmp_path / "whole"
    whole.mkdir()
    for name in ("system.yaml", "init.xyz", "input.xml"):
        (whole / name).write_bytes((small_directory / name).read_bytes())
    server = ipi(start, whole)
    only = driver(start, whole, *words, backend="response")
    assert server.wait(60) == 0
    assert only.wait(10) == 0
    undisturbed = properties(whole / "simulation.out")
    assert np.abs(interrupted - undisturbed).max() < 1e-7 * np.abs(undisturbed).max()
    for key in ("charges", "refresh_work"):
        values = [extras(d / f"simulation.{key}_0") for d in (small_directory, whole)]
        # lists of neighbours are made anew: sums in single precision round otherwise, 1.6e-8 seen
        assert np.abs(values[0] - values[1]).max() < 1e-7


@pytest.mark.slow
def test_killed_driver_that_records_is_replaced(small_case, small_directory, address, start, tmp_path):
    """Times and frames are i-PI's; a driver that cannot know the step records nothing."""
    prepare(small_directory, address, 40)
    words = ("--record", tmp_path / "frames.h5", "--record-every", 4)
    server = ipi(start, small_directory)
    first = driver(start, small_directory, *words)
    wait_for(lambda: steps_done(small_directory) >= 10)
    first.kill()
    first.wait()
    (small_directory / FILE_NAME).rename(tmp_path / "journal")
    ignorant = driver(start, small_directory, "--record", tmp_path / "others.h5")
    assert ignorant.wait(30) == 2
    assert "the step of its positions is not known" in last_line(ignorant)
    assert server.wait(30) == 0
    assert len(Dataset(tmp_path / "others.h5")) == 0
    (tmp_path / "journal").replace(small_directory / FILE_NAME)

    again = ipi(start, small_directory, "RESTART")
    second = driver(start, small_directory, *words, "--input", "RESTART")
    wait_for(lambda: steps_done(small_directory) >= 25)
    second.kill()
    second.wait()
    third = driver(start, small_directory, *words, "--input", "RESTART")
    assert again.wait(60) == 0
    assert third.wait(10) == 0, third.log.read_text()
    frames = Dataset(tmp_path / "frames.h5").frames()
    assert frames.time == pytest.approx(0.0005 * np.arange(4, 41, 4))
    lines = (small_directory / "simulation.positions_0.xyz").read_text().splitlines()
    height = len(small_case) + 2
    ions = small_case.electrolyte_indices[small_case.electrolyte.ion_indices]
    for start_line in range(0, len(lines), height):
        step = int(re.search(r"Step:\s+(\d+)", lines[start_line + 1]).group(1))
        if step and step % 4 == 0:
            words = [lines[start_line + 2 + ion].split()[1:] for ion in ions]
            positions = np.array(words, float) * ANGSTROM_TO_BOHR
            assert np.abs(frames.ion_positions[step // 4 - 1] - positions).max() < 1e-3


@pytest.mark.slow
def test_killed_ipi_goes_on_from_its_checkpoint(small_directory, address, start, tmp_path):
    """`polcouple run`, i-PI killed, `polcouple run --restart`: equal to the run without a fault."""
    prepare(
        small_directory,
        address,
        60,
        **{'(?s)filename="checkpoint" stride="1"': 'filename="checkpoint" stride="7"'},
    )
    command = [sys.executable, "-m", "polcouple.cli", "run", small_directory, "--backend", "response"]
    command += ["--threads", 1, "--refresh", 5]
    run = start(tmp_path, *command, "--steps", 60, "--output", tmp_path / "parts")
    wait_for(lambda: steps_done(tmp_path / "parts") >= 20)
    os.kill(child(run, "i-pi"), signal.SIGKILL)
    assert run.wait(30) == 2
    assert "i-PI was ended by SIGKILL" in run.log.read_text()
    assert not (tmp_path / "parts" / "RESTART").exists()
    checkpoint = (tmp_path / "parts" / "simulation.checkpoint.kept").read_text()
    # as if i-PI had been killed while it wrote
    (tmp_path / "parts" / "simulation.checkpoint").write_text(checkpoint[:5000])
    reached = int(re.search(r"<step>\s*(\d+)", checkpoint).group(1))
    again = start(tmp_path, *command, "--steps", 60 - reached, "--output", tmp_path / "parts", "--restart")
    assert again.wait(90) == 0, again.log.read_text()
    assert "warning" not in (tmp_path / "parts" / "driver.log").read_text()
    whole = start(tmp_path, *command, "--steps", 60, "--output", tmp_path / "whole")
    assert whole.wait(90) == 0, whole.log.read_text()
    rows = [properties(tmp_path / name / "simulation.out")[-1] for name in ("parts", "whole")]
    assert rows[0][0] == rows[1][0] == 60
    assert np.abs(rows[0] - rows[1]).max() < 1e-7 * np.abs(rows[1]).max()
    for key in ("charges", "refresh_work"):
        values = [extras(tmp_path / name / f"simulation.{key}_0")[-1] for name in ("parts", "whole")]
        # lists of neighbours are made anew: sums in single precision round otherwise, 1.6e-8 seen
        assert np.abs(values[0] - values[1]).max() < 1e-7


def child(process, name):
    """Process id of a child whose command line holds a word that ends so."""
    pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in pids:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if any(word.endswith(name) for word in words):
            return int(pid)
    raise AssertionError(f"no {name} among {pids}")


def test_absent_ipi(small_directory, address):
    prepare(small_directory, address, 5)
    line = refused_driver(small_directory, "--wait", 0.5)
    assert f"i-PI did not appear at unix socket /tmp/ipi_{address} within 0.5 s" in line
    assert "start it with `i-pi input.xml`" in line


@pytest.mark.slow
def test_late_ipi(small_directory, address, start):
    prepare(small_directory, address, 5)
    early = driver(start, small_directory)
    wait_for(lambda: "waiting for i-PI" in early.log.read_text())
    server = ipi(start, small_directory)
    assert server.wait(40) == 0
    assert early.wait(10) == 0
    assert steps_done(small_directory) == 5


def test_gone_ipi(small_directory, address, start):
    prepare(small_directory, address, 100000)
    server = ipi(start, small_directory)
    left = driver(start, small_directory)
    wait_for(lambda: steps_done(small_directory) >= 3)
    server.kill()
    assert left.wait(10) == 2
    assert "i-PI hung up without EXIT; look at i-PI's output and go on from RESTART" in last_line(left)
    stale = Path(f"/tmp/ipi_{address}")
    assert stale.exists()
    line = refused_driver(small_directory, "--wait", 0.5)
    assert f"an i-PI that was killed left {stale}: remove it" in line
    stale.unlink()


@pytest.mark.slow
def test_stale_socket_does_not_stop_polcouple_run(small_directory, address, start, tmp_path):
    """The same socket name again, as after a kill of everything."""
    prepare(small_directory, address, 5)
    command = [sys.executable, "-m", "polcouple.cli", "run", small_directory, "--backend", "fixed"]
    command += ["--threads", 1, "--steps", 3, "--output", tmp_path / "run"]
    assert start(tmp_path, *command).wait(60) == 0
    text = (tmp_path / "run" / "RESTART").read_text()
    stale = Path("/tmp/ipi_" + re.search(r"<address>\s*(\S+)\s*</address>", text).group(1))
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(stale))
    assert stale.exists()
    again = start(tmp_path, *command, "--restart")
    assert again.wait(60) == 0, again.log.read_text()
    assert not stale.exists()


@pytest.mark.parametrize("steps", [3, pytest.param(100000, marks=pytest.mark.slow)])
def test_a_driver_that_waits_at_a_port_does_not_serve_a_run(small_directory, start, tmp_path, steps):
    """As one of another run does, long or over before anybody looks."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    prepare(small_directory, "localhost", 5)
    path = small_directory / "input.xml"
    text = path.read_text().replace('mode="unix"', 'mode="inet"')
    path.write_text(text.replace("</address>", f"</address><port>{port}</port>"))
    waiting = driver(start, small_directory, "--wait", 60)
    wait_for(lambda: "waiting for i-PI" in waiting.log.read_text())
    command = ("run", small_directory, "--backend", "metal", "--threads", 1, "--steps", steps)
    line = refused(in_this_process(*command, "--output", tmp_path / "run"))
    assert "another program" in line and "begin anew" in line
    assert '"status": "failed"' in (tmp_path / "run" / "run.json").read_text()


@pytest.mark.slow
def test_two_drivers_on_one_ipi(small_directory, address, start):
    """They share the work or one idles; when one is killed the other goes on. Held charges allow but one."""
    prepare(small_directory, address, 150)
    server = ipi(start, small_directory)
    both = [driver(start, small_directory) for _ in range(2)]
    wait_for(lambda: steps_done(small_directory) >= 5)
    both[0].kill()
    assert server.wait(60) == 0
    assert both[1].wait(10) == 0
    rows = properties(small_directory / "simulation.out")
    assert np.array_equal(rows[:, 0], np.arange(151))
    assert not (small_directory / FILE_NAME).exists()


def test_two_drivers_cannot_hold_charges(small_directory, address, start):
    prepare(small_directory, address, 5)
    first = driver(start, small_directory, "--refresh", 5, "--wait", 30)
    wait_for(lambda: "waiting for i-PI" in first.log.read_text())
    line = refused_driver(small_directory, "--refresh", 5)
    assert "another driver holds charges of this run" in line


def test_two_drivers_of_one_ipi_answer_alike(small_directory, address, start):
    """Beads are shared among them: with two backends some would have other forces."""
    prepare(small_directory, address, 5)
    first = driver(start, small_directory, "--wait", 30)
    wait_for(lambda: "waiting for i-PI" in first.log.read_text())
    line = refused_driver(small_directory, backend="metal")
    assert "has another backend (fixed" in line and "give all drivers the same" in line
    third = driver(start, small_directory, "--wait", 30)
    wait_for(lambda: "waiting for i-PI" in third.log.read_text())
    first.kill()
    third.kill()
    other = driver(start, small_directory, "--wait", 30, backend="metal")
    wait_for(lambda: "waiting for i-PI" in other.log.read_text())
    # the same case with a carbon elsewhere
    path = small_directory / "init.xyz"
    lines = path.read_text().splitlines()
    symbol, x, *rest = lines[2].split()
    assert symbol == "C"
    lines[2] = " ".join([symbol, f"{float(x) + 0.05:.6f}", *rest])
    path.write_text("\n".join(lines) + "\n")
    assert "has another electrode" in refused_driver(small_directory, backend="metal")


@pytest.mark.slow
@pytest.mark.parametrize("n_drivers", [1, 2])
def test_four_beads_have_the_charges_of_their_own_positions(
    small_case, small_directory, address, start, n_drivers
):
    """Through one driver and through two."""
    prepare(small_directory, address, 6, **{'nbeads="1"': 'nbeads="4"'})
    server = ipi(start, small_directory)
    drivers = [driver(start, small_directory, backend="response") for _ in range(n_drivers)]
    assert server.wait(90) == 0
    assert all(process.wait(10) == 0 for process in drivers)
    backend = create_backend("response", small_case.electrode, small_case.electrolyte)
    provider = ForceProvider(small_case, backend, threads=1)
    moving = small_case.electrolyte_indices
    last = []
    for bead in range(4):
        lines = (small_directory / f"simulation.positions_{bead}.xyz").read_text().splitlines()
        charges = extras(small_directory / f"simulation.charges_{bead}")
        height = len(small_case) + 2
        assert len(charges) == len(lines) // height == 7
        for frame, written in enumerate(charges):
            words = [line.split()[1:] for line in lines[frame * height + 2 : (frame + 1) * height]]
            positions = small_case.positions.copy()
            positions[moving] = np.array(words, float)[moving] * ANGSTROM_TO_BOHR
            expected = provider.evaluate(positions, small_case.cell).extras["charges"]
            # i-PI writes positions with six digits, 5e-5 Angstrom
            assert np.abs(written - expected).max() < 1e-5
        last.append(charges[-1])
    # a mixed-up replica would be seen
    assert min(np.abs(last[i] - last[j]).max() for i in range(4) for j in range(i)) > 1e-4


def test_shipped_inputs_do_not_thread():
    """i-PI 3.3.1 transforms all beads in one buffer, whichever thread asks."""
    inputs = [p for p in (ROOT / "ipi_inputs").rglob("input*.xml") if "run" not in p.parent.name]
    assert len(inputs) >= 8
    for path in inputs:
        assert read_xml(path).get("threading") == "False", path


@pytest.mark.slow
def test_four_beads_are_reproducible(small_directory, address, start, tmp_path):
    """With a checkpoint at every step, which other threads would write."""
    prepare(small_directory, address, 12, **{'nbeads="1"': 'nbeads="4"'})
    runs = []
    for _ in range(2):
        server = ipi(start, small_directory)
        only = driver(start, small_directory)
        assert server.wait(90) == 0
        assert only.wait(10) == 0
        runs.append(properties(small_directory / "simulation.out"))
        for path in small_directory.glob("simulation.*"):
            path.unlink()
    assert len(runs[0]) == 13
    assert np.abs(runs[0] - runs[1]).max() < 1e-7 * np.abs(runs[0]).max()


@pytest.mark.slow
def test_four_beads_hold_their_own_charges(small_directory, address, start):
    prepare(small_directory, address, 9, **{'nbeads="1"': 'nbeads="4"'})
    server = ipi(start, small_directory)
    only = driver(start, small_directory, "--refresh", 5, backend="response")
    assert server.wait(90) == 0
    assert only.wait(10) == 0
    beads = np.array([extras(small_directory / f"simulation.charges_{bead}") for bead in range(4)])
    assert np.array_equal(beads[:, 0], beads[:, 4])
    assert np.abs(beads[:, 5] - beads[:, 4]).max(axis=1).min() > 1e-6
    assert np.array_equal(beads[:, 5], beads[:, 9])
    assert np.abs(beads[0, 5] - beads[1, 5]).max() > 1e-6


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_signals_end_a_run_cleanly(small_directory, address, start, tmp_path, number):
    prepare(small_directory, address, 5)
    command = [sys.executable, "-m", "polcouple.cli", "run", small_directory, "--backend", "fixed"]
    command += ["--threads", 1, "--steps", 100000, "--output", tmp_path / "run"]
    run = start(tmp_path, *command)
    wait_for(lambda: steps_done(tmp_path / "run") >= 3)
    children = [child(run, "i-pi"), child(run, "polcouple.cli.driver")]
    os.kill(run.pid, number)
    assert run.wait(30) == 128 + number
    expected = "interrupted" if number == signal.SIGINT else "stopped by SIGTERM"
    assert last_line(run) == f"polcouple: {expected}"
    assert "--restart" in run.log.read_text()
    assert (tmp_path / "run" / "RESTART").exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_signals_end_a_driver_cleanly(small_directory, address, start, number):
    prepare(small_directory, address, 100000)
    server = ipi(start, small_directory)
    served = driver(start, small_directory)
    wait_for(lambda: steps_done(small_directory) >= 3)
    os.kill(served.pid, number)
    assert served.wait(10) == 128 + number
    assert last_line(served).startswith("polcouple-driver: ")
    assert server.poll() is None
    os.kill(server.pid, signal.SIGTERM)
    server.wait(20)
    assert (small_directory / "RESTART").exists()


@pytest.mark.slow
def test_what_a_killed_run_left_keeps_others_out(small_directory, address, start, tmp_path):
    prepare(small_directory, address, 5)
    command = [sys.executable, "-m", "polcouple.cli", "run", small_directory, "--backend", "fixed"]
    command += ["--threads", 1, "--output", tmp_path / "run"]
    run = start(tmp_path, *command, "--steps", 100000)
    wait_for(lambda: steps_done(tmp_path / "run") >= 3)
    orphans = [child(run, "i-pi"), child(run, "polcouple.cli.driver")]
    run.kill()
    run.wait()
    again = start(tmp_path, *command, "--steps", 3, "--restart")
    assert again.wait(30) == 2
    assert "i-PI or a driver is at work there" in last_line(again)
    (tmp_path / "run" / "EXIT").touch()
    wait_for(lambda: not any(alive(pid) for pid in orphans))
    final = start(tmp_path, *command, "--steps", 3, "--restart")
    assert final.wait(60) == 0, final.log.read_text()


def alive(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("nan_in_driver", "charges that are not finite"),
        pytest.param("unbalanced_in_driver", "miss the total charge", marks=pytest.mark.slow),
        pytest.param("short_in_driver", "of shape (95,)", marks=pytest.mark.slow),
    ],
)
def test_unusable_charges_move_no_atom(
    small_case, small_directory, address, tmp_path, monkeypatch, backend, message
):
    find_faulty_backends(tmp_path / "faulty", monkeypatch)
    prepare(small_directory, address, 5)
    command = ("run", small_directory, "--backend", backend, "--steps", 20, "--threads", 1)
    assert message in refused(in_this_process(*command, "--output", tmp_path / "run"))
    assert steps_done(tmp_path / "run") <= 0
    restart = (tmp_path / "run" / "RESTART").read_text()
    text = re.search(r"<q .*?\[(.*?)\]", restart, re.S).group(1)
    positions = np.array([float(word) for word in text.split(",")])
    # i-PI's bohr differs in the ninth digit
    assert np.abs(positions - small_case.positions.ravel()).max() < 1e-5


@pytest.mark.slow
def test_a_step_that_is_too_long_leaves_a_structure(small_case, small_directory, address, start, tmp_path):
    """Atoms are flung into one another: one line, and i-PI's RESTART is of the step before."""
    prepare(small_directory, address, 5)
    path = small_directory / "input.xml"
    text = re.sub(r"(<timestep[^>]*>)[^<]*<", r"\1 30.0 <", path.read_text())
    path.write_text(text)
    command = [sys.executable, "-m", "polcouple.cli", "run", small_directory, "--backend", "fixed"]
    run = start(tmp_path, *command, "--steps", 200, "--output", tmp_path / "run", "--threads", 1)
    assert run.wait(60) == 2
    assert "the time step is too long; minimise the structure or shorten the step" in last_line(run)
    done = steps_done(tmp_path / "run")
    assert done < 200
    restart = (tmp_path / "run" / "RESTART").read_text()
    text = re.search(r"<q .*?\[(.*?)\]", restart, re.S).group(1)
    positions = np.array([float(word) for word in text.split(",")]).reshape(-1, 3)
    assert np.abs(create_engine(small_case)[0].evaluate(positions)[1]).max() < 1e3


@pytest.mark.slow
def test_a_run_whose_first_charges_were_refused_may_be_tried_again(small_directory, address, start, tmp_path):
    """i-PI wrote its RESTART, of step 0."""
    prepare(small_directory, address, 5)
    command = [
        sys.executable,
        "-m",
        "polcouple.cli.commands",
        "run",
        small_directory,
        "--threads",
        1,
        "--steps",
        3,
    ]
    command += ["--output", tmp_path / "run", "--backend"]
    assert start(tmp_path, *command, "nan").wait(60) == 2
    assert not (tmp_path / "run").exists()
    assert start(tmp_path, *command, "nan_in_driver").wait(60) == 2
    assert (tmp_path / "run" / "RESTART").exists()
    again = start(tmp_path, *command, "fixed")
    assert again.wait(60) == 0, again.log.read_text()
    assert np.array_equal(properties(tmp_path / "run" / "simulation.out")[:, 0], np.arange(4))


@pytest.mark.slow
def test_full_disk_of_ipi(small_directory, address, start, tmp_path):
    """No file of i-PI may exceed 400 kB: positions at every step do soon. Then the limit is lifted."""
    prepare(small_directory, address, 40)
    command = [sys.executable, "-m", "polcouple.cli", "run", small_directory, "--backend", "fixed"]
    command += ["--threads", 1, "--output", tmp_path / "run", "--steps"]
    run = start(tmp_path, *command, 40)
    wait_for(lambda: steps_done(tmp_path / "run") >= 1)
    resource.prlimit(child(run, "i-pi"), resource.RLIMIT_FSIZE, (400_000, 400_000))
    assert run.wait(60) == 2
    line = last_line(run)
    assert "i-PI stopped with status 1: OSError" in line
    assert "free space and go on with --restart" in line
    reached = steps_done(tmp_path / "run")
    assert 1 < reached < 40
    done = start(tmp_path, *command, 5, "--restart")
    assert done.wait(60) == 0, done.log.read_text()
    steps = properties(tmp_path / "run" / "simulation.out")[:, 0]
    assert set(steps) == set(range(int(steps[-1]) + 1))
    assert steps[-1] >= reached
    text = (tmp_path / "run" / "simulation.positions_0.xyz").read_text().splitlines()
    height = 2 + int(text[0])
    assert len(text) % height == 0
    assert all("# CELL" in line for line in text[1::height])
    frames = [int(re.search(r"Step:\s+(\d+)", line).group(1)) for line in text[1::height]]
    assert set(frames) == set(range(frames[-1] + 1))


@pytest.mark.slow
def test_hung_backend_does_not_keep_a_run_from_being_stopped(small_directory, address, start, tmp_path):
    prepare(small_directory, address, 5)
    command = [sys.executable, "-m", "polcouple.cli", "run", small_directory, "--backend", "hung"]
    run = start(tmp_path, *command, "--steps", 20, "--output", tmp_path / "run", "--threads", 1)
    wait_for(lambda: steps_done(tmp_path / "run") >= 1)
    children = [child(run, "i-pi"), child(run, "polcouple.cli.driver")]
    time.sleep(1)
    os.kill(run.pid, signal.SIGTERM)
    assert run.wait(30) == 143
    assert not any(alive(pid) for pid in children)
    assert (tmp_path / "run" / "RESTART").exists()


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


@pytest.mark.slow
def test_full_disk_stops_the_driver_and_ipi(small_directory, address, start):
    """No file of the driver may exceed 40 kB: its journal does after some steps."""
    prepare(small_directory, address, 1000)
    server = ipi(start, small_directory)
    limited = driver(start, small_directory, "--refresh", 5, backend="response", preexec_fn=limit_file_size)
    assert limited.wait(60) == 2
    assert f"{FILE_NAME}: cannot be written (" in last_line(limited)
    assert "free space" in last_line(limited)
    assert server.wait(30) == 0
    restart = (small_directory / "RESTART").read_text()
    assert restart.rstrip().endswith("</simulation>")
