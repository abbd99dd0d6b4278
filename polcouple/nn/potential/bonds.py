"""Bonds by the atoms' distances: whole up to a length, none from another, smooth between."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from polcouple.lattice.pairs import Pairs, reaching

#: bonds are whole up to the first and none from the second, times the sum of the covalent radii
_BEGIN, _END = 1.25, 1.55


class Bonds:
    """Those among the liquid's atoms.

    Args:
        pairs: neighbours that are at hand, each pair twice; others are found where bonds are longer.
        positions, cell, periodic: as :func:`polcouple.lattice.pairs.neighbour_pairs` takes them, A.
        radii: (n,) covalent ones of all atoms, A.
        liquid: (n,) which atoms are of it.

    Attributes:
        ends: (b, 2) atoms.
        conducts: (b,) from 0 to 1, ``slopes`` their change with the length, 1/A.
        directions: (b, 3) from the first end to the second, of length 1; ``lengths`` (b,) in A.
    """

    def __init__(
        self,
        pairs: Pairs,
        positions: np.ndarray,
        cell: np.ndarray,
        periodic: Sequence[bool],
        radii: np.ndarray,
        liquid: np.ndarray,
    ) -> None:
        longest = _END * 2.0 * float(radii[liquid].max(initial=0.0))
        pairs = reaching(pairs, longest, positions, cell, periodic)
        owner = np.repeat(np.arange(len(pairs.first) - 1), np.diff(pairs.first))
        lengths = np.linalg.norm(pairs.vectors, axis=1)
        usual = radii[owner] + radii[pairs.second]
        kept = np.flatnonzero(
            liquid[owner] & liquid[pairs.second] & (owner < pairs.second) & (lengths < _END * usual)
        )
        self.ends = np.column_stack([owner[kept], pairs.second[kept]])
        self.lengths = lengths[kept]
        self.directions = pairs.vectors[kept] / lengths[kept, None]
        begin, width = _BEGIN * usual[kept], (_END - _BEGIN) * usual[kept]
        self.conducts, self.slopes = switched_off(self.lengths, begin, width)


def switched_off(
    lengths: np.ndarray, begin: np.ndarray | float, width: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """(b,) 1 up to ``begin``, 0 from ``width`` beyond on, twice differentiable between; and its slopes."""
    t = np.clip((lengths - begin) / width, 0.0, 1.0)
    return 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2), -30.0 * t**2 * (1.0 - t) ** 2 / width


@lru_cache(maxsize=32)
def covalent_radii(symbols: tuple[str, ...]) -> np.ndarray:
    """(e,) in A."""
    from ase.data import atomic_numbers
    from ase.data import covalent_radii as of_numbers

    return np.array([of_numbers[atomic_numbers[symbol]] for symbol in symbols])
