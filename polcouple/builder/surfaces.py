"""Electrode surfaces: atoms that repeat in a plane and show one face to the liquid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

#: side lengths in Angstrom of graphene's orthorhombic cell of four atoms; C-C distance 1.4203 Angstrom
GRAPHENE_CELL = (2.46, 2.46 * 3**0.5)


@dataclass(frozen=True, eq=False)
class Surface:
    """Frozen atoms that are periodic in a plane; the liquid lies above them.

    Attributes:
        symbols: chemical symbol of each of the n atoms.
        positions: (n, 3) in Angstrom; the highest atom is at z = 0, the others are at or below it.
        vectors: (2, 2) in-plane lattice vectors in Angstrom, one per row: the first is along x, and the
            second has a positive y and any x.
        floor: height in Angstrom to which the liquid may come down, where it closes; below the highest atom
            between parallel tubes.
    """

    symbols: tuple[str, ...]
    positions: np.ndarray
    vectors: np.ndarray
    floor: float = 0.0

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def thickness(self) -> float:
        """Height of the highest atom above the lowest in Angstrom; zero for a flat sheet."""
        return 0.0 - float(self.positions[:, 2].min())

    @property
    def sides(self) -> np.ndarray:
        """(2,) sides in Angstrom of the rectangle that is one period of the plane, whichever way it leans.

        Its length is the first vector's, its width the distance of the lines along that vector.
        """
        return np.array([self.vectors[0, 0], self.vectors[1, 1]])

    @property
    def heights(self) -> np.ndarray:
        """(2,) distances in Angstrom between the cell's opposite sides; half the smaller bounds a cut-off."""
        (a, _), (b, c) = self.vectors
        return np.array([a * c / np.hypot(b, c), c])

    def repeated(self, n_x: int, n_y: int) -> Surface:
        """``n_x`` times ``n_y`` of it side by side, cell by cell."""
        first, second = self.vectors
        origins = np.zeros((n_x * n_y, 3))
        origins[:, :2] = [i * first + j * second for i in range(n_x) for j in range(n_y)]
        return replace(
            self,
            symbols=self.symbols * (n_x * n_y),
            positions=(origins[:, None] + self.positions).reshape(-1, 3),
            vectors=self.vectors * np.array([[n_x], [n_y]]),
        )

    def facing_up(self, z: float) -> np.ndarray:
        """Positions (n, 3) in Angstrom with the lowest atom at ``z``."""
        return self.positions + np.array([0.0, 0.0, z + self.thickness])

    def facing_down(self, z: float) -> np.ndarray:
        """Positions (n, 3) in Angstrom of the mirror image, whose lowest atom, its face, is at ``z``."""
        return self.positions * np.array([1.0, 1.0, -1.0]) + np.array([0.0, 0.0, z])


def graphene() -> Surface:
    """The orthorhombic cell of graphene: the first vector is along zigzag, the second along armchair rows."""
    a, b = GRAPHENE_CELL
    motif = np.array([[0, 0, 0], [a / 2, b / 6, 0], [a / 2, b / 2, 0], [0, 2 * b / 3, 0]])
    return Surface(("C",) * 4, motif, np.diag(GRAPHENE_CELL))


def graphene_sheet(n_x: int, n_y: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (4 n_x n_y, 3) at z = 0 and side lengths (2,) of a sheet, both in Angstrom."""
    sheet = graphene().repeated(n_x, n_y)
    return sheet.positions, sheet.sides
