"""The box of a divided cell that a point lies in, in compiled loops."""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled


@compiled
def box_of(
    x: float, y: float, z: float, cell: np.ndarray, inverse: np.ndarray, counts: tuple[int, int, int]
) -> tuple[float, float, float, int]:
    """A point folded into the cell, and the number of its box.

    Args:
        x, y, z: in bohr.
        cell: (3, 3) in bohr; ``inverse`` is its inverse.
        counts: the cell is divided into counts[0] x counts[1] x counts[2] boxes, the last index the fastest.

    Returns:
        x, y, z of the image inside the cell, in bohr, and the box.
    """
    s0 = x * inverse[0, 0] + y * inverse[1, 0] + z * inverse[2, 0]
    s1 = x * inverse[0, 1] + y * inverse[1, 1] + z * inverse[2, 1]
    s2 = x * inverse[0, 2] + y * inverse[1, 2] + z * inverse[2, 2]
    t0, t1, t2 = np.floor(s0), np.floor(s1), np.floor(s2)
    b0 = min(int((s0 - t0) * counts[0]), counts[0] - 1)
    b1 = min(int((s1 - t1) * counts[1]), counts[1] - 1)
    b2 = min(int((s2 - t2) * counts[2]), counts[2] - 1)
    x -= t0 * cell[0, 0] + t1 * cell[1, 0] + t2 * cell[2, 0]
    y -= t0 * cell[0, 1] + t1 * cell[1, 1] + t2 * cell[2, 1]
    z -= t0 * cell[0, 2] + t1 * cell[1, 2] + t2 * cell[2, 2]
    return x, y, z, (b0 * counts[1] + b1) * counts[2] + b2
