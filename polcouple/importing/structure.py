"""Positions, names and cell of a structure beside a force field that has its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from polcouple.errors import InputError
from polcouple.frames.raw import cell_of
from polcouple.frames.text import read_gro
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_NM


def require_files(*paths: Path) -> None:
    """Refuse files that are missing.

    Raises:
        InputError: naming the first.
    """
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file")


def read_structure(path: Path, of_amber: bool = False) -> tuple[Any, Any]:
    """Positions and box vectors (or None) with OpenMM's units, by its suffix; .crd is Amber's or CHARMM's.

    Raises:
        InputError: it cannot be read.
    """
    import openmm.app as app
    from openmm.unit import Quantity, nanometer

    require_files(path)
    suffix = path.suffix.lower()
    if suffix == ".gro":
        frame = next(read_gro(path), None)
        if frame is None:
            raise InputError(f"{path}: holds no frame")
        box = None if frame.cell is None else Quantity(frame.cell * BOHR_TO_NM, nanometer)
        return Quantity(frame.positions * BOHR_TO_NM, nanometer), box
    try:
        if suffix in (".inpcrd", ".rst7", ".restrt", ".rst", ".ncrst") or (of_amber and suffix == ".crd"):
            amber = app.AmberInpcrdFile(str(path))
            return amber.positions, amber.boxVectors
        if suffix in (".crd", ".cor"):
            return app.CharmmCrdFile(str(path)).positions, None
        if suffix in (".pdb", ".ent"):
            pdb = app.PDBFile(str(path))
            return pdb.positions, pdb.topology.getPeriodicBoxVectors()
        if suffix in (".cif", ".pdbx", ".mmcif"):
            cif = app.PDBxFile(str(path))
            return cif.positions, cif.topology.getPeriodicBoxVectors()
    except Exception as error:  # what OpenMM's readers stumble over
        raise InputError(f"{path}: OpenMM cannot read it ({' '.join(str(error).split())[:200]})") from None
    raise InputError(
        f"{path}: no structure file that is known; give .gro, .pdb, .cif, .inpcrd, .rst7 or .crd"
    )


def box_of(path: Path, box: Any, cell: tuple[float, ...] | None) -> Any:
    """Box vectors with OpenMM's units: of ``--cell`` (lengths in Angstrom, angles in degrees), or the file's.

    Raises:
        InputError: there are none.
    """
    from openmm.unit import Quantity, nanometer

    if cell:
        return Quantity(given_cell(cell) * BOHR_TO_NM, nanometer)
    if box is None:
        raise InputError(f"{path}: has no periodic cell; give its lengths by --cell A B C")
    return box


def given_cell(cell: tuple[float, ...]) -> np.ndarray:
    """Lattice vectors (3, 3) in bohr of ``--cell``: lengths in Angstrom, and angles in degrees.

    Raises:
        InputError: neither three positive numbers nor six.
    """
    if len(cell) not in (3, 6) or not (np.isfinite(cell).all() and min(cell) > 0.0):
        raise InputError(f"--cell {' '.join(f'{x:g}' for x in cell)}: give A B C, or A B C ALPHA BETA GAMMA")
    return cell_of(np.array([*cell, 90.0, 90.0, 90.0][:6])) * ANGSTROM_TO_BOHR
