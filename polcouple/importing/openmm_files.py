"""OpenMM's own files: force fields with a PDB, and a serialised System with a structure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import openmm
import openmm.app as app
from openmm.unit import Quantity, nanometer

from polcouple.errors import InputError
from polcouple.importing.source import PairOptions, Source, source_of_openmm, symbols_of, without_tails
from polcouple.importing.structure import box_of, open_pdb, require_files
from polcouple.importing.waters import hold_waters

#: cells of a System and of its structure differ by rounding up to this (nm)
_SAME_CELL = 2e-3


def is_system(path: Path) -> bool:
    """Whether an .xml file is a serialised System, and not a force field.

    Raises:
        InputError: it is neither.
    """
    if not path.is_file():
        return False  # a force field that ships with OpenMM
    try:
        tag = ElementTree.parse(path).getroot().tag
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no XML ({error})") from None
    if tag not in ("System", "ForceField"):
        raise InputError(f"{path}: <{tag}> is neither a System nor a ForceField of OpenMM")
    return tag == "System"


def read_force_field(
    paths: Sequence[Path], structure: Path, options: PairOptions, cell: tuple[float, ...] | None = None
) -> Source:
    """The system of force fields (.xml, or names of those that ship with OpenMM) and a .pdb or .cif file.

    Virtual sites that the structure lacks are added.

    Args:
        cell: lengths in Angstrom and angles in degrees, over the structure's.

    Raises:
        InputError: a file is missing or faulty, or has what cannot be honoured.
    """
    options.check()
    require_files(structure)
    found = open_pdb(structure)
    box = box_of(structure, found.topology.getPeriodicBoxVectors(), cell)
    found.topology.setPeriodicBoxVectors(box)
    return source_of_field(paths, found.topology, found.positions, box, options, structure)


def source_of_field(
    files: Sequence[Any],
    topology: app.Topology,
    positions: Any,
    box: Any,
    options: PairOptions,
    structure: Path | None = None,
) -> Source:
    """A system by a force field of OpenMM, with the virtual sites that the topology lacks.

    Args:
        files: of the force field, paths or text streams; errors name the first.
        positions, box: with OpenMM's units.
        structure: file of the positions, if they are of one.

    Raises:
        InputError: OpenMM makes no System of them, or it has what cannot be honoured.
    """
    where = Path(files[0])
    try:
        field = app.ForceField(*(str(file) if isinstance(file, (str, Path)) else file for file in files))
        whole = app.Modeller(topology, positions)
        whole.addExtraParticles(field)
        system = without_tails(field.createSystem(whole.topology, **options.of_openmm()))
    except Exception as error:  # OpenMM's reader raises whatever it stumbles over
        said = " ".join(str(error).split())[:300] or type(error).__name__
        of = "it" if structure is None else f"it and {structure}"
        raise InputError(f"{where}: OpenMM makes no System of {of}: {said}") from None
    if options.rigid != "none":
        hold_waters(where, system, symbols_of(whole.topology))
    return source_of_openmm(where, structure or where, system, whole.topology, whole.positions, box)


def read_system(path: Path, structure: Path, cell: tuple[float, ...] | None = None) -> Source:
    """A serialised System, with positions and names of a .pdb or .cif file of all its particles or all atoms.

    Args:
        cell: lengths in Angstrom and angles in degrees, over the System's.

    Raises:
        InputError: a file is missing or faulty, or the two do not fit.
    """
    require_files(path)
    try:
        system = openmm.XmlSerializer.deserialize(path.read_text())
    except Exception as error:
        raise InputError(f"{path}: no System that OpenMM can read ({error})") from None
    require_files(structure)
    found = open_pdb(structure)
    vectors = [list(vector.value_in_unit(nanometer)) for vector in system.getDefaultPeriodicBoxVectors()]
    own, other = Quantity(np.array(vectors), nanometer), found.topology.getPeriodicBoxVectors()
    if not cell and other is not None:
        difference = np.abs(own._value - np.array(other.value_in_unit(nanometer))).max()
        if difference > _SAME_CELL:
            raise InputError(
                f"{path}: its periodic cell is another one than {structure}'s, by {10 * difference:.3g}"
                " Angstrom; say which by --cell A B C"
            )
    box = box_of(structure, own, cell)
    is_site = np.array([system.isVirtualSite(i) for i in range(system.getNumParticles())], bool)
    atoms = list(found.topology.atoms())
    n = len(atoms)
    if n not in (len(is_site), int((~is_site).sum())):
        raise InputError(
            f"{path}: describes {len(is_site)} particles, {structure} holds {n} atoms; give the structure of"
            " all particles, or of all but the virtual sites"
        )
    if n == len(is_site):
        return source_of_openmm(path, structure, system, found.topology, found.positions, box)
    places = np.full((len(is_site), 3), np.nan)
    places[~is_site] = np.array(found.positions.value_in_unit(nanometer))
    places[is_site] = 0.0  # theirs follow from the atoms'
    own_atom = np.cumsum(~is_site) - 1
    source = source_of_openmm(
        path, structure, system, _Expanded([atoms[i] for i in own_atom]), Quantity(places, nanometer), box
    )
    return source


class _Expanded:
    """Atoms of a topology, one for each particle."""

    def __init__(self, atoms: list[Any]) -> None:
        self._atoms = atoms

    def atoms(self) -> list[Any]:
        """One for each particle."""
        return self._atoms
