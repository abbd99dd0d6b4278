"""Heights above a flat electrode in a periodic cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.case import Case
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR


@dataclass(frozen=True, eq=False)
class Slab:
    """The liquid on an electrode that lies across the cell's third vector; lengths in bohr.

    Attributes:
        sheet: z of the electrode's outermost layer, from which heights are counted.
        lowest: height at which the periodic cell is cut open: in the vacuum, as far from both walls.
        length: of the cell along z.
        area: of the cell across z, in bohr^2.
        bulk: lowest and highest height of the liquid's middle half, by its oxygens in the initial structure.
    """

    sheet: float
    lowest: float
    length: float
    area: float
    bulk: tuple[float, float]

    def heights(self, z: np.ndarray) -> np.ndarray:
        """Height above the sheet of atoms at ``z``, between ``lowest`` and ``lowest + length``."""
        return (z - self.sheet - self.lowest) % self.length + self.lowest

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


def slab_of(case: Case) -> Slab:
    """The slab of a case.

    Raises:
        InputError: the cell's third vector is not along z, or system.yaml has no walls to keep a vacuum.
    """
    cell, walls = case.cell, case.system.force_field.walls
    if np.abs([*cell[2, :2], *cell[:2, 2]]).max() > 1e-6:
        raise InputError(f"{case.directory}: the third cell vector must be along z and the others across it")
    if walls is None or not len(case.water_oxygens):
        raise InputError(
            f"{case.directory / 'system.yaml'}: density profiles need water between walls"
            " (force_field.walls), with vacuum on the electrode's other side"
        )
    length = float(cell[2, 2])
    lower, upper = walls.lower_angstrom * ANGSTROM_TO_BOHR, walls.upper_angstrom * ANGSTROM_TO_BOHR
    sheet = float(case.electrode.positions[:, 2].max())
    cut = Slab(sheet, 0.5 * (lower + upper - length) - sheet, length, abs(_cross(cell)), (0.0, 0.0))
    low, high = np.quantile(cut.heights(case.positions[case.water_oxygens, 2]), [0.25, 0.75])
    return Slab(cut.sheet, cut.lowest, length, cut.area, (float(low), float(high)))


def _cross(cell: np.ndarray) -> float:
    return float(cell[0, 0] * cell[1, 1] - cell[0, 1] * cell[1, 0])
