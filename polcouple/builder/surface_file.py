"""An electrode's repeat unit from a file, in any format that ASE reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polcouple.builder.named_surfaces import surface_of
from polcouple.builder.surfaces import Surface
from polcouple.errors import InputError
from polcouple.lattice.cell import widest_gap

#: atoms of a structure are farther apart than this (Angstrom)
_LEAST_DISTANCE = 0.6
#: an area of two lattice vectors below this is none (square Angstrom)
_LEAST_AREA = 1.0


def read_surface(path: Path) -> Surface:
    """The structure of ``path``; its first two lattice vectors span the surface.

    It is turned so that the first vector is along x and the second in the xy plane; the third tells which way
    is up, and what of the structure is on the other side of the cell's border. Atoms keep their order.

    Raises:
        InputError: the file cannot be read, has no such cell, several structures, or atoms that overlap.
    """
    atoms = _read(path)
    a, b, c = np.array(atoms.cell)
    normal = np.cross(a, b)
    area = float(np.linalg.norm(normal))
    if area < _LEAST_AREA:
        raise InputError(
            f"{path}: no cell whose first two vectors span a surface; give a format that has one, such as"
            " extxyz, cif or POSCAR"
        )
    if not (atoms.pbc[0] and atoms.pbc[1]):
        raise InputError(f"{path}: not periodic along the first two cell vectors, which span the surface")
    positions = np.array(atoms.positions)
    height = float(c @ normal) / area
    if abs(height) > 1e-6:
        levels = positions @ np.linalg.inv(np.array(atoms.cell))[:, 2]
        start, gap = widest_gap(levels, 1.0)
        # atoms above the gap belong below the others
        positions -= np.floor(levels - (start + gap) + 1e-9)[:, None] * c
    if height < 0.0:  # seen from where c points to
        a, b, normal = b, a, -normal
    along = a / np.linalg.norm(a)
    axes = np.array([along, np.cross(normal / area, along), normal / area])
    vectors = np.array([a, b]) @ axes[:2].T
    vectors[0, 1] = 0.0
    vectors[1, 0] -= np.round(vectors[1, 0] / vectors[0, 0]) * vectors[0, 0]
    surface = surface_of(tuple(atoms.symbols), positions @ axes.T, vectors)
    _check(path, surface)
    return surface


def _read(path: Path):  # type: ignore[no-untyped-def]
    import ase.io

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        frames = ase.io.read(path, index=":")
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not a structure that ASE can read: {words[:120]}") from None
    if len(frames) != 1 or len(frames[0]) == 0:
        raise InputError(f"{path}: holds {len(frames)} structures; give one, with atoms, a repeat unit")
    return frames[0]


def _check(path: Path, surface: Surface) -> None:
    from ase import Atoms
    from ase.data import chemical_symbols
    from ase.neighborlist import neighbor_list

    cell = np.diag([1.0, 1.0, surface.thickness + 10.0])
    cell[:2, :2] = surface.vectors
    atoms = Atoms(surface.symbols, positions=surface.positions, cell=cell, pbc=(True, True, False))
    for number, symbol in enumerate(surface.symbols):
        if symbol == chemical_symbols[0]:
            raise InputError(f"{path}: atom {number} is of no element; take it out or name one")
    first, second, distance = neighbor_list("ijd", atoms, _LEAST_DISTANCE)
    if len(distance):
        nearest = int(distance.argmin())
        raise InputError(
            f"{path}: atoms {first[nearest]} and {second[nearest]} are {distance[nearest]:.2f} Angstrom"
            " apart; take doubles out, or mend the cell"
        )
