"""The lists of every replica, made anew when an atom has moved too far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from polcouple.engines.native.clusters import EDGE, TICKS, Clusters, farthest_move, make_clusters, to_ticks
from polcouple.engines.native.exclusions import partners
from polcouple.engines.native.lists import PairList, Reach, list_neighbours, widest_reach
from polcouple.engines.native.terms import LennardJones
from polcouple.lattice.cell import heights
from polcouple.units import ANGSTROM_TO_BOHR

#: lists reach so far beyond the cut-offs (bohr), if the cell has room: for steps of 0.5 and of 2 fs
_SKIN, _WIDE_SKIN = 1.0 * ANGSTROM_TO_BOHR, 1.4 * ANGSTROM_TO_BOHR
_THIN_SKIN = 0.7 * ANGSTROM_TO_BOHR

#: runs tasks (function, *arguments), maybe several at a time, and returns what they gave
Runner = Callable[[Sequence[tuple[Any, ...]]], list[Any]]


@dataclass(eq=False)
class Neighbours:
    """The lists of one replica.

    Attributes:
        clusters: atoms in their order; those that move stand before the frozen ones.
        moving, frozen: the lists of moving and of frozen atoms, of every slice.
        ticks: (3, n) where the atoms were when the lists were made, in the order of the clusters.
        several_images: see :func:`polcouple.engines.native.lists.list_neighbours`.
        centres: (clusters, 3) in ticks.
        kinds: (n,) of Lennard-Jones interactions, in the order of the clusters.
        by_sites: places of charges that may come within reach of the electrode's sites while the lists hold;
            None until they have been looked for.
    """

    clusters: Clusters
    moving: tuple[PairList, ...]
    frozen: tuple[PairList, ...]
    ticks: np.ndarray
    several_images: bool
    centres: np.ndarray
    kinds: np.ndarray
    by_sites: np.ndarray | None = None


class NeighbourLists:
    """Lists that hold at the positions asked for.

    Args:
        cell: (3, 3) in bohr.
        lennard_jones: whose kinds and excluded pairs are needed.
        frozen: (n,) whether an atom belongs to the electrode.
        coulomb_cutoff: in bohr; not longer than that of Lennard-Jones interactions.
        wide: whether atoms move far from one step to the next.
        slices: that the clusters are dealt into.
        longest: most listed atoms of an entry.

    Attributes:
        ticks: (3, n) positions that were asked for last, in the order of their clusters.
        skin: how far lists reach beyond the cut-offs, in bohr.
    """

    def __init__(
        self,
        cell: np.ndarray,
        lennard_jones: LennardJones,
        frozen: np.ndarray,
        coulomb_cutoff: float,
        wide: bool,
        slices: int,
        longest: int,
    ) -> None:
        self._cell = np.ascontiguousarray(cell)
        self._inverse = np.linalg.inv(self._cell)
        self._heights = heights(self._cell)
        self._kinds, self._n_kinds = lennard_jones.kinds, len(lennard_jones.repulsion)
        self._partners = partners(lennard_jones.excluded, len(frozen))
        self._frozen = frozen
        # where several images may be the closest every pair looks for its own, which costs more than lists
        room = 0.5 * float(self._heights.min()) - 0.6 * EDGE - lennard_jones.cutoff
        self.skin = max(min(_WIDE_SKIN if wide else _SKIN, room), _THIN_SKIN)
        self._reach = Reach(coulomb_cutoff + self.skin, lennard_jones.cutoff + self.skin)
        self._slices = slices
        self._longest = longest
        self._replicas: dict[int, Neighbours] = {}
        self.ticks = np.empty((3, len(frozen)), np.int32)

    def at(self, positions: np.ndarray, replica: int, run: Runner) -> Neighbours:
        """Lists that hold at ``positions`` (n, 3) in bohr."""
        positions = np.ascontiguousarray(positions, dtype=float)
        near = self._replicas.get(replica)
        if near is not None:
            to_ticks(positions, self._inverse, near.clusters.order, self.ticks)
            if farthest_move(self.ticks, near.ticks, self._cell) < (0.5 * self.skin) ** 2:
                return near
        near = self._replicas[replica] = self._new(positions, run)
        return near

    def _new(self, positions: np.ndarray, run: Runner) -> Neighbours:
        to_ticks(positions, self._inverse, np.arange(len(positions)), self.ticks)
        clusters = make_clusters(self.ticks, self._kinds, self._n_kinds, self._frozen, self._heights)
        self.ticks = np.ascontiguousarray(self.ticks[:, clusters.order])
        several = widest_reach(clusters, self._heights) <= self._reach.lennard_jones
        bounds = np.linspace(0, clusters.n_moving, self._slices + 1).astype(int)
        lists = run(
            [
                (list_neighbours, clusters, self.ticks, self._cell, self._heights, self._reach,
                 self._partners, several, frozen, first, last, self._longest)
                for frozen in (False, True)
                for first, last in pairwise(bounds.tolist())
            ]
        )  # fmt: skip
        middles = 0.5 * (clusters.low + clusters.high) * TICKS
        return Neighbours(
            clusters,
            tuple(lists[: self._slices]),
            tuple(lists[self._slices :]),
            self.ticks.copy(),
            several,
            np.floor(middles).astype(np.int64).astype(np.int32),
            self._kinds[clusters.order].astype(np.uint32),
        )
