"""Positions, names and cell of a structure beside a force field that has its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from polcouple.case.checks import check_start_cell
from polcouple.errors import InputError
from polcouple.frames.raw import cell_of
from polcouple.frames.text import read_gro
from polcouple.importing.names import openmms_names
from polcouple.lattice.cell import reduced_cell, within_halves
from polcouple.log import log
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, BOHR_TO_NM

#: vectors are reduced that lie across others by this much more than half (bohr)
_HALF = 1e-8
#: what OpenMM's readers say of angles that no cell has
_NO_CELL = ("math domain error", "float division by zero", "must be in reduced form")
#: suffixes of two formats with names of atoms and residues
_PDB, _CIF = (".pdb", ".ent"), (".cif", ".pdbx", ".mmcif")


def require_files(*paths: Path) -> None:
    """Refuse files that are missing.

    Raises:
        InputError: naming the first.
    """
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file")


class Structure(NamedTuple):
    """What a file of positions has.

    Attributes:
        positions, box: with OpenMM's units; a box is None where there is none.
        names, residue_names: of each atom, as OpenMM's readers of force fields have them, or None.
    """

    positions: Any
    box: Any
    names: tuple[str, ...] | None = None
    residue_names: tuple[str, ...] | None = None


def read_structure(path: Path, of_amber: bool = False) -> Structure:
    """By its suffix; .crd is Amber's or CHARMM's.

    Raises:
        InputError: it cannot be read.
    """
    import openmm.app as app
    from openmm.unit import Quantity, nanometer

    require_files(path)
    suffix = path.suffix.lower()
    if suffix == ".gro":
        frame = next(read_gro(path), None)
        if frame is None or frame.names is None or frame.residue_names is None:
            raise InputError(f"{path}: holds no frame")
        box = None if frame.cell is None else Quantity(frame.cell * BOHR_TO_NM, nanometer)
        names = openmms_names(frame.names, frame.residue_names)
        return Structure(Quantity(frame.positions * BOHR_TO_NM, nanometer), box, *names)
    if suffix in _PDB or suffix in _CIF:
        found = open_pdb(path)
        atoms = list(found.topology.atoms())
        return Structure(
            found.positions,
            found.topology.getPeriodicBoxVectors(),
            tuple(atom.name for atom in atoms),
            tuple(atom.residue.name for atom in atoms),
        )
    try:
        if suffix in (".inpcrd", ".rst7", ".restrt", ".rst", ".ncrst") or (of_amber and suffix == ".crd"):
            amber = app.AmberInpcrdFile(str(path))
            return Structure(amber.positions, amber.boxVectors)
        if suffix in (".crd", ".cor"):
            crd = app.CharmmCrdFile(str(path))
            return Structure(crd.positions, None, *openmms_names(crd.attype, crd.resname))
    except Exception as error:  # what OpenMM's readers stumble over
        raise unreadable(path, error) from None
    raise InputError(
        f"{path}: no structure file that is known; give .gro, .pdb, .cif, .inpcrd, .rst7 or .crd"
    )


def open_pdb(path: Path) -> Any:
    """OpenMM's reader of a .pdb or .cif file.

    Raises:
        InputError: another suffix, it cannot be read, or the reader leaves atoms of a .pdb out, as it does
            with those whose name their residue has already.
    """
    import openmm.app as app

    suffix = path.suffix.lower()
    if suffix not in _PDB and suffix not in _CIF:
        raise InputError(f"{path}: names of atoms and residues are needed; give a .pdb or .cif file")
    try:
        found: Any = (app.PDBFile if suffix in _PDB else app.PDBxFile)(str(path))
    except Exception as error:
        raise unreadable(path, error) from None
    if suffix in _PDB:
        _require_all_there(path, found.topology.getNumAtoms())
    return found


def _require_all_there(path: Path, n: int) -> None:
    """Refuse a .pdb with more atoms than the ``n`` that its reader found."""
    text = path.read_text(encoding="utf-8", errors="replace").partition("\nENDMDL")[0]
    # alternate places of one atom have a letter there
    lines = [
        line for line in text.splitlines() if line.startswith(("ATOM  ", "HETATM")) and line[16:17] == " "
    ]
    if len(lines) > n:
        raise InputError(
            f"{path}: has {len(lines)} atoms, of which OpenMM's reader takes {n}, one of each name in a"
            " residue; give atoms of the same name residues of their own"
        )


def unreadable(path: Path, error: Exception) -> InputError:
    """What OpenMM's reader of a structure stumbled over."""
    said = " ".join(str(error).split())[:200]
    if any(words in said for words in _NO_CELL):
        return InputError(f"{path}: no cell has the angles that this file gives; mend them")
    return InputError(f"{path}: OpenMM cannot read it ({said})")


def box_of(path: Path, box: Any, cell: tuple[float, ...] | None) -> Any:
    """Box vectors with OpenMM's units of ``--cell`` (lengths in Angstrom, angles in degrees), or the file's.

    They are the reduced ones of the lattice, which OpenMM asks for; a line says so where others were given.

    Raises:
        InputError: there are none, or they are of no lattice.
    """
    from openmm.unit import Quantity, nanometer

    if cell:
        given = given_cell(cell)
    elif box is None:
        raise InputError(f"{path}: has no periodic cell; give its lengths by --cell A B C")
    else:
        given = np.array(box.value_in_unit(nanometer), float) / BOHR_TO_NM
    return Quantity(upright_cell(path, given) * BOHR_TO_NM, nanometer)


def upright_cell(path: Path, cell: np.ndarray) -> np.ndarray:
    """The reduced vectors (3, 3) of the lattice of ``cell``, in bohr; a line says so where they are others.

    Args:
        path: of the structure, for messages.

    Raises:
        InputError: they span no volume, or are turned.
    """
    check_start_cell(cell, path)
    found = reduced_vectors(cell)
    if np.abs(found - cell).max() <= _HALF:
        return found
    words = "; ".join(" ".join(f"{x:.4f}" for x in row) for row in found * BOHR_TO_ANGSTROM)
    log(f"{path}: the case's cell has the most upright vectors of the lattice given: {words} Angstrom")
    return found


def reduced_vectors(cell: np.ndarray) -> np.ndarray:
    """Vectors (3, 3) of the lattice of ``cell`` as OpenMM takes them: its own where these are reduced but for
    rounding.
    """
    half = within_halves(cell)
    return half if np.abs(half - cell).max() <= _HALF else within_halves(reduced_cell(cell))


def given_cell(cell: tuple[float, ...]) -> np.ndarray:
    """Lattice vectors (3, 3) in bohr of ``--cell``: lengths in Angstrom, and angles in degrees.

    Raises:
        InputError: neither three positive numbers nor six, or angles that no cell has.
    """
    said = f"--cell {' '.join(f'{x:g}' for x in cell)}"
    if len(cell) not in (3, 6) or not (np.isfinite(cell).all() and min(cell) > 0.0):
        raise InputError(f"{said}: give A B C, or A B C ALPHA BETA GAMMA")
    angles = np.array([*cell[3:], 90.0, 90.0, 90.0][:3])
    # three faces meet in a corner
    if angles.max() >= 180.0 or 2.0 * angles.max() >= angles.sum() or angles.sum() >= 360.0:
        raise InputError(
            f"{said}: no cell has these angles; each is below 180 degrees and below the sum of the other two,"
            " and all of them sum to less than 360"
        )
    return cell_of(np.array([*cell[:3], *angles])) * ANGSTROM_TO_BOHR
