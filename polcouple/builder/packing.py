"""Starting structures: a liquid laid out on a jittered lattice above an electrode."""

from __future__ import annotations

import numpy as np

from polcouple.errors import InputError

#: distance in Angstrom kept between the sheet and the first molecules
SHEET_CLEARANCE = 2.8
#: molecules and ions per cubic Angstrom: of liquid water, and the most that can be relaxed into a liquid
WATER_DENSITY, HIGHEST_DENSITY = 0.0334, 0.0365


def check_density(count: int, sides: np.ndarray, gap: float) -> None:
    """Refuse more molecules and ions than fit between the sheet and ``gap`` (Angstrom).

    Raises:
        InputError: with the density and the gap that liquid water's density needs.
    """
    area = sides[0] * sides[1]
    density = count / (area * max(gap - SHEET_CLEARANCE, 1e-9))
    if density > HIGHEST_DENSITY:
        needed = count / (area * WATER_DENSITY) + SHEET_CLEARANCE
        raise InputError(
            f"too dense to pack: {count} molecules and ions on {sides[0]:.2f} x {sides[1]:.2f} Angstrom in a"
            f" gap of {gap:g} Angstrom are {density:.4f} per cubic Angstrom (water: {WATER_DENSITY}); a gap"
            f" of {needed:.1f} Angstrom gives water's density"
        )


def _lattice(sides: np.ndarray, z_range: tuple[float, float], count: int) -> tuple[np.ndarray, float]:
    """At least ``count`` points (n, 3) of a nearly cubic lattice filling a slab; their smallest spacing."""
    lengths = np.array([*sides, z_range[1] - z_range[0]])
    numbers = np.maximum(1, np.floor(lengths / (lengths.prod() / count) ** (1 / 3))).astype(int)
    while numbers.prod() < count:
        numbers[np.argmax(lengths / numbers)] += 1
    steps = lengths / numbers
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in numbers], indexing="ij"), axis=-1).reshape(-1, 3)
    return (indices + 0.5) * steps + np.array([0.0, 0.0, z_range[0]]), float(steps.min())


def pack_liquid(
    sides: np.ndarray,
    gap: float,
    n_water: int,
    n_ions: int,
    water_shape: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of waters (n_water, 3 atoms O H H, 3) and ions (n_ions, 3) in Angstrom.

    Waters are turned at random; ``water_shape`` is their bond length in Angstrom and angle in degrees.

    ``sides`` are the periodic lengths along x and y, ``gap`` the height of the liquid's top.

    Raises:
        InputError: see :func:`check_density`.
    """
    check_density(n_water + n_ions, sides, gap)
    points, spacing = _lattice(sides, (SHEET_CLEARANCE, gap), n_water + n_ions)
    chosen = points[rng.permutation(len(points))[: n_water + n_ions]]
    chosen = chosen + rng.uniform(-0.05, 0.05, chosen.shape) * spacing
    length, angle = water_shape[0], np.deg2rad(water_shape[1])
    # two perpendicular unit vectors per molecule span its plane
    first = rng.standard_normal((n_water, 3))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(first, rng.standard_normal((n_water, 3)))
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    waters = np.repeat(chosen[:n_water, None], 3, axis=1)
    waters[:, 1] += length * first
    waters[:, 2] += length * (np.cos(angle) * first + np.sin(angle) * second)
    return waters, chosen[n_water:]
