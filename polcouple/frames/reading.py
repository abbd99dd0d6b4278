"""Frames of a file by its format, checked against a case and with the electrode in the case's place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from polcouple.case.model import Case
from polcouple.case.structure_guard import Rounding, StructureGuard
from polcouple.errors import InputError
from polcouple.frames.binary import read_dcd, read_xtc
from polcouple.frames.ipi import is_ipi_xyz, read_ipi_xyz
from polcouple.frames.raw import DAMAGED, RawFrame, last_decimal, suffix_of
from polcouple.frames.text import read_gro, read_pdb
from polcouple.units import ANGSTROM_TO_BOHR

_READERS: dict[str, Callable[[Path], Iterator[RawFrame]]] = {
    ".pdb": read_pdb,
    ".gro": read_gro,
    ".xtc": read_xtc,
    ".dcd": read_dcd,
}
#: digits so few that the electrode's place means nothing are taken for these (bohr)
_COARSEST = 0.02 * ANGSTROM_TO_BOHR


def read_frames(path: Path, case: Case) -> Iterator[np.ndarray]:
    """Positions (N, 3) in bohr of one frame after the other; the electrode's are the case's, but if it moves.

    A frame has all atoms, or, of a case whose electrode i-PI lacks, those of i-PI: then the electrode is put
    back. i-PI's xyz and PDB are read in the units that they name, PDB and .gro as these formats have them,
    XTC and DCD through MDAnalysis, everything else through ASE in Angstrom. A frame belongs to the case if it
    has its atoms in its order, its lattice (a file without a cell is taken at its word) and the electrode
    where the case has it, to the digits of the file. Where a format has no names, the electrode's place and
    the geometry of the waters tell the order; ions of two kinds could be exchanged unnoticed.

    Raises:
        InputError: unreadable file; a frame with other atoms, in another order, or not finite.
    """
    guard = StructureGuard(case)
    number = -1
    for number, frame in enumerate(_frames_of(path)):
        where = f"{path}: frame {number}"
        if len(frame.positions) == len(case.ipi_indices):
            frame = _with_electrode(frame, case)
        if len(frame.positions) != len(case):
            raise InputError(
                f"{where} has {len(frame.positions)} atoms, the case has {len(case)}; give all atoms"
            )
        _check_names(frame, case, where)
        resolution = np.broadcast_to(frame.resolution, frame.positions.shape)[case.electrode_indices]
        rounding = Rounding(0.5 * np.minimum(resolution, _COARSEST).ravel(), frame.cell_rounding)
        try:
            guard.check(frame.positions, case.cell if frame.cell is None else frame.cell, rounding)
            guard.check_order(frame.positions)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if not case.mobile:
            frame.positions[case.electrode_indices] = case.electrode.positions
        yield frame.positions
    if number < 0:
        raise InputError(f"{path}: no frames")


def _frames_of(path: Path) -> Iterator[RawFrame]:
    """By the file's suffix, and an xyz file by its comment."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    suffix = suffix_of(path)
    read = _READERS.get(suffix, _through_ase)
    try:
        if suffix == ".xyz" and is_ipi_xyz(path):
            read = read_ipi_xyz
        yield from read(path)
    except DAMAGED as error:
        raise InputError(f"{path}: cut off or damaged ({error}); copy it again") from None


def _through_ase(path: Path) -> Iterator[RawFrame]:
    """Whatever ASE reads, in Angstrom."""
    import ase.io

    try:
        for frame in ase.io.iread(path, index=":"):
            yield RawFrame(
                frame.positions * ANGSTROM_TO_BOHR,
                frame.cell.array * ANGSTROM_TO_BOHR if frame.cell.any() else None,
                tuple(frame.get_chemical_symbols()),
                True,
                last_decimal(frame.positions) * ANGSTROM_TO_BOHR,
                0.0,
            )
    except Exception as error:  # every format of ASE's raises its own
        raise InputError(f"{path}: ASE cannot read it ({type(error).__name__}: {error})") from None


def _with_electrode(frame: RawFrame, case: Case) -> RawFrame:
    """A frame of i-PI's atoms with all of the case's."""
    if len(case.ipi_indices) == len(case):
        return frame
    names = None
    if frame.names is not None:
        found = np.array(case.symbols, dtype=object)
        found[case.ipi_indices] = frame.names
        names = tuple(found.tolist())
    resolution = np.zeros((len(case), 3))
    resolution[case.ipi_indices] = frame.resolution
    return replace(frame, positions=case.whole(frame.positions), names=names, resolution=resolution)


def _check_names(frame: RawFrame, case: Case, where: str) -> None:
    """Refuse the first atom that is another one than the case's, where the file has names.

    A force field's name tells the element if it begins with the symbol of one: the longest of the case's.
    """
    if frame.names is None:
        return
    symbols = sorted(set(case.symbols), key=len, reverse=True)
    for atom, (name, symbol) in enumerate(zip(frame.names, case.symbols, strict=True)):
        found: str | None = name
        if not frame.names_are_elements and name != symbol:
            letters = re.sub("[^A-Za-z]", "", name).upper()
            found = next((one for one in symbols if letters.startswith(one.upper())), None)
        if found is not None and found != symbol:
            shown = name if name == found else f"{name} ({found})"
            raise InputError(f"{where}: atom {atom} is {shown}, the case has {symbol}; keep the case's order")
