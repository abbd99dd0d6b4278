"""The short-ranged part of the liquid's potentials at the electrode's atoms.

The sites are dealt into tiles of neighbours, and the cell into boxes that know which tiles may be in reach; a
charge meets all sites of a tile at once. Places within a tile are small numbers, so that single precision is
enough where the engine has it. Sites that move keep their tiles and boxes until one has gone too far. Most
charges are in boxes that no tile is near to; the others are looked for when neighbour lists are made.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from polcouple.compile import compiled
from polcouple.electrostatics import splitting as split
from polcouple.electrostatics.boxes import box_of
from polcouple.electrostatics.site_mesh import SiteBoxes
from polcouple.electrostatics.site_potential import CLOSEST_APPROACH, require_apart
from polcouple.engines.native.polynomial import horner, padded_length
from polcouple.lattice.cell import folded

#: sites that move keep their tiles so far (bohr)
_SLACK = 0.7
#: sites in a tile, as many as are worked on together
_TILE = 16
#: rows of a tile's numbers after x, y and z of its sites
_SUM, _LEAST = 3, 4
_Unsigned = np.uint64
_Y, _Z, _SUMS, _LEASTS, _ROWS = (_Unsigned(_TILE * row) for row in (1, 2, _SUM, _LEAST, 5))


class NearPotentials:
    """What charges within the cut-off add to the potentials at sites.

    Args:
        sites: (n, 3) in bohr.
        mobile: whether they may :meth:`move`.
        cell: (3, 3) in bohr.
        parameters: of the splitting.
        accuracy: of a potential, Hartree/e.
        skin: what :meth:`within_reach` finds holds until a charge has moved half as far, in bohr, or a site.
        real: precision.
        slices: that the charges are dealt into.
    """

    def __init__(
        self,
        sites: np.ndarray,
        mobile: bool,
        cell: np.ndarray,
        parameters: split.Splitting,
        accuracy: float,
        skin: float,
        real: Any,
        slices: int,
    ) -> None:
        self._cell = np.ascontiguousarray(cell)
        self._inverse = np.linalg.inv(self._cell)
        self._cut_off, self._slack, self._skin = parameters.r_cut, _SLACK if mobile else 0.0, skin
        series = split.short_range_polynomial(parameters, 0.01 * accuracy)
        padded = np.zeros(padded_length(len(series)))
        padded[: len(series)] = series
        self._series = tuple(real(c) for c in padded)
        self._real = real
        self._n = len(sites)
        self._slices = slices
        self._deal(sites)

    def _deal(self, sites: np.ndarray) -> None:
        """Tiles and boxes of sites (n, 3) in bohr."""
        self._sites = self._dealt = folded(sites @ self._inverse) @ self._cell
        #: (tiles, 16) the sites of each; the last tile is filled with its last site
        self._members = _tiles(self._sites)
        places = self._sites[self._members]
        low, high = places.min(axis=1), places.max(axis=1)
        self._middles = 0.5 * (low + high)
        #: (3, tiles) half the edges of the tiles
        self._halves = np.ascontiguousarray((0.5 * (high - low) + self._slack).T)
        offsets = places - self._middles[:, None]
        reach = self._cut_off + float(np.linalg.norm(offsets, axis=2).max()) + self._slack
        self._boxes = SiteBoxes(folded(self._middles @ self._inverse), self._cell, reach + self._skin)
        self._limits = (self._cut_off**2, self._real(self._cut_off**2))
        #: (slices, tiles, rows, 16) as the loop takes them
        self._work = np.zeros((self._slices, len(self._middles), 5, _TILE), self._real)
        self._work[:, :, :3] = offsets.transpose(0, 2, 1)

    def move(self, sites: np.ndarray) -> None:
        """Put the sites at other places (n, 3) in bohr, any images."""
        moved = (sites - self._dealt) @ self._inverse
        moved = (moved - np.rint(moved)) @ self._cell
        if (moved**2).sum(axis=1).max() > self._slack**2:
            self._deal(sites)
            return
        self._sites = self._dealt + moved
        offsets = self._sites[self._members] - self._middles[:, None]
        self._work[:, :, :3] = offsets.transpose(0, 2, 1)

    def within_reach(self, places: np.ndarray, liquid: np.ndarray) -> np.ndarray:
        """Those of ``liquid`` (m,) at ``places`` (n, 3) that may be near a site while ``skin`` holds."""
        boxes, found = self._boxes, np.empty(len(liquid), int)
        count = _within_reach(places, liquid, self._cell, self._inverse, boxes.counts, boxes.start, found)
        return found[:count].copy()

    def tasks(self, places: np.ndarray, charges: np.ndarray, chosen: np.ndarray) -> list[tuple[Any, ...]]:
        """Tasks, one a slice, for the ``chosen`` (m,) of the charges (n,) at ``places`` (n, 3)."""
        bounds = [len(chosen) * part // self._slices for part in range(self._slices + 1)]
        boxes = self._boxes
        return [
            (_near, places, charges, chosen[first:last], self._cell, self._inverse, boxes.counts, boxes.start,
             boxes.members, boxes.images, boxes.site, self._halves, self._limits, self._series, work.ravel())
            for (first, last), work in zip(pairwise(bounds), self._work, strict=True)
        ]  # fmt: skip

    def potentials(self) -> np.ndarray:
        """Potentials (n,) in Hartree/e when all tasks are done."""
        potentials = np.empty(self._n)
        potentials[self._members] = self._work[:, :, _SUM].sum(axis=0, dtype=float)
        return potentials

    def require_apart(self, places: np.ndarray, liquid: np.ndarray) -> None:
        """Refuse charges of the ``liquid`` (m,) at ``places`` (n, 3), those of the last tasks, on a site.

        Raises:
            InputError: naming the two.
        """
        least = self._work[:, :, _LEAST].min(axis=0)
        if least.min() >= CLOSEST_APPROACH**2:
            return
        site = int(self._members.flat[np.argmin(least)])
        apart = (places[liquid] - self._sites[site]) @ self._inverse
        squares = (((apart - np.rint(apart)) @ self._cell) ** 2).sum(axis=1)
        atom = int(np.argmin(squares))
        require_apart(float(squares[atom]), atom, site)


def _tiles(points: np.ndarray) -> np.ndarray:
    """Numbers (tiles, 16) of the points (n, 3), neighbours together; the last one is repeated."""

    def halves(own: np.ndarray) -> list[np.ndarray]:
        if len(own) <= _TILE:
            return [own]
        here = points[own]
        own = own[np.argsort(here[:, np.argmax(np.ptp(here, axis=0))], kind="stable")]
        middle = _TILE * -(-len(own) // (2 * _TILE))
        return halves(own[:middle]) + halves(own[middle:])

    order = np.concatenate(halves(np.arange(len(points))))
    missing = -len(order) % _TILE
    return np.concatenate([order, np.full(missing, order[-1])]).reshape(-1, _TILE)


@compiled
def _within_reach(places, liquid, cell, inverse, counts, start, found):
    """Those of ``liquid`` in boxes with tiles, into ``found``; returns their number."""
    count = 0
    for k in range(liquid.shape[0]):
        point = places[liquid[k]]
        box = box_of(point[0], point[1], point[2], cell, inverse, counts)[3]
        found[count] = liquid[k]
        count += start[box + 1] > start[box]
    return count


@compiled
def _near(
    places, charges, chosen, cell, inverse, counts, start, members, middles, tile_of, halves, limits, series,
    w,
):  # fmt: skip
    """Potentials, overwritten: a charge q at the distance r < r_cut adds q (1/r - P(2 r^2/r_cut^2 - 1)).

    Args:
        places, charges: (n, 3) in bohr and (n,) in e.
        chosen: (m,) which of them.
        cell, inverse, counts: see :func:`polcouple.electrostatics.boxes.box_of`.
        start, members, middles, tile_of: tiles of the boxes, middles of their images (3, g), and their tiles.
        halves: (3, tiles) half the edges of the tiles.
        limits: square of r_cut in two precisions.
        series: of P, lowest order first.
        w: one after the other, the tiles' sites (from the middle: x, y, z), potentials, and squares of the
            smallest distances found. In one array the compiler sees that they do not overlap.
    """
    farthest, squared_cut = limits
    lanes = _Unsigned(_TILE)
    one = squared_cut / squared_cut
    scale = (one + one) / squared_cut
    nothing = one - one
    here = np.empty(4, w.dtype)
    for first in range(_Unsigned(0), _Unsigned(w.shape[0]), _ROWS):
        for t in range(lanes):
            w[first + _SUMS + t] = 0.0
            w[first + _LEASTS + t] = farthest
    for chosen_one in range(chosen.shape[0]):
        j = chosen[chosen_one]
        point = places[j]
        x, y, z, box = box_of(point[0], point[1], point[2], cell, inverse, counts)
        here[3] = charges[j]
        charge = here[3]
        for k in range(start[box], start[box + 1]):
            image = members[k]
            dx, dy, dz = x - middles[0, image], y - middles[1, image], z - middles[2, image]
            tile = tile_of[image]
            gx = max(abs(dx) - halves[0, tile], 0.0)
            gy = max(abs(dy) - halves[1, tile], 0.0)
            gz = max(abs(dz) - halves[2, tile], 0.0)
            if gx * gx + gy * gy + gz * gz > farthest:
                continue
            here[0], here[1], here[2] = dx, dy, dz
            hx, hy, hz = here[0], here[1], here[2]
            first = _Unsigned(tile) * _ROWS
            for m in range(first, first + lanes):
                ex, ey, ez = hx - w[m], hy - w[m + _Y], hz - w[m + _Z]
                square = ex * ex + ey * ey + ez * ez
                value = charge * (one / np.sqrt(square) - horner(square * scale - one, series))
                w[m + _SUMS] += value if square < squared_cut else nothing
                w[m + _LEASTS] = min(w[m + _LEASTS], square)
