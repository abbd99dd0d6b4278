"""Densities of functions on atoms on a grid of the periodic cell, plane after plane.

Values are those of the density smoothed to what the grid can hold: a Gaussian of exponent b, whose waves
are 1e-6 at the grid's own, takes every a to a b/(a + b) and leaves each function's charge and multipole as
they are. So the sum over the grid is the number of electrons to 1e-6 of what each function holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from polcouple.compile import compiled
from polcouple.lattice.cell import heights
from polcouple.nn.density.basis import DensityBasis

#: waves of the grid's own wavelength are smoothed to this
_LEFT = 1e-6
#: exponent beyond which a Gaussian is nothing
_NOTHING = 21.0
#: bytes of planes that are made at once
_MEMORY = 64_000_000


def density_planes(
    parts: list[tuple[DensityBasis, np.ndarray]],
    positions: np.ndarray,
    cell: np.ndarray,
    shape: tuple[int, int, int],
) -> Iterator[np.ndarray]:
    """Blocks (b, n_y, n_z) of the sum of densities in electrons/bohr^3, along the first axis.

    Args:
        parts: functions and coefficients (n, functions, harmonics).
        positions: (n, 3) in bohr, in any image.
        cell: (3, 3) in bohr.
        shape: points along its vectors, the first at the corner.
    """
    nx, ny, nz = shape
    steps = np.linalg.norm(cell, axis=1) / shape
    smooth = np.pi**2 / (-math.log(_LEFT) * float(steps.max()) ** 2)
    fractional = positions @ np.linalg.inv(cell)
    fractional -= np.floor(fractional)
    apart = heights(cell)
    block = max(1, min(nx, _MEMORY // (8 * ny * nz)))
    for start in range(0, nx, block):
        planes = np.zeros((min(block, nx - start), ny, nz))
        for basis, coefficients in parts:
            exponents = np.array(basis.exponents)
            smoothed = exponents * smooth / (exponents + smooth)
            scaled = np.ascontiguousarray(coefficients, dtype=float).copy()
            for momentum in range(basis.l_max + 1):
                own = slice(momentum**2, (momentum + 1) ** 2)
                norm = (smoothed / np.pi) ** 1.5 * (smoothed / np.sqrt(exponents)) ** momentum
                scaled[:, :, own] *= norm[:, None]
            reach = np.sqrt(_NOTHING / smoothed.min()) / apart
            _add(planes, start, nx, fractional, scaled, smoothed, reach, cell, (basis.l_max + 1) ** 2)
        yield planes


@compiled
def _add(planes, start, nx, fractional, coefficients, exponents, reach, cell, harmonics):
    """Add every atom's functions to planes from ``start`` on; coefficients have their norms."""
    rows, ny, nz = planes.shape
    widest = exponents.min()
    root3, root15 = math.sqrt(3.0), math.sqrt(15.0)
    a3, c3 = math.sqrt(0.625), math.sqrt(0.375)
    for atom in range(len(fractional)):
        f0, f1, f2 = fractional[atom]
        c = coefficients[atom]
        first = math.ceil((f0 - reach[0]) * nx)
        last = math.floor((f0 + reach[0]) * nx)
        for i in range(first, last + 1):
            row = i % nx - start
            if row < 0 or row >= rows:
                continue
            u = i / nx - f0
            for j in range(math.ceil((f1 - reach[1]) * ny), math.floor((f1 + reach[1]) * ny) + 1):
                v = j / ny - f1
                for k in range(math.ceil((f2 - reach[2]) * nz), math.floor((f2 + reach[2]) * nz) + 1):
                    w = k / nz - f2
                    x = u * cell[0, 0] + v * cell[1, 0] + w * cell[2, 0]
                    y = u * cell[0, 1] + v * cell[1, 1] + w * cell[2, 1]
                    z = u * cell[0, 2] + v * cell[1, 2] + w * cell[2, 2]
                    rr = x * x + y * y + z * z
                    if widest * rr > 21.0:
                        continue
                    total = 0.0
                    for n in range(len(exponents)):
                        if exponents[n] * rr > 21.0:
                            continue
                        g = math.exp(-exponents[n] * rr)
                        own = c[n, 0]
                        if harmonics > 1:
                            own += c[n, 1] * y + c[n, 2] * z + c[n, 3] * x
                        if harmonics > 4:
                            own += root3 * (c[n, 4] * x * y + c[n, 5] * y * z + c[n, 7] * x * z)
                            own += c[n, 6] * (1.5 * z * z - 0.5 * rr) + 0.5 * root3 * c[n, 8] * (
                                x * x - y * y
                            )
                        if harmonics > 9:
                            own += a3 * (
                                c[n, 9] * y * (3.0 * x * x - y * y) + c[n, 15] * x * (x * x - 3.0 * y * y)
                            )
                            own += root15 * (c[n, 10] * x * y * z + 0.5 * c[n, 14] * z * (x * x - y * y))
                            own += c3 * (5.0 * z * z - rr) * (c[n, 11] * y + c[n, 13] * x)
                            own += 0.5 * c[n, 12] * z * (5.0 * z * z - 3.0 * rr)
                        total += g * own
                    planes[row, j % ny, k % nz] += total
