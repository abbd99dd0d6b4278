"""A .top by OpenMM's reader, of lines that GROMACS would take, with its parameters by types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openmm
import openmm.app as app

from polcouple.errors import InputError
from polcouple.importing.gromacs_dihedrals import DihedralTypes, four_types
from polcouple.importing.gromacs_pairs import PairRules
from polcouple.importing.gromacs_sections import SECTIONS, TABLES, check_atoms
from polcouple.importing.gromacs_text import InFileError, Line, top_lines
from polcouple.importing.gromacs_types import CmapTable, Table, fill, fill_cmaps
from polcouple.importing.words import is_number

#: headings that are known, by their names without _ and -, and tables that nothing refers to without implicit
#: solvent
_KNOWN = {
    name.replace("_", ""): name
    for name in (
        "defaults", "atomtypes", "cmaptypes", *TABLES, "moleculetype", "atoms", "exclusions", *SECTIONS,
        "system", "molecules", "implicit_genborn_params", "implicit_surface_params",
    )
} | {"dummies2": "virtual_sites2", "dummies3": "virtual_sites3"}  # fmt: skip
_SKIPPED = ("system", "implicit_genborn_params", "implicit_surface_params")
#: what to do about some of the others
_CURES = {
    "position_restraints": "electrodes are frozen anyway, and nothing else may be held; leave it out, or put"
    " it between #ifdef POSRES and #endif",
    "polarization": "electrodes see fixed charges; choose a force field without polarization",
    "intermolecular_interactions": "make one [ moleculetype ] of the molecules that it connects",
}
_OF_READER = {
    "moleculetype": "MoleculeType", "molecules": "Molecule", "atoms": "Atom", "bonds": "Bond",
    "angles": "Angle", "dihedrals": "Dihedral", "exclusions": "Exclusion", "pairs": "Pair",
    "settles": "Settles", "cmap": "Cmap", "virtual_sites2": "VirtualSites2",
    "virtual_sites3": "VirtualSites3",
}  # fmt: skip


class Topology(app.GromacsTopFile):
    """OpenMM's reader with the lines that count, and parameters by GROMACS' rules.

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
        self._folders, self._macros = include, defines
        self._alone = str(path) if alone else None
        self._dihedrals, self._cmaps = DihedralTypes(), CmapTable()
        self._tables = {
            name: Table(name, section.atoms) for name, section in TABLES.items() if name != "dihedraltypes"
        }
        super().__init__(str(path), periodicBoxVectors=box)
        self._fill()

    def _processFile(self, file: str) -> None:
        folders = (*self._folders, Path(self._includeDirs[1]))
        for line in top_lines(Path(file), folders, self._macros):
            try:
                self._take(line)
            except (ValueError, IndexError) as error:
                raise line.fault(f"[ {self._currentCategory} ] {error}") from None

    def _take(self, line: Line) -> None:
        """One line.

        Raises:
            ValueError: with what is wrong with it.
        """
        if line.text.startswith("["):
            name, end, more = line.text[1:].partition("]")
            if not end or more.strip():
                raise ValueError("a heading is [ name ] and nothing else")
            name = name.strip()
            self._currentCategory = _KNOWN.get(name.lower().replace("_", "").replace("-", ""), name)
            if self._currentCategory == "intermolecular_interactions":
                self._refuse_section(line)
            if self._currentCategory in ("system", "molecules"):
                # GROMACS gives what follows to the last molecule of [ molecules ]
                self._currentMoleculeType = None
            return
        category, fields = self._currentCategory, line.text.split()
        if category is None:
            raise ValueError("data before the first heading")
        if category in _SKIPPED or (category == "molecules" and self._alone not in (None, line.file)):
            return
        if category in TABLES:
            self._type(category, fields)
        elif category in SECTIONS or category in ("atoms", "exclusions"):
            self._of_molecule(category, fields, line.text)
        elif category in ("moleculetype", "molecules"):
            self._molecule(category, fields, line.text)
        elif category in _OWN:
            _OWN[category](self, fields)
        else:
            self._refuse_section(line)

    def _refuse_section(self, line: Line) -> None:
        name = str(self._currentCategory)
        cure = _CURES.get(name, "leave it out if the system can do without")
        raise InFileError(f"{line.file}: section [ {name} ], which would have no effect here: {cure}")

    def _type(self, category: str, fields: list[str]) -> None:
        if category == "dihedraltypes":
            fields = four_types(fields)
        section = TABLES[category]
        section.check_parameters(fields)
        numbers = [word for word in fields[section.atoms + 1 :] if is_number(word)]
        fields = [*fields[: section.atoms + 1], *numbers]
        (self._dihedrals if category == "dihedraltypes" else self._tables[category]).add(fields)

    def _of_molecule(self, category: str, fields: list[str], text: str) -> None:
        kind = self._currentMoleculeType
        if kind is None:
            raise ValueError("stands under no [ moleculetype ]; move it to the molecule that it is of")
        n = len(kind.atoms)
        if category == "atoms":
            if fields[0] != str(n + 1):
                raise ValueError(f"atoms are numbered from 1 on, and this is number {n + 1}")
            for word in fields[6:8]:
                float(word)
        elif category == "exclusions":
            for field in fields:
                check_atoms([field], n)
        else:
            section = SECTIONS[category]
            if section.typed and len(fields) == section.atoms:  # as GROMACS has it
                fields, text = [*fields, "1"], f"{text} 1"
            section.check(fields, n)
            given = fields[section.atoms + 1 :]
            if given and not is_number(given[-1]):
                text = " ".join(word for word in fields if is_number(word))
        if category == "constraints":
            kind.constraints.append(text.split())
        elif category == "settles":
            oxygen = int(fields[0])
            check_atoms([str(oxygen + 2)], n)
            # function type 2: no bond, so that nothing is excluded by it
            for i, j, length in ((0, 1, fields[2]), (0, 2, fields[2]), (1, 2, fields[3])):
                kind.constraints.append([str(oxygen + i), str(oxygen + j), "2", length])
        elif category != "exclusions" or len(fields) > 1:
            getattr(self, f"_process{_OF_READER[category]}")(text)

    def _molecule(self, category: str, fields: list[str], text: str) -> None:
        if category == "moleculetype" and fields[0] in self._moleculeTypes:
            raise ValueError(f"{fields[0]} is defined a second time; keep one")
        if category == "molecules" and not fields[1].isdigit():
            raise ValueError(f"'{fields[1]}' is no number of molecules")
        getattr(self, f"_process{_OF_READER[category]}")(text)

    def _defaults_line(self, fields: list[str]) -> None:
        if len(fields) < 3 or fields[2].lower() not in ("yes", "no"):
            raise ValueError("the third column, gen-pairs, must be yes or no")
        if len(fields) > 5 and float(fields[5]) != 12.0:
            raise ValueError(
                f"a repulsion by 1/r^{fields[5]}, where only that of Lennard-Jones, 1/r^12, can be honoured"
            )
        known = getattr(self, "_defaults", None)
        self._processDefaults(" ".join([*fields, "1.0", "1.0"][: max(5, len(fields))]))
        if known is not None and known[:5] != self._defaults[:5]:
            raise ValueError("given a second time, with other values; these are two force fields")

    def _atom_type(self, fields: list[str]) -> None:
        """Name, bonded type and atomic number, which may be absent, mass, charge, kind, two parameters."""
        known = self._atomTypes.get(fields[0])
        kind = next(
            (i for i in (5, 3, 4) if fields[i : i + 1] and len(fields[i]) == 1 and fields[i].isalpha()), None
        )
        if kind is None or len(fields) < kind + 3:
            raise ValueError("an atom type has a mass, a charge, a letter for its kind and two parameters")
        if fields[kind].upper() not in "ADV":
            raise ValueError(f"a particle of kind {fields[kind]}; only atoms (A) and sites (V) are known")
        absent: list[Any] = []
        if kind == 3:
            absent = [None, None]
        elif kind == 4:
            absent = [fields[1], None] if fields[1][0].isalpha() else [None, fields[1]]
        new = [fields[0], *absent, *(fields[kind - 2 :] if absent else fields[1:])]
        for word in new[3:5] + new[6:8]:
            float(word)
        self._atomTypes[fields[0]] = new
        if known is not None and known != new:
            raise ValueError(
                f"atom type {fields[0]} is defined a second time, with other parameters; keep one force field"
                " for it"
            )

    def _cmap_type(self, fields: list[str]) -> None:
        self._cmaps.add(fields)

    def _fill(self) -> None:
        """Give bonded interactions that have none the parameters of their types."""
        bonded = {name: fields[1] or name for name, fields in self._atomTypes.items()}
        for name, table in self._tables.items():
            of_atoms = name in ("pairtypes", "nonbond_params")
            table.require_known(set(bonded) if of_atoms else set(bonded.values()))
        self._dihedrals.require_known(set(bonded.values()))
        for kind in self._moleculeTypes.values():
            types = [bonded[atom[1]] for atom in kind.atoms]
            fill(kind, kind.bonds, 2, types, self._tables["bondtypes"], "bond")
            fill(kind, kind.angles, 3, types, self._tables["angletypes"], "angle")
            fill(kind, kind.constraints, 2, types, self._tables["constrainttypes"], "constraint")
            self._dihedrals.fill(kind, types)
            fill_cmaps(kind, types, self._cmaps)

    def pair_rules(self) -> PairRules:
        """How pairs of atoms interact.

        Raises:
            InputError: there are no ``[ defaults ]``, or they cannot be honoured.
        """
        defaults = getattr(self, "_defaults", None)
        if defaults is None:
            raise InputError("no [ defaults ], which tell how atom types combine; include the force field")
        types = {name: (float(fields[6]), float(fields[7])) for name, fields in self._atomTypes.items()}
        nonbonded, pairs = self._tables["nonbond_params"], self._tables["pairtypes"]
        return PairRules(str(defaults[1]), self._genpairs, float(defaults[3]), types, nonbonded, pairs)

    def system(self, rules: PairRules, arguments: Mapping[str, Any]) -> openmm.System:
        """By OpenMM, with pairs of types as ``rules`` have them, and without ``[ pairs ]``."""
        kinds = [self._moleculeTypes[name] for name, count in self._molecules if count]
        used = {atom[1] for kind in kinds for atom in kind.atoms}
        table = rules.tabulated(used)
        self._nonbondTypes = {types: [*types, "1", *values] for types, values in table.items()}
        if table:
            self._defaults[1] = "1"
            for name in used:
                # every pair of types is in the table
                self._atomTypes[name] = [*self._atomTypes[name][:6], "0.0", "0.0"]
        listed = [kind.pairs for kind in kinds]
        for kind in kinds:
            kind.pairs = []
        try:
            return self.createSystem(**arguments)
        finally:
            for kind, pairs in zip(kinds, listed, strict=True):
                kind.pairs = pairs


#: tables that are read here
_OWN: dict[str, Callable[[Topology, list[str]], None]] = {
    "defaults": Topology._defaults_line,
    "atomtypes": Topology._atom_type,
    "cmaptypes": Topology._cmap_type,
}
