"""Electrode surfaces by name, from ASE's builders.

Lattice constants in Angstrom: graphene 2.46, layers 3.35 apart; hexagonal BN 2.504; MoS2 (2H) 3.16 with 3.17
between its sulphur layers; gold 4.08 as ASE has it; nanotubes with C-C bonds of 1.42, side by side with 3.35
between their walls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from polcouple.builder.surfaces import Surface, graphene
from polcouple.errors import InputError, nearest

if TYPE_CHECKING:
    from ase import Atoms

#: between layers of graphene, and between nanotubes (Angstrom)
_LAYERS_APART = 3.35
_MOST = 40

#: how each is written
FORMS = ("graphene[:LAYERS]", "hbn", "mos2", "au111[:LAYERS]", "nanotube:N,M")


def named_surface(text: str) -> Surface | None:
    """The repeat unit of ``text``, such as ``au111:4``; None if that is no known name.

    Raises:
        InputError: the numbers after the name are not what it takes.
    """
    name, _, numbers = text.partition(":")
    if name not in _NAMES:
        return None
    make, least, default = _NAMES[name]
    given = numbers.split(",") if numbers else [str(number) for number in default]
    try:
        values = [int(number) for number in given]
    except ValueError:
        values = []
    form = next(form for form in FORMS if form.startswith(name))
    fits = all(low <= number <= _MOST for low, number in zip(least, values, strict=False))
    if len(values) != len(default) or not fits:
        raise InputError(f"electrode '{text}': write {form}, with whole numbers from 1 to {_MOST}")
    return make(*values)


def likely_name(text: str) -> str:
    """Words on the name that a misspelt one may stand for."""
    return nearest(text.partition(":")[0], _NAMES)


def surface_of(symbols: tuple[str, ...], positions: np.ndarray, vectors: np.ndarray) -> Surface:
    """A surface of positions (n, 3) in Angstrom at any height."""
    return Surface(symbols, positions - [0.0, 0.0, positions[:, 2].max()], vectors)


def _graphene(layers: int) -> Surface:
    """Layers stacked AB: every second one is moved by a bond."""
    sheet = graphene()
    moved = np.array([0.0, sheet.vectors[1, 1] / 3.0, 0.0])
    down = np.array([0.0, 0.0, -_LAYERS_APART])
    positions = [sheet.positions + layer % 2 * moved + layer * down for layer in range(layers)]
    return Surface(sheet.symbols * layers, np.concatenate(positions), sheet.vectors)


def _boron_nitride() -> Surface:
    from ase.build import graphene as ase_graphene

    return _rectangular(ase_graphene("BN", a=2.504))


def _molybdenum_disulphide() -> Surface:
    from ase.build import mx2

    return _rectangular(mx2("MoS2", kind="2H", a=3.16, thickness=3.17))


def _gold(layers: int) -> Surface:
    from ase.build import fcc111

    slab = fcc111("Au", (1, 2, layers), a=4.08, orthogonal=True)
    return surface_of(tuple(slab.symbols), slab.positions, np.array(slab.cell[:2, :2]))


def _nanotube(n: int, m: int) -> Surface:
    """Along x; parallel ones lie beside it."""
    from ase.build import nanotube

    if n < m:
        raise InputError(f"electrode 'nanotube:{n},{m}': the larger number comes first")
    tube = nanotube(n, m, bond=1.42)
    along = tube.positions[:, [2, 0, 1]]
    width = 2.0 * float(np.hypot(*along[:, 1:].T).max()) + _LAYERS_APART
    along[:, 1] += 0.5 * width
    surface = surface_of(tuple(tube.symbols), along, np.diag([tube.cell[2, 2], width]))
    # between two tubes the liquid comes down to their axes, where they are closest
    return replace(surface, floor=-0.5 * surface.thickness)


def _rectangular(atoms: Atoms) -> Surface:
    """The cell of sides a and 3^(1/2) a in place of a hexagonal one, with twice its atoms."""
    first, second = atoms.cell[:2, :2]
    vectors = np.diag([first[0], 2.0 * second[1]])
    moved = atoms.positions + np.append(second, 0.0)
    positions = np.concatenate([atoms.positions, moved])
    positions[:, :2] = (positions[:, :2] @ np.linalg.inv(vectors) + 1e-9) % 1.0 @ vectors
    return surface_of(tuple(atoms.symbols) * 2, positions, vectors)


#: name -> builder, least value of each number after the colon, and its default
_NAMES: dict[str, tuple[Callable[..., Surface], tuple[int, ...], tuple[int, ...]]] = {
    "graphene": (_graphene, (1,), (1,)),
    "hbn": (_boron_nitride, (), ()),
    "mos2": (_molybdenum_disulphide, (), ()),
    "au111": (_gold, (1,), (3,)),
    "nanotube": (_nanotube, (2, 0), (10, 0)),
}
