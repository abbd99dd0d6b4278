"""GROMACS' .top and .gro, by OpenMM's reader, with what that reader takes otherwise than GROMACS put right.

Lines come from :mod:`polcouple.importing.gromacs_text` and are checked before OpenMM's reader (8.6) has them:
sections that it would skip, atom types and molecules that are defined twice, and numbers of parameters that
are none are refused. Parameters by types are put into the lines, and pairs are set, by GROMACS' rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openmm.app as app
from openmm.unit import Quantity, angstrom, nanometer

from polcouple.errors import InputError
from polcouple.frames.text import read_gro
from polcouple.importing.gromacs_pairs import set_pairs
from polcouple.importing.gromacs_text import InFileError
from polcouple.importing.gromacs_topology import Topology
from polcouple.importing.names import check_names
from polcouple.importing.source import PairOptions, Source, without_tails
from polcouple.importing.structure import given_cell, reduced_vectors, upright_cell
from polcouple.units import BOHR_TO_NM


def read_gromacs(
    path: Path,
    structure: Path,
    options: PairOptions,
    include: list[Path] | None = None,
    defines: Mapping[str, str] | None = None,
    cell: tuple[float, ...] | None = None,
) -> Source:
    """The system of a .top file with positions and cell of a .gro file.

    Args:
        include: folders in which included files are looked for.
        defines: macros, as -D of GROMACS' preprocessor.
        cell: lengths in Angstrom and angles in degrees, over the .gro file's.

    Raises:
        InputError: a file is missing or faulty, or has what cannot be honoured.
    """
    options.check()
    for file in (path, structure):
        if not file.is_file():
            raise InputError(f"{file}: no such file")
    frame = next(read_gro(structure), None)
    if frame is None or frame.names is None:
        raise InputError(f"{structure}: holds no frame")
    lattice = given_cell(cell) if cell else frame.cell
    if lattice is None:
        raise InputError(f"{structure}: has no periodic cell; give its lengths by --cell A B C")
    lattice = upright_cell(structure, lattice)
    top = read_topology(path, include or (), defines or {}, lattice)
    n, found = top.topology.getNumAtoms(), len(frame.positions)
    if n != found:
        raise InputError(f"{path}: describes {n} atoms, {structure} holds {found}; give the one that fits")
    source = source_of_topology(path, structure, top, options, frame.positions, lattice)
    check_names(source, frame.names, frame.residue_names)
    return source


def read_topology(
    path: Path, include: Sequence[Path], defines: Mapping[str, str], cell: np.ndarray, alone: bool = False
) -> Topology:
    """A .top file for a cell (3, 3) in bohr; see :class:`Topology`.

    Raises:
        InputError: what it has cannot be read.
    """
    with _named(path):
        return Topology(
            path, include, defines, Quantity(reduced_vectors(cell) * BOHR_TO_NM, nanometer), alone
        )


def source_of_topology(
    path: Path, structure: Path, top: Topology, options: PairOptions, positions: np.ndarray, cell: np.ndarray
) -> Source:
    """The system of a topology with positions (particles, 3) and the cell (3, 3) in bohr.

    Raises:
        InputError: parameters are missing.
    """
    with _named(path):
        rules = top.pair_rules()
        system = without_tails(top.system(rules, _arguments(options)))
    set_pairs(path, top, rules, system)
    return Source(path, structure, system, *_names(top), positions, cell)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of OpenMM's reader as one line that names the file."""
    try:
        yield
    except InFileError:
        raise
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # ValueErrors without the file, KeyErrors of names
        said = (
            f"unknown name {error}; name the file that defines it"
            if isinstance(error, KeyError)
            else str(error)
        )
        raise InputError(f"{path}: {said or type(error).__name__}") from None


def _arguments(options: PairOptions) -> dict[str, Any]:
    """Of createSystem: water is as rigid as the file has it."""
    switch = None if options.switch is None else options.switch * angstrom
    return options.of_openmm() | {"rigidWater": False, "switchDistance": switch}


def _names(
    top: Topology,
) -> tuple[tuple[str | None, ...], tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Elements, labels, residues' names and numbers as the file has them: OpenMM's topology has others."""
    elements: list[str | None] = []
    labels, residues, numbers = [], [], []
    number = 0
    for name, count in top._molecules:
        for _ in range(count):
            last = None
            for fields in top._moleculeTypes[name].atoms:
                number += fields[2] != last
                last = fields[2]
                atomic = top._atomTypes[fields[1]][2]
                known = atomic is not None and atomic.isdigit() and int(atomic) > 0
                elements.append(app.Element.getByAtomicNumber(int(atomic)).symbol if known else None)
                labels.append(fields[4])
                residues.append(fields[3])
                numbers.append(number)
    return tuple(elements), tuple(labels), tuple(residues), tuple(numbers)
