"""What tests of whole runs share: where the programs are, and what i-PI wrote."""

import sys
from pathlib import Path

import numpy as np

BIN = Path(sys.executable).parent


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
