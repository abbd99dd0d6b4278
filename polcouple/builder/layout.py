"""Where electrodes, walls and vacuum of a built case are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from polcouple.builder.electrode_lennard_jones import Parameters
from polcouple.builder.packing import FACE_CLEARANCE
from polcouple.builder.surfaces import Surface
from polcouple.units import ANGSTROM_TO_BOHR

#: heights in Angstrom of the lower wall, and of the upper wall above the electrolyte's nominal top
_LOWER_WALL, UPPER_WALL_CLEARANCE = 1.0, 5.0
#: the cut-off is half the cell's shortest side within these bounds, in Angstrom
SHORTEST_CUTOFF, _LONGEST_CUTOFF = 6.0, 10.0


@dataclass(frozen=True, eq=False)
class Layout:
    """One electrode below the liquid, or one below and one above.

    Attributes:
        surfaces: of the electrodes, the lower one first.
        parameters: Lennard-Jones parameters of their elements.
        gap: thickness of the liquid, or distance of two electrodes' faces, in Angstrom.
        vacuum: above all of it, in Angstrom.
        voltage: first minus second potential in volts.
        total_charge: of all electrodes in e.
    """

    surfaces: tuple[Surface, ...]
    parameters: Mapping[str, Parameters]
    gap: float
    vacuum: float
    voltage: float | None
    total_charge: float

    @property
    def symbols(self) -> tuple[str, ...]:
        """Of all electrode atoms."""
        return tuple(symbol for surface in self.surfaces for symbol in surface.symbols)

    @property
    def face(self) -> float:
        """Height of the lower electrode's face in Angstrom."""
        return self.surfaces[0].thickness

    @property
    def positions(self) -> np.ndarray:
        """(n, 3) of all electrode atoms in Angstrom."""
        placed = [self.surfaces[0].facing_up(0.0)]
        placed += [surface.facing_down(self.face + self.gap) for surface in self.surfaces[1:]]
        return np.concatenate(placed)

    @property
    def top(self) -> float:
        """Height in Angstrom above the lower face that molecules stay below at the start."""
        return self.gap if len(self.surfaces) == 1 else self.gap - FACE_CLEARANCE

    @property
    def cell(self) -> np.ndarray:
        """(3, 3) rows in bohr."""
        cell = np.zeros((3, 3))
        cell[:2, :2] = self.surfaces[0].vectors
        cell[2, 2] = sum(surface.thickness for surface in self.surfaces) + self.gap + self.vacuum
        return cell * ANGSTROM_TO_BOHR

    @property
    def cutoff(self) -> float:
        """10 Angstrom, or what fits the cell."""
        shortest = min(*self.surfaces[0].heights, self.cell[2, 2] / ANGSTROM_TO_BOHR)
        return float(min(_LONGEST_CUTOFF, math.floor(shortest / 2 * 10) / 10))

    @property
    def walls(self) -> tuple[float, float]:
        """Heights in Angstrom that the liquid stays between."""
        lower, *others = self.surfaces
        above = -_LOWER_WALL - others[0].floor if others else UPPER_WALL_CLEARANCE
        return self.face + lower.floor + _LOWER_WALL, self.face + self.gap + above

    @property
    def names(self) -> tuple[str, ...]:
        """Of the electrodes."""
        if len(self.surfaces) == 1:
            return ("electrode",) if self.face else ("sheet",)
        return "lower", "upper"

    @property
    def runs(self) -> list[tuple[int, int]]:
        """First and last atom of each electrode."""
        ends = np.cumsum([0, *map(len, self.surfaces)]).tolist()
        return [(first, end - 1) for first, end in pairwise(ends)]

    @property
    def charge_of_each(self) -> float:
        """In e."""
        return self.total_charge / len(self.surfaces)
