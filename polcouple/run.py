"""``polcouple run``: i-PI and the driver together, in a directory of the run's own.

The run directory is a case directory itself: `i-pi input.xml` and `polcouple-driver --backend NAME` in it do
the same by hand.
"""

from __future__ import annotations

import argparse
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from polcouple.case_copy import copy_system
from polcouple.check.findings import require_sound_arguments
from polcouple.checkpoints import checkpoints, restart_file
from polcouple.command import log
from polcouple.driver_log import DriverWarnings
from polcouple.errors import InputError, PolcoupleError
from polcouple.held_state import FILE_NAME
from polcouple.ipi_files import output_names, progress_file
from polcouple.ipi_input import (
    read_xml,
    rename_sockets,
    set_total_steps,
    socket_addresses,
    step_of,
    write_xml,
)
from polcouple.ipi_output import cut_unfinished, last_properties
from polcouple.options import (
    add_backend_arguments,
    add_engine_arguments,
    forwarded_arguments,
)
from polcouple.run_guard import locked, remove_stale_sockets, require_usable
from polcouple.run_inputs import copy_inputs, file_elements
from polcouple.units import ATOMIC_TIME_TO_FS, KELVIN_TO_HARTREE

#: i-PI gets this long to write its outputs and RESTART after being asked to stop (s)
_PATIENCE = 60.0
#: and this long of it to finish its step, whose forces are needed for nothing any more (s)
_STEP_PATIENCE = 5.0
#: the driver gets this long to follow i-PI (s)
_DRIVER_PATIENCE = 5.0
_POLL = 0.2
#: files of a case that a run directory gets, besides the inputs
_COPIED = ("system.yaml", "polcouple_pes.py")
#: and what is written there, besides i-PI's outputs
_WRITTEN = ("input.xml", "restart.xml", "run.lock", "i-pi.log", "driver.log", "RESTART", "EXIT", FILE_NAME)


class RunFailedError(PolcoupleError):
    """i-PI or the driver stopped before the last step."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple run``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument("--steps", type=int, required=True, metavar="N", help="steps of i-PI to do")
    parser.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="run directory (CASE/run_BACKEND)")
    parser.add_argument("--restart", action="store_true", help="go on from the RESTART in the run directory")
    add_backend_arguments(parser)
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Prepare the run directory, start both programs, and follow them to the end."""
    directory: Path = args.output or args.case / f"run_{args.backend}"
    if args.steps < 1:
        raise InputError(f"--steps {args.steps}: ask for at least one step")
    if args.restart:
        with locked(directory):
            restart = restart_file(directory)
        if restart is None:
            raise InputError(
                f"{directory}: neither RESTART nor a checkpoint to go on from; run without --restart"
            )
        last_step = step_of(read_xml(restart)) + args.steps
    else:
        require_sound_arguments(args, args.steps)
        prepare(args.case, args.input, directory)
        last_step = args.steps
    again = f"`polcouple run {args.case} --backend {args.backend} --steps N --restart`"
    try:
        reached = propagate(directory, last_step, forwarded_arguments(args))
    except KeyboardInterrupt:
        log(f"stopped; go on with {again}")
        raise
    if reached < last_step:
        log(f"i-PI was asked to stop, at step {reached} of {last_step}; go on with {again}")
    else:
        log(f"done; go on with {again}")
    return 0


def prepare(case: Path, input_name: str, directory: Path) -> None:
    """Copy the case into a new run directory and give it a socket of its own.

    Raises:
        InputError: the directory is in use, or cannot be written.
    """
    root = read_xml(case / input_name)
    if directory.exists() and any(directory.iterdir()):
        _clear(directory)
    rename_sockets(root, f"-{uuid.uuid4().hex[:8]}")
    directory.mkdir(parents=True, exist_ok=True)
    copy_system(case, directory)
    copy_inputs(root, case, directory)
    if (case / "polcouple_pes.py").exists():
        shutil.copy(case / "polcouple_pes.py", directory)
    write_xml(root, directory / "input.xml")


def _clear(directory: Path) -> None:
    """Remove what a run that failed before its first step has left.

    Raises:
        InputError: a step was done, a program is at work there, or there is something else.
    """
    own = {*_COPIED, *_WRITTEN}
    names: re.Pattern[str] | None = None
    if (directory / "input.xml").exists():
        root = read_xml(directory / "input.xml")
        own |= {(element.text or "").strip() for element in file_elements(root)}
        names = output_names(root)
    left = list(directory.iterdir())
    holds = InputError(
        f"{directory} holds a run already; go on with --restart or choose another directory with --output"
    )
    if not all(path.name in own or (names and names.fullmatch(path.name)) for path in left):
        raise holds
    with locked(directory):
        if names is not None:
            restart = restart_file(directory)
            done = last_properties(directory / progress_file(root)).get("step", 0)
            if done > 0 or (restart is not None and step_of(read_xml(restart)) > 0):
                raise holds
        for path in left:
            if path.name != "run.lock":
                path.unlink()


def propagate(directory: Path, last_step: int, driver_words: list[str]) -> int:
    """Run i-PI and the driver in a prepared directory, from where it stands to ``last_step``.

    Args:
        driver_words: options of polcouple-driver.

    Returns:
        The step reached: less than ``last_step`` where somebody asked i-PI to stop.

    Raises:
        RunFailedError: one of the two ended early.
        InputError: another run is at work in the directory.
    """
    with locked(directory) as lock:
        restart = restart_file(directory)
        root = read_xml(restart or directory / "input.xml")
        first = step_of(root)
        input_name = "restart.xml" if restart else "input.xml"
        if restart:
            names = output_names(root)
            for path in directory.iterdir():
                if names.fullmatch(path.name):
                    cut_unfinished(path)
        set_total_steps(root, last_step)
        write_xml(root, directory / input_name)
        (directory / "EXIT").unlink(missing_ok=True)
        addresses = socket_addresses(root, directory / input_name)
        for address in addresses:
            require_usable(address, own_name=False)
        remove_stale_sockets(addresses)
        log(f"running in {directory}; what i-PI and the driver say is in i-pi.log and driver.log there")
        warnings = DriverWarnings(directory / "driver.log")
        programs = _start(directory, input_name, driver_words, lock)
        try:
            _follow(programs, directory, first, last_step - first, warnings)
        finally:
            programs.stop()
            warnings.show()
            remove_stale_sockets(addresses)
        log(f"driver: {_last_line(directory / 'driver.log').partition(' ')[2]}")
        return step_of(read_xml(directory / "RESTART"))


@dataclass
class _Programs:
    """The two processes of a run."""

    ipi: subprocess.Popen[bytes]
    driver: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Ask i-PI to stop, so that it writes RESTART, then end both; a second Ctrl-C ends them at once."""
        try:
            if self.ipi.poll() is None:
                self.ipi.send_signal(signal.SIGTERM)
                if not _ended(self.ipi, _STEP_PATIENCE):
                    self._end_driver()
                    _ended(self.ipi, _PATIENCE)
            if not _ended(self.driver, _DRIVER_PATIENCE):
                self._end_driver()
        finally:
            for process in (self.driver, self.ipi):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def _end_driver(self) -> None:
        """With what it has started; a computation that cannot be interrupted is not waited for."""
        self.driver.terminate()
        if not _ended(self.driver, 2.0):
            os.killpg(self.driver.pid, signal.SIGKILL)
            self.driver.wait()


def _ended(process: subprocess.Popen[bytes], patience: float) -> bool:
    """Wait for a process; whether it has ended by then."""
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        return False
    return True


def _start(directory: Path, input_name: str, driver_words: list[str], lock: int) -> _Programs:
    """Start i-PI and the driver."""
    ipi = shutil.which("i-pi", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if ipi is None:
        raise InputError("i-pi is not installed in this environment; `pip install ipi`")
    driver = [sys.executable, "-m", "polcouple.driver_cli", "--input", input_name, *driver_words]
    server = _spawn([ipi, input_name], directory, "i-pi.log", lock)
    driver += ["--server", str(server.pid)]
    try:
        return _Programs(server, _spawn(driver, directory, "driver.log", lock))
    except BaseException:
        server.kill()
        server.wait()
        raise


def _spawn(command: list[str], directory: Path, log_name: str, lock: int) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own (Ctrl-C is ours to act on), its output appended to a log.

    The threads of OpenBLAS wait for work by spinning; in i-PI, which has none for them, they would take a
    core from the driver and nearly double the time of a step on two cores.
    """
    with (directory / log_name).open("ab") as stream:
        return subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
            env={"OPENBLAS_THREAD_TIMEOUT": "4", **os.environ},
        )


def _follow(programs: _Programs, directory: Path, first: int, steps: int, warnings: DriverWarnings) -> None:
    """Show progress, and what the driver warns of, until i-PI ends.

    Raises:
        RunFailedError: one of the two ended early, with its last words.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    output = directory / progress_file(read_xml(directory / "input.xml"))
    kept = checkpoints(read_xml(directory / "input.xml"), directory)
    columns = (
        "{task.description}",
        BarColumn(),
        "{task.completed}/{task.total} steps",
        "{task.fields[rate]}",
    )
    with Progress(
        *[TextColumn(c) if isinstance(c, str) else c for c in columns], TimeRemainingColumn()
    ) as bar:
        task = bar.add_task("starting", total=steps, rate="")
        began: tuple[float, float] | None = None
        while programs.ipi.poll() is None:
            time.sleep(_POLL)
            if programs.driver.poll() not in (None, 0) and programs.ipi.poll() is None:
                break
            for checkpoint in kept:
                checkpoint.keep()
            warnings.show()
            latest = last_properties(output)
            if latest.get("step", -1) < first:
                continue
            simulated, now = 1e-3 * latest.get("time", 0.0) * ATOMIC_TIME_TO_FS, time.perf_counter()
            began = began or (simulated, now)
            kelvin = latest.get("temperature", 0.0) / KELVIN_TO_HARTREE
            rate = f"{kelvin:.0f} K" if "temperature" in latest else ""
            if simulated > began[0]:
                rate += f", {86.4 * (simulated - began[0]) / (now - began[1]):.3f} ns/day"
            bar.update(task, completed=latest["step"] - first, description="running", rate=rate)
        if programs.ipi.poll() == 0:
            bar.update(task, completed=steps)
    _require_success(programs, directory)


def _require_success(programs: _Programs, directory: Path) -> None:
    """Wait for both to end, and blame the right one if they failed."""
    # an i-PI that died takes the driver along, and may be seen to end after it
    _ended(programs.ipi, 2.0)
    if programs.ipi.poll() not in (None, 0):
        words = _last_line(directory / "i-pi.log")
        full = any(os.strerror(number) in words for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
        cure = "; free space and go on with --restart" if full else ""
        raise RunFailedError(
            f"i-PI {_how(programs.ipi.returncode)}: {words}; see {directory / 'i-pi.log'}{cure}"
        )
    # a driver that refused something had i-PI stop with status 0
    if _ended(programs.driver, _DRIVER_PATIENCE) and programs.driver.returncode != 0:
        raise RunFailedError(
            f"the driver {_how(programs.driver.returncode)}: {_last_line(directory / 'driver.log')}"
        )


def _how(status: int) -> str:
    """How a process that failed has ended."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"stopped with status {status}"


def _last_line(path: Path) -> str:
    """Last line of a log that says something."""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return "(no output)"
    return lines[-1] if lines else "(no output)"
