"""Runs whose positions i-PI wrote in any unit, and as coarse as its six digits are."""

import dataclasses
import re

import numpy as np
import pytest
from compare_cases import jiggled, write_run
from conftest import SMALL

from polcouple.analysis.runs import read_run
from polcouple.case.model import write_init_xyz
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

CELL = re.compile(r"(CELL\(abcABC\): )(\S+) (\S+) (\S+)")


def in_unit(path, unit, name):
    """Rewrite a trajectory of i-PI in Angstrom as one in ``unit`` (Angstrom)."""
    lines = []
    for line in path.read_text().splitlines():
        words = line.split()
        if line.startswith("#"):
            line = CELL.sub(
                lambda m: m[1] + " ".join(f"{float(x) / unit:10.5f}" for x in m.groups()[1:]), line
            )
            line = line.replace("{angstrom}", name)
        elif len(words) == 4:
            line = f"{words[0]:>8} " + " ".join(f"{float(word) / unit:12.5e}" for word in words[1:])
        lines.append(line)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("unit", "name"),
    [(BOHR_TO_ANGSTROM, "{atomic_unit}"), (BOHR_TO_ANGSTROM, "{automatic}"), (10.0, "{nanometer}")],
)
def test_positions_in_any_unit(small_case, tmp_path, unit, name):
    frames = jiggled(small_case, 4)
    charges = np.zeros((4, len(small_case.electrode)))
    run = write_run(tmp_path / "run", frames, charges, small_case.symbols)
    in_unit(run / "simulation.positions_0.xyz", unit, name)
    for read, expected in zip(read_run(run).frames(), frames, strict=True):
        assert np.abs(read.positions - expected).max() < 2e-3 * unit * ANGSTROM_TO_BOHR
        electrode = read.positions[small_case.electrode_indices]
        assert np.array_equal(electrode, small_case.electrode.positions)
    atoms = read_run(run).universe.atoms
    assert atoms.positions == pytest.approx(frames[0] * BOHR_TO_ANGSTROM, abs=2e-3 * unit)


def test_six_digits_of_a_distant_electrode(small_case, tmp_path):
    """Beyond 100 Angstrom the last digit is 0.001; an electrode that moved by three of them is refused."""
    cell, shift = small_case.cell.copy(), np.array([0.0, 0.0, 112.345678 * ANGSTROM_TO_BOHR])
    cell[2, 2] *= 3.0
    high = dataclasses.replace(small_case, positions=small_case.positions + shift, cell=cell)
    directory = tmp_path / "case"
    directory.mkdir()
    for name in ("system.yaml", "input.xml"):
        (directory / name).write_text((SMALL / name).read_text())
    write_init_xyz(directory / "init.xyz", high.symbols, high.positions, high.cell)
    charges = np.zeros((2, len(high.electrode)))
    for moved, name in ((0.0, "still"), (0.003, "moved")):
        frames = [high.positions.copy() for _ in range(2)]
        frames[1][high.electrode_indices[7], 2] += moved * ANGSTROM_TO_BOHR
        run = read_run(write_run(tmp_path / name, frames, charges, high.symbols, case=directory))
        if moved:
            with pytest.raises(InputError, match=r"electrode atom 7 is 0\.00"):
                list(run.frames())
        else:
            for frame in run.frames():
                place = frame.positions[high.electrode_indices]
                assert place == pytest.approx(high.electrode.positions, abs=1e-8)
