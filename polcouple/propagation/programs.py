"""i-PI and the driver as two processes: started, ended, and blamed if they fail."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polcouple.errors import InputError, PolcoupleError
from polcouple.propagation.record import read_driver_part
from polcouple.threads import ONE_THREAD

#: i-PI gets this long to write its outputs and RESTART after being asked to stop (s)
_PATIENCE = 60.0
#: and this long of it to finish its step, whose forces are needed for nothing any more (s)
_STEP_PATIENCE = 5.0
#: the driver gets this long to follow i-PI (s)
_DRIVER_PATIENCE = 5.0
#: the driver limits its threads of linear algebra itself; where the user asks for several, they spin for less
_SLEEPING_EARLY = {"OPENBLAS_THREAD_TIMEOUT": "4"}


class RunFailedError(PolcoupleError):
    """i-PI or the driver stopped before the last step."""


@dataclass
class Programs:
    """The two processes of a run."""

    ipi: subprocess.Popen[bytes]
    driver: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Ask i-PI to stop, so that it writes RESTART, then end both; a second Ctrl-C ends them at once."""
        try:
            if self.ipi.poll() is None:
                self.ipi.send_signal(signal.SIGTERM)
                if not ended(self.ipi, _STEP_PATIENCE):
                    self._end_driver()
                    ended(self.ipi, _PATIENCE)
            if not ended(self.driver, _DRIVER_PATIENCE):
                self._end_driver()
        finally:
            for process in (self.driver, self.ipi):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def _end_driver(self) -> None:
        """With what it has started; a computation that cannot be interrupted is not waited for."""
        self.driver.terminate()
        if not ended(self.driver, 2.0):
            os.killpg(self.driver.pid, signal.SIGKILL)
            self.driver.wait()


def ended(process: subprocess.Popen[bytes], patience: float) -> bool:
    """Wait for a process; whether it has ended by then."""
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        return False
    return True


def ipi_program() -> str:
    """Path of i-PI.

    Raises:
        InputError: it is not installed.
    """
    ipi = shutil.which("i-pi", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if ipi is None:
        raise InputError("i-pi is not installed in this environment; `pip install ipi`")
    return ipi


def ipi_command() -> list[str]:
    """Command that starts i-PI, with constraints that work.

    Raises:
        InputError: it is not installed.
    """
    return [sys.executable, "-m", "polcouple.rigid.i_pi", ipi_program()]


def start_programs(directory: Path, input_name: str, driver_words: list[str], lock: int) -> Programs:
    """Start i-PI and the driver."""
    driver = [sys.executable, "-m", "polcouple.cli.driver", "--input", input_name, *driver_words]
    server = _spawn([*ipi_command(), input_name], directory, "i-pi.log", lock, ONE_THREAD)
    driver += ["--server", str(server.pid)]
    try:
        return Programs(server, _spawn(driver, directory, "driver.log", lock, _SLEEPING_EARLY))
    except BaseException:
        server.kill()
        server.wait()
        raise


def _spawn(
    command: list[str], directory: Path, log_name: str, lock: int, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own (Ctrl-C is ours to act on), its output appended to a log.

    ``variables`` of the environment give way to the user's own.
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
            env={**variables, **os.environ},
        )


def require_success(programs: Programs, directory: Path) -> None:
    """Wait for both to end, and blame the right one if they failed.

    Raises:
        RunFailedError: one of the two failed, with its last words.
    """
    # an i-PI that died takes the driver along, and may be seen to end after it
    ended(programs.ipi, 2.0)
    if programs.ipi.poll() not in (None, 0):
        words = _last_line(directory / "i-pi.log")
        full = any(os.strerror(number) in words for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
        cure = "; free space and go on with --restart" if full else ""
        raise RunFailedError(
            f"i-PI {_how(programs.ipi.returncode)}: {words}; see {directory / 'i-pi.log'}{cure}"
        )
    # a driver that refused something had i-PI stop with status 0
    if ended(programs.driver, _DRIVER_PATIENCE) and programs.driver.returncode != 0:
        # one that was killed has written nothing, and what it printed last is in its log
        words = read_driver_part(directory).get("message") or _last_line(directory / "driver.log")
        raise RunFailedError(f"the driver {_how(programs.driver.returncode)}: {words}")


def _how(status: int) -> str:
    """How a process that failed has ended."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"stopped with status {status}"


def _last_line(path: Path) -> str:
    """Last line of a log that says something; PLUMED counts its seconds after an error, too."""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    except FileNotFoundError:
        return "(no output)"
    said = [line for line in lines if line and not line.startswith("PLUMED:")]
    return said[-1] if said else "(no output)"
