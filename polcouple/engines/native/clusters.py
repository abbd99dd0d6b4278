"""Clusters of neighbouring atoms.

Positions are fixed-point numbers, *ticks*: 2^32 of them make one lattice vector, so that the difference of
two positions, wrapped as 32-bit integers do, is that of the closest images along every lattice vector. Every
pair of atoms closer than half the smallest height of the cell has exactly one image there.

Atoms are sorted into columns of the plane of the first two lattice vectors and, in each column, into clusters
of up to SIZE atoms that follow one another along the third. The layout follows S. Pall and B. Hess,
Comput. Phys. Commun. 184, 2641 (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.compile import compiled

#: atoms of a cluster, at most
SIZE = 16
#: edge of a column in bohr where the atoms are as dense as in water
EDGE = 10.2
#: ticks of one lattice vector
TICKS = 4294967296.0


@dataclass(frozen=True, eq=False)
class Clusters:
    """Atoms in the order of their clusters; the clusters of moving atoms stand before the frozen ones.

    Attributes:
        order: (n,) atom at each place.
        start: (clusters + 1,) first place of each cluster.
        n_lj: (clusters,) atoms with Lennard-Jones interactions, which stand first, those of a kind together.
        n_moving: clusters of moving atoms.
        low, high: (clusters, 3) bounds in lattice coordinates from 0 to 1.
        columns: number of columns along the first two lattice vectors.
        first: (2, columns + 1) first cluster of each column, of moving and of frozen atoms.
    """

    order: np.ndarray
    start: np.ndarray
    n_lj: np.ndarray
    n_moving: int
    low: np.ndarray
    high: np.ndarray
    columns: tuple[int, int]
    first: np.ndarray


def make_clusters(
    ticks: np.ndarray, kinds: np.ndarray, n_kinds: int, frozen: np.ndarray, heights: np.ndarray
) -> Clusters:
    """Clusters of atoms at ``ticks`` (3, n).

    Args:
        ticks: int32.
        kinds: (n,) of Lennard-Jones interactions; ``n_kinds`` of an atom that has none.
        frozen: (n,) bool.
        heights: (3,) of the cell in bohr.
    """
    n = ticks.shape[1]
    columns = (max(round(heights[0] / EDGE), 1), max(round(heights[1] / EDGE), 1))
    longest = min(EDGE / heights[2], 1.0) * TICKS
    order = np.empty(n, np.int64)
    start, n_lj = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    low, high = np.empty((n, 3)), np.empty((n, 3))
    first = np.zeros((2, columns[0] * columns[1] + 1), np.int64)
    counts = [0]
    place = 0
    for family, members in enumerate((np.flatnonzero(~frozen), np.flatnonzero(frozen))):
        count = _cluster_family(
            ticks, kinds, n_kinds, members, columns, longest, place, counts[-1], order, start, n_lj, low,
            high, first[family],
        )  # fmt: skip
        counts.append(count)
        place += len(members)
    total = counts[-1]
    return Clusters(
        order, start[: total + 1], n_lj[:total], counts[1], low[:total], high[:total], columns, first
    )


@compiled
def _cluster_family(
    ticks, kinds, n_kinds, members, columns, longest, place, count, order, start, n_lj, low, high, first
):  # fmt: skip
    """Clusters of ``members``, from cluster ``count`` and place ``place`` on; returns the clusters so far."""
    n = members.shape[0]
    keys = np.empty(n, np.uint64)
    for k in range(n):
        j = members[k]
        a, b, c = np.uint32(ticks[0, j]), np.uint32(ticks[1, j]), np.uint32(ticks[2, j])
        ca = (np.uint64(a) * np.uint64(columns[0])) >> np.uint64(32)
        cb = (np.uint64(b) * np.uint64(columns[1])) >> np.uint64(32)
        keys[k] = ((ca * np.uint64(columns[1]) + cb) << np.uint64(32)) | np.uint64(c)
    sorted_members = np.argsort(keys)
    column = 0
    first[0] = count
    k = 0
    while k < n:
        key = keys[sorted_members[k]]
        mine = np.int64(key >> np.uint64(32))
        while column < mine:
            column += 1
            first[column] = count
        bottom = np.float64(key & np.uint64(0xFFFFFFFF))
        end = k
        while end < n and end - k < SIZE:
            other = keys[sorted_members[end]]
            if np.int64(other >> np.uint64(32)) != mine:
                break
            if np.float64(other & np.uint64(0xFFFFFFFF)) - bottom > longest:
                break
            end += 1
        start[count] = place
        for axis in range(3):
            low[count, axis], high[count, axis] = 2.0, -1.0
        for m in range(k, end):
            j = members[sorted_members[m]]
            at = place
            while at > start[count] and kinds[order[at - 1]] > kinds[j]:
                order[at] = order[at - 1]
                at -= 1
            order[at] = j
            place += 1
            n_lj[count] += kinds[j] < n_kinds
            for axis in range(3):
                f = np.float64(np.uint32(ticks[axis, j])) / TICKS
                low[count, axis] = min(low[count, axis], f)
                high[count, axis] = max(high[count, axis], f)
        count += 1
        start[count] = place
        k = end
    while column < first.shape[0] - 1:
        column += 1
        first[column] = count
    return count


@compiled
def to_ticks(positions, inverse, order, ticks):
    """Positions (n, 3) in bohr as ticks (3, n), any image of an atom; place k holds atom ``order[k]``."""
    for k in range(order.shape[0]):
        j = order[k]
        x, y, z = positions[j, 0], positions[j, 1], positions[j, 2]
        for axis in range(3):
            f = x * inverse[0, axis] + y * inverse[1, axis] + z * inverse[2, axis]
            ticks[axis, k] = np.int32(np.int64((f - np.floor(f)) * TICKS))


@compiled
def farthest_move(ticks, before, cell):
    """Square of the longest move between two sets of ticks (3, n), in bohr^2."""
    farthest = 0.0
    for k in range(ticks.shape[1]):
        f0 = np.int32(ticks[0, k] - before[0, k]) / TICKS
        f1 = np.int32(ticks[1, k] - before[1, k]) / TICKS
        f2 = np.int32(ticks[2, k] - before[2, k]) / TICKS
        x = f0 * cell[0, 0] + f1 * cell[1, 0] + f2 * cell[2, 0]
        y = f0 * cell[0, 1] + f1 * cell[1, 1] + f2 * cell[2, 1]
        z = f0 * cell[0, 2] + f1 * cell[1, 2] + f2 * cell[2, 2]
        farthest = max(farthest, x * x + y * y + z * z)
    return farthest
