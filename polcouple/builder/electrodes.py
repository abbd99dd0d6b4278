"""The electrodes of a case that is built: by name or from files, repeated, with defects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from polcouple.builder.defects import with_defects
from polcouple.builder.electrode_lennard_jones import Parameters, electrode_parameters
from polcouple.builder.named_surfaces import FORMS, likely_name, named_surface
from polcouple.builder.surface_file import read_surface
from polcouple.builder.surfaces import Surface
from polcouple.errors import InputError

#: of graphene in the reference system
_REFERENCE_SHEET = (12, 7)
#: others are repeated until they are as wide (Angstrom), which leaves room for a cut-off of half of it
_WIDTH = 20.0
#: lattice vectors of two electrodes that differ by more are not the same (Angstrom)
_SAME = 1e-3


@dataclass(frozen=True)
class ElectrodeOptions:
    """What the electrodes are.

    Attributes:
        names: of :data:`polcouple.builder.named_surfaces.FORMS`, or files; two electrodes may differ.
        repeat: of the unit along its lattice vectors; None: 12 x 7 of graphene, and others until they are
            20 Angstrom wide.
        vacancies: carbons that are missing, at random places.
        dopants: number of atoms of each element in place of carbons.
        lennard_jones: sigma in Angstrom and epsilon in kcal/mol of elements, in place of the tables'.
    """

    names: tuple[str, ...] = ("graphene",)
    repeat: tuple[int, int] | None = None
    vacancies: int = 0
    dopants: Mapping[str, int] = field(default_factory=dict)
    lennard_jones: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def surfaces(self, count: int, seed: int) -> tuple[Surface, ...]:
        """``count`` electrodes, the lower one first; their lattice vectors are the same.

        Raises:
            InputError: a name or file that is none, numbers that do not fit, or vectors that differ.
        """
        if len(self.names) not in (1, count):
            raise InputError(
                f"{len(self.names)} electrodes are named, the case has {count}; a second one faces the first"
                " with a voltage"
            )
        made = {name: self._surface(name, seed) for name in self.names}
        surfaces = tuple(made[name] for name in self.names) * (count // len(self.names))
        for surface, name in zip(surfaces[1:], self.names[1:], strict=False):
            if np.abs(surface.vectors - surfaces[0].vectors).max() > _SAME:
                sides = [_words(one.vectors) for one in (surfaces[0], surface)]
                raise InputError(
                    f"electrodes {self.names[0]} and {name} do not share a cell: {sides[0]} and {sides[1]}"
                    " Angstrom"
                )
        return surfaces

    def parameters(self, surfaces: Sequence[Surface]) -> dict[str, Parameters]:
        """Lennard-Jones parameters of the electrodes' elements; see :func:`electrode_parameters`."""
        return electrode_parameters(
            (symbol for surface in surfaces for symbol in surface.symbols), self.lennard_jones
        )

    def _surface(self, name: str, seed: int) -> Surface:
        unit = named_surface(name)
        if unit is None:
            if not Path(name).exists() and "." not in name and "/" not in name:
                raise InputError(
                    f"no electrode '{name}'{likely_name(name)}; known: {', '.join(FORMS)}, or a file"
                )
            unit = read_surface(Path(name))
        repeat = self.repeat
        if repeat is None and name.partition(":")[0] == "graphene":
            repeat = _REFERENCE_SHEET
        if repeat is None:
            n_x, n_y = (max(1, math.ceil(_WIDTH / height - 1e-6)) for height in unit.heights)
            repeat = (n_x, n_y)
        if min(repeat) < 1:
            raise InputError(f"the electrode needs at least one cell each way, not {repeat[0]} x {repeat[1]}")
        rng = np.random.default_rng(seed)
        return with_defects(unit.repeated(*repeat), self.vacancies, self.dopants, rng)


def _words(vectors: np.ndarray) -> str:
    return " and ".join(f"({x:.3f}, {y:.3f})" for x, y in vectors.tolist())
