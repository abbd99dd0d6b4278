"""One run of the DFTB+ program: threads, time limit, and no process left behind."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from polcouple.dftbplus.errors import DftbPlusError
from polcouple.dftbplus.output import STDOUT, failure_message
from polcouple.errors import InputError

#: DFTB+ keeps large arrays on the stack and recommends its hard limit
_WITH_LARGE_STACK = ("/bin/sh", "-c", 'ulimit -s "$(ulimit -H -s)" 2>/dev/null; exec "$@"', "dftb+")


def find_program(command: str) -> list[str]:
    """The command as a list of words, its program on PATH.

    Raises:
        InputError: it is not, with how to get DFTB+.
    """
    words = shlex.split(command)
    if not words or shutil.which(words[0]) is None:
        raise InputError(
            f"no program '{words[0] if words else command}' on PATH: install DFTB+ 24.1 or newer"
            " (conda install -c conda-forge dftbplus, your distribution, or https://dftbplus.org),"
            " or use --backend dftb, which needs no program"
        )
    return words


def run_program(command: list[str], directory: Path, threads: int | None, timeout_seconds: float) -> None:
    """Run in ``directory``, which holds the input; standard output and errors go to ``dftb.out`` there.

    Args:
        command: program and arguments.
        directory: the working directory.
        threads: OpenMP threads; the environment's choice when None.
        timeout_seconds: after which the program and its children are killed.

    Raises:
        DftbPlusError: time-out, a signal or another failure, with DFTB+'s own message.
    """
    environment = dict(os.environ)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    with open(directory / STDOUT, "wb") as stdout:
        process = subprocess.Popen(
            [*_WITH_LARGE_STACK, *command],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise DftbPlusError(
                f"no answer within timeout_seconds = {timeout_seconds:g}; last output: "
                + failure_message(directory)
            ) from None
        finally:
            _kill_group(process)
    if status < 0:
        raise DftbPlusError(f"killed by {signal.Signals(-status).name}: {failure_message(directory)}")
    if status > 0:
        raise DftbPlusError(failure_message(directory))


def _kill_group(process: subprocess.Popen) -> None:
    """Kill the program and whatever it started, unless it ended by itself."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
