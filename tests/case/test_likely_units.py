"""Which units were meant: sound structures are never doubted, wrong units always."""

import re
import shutil

import numpy as np
import pytest
from conftest import SMALL

from polcouple.case.likely_units import require_likely_bonds, require_likely_cell
from polcouple.case.model import read_case, write_init_xyz
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

UNITS = {"bohr": 1.0, "Angstrom": ANGSTROM_TO_BOHR, "nanometer": 10.0 * ANGSTROM_TO_BOHR}
PAIRS = [("bohr", "Angstrom"), ("Angstrom", "bohr"), ("nanometer", "Angstrom"), ("Angstrom", "nanometer")]


def sheet(nx, ny, layers=1):
    """Graphene, AA stacked, and its cell; bohr."""
    a, d = 2.46 * ANGSTROM_TO_BOHR, 1.42 * ANGSTROM_TO_BOHR
    cell = np.array([[nx * a, 0, 0], [0, 3 * ny * d, 0], [0, 0, 113.0]])
    basis = np.array([[0, 0, 0], [0.5 * a, 0.5 * d, 0], [0.5 * a, 1.5 * d, 0], [0, 2 * d, 0]])
    steps = np.array(
        [[i * a, 3 * j * d, 6.3 * k] for i in range(nx) for j in range(ny) for k in range(layers)]
    )
    return (steps[:, None] + basis).reshape(-1, 3), cell


@pytest.mark.parametrize(("meant", "read"), PAIRS)
@pytest.mark.parametrize("size", [(3, 2, 1), (6, 4, 1), (12, 7, 1), (6, 4, 3)])
@pytest.mark.parametrize("tilted", [False, True])
def test_a_cell_in_another_unit(tmp_path, meant, read, size, tilted):
    atoms, cell = sheet(*size)
    if tilted:
        cell[1] += cell[0]
    require_likely_cell(tmp_path, atoms, cell, False)
    with pytest.raises(InputError, match="of the cell's width"):
        require_likely_cell(tmp_path, atoms, cell * UNITS[read] / UNITS[meant], False)


@pytest.mark.parametrize("seed", range(20))
def test_a_flake_is_never_doubted(tmp_path, seed):
    """Part of a sheet in a cell of any width, with atoms that are missing at its edge."""
    random = np.random.default_rng(seed)
    atoms, cell = sheet(6, 4)
    centre = atoms.mean(axis=0)
    atoms = atoms[np.linalg.norm(atoms - centre, axis=1) < random.uniform(9.0, 14.0)]
    for factor in np.linspace(1.2, 12.0, 60):
        require_likely_cell(tmp_path, atoms, cell * factor, False)


@pytest.mark.parametrize("count", [2, 3, 4, 6, 16])
def test_atoms_that_stand_apart_are_never_doubted(tmp_path, count):
    """They have no neighbours that a cell could complete."""
    for seed in range(60):
        random = np.random.default_rng(seed)
        cell = np.diag([20.0, 21.0, 22.0])
        atoms = random.random((1, 3)) @ cell
        while len(atoms) < count:
            new = random.random(3) @ cell
            gaps = atoms - new
            gaps -= np.round(gaps / np.diag(cell)) @ cell
            if np.linalg.norm(gaps, axis=1).min() > 3.0:
                atoms = np.append(atoms, [new], axis=0)
        require_likely_cell(tmp_path, atoms * ANGSTROM_TO_BOHR, cell * ANGSTROM_TO_BOHR, False)


@pytest.mark.parametrize("moved", [1, 2, 5, 80, 158])
def test_waters_in_other_cells_are_sound(small_directory, small_case, moved):
    positions = small_case.positions.copy()
    for oxygen in small_case.water_oxygens[:moved]:
        positions[oxygen : oxygen + 3] += small_case.cell[0] + small_case.cell[1]
    for oxygen in small_case.water_oxygens[:60]:
        positions[oxygen + 1] += small_case.cell[0]
    write_init_xyz(small_directory / "init.xyz", small_case.symbols, positions, small_case.cell)
    assert len(read_case(small_directory)) == len(small_case)


@pytest.mark.parametrize(("meant", "read"), PAIRS)
def test_bonds_in_another_unit(tmp_path, small_case, meant, read):
    ratio = UNITS[read] / UNITS[meant]
    require_likely_bonds(tmp_path, small_case.positions, small_case.topology)
    with pytest.raises(InputError, match="the force field has"):
        require_likely_bonds(tmp_path, small_case.positions * ratio, small_case.topology)


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (
            1,
            "# CELL(abcABC): 1e150 17.04 60 90 90 90 positions{angstrom} cell{angstrom}",
            "init.xyz: the cell is 1e+150 Angstrom wide",
        ),
        (
            1,
            "# CELL(abcABC): 1e7 17.04 60 90 90 90 positions{angstrom} cell{angstrom}",
            "init.xyz: the cell is 1e+07 Angstrom wide",
        ),
        (2, "C 0 -2e6 0", "init.xyz: line 3: atom 0 is 2e+06 Angstrom from the origin"),
    ],
)
def test_sizes_beyond_sense(tmp_path, line, text, said):
    for name in ("system.yaml", "input.xml"):
        shutil.copy(SMALL / name, tmp_path)
    lines = (SMALL / "init.xyz").read_text().splitlines()
    lines[line] = text
    (tmp_path / "init.xyz").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=re.escape(said)):
        read_case(tmp_path)
