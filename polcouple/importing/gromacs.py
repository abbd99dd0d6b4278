"""GROMACS' .top and .gro, by OpenMM's reader, with what that reader takes otherwise than GROMACS put right.

OpenMM 8.6 skips sections that it does not know, keeps the last of several definitions of an atom type, takes
``FLEXIBLE`` for defined, and scales the interactions of atoms three bonds apart whether ``[ pairs ]`` lists
them or not. Here sections that are skipped and types that are defined twice are refused, and exclusions and
pair interactions are those of GROMACS: what ``nrexcl`` bonds connect is excluded, and only the listed pairs
interact as pairs (GROMACS Reference Manual, Topologies).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openmm
import openmm.app as app
from openmm.unit import Quantity, angstrom, nanometer

from polcouple.errors import InputError
from polcouple.frames.text import read_gro
from polcouple.importing.gromacs_dihedrals import DihedralTypes, fill_dihedrals
from polcouple.importing.source import PairOptions, Source, without_tails
from polcouple.importing.structure import given_cell
from polcouple.log import log
from polcouple.units import BOHR_TO_NM

#: sections that OpenMM's reader honours, and tables that nothing refers to without implicit solvent
_HONOURED = {
    "defaults", "moleculetype", "molecules", "system", "atoms", "bonds", "angles", "dihedrals", "exclusions",
    "pairs", "constraints", "settles", "cmap", "atomtypes", "bondtypes", "constrainttypes", "angletypes",
    "dihedraltypes", "pairtypes", "cmaptypes", "nonbond_params", "virtual_sites2", "dummies2",
    "virtual_sites3", "dummies3", "implicit_genborn_params", "implicit_surface_params",
}  # fmt: skip
#: what to do about some of the others
_CURES = {
    "position_restraints": "electrodes are frozen anyway, and nothing else may be held; leave it out, or put"
    " it between #ifdef POSRES and #endif",
    "polarization": "electrodes see fixed charges; choose a force field without polarization",
}


class Topology(app.GromacsTopFile):
    """OpenMM's reader, which also tells what it would skip.

    Args:
        path: of a .top file.
        include: folders in which included files are looked for.
        defines: macros, as -D of GROMACS' preprocessor.
        box: vectors of the cell with OpenMM's units.
        alone: whether the system is of the molecules that ``path`` lists, and of none that the files which it
            includes list in sections [ molecules ] of their own.
    """

    _includeDirs: tuple[str, ...]

    def __init__(
        self, path: Path, include: Sequence[Path], defines: Mapping[str, str], box: Any, alone: bool = False
    ) -> None:
        self._include = tuple(str(folder) for folder in include)
        self._first = True
        self._alone = str(path) if alone else None
        self._dihedrals = DihedralTypes()
        super().__init__(str(path), periodicBoxVectors=box, defines=dict(defines))
        fill_dihedrals(self)

    def _processFile(self, file: str) -> None:
        if self._first:
            self._first = False
            if "FLEXIBLE" in self._defines and self._defines["FLEXIBLE"] is True:
                del self._defines["FLEXIBLE"]
            self._includeDirs = (self._includeDirs[0], *self._include, *self._includeDirs[1:])
        super()._processFile(file)

    def _processLine(self, line: str, file: str) -> None:
        text = line.partition(";")[0].strip()
        data = bool(text) and text[0] not in "[#*" and all(self._ifStack)
        category = self._currentCategory
        if data and category == "molecules" and self._alone not in (None, file):
            return
        if data and category == "moleculetype" and text.split()[0] in self._moleculeTypes:
            raise InputError(f"{file}: molecule type {text.split()[0]} is defined a second time; keep one")
        if data and category == "defaults":
            known = getattr(self, "_defaults", None)
            super()._processLine(line, file)
            if known is not None and known != self._defaults:
                raise InputError(
                    f"{file}: [ defaults ] are given a second time, with other values ('{text}'); these are"
                    " two force fields"
                )
            return
        if data and category is not None and category not in _HONOURED:
            cure = _CURES.get(category, "leave it out if the system can do without")
            raise InputError(f"{file}: section [ {category} ], which would have no effect here: {cure}")
        if data and category == "atomtypes":
            known = self._atomTypes.get(text.split()[0])
            super()._processLine(line, file)
            if known is not None and known != self._atomTypes[text.split()[0]]:
                raise InputError(
                    f"{file}: atom type {known[0]} is defined a second time, with other parameters ('{text}')"
                    "; keep one force field for it"
                )
            return
        if data and category == "dihedraltypes":
            kept = self._dihedrals.line(text, self._dihedralTypes)
            if kept is None:
                return
            line = kept
        super()._processLine(line, file)


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
        cell: lengths in Angstrom and angles in degrees, over the structure's.
        include: folders in which included files are looked for.
        defines: macros, as -D of GROMACS' preprocessor.

    Raises:
        InputError: a file is missing or faulty, or has what cannot be honoured.
    """
    options.check()
    for file in (path, structure):
        if not file.is_file():
            raise InputError(f"{file}: no such file")
    frame = next(read_gro(structure), None)
    if frame is None or frame.cell is None or frame.names is None:
        raise InputError(f"{structure}: no frame with a cell, which electrodes need")
    lattice = given_cell(cell) if cell else frame.cell
    top = read_topology(path, include or (), defines or {}, lattice)
    n, found = top.topology.getNumAtoms(), len(frame.positions)
    if n != found:
        raise InputError(f"{path}: describes {n} atoms, {structure} holds {found}; give the one that fits")
    source = source_of_topology(path, structure, top, options, frame.positions, lattice)
    pairs = enumerate(zip(source.labels, frame.names, strict=True))
    other = [i for i, (label, name) in pairs if label[:5] != name]
    if other:
        first = other[0]
        log(
            f"warning: {len(other)} atoms have other names in {structure} than in {path}, the first"
            f" is {first} ({source.labels[first]}, {frame.names[first]} in the structure): is the order the"
            " same?"
        )
    return source


def read_topology(
    path: Path, include: Sequence[Path], defines: Mapping[str, str], cell: np.ndarray, alone: bool = False
) -> Topology:
    """A .top file for a cell (3, 3) in bohr; see :class:`Topology`.

    Raises:
        InputError: what it has cannot be read.
    """
    with _named(path):
        return Topology(path, include, defines, Quantity(cell * BOHR_TO_NM, nanometer), alone)


def source_of_topology(
    path: Path, structure: Path, top: Topology, options: PairOptions, positions: np.ndarray, cell: np.ndarray
) -> Source:
    """The system of a topology with positions (particles, 3) and the cell (3, 3) in bohr.

    Raises:
        InputError: parameters are missing.
    """
    with _named(path):
        system = without_tails(top.createSystem(**_arguments(options)))
    _set_pairs(path, top, system)
    return Source(path, structure, system, *_names(top), positions, cell)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of OpenMM's reader as one line that names the file."""
    try:
        yield
    except InputError as error:
        raise error if str(path.parent) in str(error) else InputError(f"{path}: {error}") from None
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


@dataclass(frozen=True)
class _PairRules:
    """Interactions of pairs by their types: C6 and C12 in kJ/mol and nm."""

    top: Topology

    @property
    def rule(self) -> str:
        """Of combination: 1 for C6 and C12, 2 for Lorentz-Berthelot, 3 for geometric means."""
        return str(self.top._defaults[1])

    def listed(self, fields: list[str], types: tuple[str, str]) -> tuple[float, float]:
        """Of a line of ``[ pairs ]``."""
        top = self.top
        if len(fields) >= 5:
            return self._coefficients(float(fields[3]), float(fields[4]))
        known = top._pairTypes.get(types) or top._pairTypes.get(types[::-1])
        if known is not None:
            return self._coefficients(float(known[3]), float(known[4]))
        c6, c12 = self._ordinary(types)
        fudge = float(top._defaults[3])
        return fudge * c6, fudge * c12

    def _ordinary(self, types: tuple[str, str]) -> tuple[float, float]:
        """Of two atoms anywhere."""
        special = self.top._nonbondTypes.get(tuple(sorted(types)))
        if special is not None:
            # OpenMM has rewritten those of rule 3
            values = float(special[3]), float(special[4])
            return values if self.rule == "3" else self._coefficients(*values)
        first, second = (
            (float(self.top._atomTypes[kind][6]), float(self.top._atomTypes[kind][7])) for kind in types
        )
        if self.rule == "1":
            return float(np.sqrt(first[0] * second[0])), float(np.sqrt(first[1] * second[1]))
        mean = 0.5 * (first[0] + second[0]) if self.rule == "2" else float(np.sqrt(first[0] * second[0]))
        return self._coefficients(mean, float(np.sqrt(first[1] * second[1])))

    def _coefficients(self, first: float, second: float) -> tuple[float, float]:
        if self.rule == "1":
            return first, second
        return 4.0 * second * first**6, 4.0 * second * first**12


def _set_pairs(path: Path, top: Topology, system: openmm.System) -> None:
    """Make the exceptions of a System those of GROMACS."""
    forces = system.getForces()
    nonbonded = next(force for force in forces if isinstance(force, openmm.NonbondedForce))
    fudge = float(top._defaults[4])
    exceptions: list[tuple[int, int, float, float, float]] = []
    lone: list[tuple[int, int, float, float]] = []
    start = 0
    for name, count in top._molecules:
        kind = top._moleculeTypes[name]
        if not count:
            continue
        excluded = dict.fromkeys(_excluded(kind), (0.0, 0.0, 0.0))
        for i, j, c6, c12 in _pairs(path, top, kind, excluded):
            charges = [nonbonded.getParticleParameters(start + k)[0]._value for k in (i, j)]
            excluded[i, j] = (fudge * charges[0] * charges[1], c6, c12)
        for _ in range(count):
            for (i, j), (product, c6, c12) in excluded.items():
                sigma, epsilon = 1.0, 0.0
                if c6 > 0.0 and c12 > 0.0:
                    sigma, epsilon = (c12 / c6) ** (1.0 / 6.0), c6**2 / (4.0 * c12)
                elif c6 or c12:
                    lone.append((start + i, start + j, c6, c12))
                exceptions.append((start + i, start + j, product, sigma, epsilon))
            start += len(kind.atoms)
    _replace(system, nonbonded, exceptions, lone)


def _excluded(kind: Any) -> Iterator[tuple[int, int]]:
    """Pairs (i < j) of a molecule within ``nrexcl`` bonds, or excluded by name."""
    n = len(kind.atoms)
    bonded: list[set[int]] = [set() for _ in range(n)]
    links = [*kind.bonds, *(fields for fields in kind.constraints if fields[2] == "1")]
    for fields in links:
        i, j = int(fields[0]) - 1, int(fields[1]) - 1
        bonded[i].add(j)
        bonded[j].add(i)
    named: list[set[int]] = [set() for _ in range(n)]
    for fields in kind.exclusions:
        i, *others = (int(field) - 1 for field in fields)
        for j in others:
            named[i].add(j)
            named[j].add(i)
    for i in range(n):
        reached, edge = {i}, {i}
        for _ in range(kind.nrexcl):
            edge = set().union(*(bonded[k] for k in edge)) - reached
            reached |= edge
        yield from ((i, j) for j in sorted((reached | named[i]) - {i}) if j > i)


def _pairs(
    path: Path, top: Topology, kind: Any, excluded: Mapping[tuple[int, int], Any]
) -> Iterator[tuple[int, int, float, float]]:
    """i < j, C6 and C12 of a molecule's ``[ pairs ]``."""
    rules = _PairRules(top)
    for fields in kind.pairs:
        i, j = sorted((int(fields[0]) - 1, int(fields[1]) - 1))
        if (i, j) not in excluded:
            raise InputError(
                f"{path}: [ pairs ] of {kind.name} lists atoms {i + 1} and {j + 1}, which interact in full"
                f" because nrexcl is {kind.nrexcl}; exclude them, or take the pair out"
            )
        types = kind.atoms[int(fields[0]) - 1][1], kind.atoms[int(fields[1]) - 1][1]
        yield i, j, *rules.listed(fields, types)


def _replace(
    system: openmm.System,
    old: openmm.NonbondedForce,
    exceptions: list[tuple[int, int, float, float, float]],
    lone: list[tuple[int, int, float, float]],
) -> None:
    """Another NonbondedForce, exclusions and pair terms in place of those of a System."""
    from xml.etree import ElementTree

    def without(force: openmm.Force, tag: str) -> Any:
        root = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
        for inner in root.iter(tag):
            inner.clear()
        return openmm.XmlSerializer.deserialize(ElementTree.tostring(root, encoding="unicode"))

    new = without(old, "Exceptions")
    for exception in exceptions:
        new.addException(*exception)
    kept = [new]
    for force in system.getForces():
        if isinstance(force, openmm.CustomNonbondedForce):
            custom = without(force, "Exclusions")
            for i, j, *_ in exceptions:
                custom.addExclusion(i, j)
            kept.append(custom)
    pairs = openmm.CustomBondForce("-C/r^6+A/r^12")
    pairs.setName("LennardJonesExceptions")
    for name in ("C", "A"):
        pairs.addPerBondParameter(name)
    for i, j, c6, c12 in lone:
        pairs.addBond(i, j, (c6, c12))
    if lone:
        kept.append(pairs)
    for index in reversed(range(system.getNumForces())):
        force = system.getForce(index)
        if isinstance(force, openmm.NonbondedForce | openmm.CustomNonbondedForce) or (
            force.getName() == "LennardJonesExceptions"
        ):
            system.removeForce(index)
    for force in kept:
        system.addForce(force)
