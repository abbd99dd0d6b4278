"""What tests of whole runs share: where the programs are, and what i-PI wrote."""

import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from polcouple.cli import commands, driver

BIN = Path(sys.executable).parent


def in_this_process(*words, program=commands):
    """`polcouple WORDS` without the second or two that a process of its own takes to start."""
    words = [str(word) for word in words]
    said, wrong = StringIO(), StringIO()
    with redirect_stdout(said), redirect_stderr(wrong), pytest.raises(SystemExit) as ended:
        program.main(words)
    return subprocess.CompletedProcess(words, ended.value.code, said.getvalue(), wrong.getvalue())


def driver_in_this_process(*words):
    """`polcouple-driver WORDS`, one that ends by itself, in the same way."""
    return in_this_process("--threads", 1, *words, program=driver)


def extras(path):
    """Values of an extras trajectory, one row a frame."""
    rows, current = [], None
    for line in path.read_text().splitlines():
        if "#EXTRAS" in line:
            current = []
            rows.append(current)
        elif line.strip():
            current.extend(float(x) for x in line.split())
    return np.array(rows)


def properties(path):
    return np.loadtxt(path)
