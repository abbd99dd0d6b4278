"""Clusters of neighbouring atoms, and the lists of atoms within reach of each cluster.

Positions are fixed-point numbers, *ticks*: 2^32 of them make one lattice vector, so that the difference of
two positions, wrapped as 32-bit integers do, is that of the closest images along every lattice vector. Every
pair of atoms closer than half the smallest height of the cell has exactly one image there.

Atoms are sorted into columns of the plane of the first two lattice vectors and, in each column, into clusters
of up to _SIZE atoms that follow one another along the third. Cluster c lists the atoms of other clusters that
are within reach of one of its atoms. Every pair of moving clusters stands in one of their two lists: half the
others, counted in a circle from c on, are c's. Frozen atoms are listed and list nobody.

The layout follows S. Pall and B. Hess, Comput. Phys. Commun. 184, 2641 (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.compile import compiled

#: atoms of a cluster, at most
_SIZE = 16
#: listed atoms that one entry holds, at most; with a cluster they fit a row of the pair loop's buffer
ENTRY = 1900
#: edge of a column in bohr where the atoms are as dense as in water
_EDGE = 10.2
#: where the places of a cluster that no atom takes are, in bohr
_FAR = 1e6
#: ticks of one lattice vector
TICKS = 4294967296.0


@dataclass(frozen=True, eq=False)
class Clusters:
    """Atoms in the order of their clusters; the clusters of moving atoms stand before the frozen ones.

    Attributes:
        order: (n,) atom at each place.
        start: (clusters + 1,) first place of each cluster.
        n_lj: (clusters,) atoms with Lennard-Jones interactions, which stand first.
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


@dataclass(frozen=True, eq=False)
class PairList:
    """The atoms listed by a run of clusters, cut into entries.

    Attributes:
        atoms: places of the listed atoms.
        entries: (entries, 6): cluster; 1 if the pairs inside the cluster are this entry's; where the atoms
            with Lennard-Jones interactions begin and end in ``atoms``, and where those without do.
    """

    atoms: np.ndarray
    entries: np.ndarray


def make_clusters(ticks: np.ndarray, has_lj: np.ndarray, frozen: np.ndarray, heights: np.ndarray) -> Clusters:
    """Clusters of atoms at ``ticks`` (3, n).

    Args:
        ticks: int32.
        has_lj: (n,) bool.
        frozen: (n,) bool.
        heights: (3,) of the cell in bohr.
    """
    n = ticks.shape[1]
    columns = (max(round(heights[0] / _EDGE), 1), max(round(heights[1] / _EDGE), 1))
    longest = min(_EDGE / heights[2], 1.0) * TICKS
    order = np.empty(n, np.int64)
    start, n_lj = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    low, high = np.empty((n, 3)), np.empty((n, 3))
    first = np.zeros((2, columns[0] * columns[1] + 1), np.int64)
    counts = [0]
    place = 0
    for family, members in enumerate((np.flatnonzero(~frozen), np.flatnonzero(frozen))):
        count = _cluster_family(
            ticks, has_lj, members, columns, longest, place, counts[-1], order, start, n_lj, low, high,
            first[family],
        )  # fmt: skip
        counts.append(count)
        place += len(members)
    total = counts[-1]
    return Clusters(
        order, start[: total + 1], n_lj[:total], counts[1], low[:total], high[:total], columns, first
    )


@compiled
def _cluster_family(
    ticks, has_lj, members, columns, longest, place, count, order, start, n_lj, low, high, first
):
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
        while end < n and end - k < _SIZE:
            other = keys[sorted_members[end]]
            if np.int64(other >> np.uint64(32)) != mine:
                break
            if np.float64(other & np.uint64(0xFFFFFFFF)) - bottom > longest:
                break
            end += 1
        start[count] = place
        for axis in range(3):
            low[count, axis], high[count, axis] = 2.0, -1.0
        for kind in range(2):
            for m in range(k, end):
                j = members[sorted_members[m]]
                if has_lj[j] == (kind == 0):
                    order[place] = j
                    place += 1
                    for axis in range(3):
                        f = np.float64(np.uint32(ticks[axis, j])) / TICKS
                        low[count, axis] = min(low[count, axis], f)
                        high[count, axis] = max(high[count, axis], f)
            if kind == 0:
                n_lj[count] = place - start[count]
        count += 1
        start[count] = place
        k = end
    while column < first.shape[0] - 1:
        column += 1
        first[column] = count
    return count


def widest_reach(clusters: Clusters, heights: np.ndarray) -> float:
    """Longest reach in bohr at which a listed atom, seen from a cluster's centre, is the closest image."""
    half = 0.5 * (clusters.high - clusters.low)[: clusters.n_moving]
    if not len(half):
        return float(0.5 * heights.min())
    return float(((0.5 - half.max(axis=0)) * heights).min())


def list_neighbours(
    clusters: Clusters,
    ticks: np.ndarray,
    cell: np.ndarray,
    heights: np.ndarray,
    reach: float,
    several_images: bool,
    first: int,
    last: int,
    longest: int = ENTRY,
) -> PairList:
    """Lists of the clusters ``first`` to ``last``.

    Args:
        ticks: (3, n) int32 in the order of the clusters.
        reach: pairs up to this distance (bohr) are listed, some beyond it too.
        several_images: whether another image of a listed atom than the one that is closest now may come
            within the cut-off, as in a cell hardly wider than twice the cut-off.
        longest: most listed atoms of an entry.
    """
    capacity = 16 * ticks.shape[1]
    while True:
        atoms = np.empty(capacity, np.uint32)
        entries = np.empty((2 * (last - first) + capacity // longest + 2, 6), np.int64)
        number, used = _list(
            first, last, ticks, clusters.start, clusters.n_lj, clusters.n_moving, clusters.low, clusters.high,
            clusters.columns, clusters.first, cell, heights, reach, several_images, longest,
            atoms, entries,
        )  # fmt: skip
        if number >= 0:
            return PairList(atoms[:used], entries[:number])
        capacity *= 2


@compiled
def _list(
    c0, c1, ticks, start, n_lj, n_moving, low, high, columns, first, cell, heights, reach, several_images,
    longest, atoms, entries,
):  # fmt: skip
    """Fill ``atoms`` and ``entries``; their numbers, or -1 where there is no room."""
    used, number = 0, 0
    scratch = np.empty(1 << 15, np.uint32)
    # single precision is fine: the skin is wider than its rounding
    squared = np.float32(reach * reach)
    mine, centre = np.empty(3 * _SIZE, np.float32), np.empty(3, np.int32)
    half_circle = n_moving // 2
    even = n_moving % 2 == 0
    for c in range(c0, c1):
        begin, others = used, 0
        size = start[c + 1] - start[c]
        for axis in range(3):
            centre[axis] = np.int32(np.int64(0.5 * (low[c, axis] + high[c, axis]) * TICKS))
        mine[:] = _FAR
        for k in range(size):
            i = start[c] + k
            f0 = np.int32(ticks[0, i] - centre[0]) / TICKS
            f1 = np.int32(ticks[1, i] - centre[1]) / TICKS
            f2 = np.int32(ticks[2, i] - centre[2]) / TICKS
            for axis in range(3):
                if several_images:
                    mine[axis * _SIZE + k] = f0 if axis == 0 else f1 if axis == 1 else f2
                else:
                    mine[axis * _SIZE + k] = f0 * cell[0, axis] + f1 * cell[1, axis] + f2 * cell[2, axis]
        span = np.empty((2, 2), np.int64)
        for axis in range(2):
            margin = reach / heights[axis]
            count = columns[axis]
            left = np.int64(np.floor((low[c, axis] - margin) * count))
            right = np.int64(np.floor((high[c, axis] + margin) * count))
            if right - left >= count:
                left, right = 0, count - 1
            span[axis, 0], span[axis, 1] = left, right
        for family in range(2):
            for ia in range(span[0, 0], span[0, 1] + 1):
                for ib in range(span[1, 0], span[1, 1] + 1):
                    column = (ia % columns[0]) * columns[1] + ib % columns[1]
                    for d in range(first[family, column], first[family, column + 1]):
                        if family == 0:
                            ahead = d - c if d >= c else d - c + n_moving
                            if ahead == 0 or ahead > half_circle:
                                continue
                            if even and ahead == half_circle and c >= half_circle:
                                continue
                        apart = False
                        for axis in range(3):
                            gap = 0.5 * (low[d, axis] + high[d, axis] - low[c, axis] - high[c, axis])
                            gap -= np.rint(gap)
                            gap = abs(gap) - 0.5 * (
                                high[d, axis] - low[d, axis] + high[c, axis] - low[c, axis]
                            )
                            if gap * heights[axis] > reach:
                                apart = True
                        if apart:
                            continue
                        split = start[d] + n_lj[d]
                        if used + start[d + 1] - start[d] + others > atoms.shape[0]:
                            return -1, 0
                        for j in range(start[d], start[d + 1]):
                            f0 = np.int32(ticks[0, j] - centre[0]) / TICKS
                            f1 = np.int32(ticks[1, j] - centre[1]) / TICKS
                            f2 = np.int32(ticks[2, j] - centre[2]) / TICKS
                            if several_images:
                                near = _maybe_near(mine, size, f0, f1, f2, heights, reach)
                            else:
                                x = np.float32(f0 * cell[0, 0] + f1 * cell[1, 0] + f2 * cell[2, 0])
                                y = np.float32(f0 * cell[0, 1] + f1 * cell[1, 1] + f2 * cell[2, 1])
                                z = np.float32(f0 * cell[0, 2] + f1 * cell[1, 2] + f2 * cell[2, 2])
                                near = _nearest(mine, x, y, z) < squared
                            if near:
                                if j < split:
                                    atoms[used] = j
                                    used += 1
                                else:
                                    if others >= scratch.shape[0]:
                                        larger = np.empty(2 * scratch.shape[0], np.uint32)
                                        larger[: scratch.shape[0]] = scratch
                                        scratch = larger
                                    scratch[others] = j
                                    others += 1
        if used + others > atoms.shape[0]:
            return -1, 0
        middle = used
        atoms[used : used + others] = scratch[:others]
        used += others
        at_lj, at_other, own = begin, middle, 1
        while own == 1 or at_lj < middle or at_other < used:
            if number >= entries.shape[0]:
                return -1, 0
            to_lj = min(at_lj + longest, middle)
            to_other = min(at_other + longest - (to_lj - at_lj), used)
            entries[number, 0], entries[number, 1] = c, own
            entries[number, 2], entries[number, 3] = at_lj, to_lj
            entries[number, 4], entries[number, 5] = at_other, to_other
            number += 1
            at_lj, at_other, own = to_lj, to_other, 0
    return number, used


@compiled
def _nearest(own, x, y, z):
    """Square of the smallest distance of a point to the atoms of a cluster."""
    nearest = np.float32(_FAR)
    for k in range(_SIZE):
        dx, dy, dz = own[k] - x, own[_SIZE + k] - y, own[2 * _SIZE + k] - z
        nearest = min(nearest, dx * dx + dy * dy + dz * dz)
    return nearest


@compiled
def _maybe_near(own, size, f0, f1, f2, heights, reach):
    """Whether an image of a point may be within reach of an atom of a cluster; all in lattice coordinates."""
    for k in range(size):
        d0, d1, d2 = own[k] - f0, own[_SIZE + k] - f1, own[2 * _SIZE + k] - f2
        a, b, c = abs(d0 - np.rint(d0)), abs(d1 - np.rint(d1)), abs(d2 - np.rint(d2))
        if a * heights[0] < reach and b * heights[1] < reach and c * heights[2] < reach:
            return True
    return False


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
