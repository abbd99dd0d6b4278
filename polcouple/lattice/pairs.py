"""All pairs of atoms closer than a cut-off, periodic in any directions, in time proportional to the atoms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.compile import compiled
from polcouple.errors import InputError
from polcouple.lattice.cell import heights

#: more bins than this a direction are not needed: empty space costs time, too
_MOST_BINS = 512


@dataclass(frozen=True, eq=False)
class Pairs:
    """Neighbours of every atom; each pair stands with both of its atoms, and once for every image.

    Attributes:
        first: (n + 1,) the neighbours of atom i are entries first[i] to first[i + 1].
        second: (p,) atoms.
        vectors: (p, 3) from the atom to its neighbour, in the unit of the positions.
        cutoff: no neighbour within it is missing.
    """

    first: np.ndarray
    second: np.ndarray
    vectors: np.ndarray
    cutoff: float


def neighbour_pairs(
    positions: np.ndarray, cell: np.ndarray, periodic: Sequence[bool], cutoff: float
) -> Pairs:
    """Neighbours within ``cutoff``.

    Args:
        positions: (n, 3) in any unit; folded into the cell or not.
        cell: (3, 3) a lattice vector per row in the same unit; those of directions that are not periodic do
            not matter.
        periodic: of each lattice vector.

    Raises:
        InputError: positions that are not finite, or periodic vectors that span nothing.
    """
    positions = np.ascontiguousarray(positions, dtype=float)
    if not np.isfinite(positions).all():
        atom = int(np.argmin(np.isfinite(positions).all(axis=1)))
        raise InputError(f"the position of atom {atom} (from 0) is not finite: {positions[atom].tolist()}")
    if not len(positions):
        return Pairs(np.zeros(1, np.int64), np.empty(0, np.int64), np.empty((0, 3)), cutoff)
    flags = np.array(periodic, dtype=bool)
    frame = _completed(np.array(cell, dtype=float), flags)
    fractional = positions @ np.linalg.inv(frame)
    lowest, highest = fractional.min(axis=0), fractional.max(axis=0)
    # a direction without images becomes one as long as the atoms reach
    stretch = np.where(flags, 1.0, np.maximum(highest - lowest, 1e-3) * 1.001)
    origin = np.where(flags, 0.0, lowest)
    frame *= stretch[:, None]
    fractional = (fractional - origin) / stretch
    whole = np.where(flags, np.floor(fractional), 0.0)
    fractional -= whole
    apart = heights(frame)
    most = min(_MOST_BINS, max(1, math.ceil((2.0 * len(positions)) ** (1 / 3))))
    bins = np.clip((apart / (0.5 * cutoff)).astype(np.int64), 1, most)
    reach = np.ceil(cutoff / (apart / bins) - 1e-12).astype(np.int64)
    reach = np.where(flags, reach, np.minimum(reach, bins - 1))
    index = np.minimum((fractional * bins).astype(np.int64), bins - 1)
    flat = (index[:, 0] * bins[1] + index[:, 1]) * bins[2] + index[:, 2]
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(bins.prod() + 1))
    volume = abs(np.linalg.det(frame))
    # twice what a uniform density has
    room = int(len(positions) * (16 + 8.4 * cutoff**3 * len(positions) / volume))
    room = min(room, len(positions) * 1000)
    inside = fractional @ frame
    while True:
        second, vectors = np.empty(room, np.int64), np.empty((room, 3))
        first = np.empty(len(positions) + 1, np.int64)
        found = _fill(inside, index, order, starts, bins, reach, flags, frame, cutoff, first, second, vectors)
        if found <= room:
            return Pairs(first, second[:found], vectors[:found], cutoff)
        room = found


def reaching(
    pairs: Pairs, distance: float, positions: np.ndarray, cell: np.ndarray, periodic: Sequence[bool]
) -> Pairs:
    """Neighbours at least within ``distance``: ``pairs`` where they reach that far, else their own."""
    return pairs if pairs.cutoff >= distance else neighbour_pairs(positions, cell, periodic, distance)


def _completed(cell: np.ndarray, periodic: np.ndarray) -> np.ndarray:
    """The cell with unit vectors normal to the periodic ones where it is not periodic."""
    cell[~periodic] = 0.0
    given = cell[periodic]
    edges = np.linalg.norm(given, axis=1)
    if not np.isfinite(given).all() or (
        len(given) and np.linalg.svd(given / np.maximum(edges, 1e-300)[:, None])[1].min() < 1e-6
    ):
        raise InputError(
            f"the periodic lattice vectors {given.tolist()} span no volume: mend the cell, or pbc = False"
        )
    if periodic.all():
        return cell
    normal = np.linalg.svd(given)[2][len(given) :] if len(given) else np.eye(3)
    cell[~periodic] = normal
    return cell


@compiled
def _fill(inside, index, order, starts, bins, reach, periodic, frame, cutoff, first, second, vectors):
    """Write the pairs; how many there are, also where there was no room for all."""
    room, found = len(second), 0
    square = cutoff * cutoff
    shift = np.empty(3)
    for i in range(len(inside)):
        first[i] = found
        for da in range(-reach[0], reach[0] + 1):
            a = index[i, 0] + da
            image_a = math.floor(a / bins[0])
            if image_a != 0 and not periodic[0]:
                continue
            a -= image_a * bins[0]
            for db in range(-reach[1], reach[1] + 1):
                b = index[i, 1] + db
                image_b = math.floor(b / bins[1])
                if image_b != 0 and not periodic[1]:
                    continue
                b -= image_b * bins[1]
                for dc in range(-reach[2], reach[2] + 1):
                    c = index[i, 2] + dc
                    image_c = math.floor(c / bins[2])
                    if image_c != 0 and not periodic[2]:
                        continue
                    c -= image_c * bins[2]
                    for x in range(3):
                        shift[x] = (
                            image_a * frame[0, x] + image_b * frame[1, x] + image_c * frame[2, x]
                        ) - inside[i, x]
                    home = image_a == 0 and image_b == 0 and image_c == 0
                    place = int((a * bins[1] + b) * bins[2] + c)
                    for entry in range(starts[place], starts[place + 1]):
                        j = order[entry]
                        if home and j == i:
                            continue
                        x = inside[j, 0] + shift[0]
                        y = inside[j, 1] + shift[1]
                        z = inside[j, 2] + shift[2]
                        if x * x + y * y + z * z < square:
                            if found < room:
                                second[found] = j
                                vectors[found, 0] = x
                                vectors[found, 1] = y
                                vectors[found, 2] = z
                            found += 1
    first[len(inside)] = found
    return found
