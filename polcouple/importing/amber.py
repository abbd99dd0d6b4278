"""Amber's prmtop and CHARMM's psf with their structures, by OpenMM's readers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openmm.app as app

from polcouple.errors import InputError
from polcouple.importing.charmm_files import parameter_set, read_parts
from polcouple.importing.charmm_lone_pairs import LonePairs
from polcouple.importing.charmm_parameters import read_impropers, settle_torsions
from polcouple.importing.charmm_psf import check_types, exclude, open_psf, read_exclusions
from polcouple.importing.names import check_names
from polcouple.importing.source import PairOptions, Source, source_of_openmm, symbols_of, without_tails
from polcouple.importing.structure import box_of, read_structure, require_files
from polcouple.importing.waters import hold_waters
from polcouple.log import log


def read_amber(
    path: Path, structure: Path, options: PairOptions, cell: tuple[float, ...] | None = None
) -> Source:
    """The system of a prmtop file with positions and cell of an inpcrd file.

    Args:
        cell: lengths in Angstrom and angles in degrees, over the files'.

    Raises:
        InputError: a file is missing or faulty, or has what cannot be honoured.
    """
    options.check()
    require_files(path)
    found = read_structure(structure, of_amber=True)
    try:
        prmtop = app.AmberPrmtopFile(str(path))
    except Exception as error:  # OpenMM's reader raises whatever it stumbles over
        raise _unreadable(path, error) from None
    _refuse_left_out(path, prmtop)
    # the structure's cell is of the same moment as its positions; prmtop has the one that it began with
    box = found.box if found.box is not None else prmtop.topology.getPeriodicBoxVectors()
    box = box_of(structure, box, cell)
    prmtop.topology.setPeriodicBoxVectors(box)
    try:
        system = without_tails(prmtop.createSystem(**options.of_openmm()))
    except Exception as error:
        raise _unreadable(path, error) from None
    if options.rigid != "none":
        hold_waters(path, system, symbols_of(prmtop.topology))
    source = source_of_openmm(path, structure, system, prmtop.topology, found.positions, box)
    check_names(source, found.names, found.residue_names)
    return source


def read_charmm(
    path: Path,
    parameters: Sequence[Path],
    structure: Path,
    options: PairOptions,
    cell: tuple[float, ...] | None = None,
) -> Source:
    """The system of a psf file with CHARMM's parameter files, positions of a crd or pdb file.

    Args:
        parameters: .rtf, .prm, .par and .str files, in the order in which CHARMM reads them: of two lines for
            the same types the later one counts.
        cell: lengths in Angstrom and angles in degrees, over the structure's.

    Raises:
        InputError: a file is missing or faulty, or has what cannot be honoured.
    """
    options.check()
    require_files(path, *parameters)
    if not parameters:
        raise InputError(
            f"{path}: a psf has no parameters; name CHARMM's parameter files (.prm, .str) after it"
        )
    parts = read_parts(parameters)
    found = read_structure(structure)
    box = box_of(structure, found.box, cell)
    try:
        psf = open_psf(path, box)
    except Exception as error:
        raise _unreadable(path, error) from None
    lone_pairs = LonePairs(path, psf)
    exclusions = read_exclusions(path)
    impropers = read_impropers(parts)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        known = parameter_set(parts)
    if told:
        log(
            f"warning: OpenMM says {len(told)} times of {', '.join(map(str, parameters))} what it says of the"
            f" first: {' '.join(str(told[0].message).split())}"
        )
    check_types(path, psf, known)
    try:
        system = without_tails(psf.createSystem(known, **options.of_openmm()))
    except Exception as error:
        raise _unreadable(path, error) from None
    lone_pairs.place(system)
    settle_torsions(system, psf, impropers)
    exclude(system, exclusions)
    if options.rigid != "none":
        hold_waters(path, system, symbols_of(psf.topology))
    source = source_of_openmm(path, structure, system, psf.topology, found.positions, box)
    check_names(source, found.names, found.residue_names)
    return source


def _unreadable(path: Path, error: Exception) -> InputError:
    said = " ".join(str(error).split())[:300] or type(error).__name__
    return InputError(f"{path}: OpenMM makes no System of it: {said}")


def _refuse_left_out(path: Path, prmtop: Any) -> None:
    """What OpenMM's reader leaves out without a word: polarizabilities, copies by LES, a water cap."""
    data = prmtop._prmtop._raw_data
    if any(int(value) for value in data.get("IPOL", ["0"])[:1]) or "POLARIZABILITY" in data:
        raise InputError(
            f"{path}: a polarizable force field; electrodes see fixed charges, choose one without"
            " polarization"
        )
    if "LES_TYPE" in data:
        raise InputError(f"{path}: has copies of atoms (LES), which have no effect here; make it without")
    if prmtop._prmtop.getIfCap():
        raise InputError(f"{path}: has a cap of water, which has no effect here; solvate by a periodic box")
