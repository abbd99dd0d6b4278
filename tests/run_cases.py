"""What tests of whole runs share: where the programs are, and what i-PI wrote."""

import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from polcouple.cli.commands import main

BIN = Path(sys.executable).parent


def in_this_process(*words):
    """`polcouple WORDS` without the second or two that a process of its own takes to start."""
    words = [str(word) for word in words]
    said, wrong = StringIO(), StringIO()
    with redirect_stdout(said), redirect_stderr(wrong), pytest.raises(SystemExit) as ended:
        main(words)
    return subprocess.CompletedProcess(words, ended.value.code, said.getvalue(), wrong.getvalue())


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
