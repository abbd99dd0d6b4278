"""The force field of a liquid as a GROMACS topology: of files, of waters and ions by name, or of both."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.builder import named
from polcouple.builder.electrode_lennard_jones import Parameters
from polcouple.builder.molecule_files import MoleculeFile, field_files, read_structure
from polcouple.builder.packing import water_places
from polcouple.errors import InputError
from polcouple.importing.gromacs import read_topology, source_of_topology
from polcouple.importing.gromacs_topology import Topology
from polcouple.importing.source import PairOptions, Source
from polcouple.importing.structure import require_files
from polcouple.log import log
from polcouple.units import KCAL_TO_KJ

#: of electrode atoms, in front of their element
_ELECTRODE = "electrode_"
#: combination rules of GROMACS; what the builder knows by name is for the second
_RULES = {"1": "geometric means of C6 and C12", "2": "Lorentz-Berthelot", "3": "geometric means"}
#: while molecules are looked for
_SOME_CELL = 100.0 * np.eye(3)


class GromacsField:
    """Waters and ions by name, then molecules of files.

    Attributes:
        places: (n, 3) in Angstrom of the atoms of one molecule of each kind.
    """

    def __init__(
        self,
        water: str | None,
        ions: Sequence[str],
        molecules: tuple[MoleculeFile, ...],
        hydrogen_mass: float | None = None,
    ) -> None:
        self._water, self._ions, self._mass = water, tuple(ions), hydrogen_mass
        self._files = tuple(path.resolve() for path in field_files(molecules)) if molecules else ()
        require_files(*self._files)
        self._where = self._files[0] if self._files else Path("the liquid")
        self._rule = "2"
        self._kinds = [] if water is None else [named.WATER]
        self._kinds += map(named.ion_molecule, ions)
        self.places = [] if water is None else [water_places(*named.water_shape(water))]
        self.places += [np.zeros((1, 3)) for _ in ions]
        if molecules:
            top = self._topology([], (), {}, _SOME_CELL)
            self._take_rule(top)
            for molecule in molecules:
                kind, places = self._found(top, molecule.structure)
                self._kinds.append(kind)
                self.places.append(places)

    def source(
        self,
        counts: Sequence[int],
        electrode: Sequence[str],
        parameters: Mapping[str, Parameters],
        cell: np.ndarray,
        pairs: PairOptions,
    ) -> Source:
        """The system of electrode atoms of these elements, then so many molecules of each kind.

        Positions are all zero. ``cell`` (3, 3) is in bohr.

        Raises:
            InputError: parameters are missing.
        """
        top = self._topology(counts, electrode, parameters, cell)
        positions = np.zeros((top.topology.getNumAtoms(), 3))
        return source_of_topology(self._where, self._where, top, pairs, positions, cell)

    def _topology(
        self,
        counts: Sequence[int],
        electrode: Sequence[str],
        parameters: Mapping[str, Parameters],
        cell: np.ndarray,
    ) -> Topology:
        text = "".join(f'#include "{path}"\n' for path in self._files) or "[ defaults ]\n1 2 no 1.0 1.0\n"
        if self._water is not None:
            text += named.atom_types(self._water, self._ions)
            text += named.molecule_types(self._water, self._ions, self._mass)
        text += self._electrode(electrode, parameters)
        text += "[ system ]\nliquid\n[ molecules ]\n"
        text += f"{_ELECTRODE}atoms 1\n" if electrode else ""
        text += "".join(f"{kind} {n}\n" for kind, n in zip(self._kinds, counts, strict=False) if n)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "liquid.top"
            path.write_text(text)
            try:
                return read_topology(path, (), {}, cell, alone=True)
            except InputError as error:
                raise InputError(str(error).replace(str(path), str(self._where))) from None

    def _electrode(self, electrode: Sequence[str], parameters: Mapping[str, Parameters]) -> str:
        from ase.data import atomic_masses, atomic_numbers

        if not electrode:
            return ""
        lines = ["[ atomtypes ]"]
        for element, (sigma, epsilon, _) in parameters.items():
            number = atomic_numbers[element]
            values = 0.1 * sigma, KCAL_TO_KJ * epsilon
            if self._rule == "1":
                values = 4.0 * values[1] * values[0] ** 6, 4.0 * values[1] * values[0] ** 12
            lines.append(
                f"{_ELECTRODE}{element} {number} {atomic_masses[number]} 0.0 A {values[0]:.10g}"
                f" {values[1]:.10g}"
            )
        lines += ["[ moleculetype ]", f"{_ELECTRODE}atoms 1", "[ atoms ]"]
        lines += [
            f"{i} {_ELECTRODE}{element} 1 electrode {element} {i} 0.0"
            for i, element in enumerate(electrode, 1)
        ]
        return "\n".join(lines) + "\n"

    def _take_rule(self, top: Topology) -> None:
        where = ", ".join(map(str, self._files))
        defaults = getattr(top, "_defaults", None)
        if defaults is None:
            raise InputError(
                f"{where}: no [ defaults ], which tell how atom types combine; name the force field's file"
                " that has them, such as forcefield.itp, before the molecule's"
            )
        self._rule = str(defaults[1])
        if self._water is not None and self._rule != "2":
            raise InputError(
                f"{where}: its atom types combine by {_RULES[self._rule]}, those of waters and ions by name"
                f" by {_RULES['2']}; give waters and ions by --molecule, too, with --water 0"
            )

    def _found(self, top: Topology, structure: Path) -> tuple[str, np.ndarray]:
        """Which molecule type a structure is of, and the places of its atoms in Angstrom."""
        names, places = read_structure(structure)
        known = {name: kind for name, kind in top._moleculeTypes.items() if not name.startswith(named.OWN)}
        if not known:
            raise InputError(f"{', '.join(map(str, self._files))}: no [ moleculetype ]")
        masks = {name: _is_atom(kind) for name, kind in known.items()}
        labels = {name: np.array([fields[4] for fields in kind.atoms]) for name, kind in known.items()}
        same_size = [name for name, mask in masks.items() if len(names) in (len(mask), mask.sum())]

        def as_written(name: str, found: Sequence[str]) -> bool:
            own = labels[name] if len(found) == len(labels[name]) else labels[name][masks[name]]
            return all(label[:5] == other[:5] for label, other in zip(own, found, strict=True))

        same = [name for name in same_size if as_written(name, names)]
        for name in known:
            size = len(labels[name])
            times, rest = divmod(len(names), size)
            if not same and times > 1 and not rest and as_written(name, names[:size]):
                raise InputError(f"{structure}: holds {times} molecules of {name}; give the structure of one")
        if len(same) > 1:
            raise InputError(
                f"{structure}: its atoms are those of {' and of '.join(same)}; keep one of these"
            )
        if not same and len(same_size) == 1:
            same = same_size
            log(f"warning: atoms have other names in {structure} than in {same[0]}: is the order the same?")
        if not same:
            sizes = ", ".join(f"{name} has {len(own)}" for name, own in labels.items())
            raise InputError(
                f"{structure}: its {len(names)} atoms ({' '.join(names)[:60]}) are those of no molecule of"
                f" {', '.join(path.name for path in self._files)}: {sizes}"
            )
        mask = masks[same[0]]
        return same[0], places if len(places) == mask.sum() else places[mask]


def _is_atom(kind: Any) -> np.ndarray:
    """Which particles of a molecule type are no virtual sites."""
    is_atom = np.ones(len(kind.atoms), bool)
    is_atom[[int(fields[0]) - 1 for fields in (*kind.vsites2, *kind.vsites3)]] = False
    return is_atom
