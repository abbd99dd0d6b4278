"""Vacancies and foreign atoms in carbon electrodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from polcouple.builder.surfaces import Surface
from polcouple.errors import InputError

#: defects are neither neighbours nor second neighbours of one another (Angstrom)
_APART = 2.6


def with_defects(
    surface: Surface, vacancies: int, dopants: Mapping[str, int], rng: np.random.Generator
) -> Surface:
    """Take ``vacancies`` carbons away and make others ``dopants``, at random places apart from one another.

    Raises:
        InputError: a negative number, an electrode that is not of carbon, or more than find a place.
    """
    if min(vacancies, *dopants.values(), 0) < 0:
        raise InputError("the numbers of vacancies and dopants must not be negative")
    count = vacancies + sum(dopants.values())
    if count == 0:
        return surface
    if set(surface.symbols) != {"C"}:
        raise InputError(
            f"vacancies and dopants are for electrodes of carbon, this one is of"
            f" {', '.join(sorted(set(surface.symbols)))}; give a file that has them"
        )
    chosen: list[int] = []
    for atom in rng.permutation(len(surface)).tolist():
        if len(chosen) < count and _distances(surface, atom, chosen).min(initial=np.inf) > _APART:
            chosen.append(atom)
    if len(chosen) < count:
        raise InputError(
            f"{count} vacancies and dopants are too many for {len(surface)} atoms: {len(chosen)} found a"
            f" place more than {_APART:g} Angstrom from the others"
        )
    symbols = list(surface.symbols)
    elements = [element for element, number in dopants.items() for _ in range(number)]
    for atom, element in zip(chosen[vacancies:], elements, strict=True):
        symbols[atom] = element
    kept = np.setdiff1d(np.arange(len(surface)), chosen[:vacancies])
    return replace(surface, symbols=tuple(symbols[i] for i in kept), positions=surface.positions[kept])


def _distances(surface: Surface, atom: int, others: list[int]) -> np.ndarray:
    """(k,) to the nearest image of each of k others, in Angstrom."""
    offsets = surface.positions[others].reshape(-1, 3) - surface.positions[atom]
    lattice = offsets[:, :2] @ np.linalg.inv(surface.vectors)
    images = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    planar = ((lattice - np.round(lattice))[:, None] + images) @ surface.vectors
    across: np.ndarray = np.hypot(np.linalg.norm(planar, axis=2).min(axis=1), offsets[:, 2])
    return across
