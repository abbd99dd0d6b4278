"""Heights above a flat electrode in a periodic cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.case.model import Case
from polcouple.electrostatics.slab import LEAST_VACUUM
from polcouple.errors import InputError
from polcouple.lattice.cell import base_area, widest_gap
from polcouple.units import BOHR_TO_ANGSTROM


@dataclass(frozen=True, eq=False)
class Slab:
    """The liquid as an electrode across the cell's third vector sees it; lengths in bohr.

    Attributes:
        sheet: z of the electrode's layer next to the liquid, from which heights are counted.
        lowest: height at which the periodic cell is cut open: in the middle of the vacuum.
        length: of the cell along z.
        area: of the cell across z, in bohr^2.
        bulk: lowest and highest height of the liquid's middle half, by its oxygens in the initial structure.
        normal: 1.0 where the liquid is above the electrode, and -1.0 where it is below: heights count into
            the liquid.
    """

    sheet: float
    lowest: float
    length: float
    area: float
    bulk: tuple[float, float]
    normal: float = 1.0

    def heights(self, z: np.ndarray) -> np.ndarray:
        """Height above the sheet of atoms at ``z``, between ``lowest`` and ``lowest + length``."""
        return (self.normal * (z - self.sheet) - self.lowest) % self.length + self.lowest

    def grid(self, width: float) -> Grid:
        """Bins of about ``width`` that fill the cell, the sheet in the middle of one of them."""
        number = round(self.length / width)
        exact = self.length / number
        below = round(-self.lowest / exact)
        return Grid(-(below + 0.5) * exact, exact, number)


@dataclass(frozen=True)
class Grid:
    """Bins of height: ``number`` of them, ``width`` wide, from ``start`` on; bohr."""

    start: float
    width: float
    number: int

    @property
    def centres(self) -> np.ndarray:
        """(number,) middle heights."""
        return self.start + (np.arange(self.number) + 0.5) * self.width

    def indices(self, heights: np.ndarray) -> np.ndarray:
        """Bin of each height; the cell is periodic."""
        return np.floor((heights - self.start) / self.width).astype(int) % self.number

    def histogram(self, heights: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """(number,) sum of the weights (or number of atoms) in each bin."""
        return np.bincount(self.indices(heights), weights, self.number)

    def shares_below(self, height: float) -> np.ndarray:
        """(number,) the part of each bin that lies below a height."""
        return np.clip((height - self.start) / self.width - np.arange(self.number), 0.0, 1.0)

    def between(self, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bin whose middle is below each height, and how far above it the height is, as a part of a bin."""
        places = (heights - self.start) / self.width - 0.5
        lower = np.floor(places + 1e-9)
        return lower.astype(int) % self.number, np.maximum(places - lower, 0.0)

    def spread(self, heights: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(number,) weights shared by the two bins next to each height, so that no dipole changes."""
        lower, share = self.between(heights)
        below = np.bincount(lower, weights * (1.0 - share), self.number)
        return below + np.bincount((lower + 1) % self.number, weights * share, self.number)


def faces(case: Case, slab: Slab) -> np.ndarray:
    """(n_electrodes,) height in bohr of each electrode's layer next to the liquid."""
    middle = float(np.mean(slab.bulk))
    found = []
    for part in case.electrode_slices:
        heights = slab.heights(case.electrode.positions[part, 2])
        found.append(heights[np.abs(heights - middle).argmin()])
    return np.array(found)


def slab_of(case: Case) -> Slab:
    """The slab of a case, from its initial structure; of two electrodes the lower one is the sheet.

    Raises:
        InputError: the cell's third vector is not along z, there is no vacuum, no liquid above an electrode,
        or an electrode that moves.
    """
    found = _seen_from_electrode(case, 1.0)
    if found is None:
        raise InputError(f"{case.directory}: no electrode below the liquid, from which to count distances")
    return found


def slabs_of(case: Case) -> list[Slab]:
    """The liquid as :func:`slab_of` has it and, where an electrode is above the liquid, as that one sees it.

    Raises:
        InputError: as :func:`slab_of`.
    """
    above = _seen_from_electrode(case, -1.0)
    return [slab_of(case)] + ([] if above is None else [above])


def _seen_from_electrode(case: Case, normal: float) -> Slab | None:
    """From the electrode below the liquid, or above it (``normal`` -1.0); None where there is none."""
    if case.mobile:
        raise InputError(
            f"{case.directory}: profiles count distances from an electrode in its place, and this one moves"
        )
    cell, z = case.lattice, normal * case.positions[:, 2]
    if np.abs([*cell[2, :2], *cell[:2, 2]]).max() > 1e-6:
        raise InputError(f"{case.directory}: the third cell vector must be along z and the others across it")
    length = float(cell[2, 2])
    start, gap = widest_gap(z, length)
    # of an aqueous solution the water alone, which ions at the walls do not shift
    water, heavy = case.water_oxygens, case.wall_atoms
    liquid = water if 2 * len(water) > len(heavy) else heavy
    if gap < LEAST_VACUUM or not len(liquid):
        raise InputError(
            f"{case.directory}: profiles are of a liquid between electrodes or beside one, with"
            f" {LEAST_VACUUM * BOHR_TO_ANGSTROM:g} Angstrom without atoms somewhere along z; liquid on both"
            " sides of a sheet has none"
        )
    cut = start + 0.5 * gap - length
    heights = (z - cut) % length
    inside = heights[liquid]
    layers = heights[case.electrode_indices]
    if not (layers < inside.min()).any():
        return None
    sheet = float(layers[layers < inside.min()].max())
    low, high = np.quantile(inside - sheet, [0.25, 0.75])
    return Slab(normal * (sheet + cut), -sheet, length, base_area(cell), (float(low), float(high)), normal)
