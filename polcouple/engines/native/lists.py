"""Lists of the atoms within reach of each cluster.

Cluster c lists the atoms of other clusters that are within reach of one of its atoms. Every pair of moving
clusters stands in one of their two lists: half the others, counted in a circle from c on, are c's. Frozen
atoms are listed and list nobody; their lists are made apart, since what they hold needs the electrode's
charges.

Coulomb and Lennard-Jones interactions have a reach each. Atoms out of reach of the former, and within reach
of the latter, stand in a part of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.compile import compiled
from polcouple.engines.native.clusters import EDGE, SIZE, TICKS, Clusters
from polcouple.engines.native.exclusions import Partners, find_excluded
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_ANGSTROM

#: listed atoms that one entry holds, at most; with a cluster they fit a row of the pair loop's buffer
ENTRY = 1900
_Unsigned = np.uint64
#: rows of the workspace: squares of the smallest distances to a cluster's atoms with Lennard-Jones
#: interactions and to those without
_AT_LJ, _AT_OTHER, _WORKSPACE = _Unsigned(0), _Unsigned(SIZE), 2 * SIZE
_R1, _R2 = (_Unsigned(row * SIZE) for row in (1, 2))
_FAR = 1e12
_ONE, _TWO, _THREE, _FOUR = (_Unsigned(k) for k in range(1, 5))
#: atoms per bohr^3 that no liquid and no solid has
_DENSEST = 0.06


@dataclass(frozen=True, eq=False)
class PairList:
    """The atoms listed by a run of clusters, cut into entries.

    Attributes:
        atoms: places of the listed atoms.
        entries: (entries, 8): cluster; 1 if the pairs inside the cluster are this entry's; where the atoms
            with Lennard-Jones interactions begin and end in ``atoms``, where those without do, and where
            those do that are out of reach of Coulomb interactions.
        excluded, excluded_start: pairs that do not interact by Lennard-Jones forces; see
            :func:`polcouple.engines.native.exclusions.find_excluded`.
    """

    atoms: np.ndarray
    entries: np.ndarray
    excluded: np.ndarray
    excluded_start: np.ndarray


@dataclass(frozen=True)
class Reach:
    """How far lists reach, in bohr; some pairs beyond are listed, too.

    Attributes:
        coulomb: of all pairs.
        lennard_jones: of pairs that interact so; not below ``coulomb``.
    """

    coulomb: float
    lennard_jones: float


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
    reach: Reach,
    partners: Partners,
    several_images: bool,
    frozen: bool,
    first: int,
    last: int,
    longest: int = ENTRY,
) -> PairList:
    """Lists of the clusters ``first`` to ``last``.

    Args:
        ticks: (3, n) int32 in the order of the clusters.
        partners: atoms that are excluded from Lennard-Jones interactions with one another.
        several_images: whether another image of a listed atom than the one that is closest now may come
            within the cut-off, as in a cell hardly wider than twice the cut-off.
        frozen: list the frozen atoms alone; else the moving ones.
        longest: most listed atoms of an entry.

    Raises:
        InputError: atoms are denser than in any liquid or solid.
    """
    capacity = 16 * ticks.shape[1]
    # a cluster of SIZE atoms lists half of those around it
    most = capacity + int(ticks.shape[1] * _DENSEST * 2.1 / SIZE * (reach.lennard_jones + EDGE) ** 3)
    per_tick = np.diag(heights) if several_images else cell
    lattice = tuple(np.float32(length) for length in (per_tick / TICKS).ravel())
    reaches = (np.float32(reach.coulomb), np.float32(reach.lennard_jones))
    middles = np.floor(0.5 * (clusters.low + clusters.high).T * TICKS).astype(np.int64).astype(np.int32)
    halves = (0.5 * (clusters.high - clusters.low) * heights).T.astype(np.float32)
    orthogonal = bool(np.allclose(cell, np.diag(np.diag(cell))))
    places = np.zeros(3 * SIZE * len(clusters.n_lj), np.float32)
    _from_middles(ticks, clusters.start, middles, lattice, places)
    while True:
        atoms = np.empty(capacity, np.uint32)
        entries = np.empty((2 * (last - first) + capacity // longest + 2, 8), np.int64)
        number, used = _list(
            first, last, int(frozen), places, clusters.start, clusters.n_lj, clusters.n_moving, clusters.low,
            clusters.high, middles, halves, clusters.columns, clusters.first, lattice,
            tuple(np.float32(height) for height in heights), reaches, orthogonal, several_images, longest,
            SIZE, atoms, entries,
        )  # fmt: skip
        if number >= 0:
            atoms, entries = atoms[:used].copy(), entries[:number].copy()
            return PairList(atoms, entries, *find_excluded(entries, atoms, clusters, partners))
        if capacity >= most:
            around = reach.lennard_jones * BOHR_TO_ANGSTROM
            raise InputError(
                f"the lists of atoms within {around:.3g} Angstrom of one another are longer than in any"
                f" liquid ({capacity} for {ticks.shape[1]} atoms): atoms overlap; minimise the structure, or"
                " mend the cell"
            )
        capacity = min(2 * capacity, most)


@compiled
def _list(
    c0, c1, family, places, start, n_lj, n_moving, low, high, middles, halves, columns, first, lattice,
    heights, reaches, orthogonal, several_images, longest, lanes, atoms, entries,
):  # fmt: skip
    """Fill ``atoms`` and ``entries``; their numbers, or -1 where there is no room. ``lanes`` is SIZE."""
    used, number = 0, 0
    near, far = reaches[0] * reaches[0], reaches[1] * reaches[1]
    far_atoms, other_atoms = np.empty(atoms.shape[0], np.uint32), np.empty(atoms.shape[0], np.uint32)
    w = np.zeros(_WORKSPACE, np.float32)
    squares = np.empty(start.shape[0], np.float32)
    span = np.empty((2, 2), np.int64)
    half_circle = n_moving // 2
    even = n_moving % 2 == 0
    for c in range(c0, c1):
        begin, others, farther = used, 0, 0
        size, own_lj = start[c + 1] - start[c], n_lj[c]
        for axis in range(2):
            margin = reaches[1] / heights[axis]
            count = columns[axis]
            left = np.int64(np.floor((low[c, axis] - margin) * count))
            right = np.int64(np.floor((high[c, axis] + margin) * count))
            if right - left >= count:
                left, right = 0, count - 1
            span[axis, 0], span[axis, 1] = left, right
        for ia in range(span[0, 0], span[0, 1] + 1):
            # the columns of a row stand one after the other; it may go on at its beginning
            row, at = (ia % columns[0]) * columns[1], span[1, 0]
            while at <= span[1, 1]:
                begin_b = at % columns[1]
                end_b = min(begin_b + span[1, 1] + 1 - at, columns[1])
                at += end_b - begin_b
                d0, d1 = first[family, row + begin_b], first[family, row + end_b]
                _gaps(middles, halves, c, d0, d1, heights, orthogonal, squares)
                for d in range(d0, d1):
                    only_lj = squares[d - d0] > near
                    if squares[d - d0] > far or (only_lj and (own_lj == 0 or n_lj[d] == 0)):
                        continue
                    if family == 0:
                        ahead = d - c if d >= c else d - c + n_moving
                        if ahead == 0 or ahead > half_circle:
                            continue
                        if even and ahead == half_circle and c >= half_circle:
                            continue
                    if used + others + farther + SIZE > atoms.shape[0]:
                        return -1, 0
                    there, split = _Unsigned(start[d]), n_lj[d]
                    count = split if only_lj else start[d + 1] - start[d]
                    x, y, z = _shift(middles, c, d, lattice)
                    _nearest(places, w, _AT_LJ, c, 0, own_lj, d, x, y, z, lanes, heights, several_images)
                    if only_lj:
                        for t in range(_Unsigned(split)):
                            far_atoms[farther] = there + t
                            farther += w[_AT_LJ + t] < far
                        continue
                    _nearest(
                        places, w, _AT_OTHER, c, own_lj, size, d, x, y, z, lanes, heights, several_images
                    )
                    for t in range(_Unsigned(split)):
                        to_lj = w[_AT_LJ + t]
                        here = min(to_lj, w[_AT_OTHER + t]) < near
                        atoms[used] = there + t
                        used += here
                        far_atoms[farther] = there + t
                        farther += (not here) and to_lj < far
                    for t in range(_Unsigned(split), _Unsigned(count)):
                        other_atoms[others] = there + t
                        others += min(w[_AT_LJ + t], w[_AT_OTHER + t]) < near
        if used + others + farther > atoms.shape[0]:
            return -1, 0
        at_lj, at_other, at_far = begin, used, used + others
        end_lj, end_other = at_other, at_far
        atoms[used : used + others] = other_atoms[:others]
        used += others
        atoms[used : used + farther] = far_atoms[:farther]
        used += farther
        own = 1 if family == 0 else 0
        while own == 1 or at_lj < end_lj or at_other < end_other or at_far < used:
            if number >= entries.shape[0]:
                return -1, 0
            to_lj = min(at_lj + longest, end_lj)
            left = longest - (to_lj - at_lj)
            to_other = min(at_other + left, end_other)
            to_far = min(at_far + left - (to_other - at_other), used)
            entries[number, 0], entries[number, 1] = c, own
            entries[number, 2], entries[number, 3] = at_lj, to_lj
            entries[number, 4], entries[number, 5] = at_other, to_other
            entries[number, 6], entries[number, 7] = at_far, to_far
            number += 1
            at_lj, at_other, at_far, own = to_lj, to_other, to_far, 0
    return number, used


@compiled
def _gaps(middles, halves, c, d0, d1, heights, orthogonal, squares):
    """Squares of lower bounds of the distances between the boxes of cluster c and of d0 to d1."""
    per_tick, none = np.float32(1.0 / TICKS), np.float32(0.0)
    x, y, z = middles[0, c], middles[1, c], middles[2, c]
    a, b, e = halves[0, c], halves[1, c], halves[2, c]
    h0, h1, h2 = heights[0] * per_tick, heights[1] * per_tick, heights[2] * per_tick
    for k in range(_Unsigned(d1 - d0)):
        d = _Unsigned(d0) + k
        g0 = max(abs(np.float32(np.int32(middles[0, d] - x)) * h0) - halves[0, d] - a, none)
        g1 = max(abs(np.float32(np.int32(middles[1, d] - y)) * h1) - halves[1, d] - b, none)
        g2 = max(abs(np.float32(np.int32(middles[2, d] - z)) * h2) - halves[2, d] - e, none)
        longest = max(g0, max(g1, g2))
        squares[k] = g0 * g0 + g1 * g1 + g2 * g2 if orthogonal else longest * longest


@compiled
def _from_middles(ticks, start, middles, lattice, places):
    """Positions of the atoms of every cluster as seen from its middle, in bohr.

    ``places`` holds rows x, y and z of SIZE numbers for each cluster. With several images: heights along the
    lattice vectors.
    """
    for c in range(middles.shape[1]):
        at = 3 * SIZE * c
        for j in range(start[c], start[c + 1]):
            f0 = np.float32(np.int32(ticks[0, j] - middles[0, c]))
            f1 = np.float32(np.int32(ticks[1, j] - middles[1, c]))
            f2 = np.float32(np.int32(ticks[2, j] - middles[2, c]))
            places[at] = f0 * lattice[0] + f1 * lattice[3] + f2 * lattice[6]
            places[at + SIZE] = f0 * lattice[1] + f1 * lattice[4] + f2 * lattice[7]
            places[at + 2 * SIZE] = f0 * lattice[2] + f1 * lattice[5] + f2 * lattice[8]
            at += 1


@compiled
def _shift(middles, c, d, lattice):
    """The middle of cluster c as seen from that of d."""
    f0 = np.float32(np.int32(middles[0, c] - middles[0, d]))
    f1 = np.float32(np.int32(middles[1, c] - middles[1, d]))
    f2 = np.float32(np.int32(middles[2, c] - middles[2, d]))
    return (
        f0 * lattice[0] + f1 * lattice[3] + f2 * lattice[6],
        f0 * lattice[1] + f1 * lattice[4] + f2 * lattice[7],
        f0 * lattice[2] + f1 * lattice[5] + f2 * lattice[8],
    )


@compiled
def _nearest(places, w, out, c, first, last, d, x, y, z, lanes, heights, several_images):
    """Squares of the smallest distances of the atoms of d to those of c from ``first`` to ``last``.

    x, y, z is the middle of c as seen from that of d. With several images: of lower bounds, the distances
    along the lattice vectors.
    """
    lanes = _Unsigned(lanes)
    px = _Unsigned(3 * SIZE) * _Unsigned(d)
    py, pz = px + _R1, px + _R2
    own = _Unsigned(3 * SIZE) * _Unsigned(c)
    k, end = own + _Unsigned(first), own + _Unsigned(last)
    for t in range(lanes):
        w[out + t] = _FAR
    if several_images:
        while k < end:
            xa, ya, za = places[k] + x, places[k + _R1] + y, places[k + _R2] + z
            for t in range(lanes):
                dx, dy, dz = places[px + t] - xa, places[py + t] - ya, places[pz + t] - za
                dx = abs(dx - heights[0] * np.rint(dx / heights[0]))
                dy = abs(dy - heights[1] * np.rint(dy / heights[1]))
                dz = abs(dz - heights[2] * np.rint(dz / heights[2]))
                longest = max(dx, max(dy, dz))
                w[out + t] = min(w[out + t], longest * longest)
            k += _ONE
        return
    # four at a time, so that few smallest squares wait for the one before; the last one may come again
    while k < end:
        kb, kc, kd = min(k + _ONE, end - _ONE), min(k + _TWO, end - _ONE), min(k + _THREE, end - _ONE)
        xa, ya, za = places[k] + x, places[k + _R1] + y, places[k + _R2] + z
        xb, yb, zb = places[kb] + x, places[kb + _R1] + y, places[kb + _R2] + z
        xc, yc, zc = places[kc] + x, places[kc + _R1] + y, places[kc + _R2] + z
        xd, yd, zd = places[kd] + x, places[kd + _R1] + y, places[kd + _R2] + z
        for t in range(lanes):
            tx, ty, tz = places[px + t], places[py + t], places[pz + t]
            sa = (tx - xa) * (tx - xa) + (ty - ya) * (ty - ya) + (tz - za) * (tz - za)
            sb = (tx - xb) * (tx - xb) + (ty - yb) * (ty - yb) + (tz - zb) * (tz - zb)
            sc = (tx - xc) * (tx - xc) + (ty - yc) * (ty - yc) + (tz - zc) * (tz - zc)
            sd = (tx - xd) * (tx - xd) + (ty - yd) * (ty - yd) + (tz - zd) * (tz - zd)
            w[out + t] = min(w[out + t], min(min(sa, sb), min(sc, sd)))
        k += _FOUR
