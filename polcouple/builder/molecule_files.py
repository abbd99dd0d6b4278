"""Molecules from files: what force field they have, and one of them as a structure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.errors import InputError
from polcouple.frames.text import read_gro
from polcouple.importing.structure import require_files
from polcouple.units import BOHR_TO_ANGSTROM

#: files of force fields that are read together
GROMACS, OPENMM = (".top", ".itp"), (".xml",)
_STRUCTURES = (".gro", ".pdb")


@dataclass(frozen=True)
class MoleculeFile:
    """Molecules of one kind.

    Attributes:
        force_field: files that describe them, beside those of other molecules: .top and .itp, or .xml.
        structure: of one molecule, .gro or .pdb.
        count: how many.
    """

    force_field: tuple[Path, ...]
    structure: Path
    count: int


def molecule_of_words(words: list[str]) -> MoleculeFile:
    """Of ``FILE... COUNT``, the last file being the structure.

    Raises:
        InputError: saying how it is written.
    """
    *files, count = words
    if not files or not (count.isascii() and count.isdigit() and int(count) > 0):
        raise InputError(
            f"--molecule {' '.join(words)}: write force-field files, the structure of one molecule and a"
            " number, such as --molecule solvent.itp solvent.gro 200"
        )
    *fields, structure = map(Path, files)
    if structure.suffix.lower() not in _STRUCTURES:
        raise InputError(
            f"--molecule {' '.join(words)}: {structure} is no structure that is known (.gro, .pdb); it stands"
            " between the force field and the number"
        )
    for path in fields:
        if path.suffix.lower() not in (*GROMACS, *OPENMM):
            raise InputError(
                f"--molecule {' '.join(words)}: {path} is no force field that is known (.top, .itp, or"
                " OpenMM's .xml); for others see `polcouple import`"
            )
    return MoleculeFile(tuple(fields), structure, int(count))


def field_files(molecules: tuple[MoleculeFile, ...]) -> tuple[Path, ...]:
    """All force-field files, each once, in their order.

    Raises:
        InputError: there are none, or of two kinds.
    """
    files = tuple(dict.fromkeys(path for molecule in molecules for path in molecule.force_field))
    if not files:
        raise InputError(f"{molecules[0].structure}: no force field; name its .top, .itp or .xml before it")
    kinds = {path.suffix.lower() in OPENMM for path in files}
    if len(kinds) > 1:
        raise InputError(
            f"{', '.join(map(str, files))}: files of GROMACS and of OpenMM; give all in one of the two"
        )
    return files


def read_structure(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and positions (n, 3) in Angstrom of the atoms of a .gro or .pdb file.

    Raises:
        InputError: it cannot be read.
    """
    require_files(path)
    if path.suffix.lower() == ".gro":
        frame = next(read_gro(path), None)
        if frame is None or frame.names is None:
            raise InputError(f"{path}: holds no frame with names")
        return tuple(frame.names), frame.positions * BOHR_TO_ANGSTROM
    import openmm.app as app
    from openmm.unit import angstrom

    try:
        pdb = app.PDBFile(str(path))
    except Exception as error:  # what OpenMM's reader stumbles over
        raise InputError(f"{path}: OpenMM cannot read it ({' '.join(str(error).split())[:200]})") from None
    names = tuple(atom.name for atom in pdb.topology.atoms())
    return names, np.array(pdb.positions.value_in_unit(angstrom), float).reshape(-1, 3)
