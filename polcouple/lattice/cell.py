"""The periodic cell: its check, its base, the gaps between points in it and their images around it."""

from __future__ import annotations

import numpy as np

from polcouple.errors import InputError


def check_cell(cell: np.ndarray) -> None:
    """Refuse a (3, 3) cell whose lattice vectors are not finite or do not span a volume.

    Raises:
        InputError: naming the offending cell.
    """
    rows = "; ".join(" ".join(f"{x:g}" for x in row) for row in cell)
    if cell.shape != (3, 3) or not np.isfinite(cell).all():
        raise InputError(f"cell must be three finite lattice vectors in bohr, got [{rows}]")
    edges = np.linalg.norm(cell, axis=1)
    if abs(np.linalg.det(cell)) <= 1e-6 * edges.prod() or edges.min() < 1e-3:
        raise InputError(f"the lattice vectors [{rows}] bohr span no volume: mend the cell, or pbc = False")


def reduced_cell(cell: np.ndarray) -> np.ndarray:
    """The same lattice with vectors as upright as they can be: a along x, b in the xy plane, and then
    |b_x| <= a_x / 2, |c_x| <= a_x / 2, |c_y| <= b_y / 2.

    In this form a vector shorter than half of a_x, b_y and c_z is the closest of its images once its
    components are brought within half of these, from c to a.

    Args:
        cell: (3, 3) in bohr, one lattice vector per row, a along x and b in the xy plane.
    """
    a, b, c = np.array(cell, dtype=float)
    c = c - np.round(c[1] / b[1]) * b
    c = c - np.round(c[0] / a[0]) * a
    b = b - np.round(b[0] / a[0]) * a
    return np.array([a, b, c])


def same_lattice(cell: np.ndarray, other: np.ndarray, tolerance: float) -> bool:
    """Whether two cells (3, 3) span the same points, each vector to within ``tolerance`` (bohr)."""
    steps = np.asarray(cell) @ np.linalg.inv(other)
    whole = np.rint(steps)
    unimodular = abs(abs(float(np.linalg.det(whole))) - 1.0) < 0.5
    return unimodular and bool(np.abs((steps - whole) @ other).max() <= tolerance)


def heights(cell: np.ndarray) -> np.ndarray:
    """(3,) distances in bohr between opposite faces of ``cell`` (3, 3)."""
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0))


def base_area(cell: np.ndarray) -> float:
    """Area in bohr^2 that the first two lattice vectors of ``cell`` (3, 3) in bohr span."""
    return float(np.linalg.norm(np.cross(cell[0], cell[1])))


def widest_gap(coordinates: np.ndarray, period: float) -> tuple[float, float]:
    """The widest gap between points on a periodic axis.

    Args:
        coordinates: (n,) of the points, in any period.
        period: of the axis, in the same unit.

    Returns:
        Where the gap begins, in [0, ``period``), and how wide it is.
    """
    ordered = np.sort(coordinates % period)
    gaps = np.diff(ordered, append=ordered[0] + period)
    widest = int(gaps.argmax())
    return float(ordered[widest]), float(gaps[widest])


def folded(fractional: np.ndarray) -> np.ndarray:
    """Fractional coordinates moved into [0, 1), rounding included."""
    inside = fractional - np.floor(fractional)
    inside[inside >= 1.0] = 0.0
    return inside


def lattice_images(fractional: np.ndarray, padding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images that lie in the unit cell padded by ``padding`` on each side.

    Args:
        fractional: (n, 3) coordinates in [0, 1).
        padding: (3,) in units of the lattice vectors.

    Returns:
        Fractional coordinates (g, 3) of the images, and the point each is an image of (g,).
    """
    images, origin = fractional, np.arange(len(fractional))
    for axis in range(3):
        reach = int(np.ceil(padding[axis]))
        shifted, indices = [], []
        for shift in range(-reach, reach + 1):
            x = images[:, axis] + shift
            inside = (x >= -padding[axis]) & (x <= 1.0 + padding[axis])
            copy = images[inside].copy()
            copy[:, axis] += shift
            shifted.append(copy)
            indices.append(origin[inside])
        images, origin = np.concatenate(shifted), np.concatenate(indices)
    return images, origin


def within_halves(cell: np.ndarray, short: float = 0.0) -> np.ndarray:
    """A reduced cell (3, 3) whose vectors lie across those before them by no more than half, rounding or not.

    Args:
        short: by this part less than half.
    """
    found = np.array(cell, float)
    for row, column in ((1, 0), (2, 0), (2, 1)):
        most = 0.5 * found[column, column] * (1.0 - short)
        found[row, column] = np.clip(found[row, column], -most, most)
    return found
