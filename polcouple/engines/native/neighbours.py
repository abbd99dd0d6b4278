"""The lists of every replica, made anew when an atom has moved too far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        asked: the same of the positions that were asked for last.
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
    asked: np.ndarray
    several_images: bool
    centres: np.ndarray
    kinds: np.ndarray
    by_sites: np.ndarray | None = None

    def places(self, cell: np.ndarray) -> np.ndarray:
        """(n, 3) in bohr, images in or near the cell, of the atoms when the lists were made."""
        return _in_order(self.ticks, self.clusters.order).T / TICKS @ cell


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
        earlier: what :meth:`kept` of an earlier run's lists gave. A replica that begins where that run was
            last gets the same lists, and with them forces of the same bits.
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
        self.earlier: Mapping[str, np.ndarray] = {}

    def at(self, positions: np.ndarray, replica: int, run: Runner) -> Neighbours:
        """Lists that hold at ``positions`` (n, 3) in bohr."""
        positions = np.ascontiguousarray(positions, dtype=float)
        near = self._replicas.get(replica) or self._again(positions, replica, run)
        if near is not None:
            self.ticks = near.asked
            to_ticks(positions, self._inverse, near.clusters.order, self.ticks)
            if farthest_move(self.ticks, near.ticks, self._cell) < (0.5 * self.skin) ** 2:
                return near
        near = self._replicas[replica] = self._new(self._to_ticks(positions), run)
        self.ticks = near.asked
        return near

    def kept(self) -> dict[str, np.ndarray]:
        """(2, 3, n) of every replica: ticks where its lists were made, and where it was asked for last."""
        return {
            str(replica): np.stack([_in_order(t, near.clusters.order) for t in (near.ticks, near.asked)])
            for replica, near in self._replicas.items()
        }

    def _again(self, positions: np.ndarray, replica: int, run: Runner) -> Neighbours | None:
        """An earlier run's lists, if it was at these positions last."""
        earlier = self.earlier.get(str(replica))
        if earlier is None or not np.array_equal(earlier[1], self._to_ticks(positions)):
            return None
        near = self._replicas[replica] = self._new(earlier[0], run)
        return near

    def _to_ticks(self, positions: np.ndarray) -> np.ndarray:
        ticks = np.empty((3, len(positions)), np.int32)
        to_ticks(positions, self._inverse, np.arange(len(positions)), ticks)
        return ticks

    def _new(self, ticks: np.ndarray, run: Runner) -> Neighbours:
        """Lists of atoms at ``ticks`` (3, n)."""
        clusters = make_clusters(ticks, self._kinds, self._n_kinds, self._frozen, self._heights)
        ticks = np.ascontiguousarray(ticks[:, clusters.order])
        several = widest_reach(clusters, self._heights) <= self._reach.lennard_jones
        bounds = np.linspace(0, clusters.n_moving, self._slices + 1).astype(int)
        lists = run(
            [
                (list_neighbours, clusters, ticks, self._cell, self._heights, self._reach,
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
            ticks,
            ticks.copy(),
            several,
            np.floor(middles).astype(np.int64).astype(np.int32),
            self._kinds[clusters.order].astype(np.uint32),
        )


def _in_order(ticks: np.ndarray, order: np.ndarray) -> np.ndarray:
    """(3, n) in the order of the places, of those in the order of clusters."""
    placed = np.empty_like(ticks)
    placed[:, order] = ticks
    return placed
