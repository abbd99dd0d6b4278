"""The compiled loops of :mod:`polcouple.electrostatics.site_potential`; they release the GIL.

Each loop runs over a fixed slice of its input and writes where nobody else does, so results do not depend on
how many threads share the slices.
"""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled
from polcouple.electrostatics.boxes import box_of


@compiled
def spread(
    positions: np.ndarray,
    charges: np.ndarray,
    inverse: np.ndarray,
    shape: tuple[int, int, int],
    window: np.ndarray,
    stencil: tuple[int, ...],
    grid: np.ndarray,
) -> None:
    """Charges onto a grid, overwritten, whose last axis is longer than its period by the window's width.

    Args:
        positions: (m, 3) in bohr.
        charges: (m,) in e.
        inverse: (3, 3) inverse of the cell, in 1/bohr.
        shape: grid points along the lattice vectors.
        window: (terms, width) coefficients of the window at each of its points as a polynomial in 2 f - 1,
            where f in [0, 1) is the distance to the grid point below; lowest order first.
        stencil: (0, ..., width - 1); its length tells the compiler how far to unroll.
        grid: (n0, n1, n2 + width).
    """
    width = len(stencil)
    terms = window.shape[0]
    n0, n1, n2 = shape
    w0, w1, w2 = np.empty(width), np.empty(width), np.empty(width)
    i1 = np.empty(width, np.int64)
    grid[:] = 0.0
    for j in range(positions.shape[0]):
        x, y, z = positions[j, 0], positions[j, 1], positions[j, 2]
        s0 = x * inverse[0, 0] + y * inverse[1, 0] + z * inverse[2, 0]
        s1 = x * inverse[0, 1] + y * inverse[1, 1] + z * inverse[2, 1]
        s2 = x * inverse[0, 2] + y * inverse[1, 2] + z * inverse[2, 2]
        u0, u1, u2 = (s0 - np.floor(s0)) * n0, (s1 - np.floor(s1)) * n1, (s2 - np.floor(s2)) * n2
        k0, k1, k2 = int(u0), int(u1), int(u2)
        f0, f1, f2 = 2.0 * (u0 - k0) - 1.0, 2.0 * (u1 - k1) - 1.0, 2.0 * (u2 - k2) - 1.0
        for t in range(width):
            w0[t] = w1[t] = w2[t] = window[terms - 1, t]
        for term in range(terms - 2, -1, -1):
            for t in range(width):
                w0[t] = w0[t] * f0 + window[term, t]
                w1[t] = w1[t] * f1 + window[term, t]
                w2[t] = w2[t] * f2 + window[term, t]
        if k2 >= n2:
            k2 -= n2
        for t in range(width):
            i1[t] = (k1 + t) % n1
        for t0 in range(width):
            plane = grid[(k0 + t0) % n0]
            a = charges[j] * w0[t0]
            for t1 in range(width):
                row = plane[i1[t1], k2 : k2 + width]
                b = a * w1[t1]
                for t2 in range(width):
                    row[t2] += b * w2[t2]


@compiled
def fold(grids: np.ndarray, density: np.ndarray) -> None:
    """Sum the private grids (chunks, n0, n1, n2 + width) into the periodic ``density`` (n0, n1, n2)."""
    chunks, n0, n1, padded = grids.shape
    n2 = density.shape[2]
    for i0 in range(n0):
        for i1 in range(n1):
            row = density[i0, i1]
            row[:] = 0.0
            for chunk in range(chunks):
                source = grids[chunk, i0, i1]
                for i2 in range(n2):
                    row[i2] += source[i2]
                for i2 in range(n2, padded):
                    row[(i2 - n2) % n2] += source[i2]


@compiled
def convolve(
    kernel: np.ndarray,
    spectrum: np.ndarray,
    sources: np.ndarray,
    planes: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
) -> None:
    """Planes of a potential from planes of the density, both Fourier-transformed within the planes.

    Args:
        kernel: (n0, k) influence of a plane on the plane 0, 1, ... n0 - 1 above it.
        spectrum: (s, k) density.
        sources: (s,) the planes it is in.
        planes: (p,) the planes wanted.
        first, last: the slice of k to work on.
        out: (p, k) overwritten in that slice.
    """
    n0 = kernel.shape[0]
    for p in range(planes.shape[0]):
        out[p, first:last] = 0.0
        for s in range(sources.shape[0]):
            influence = kernel[(planes[p] - sources[s]) % n0]
            for k in range(first, last):
                out[p, k] += influence[k] * spectrum[s, k]


@compiled
def short_range(
    positions: np.ndarray,
    charges: np.ndarray,
    cell: np.ndarray,
    inverse: np.ndarray,
    boxes: tuple[int, int, int],
    box_start: np.ndarray,
    box_sites: np.ndarray,
    sites: np.ndarray,
    r_cut: float,
    polynomial: np.ndarray,
    degree: tuple[int, ...],
    potentials: np.ndarray,
) -> tuple[float, int, int]:
    """Real-space part of the potential at the site images, overwritten.

    A charge q at the distance r < r_cut contributes q (1/r - P(2 r^2/r_cut^2 - 1)).

    Args:
        positions: (m, 3) in bohr.
        charges: (m,) in e.
        cell: (3, 3) in bohr.
        inverse: (3, 3) inverse of the cell, in 1/bohr.
        boxes: the cell is divided into boxes[0] x boxes[1] x boxes[2] boxes.
        box_start: (boxes + 1,) where each box's list in ``box_sites`` begins.
        box_sites: site images that may be within r_cut of a point of the box.
        sites: (3, g) coordinates of the site images around the cell, in bohr.
        r_cut: in bohr.
        polynomial: coefficients of P in 1/bohr, lowest order first.
        degree: (0, ..., len(polynomial) - 1); its length tells the compiler how far to unroll.
        potentials: (g,) in Hartree/e.

    Returns:
        Square of the smallest distance found (or infinity), and that charge and that site image.
    """
    terms = len(degree)
    squared_cut = r_cut * r_cut
    scale = 2.0 / squared_cut
    longest = 0
    for box in range(box_start.shape[0] - 1):
        longest = max(longest, box_start[box + 1] - box_start[box])
    values, squares = np.empty(longest), np.empty(longest)
    potentials[:] = 0.0
    nearest, nearest_charge, nearest_site = 1e300, -1, -1
    for j in range(positions.shape[0]):
        point = positions[j]
        x, y, z, box = box_of(point[0], point[1], point[2], cell, inverse, boxes)
        members = box_sites[box_start[box] : box_start[box + 1]]
        if members.shape[0] == 0:
            continue
        charge = charges[j]
        closest = 1e300
        for k in range(members.shape[0]):
            site = members[k]
            dx, dy, dz = x - sites[0, site], y - sites[1, site], z - sites[2, site]
            square = dx * dx + dy * dy + dz * dz
            u = square * scale - 1.0
            value = polynomial[terms - 1]
            for term in range(terms - 2, -1, -1):
                value = value * u + polynomial[term]
            value = charge * (1.0 / np.sqrt(square) - value)
            squares[k] = square
            values[k] = value if square < squared_cut else 0.0
            closest = min(closest, square)
        for k in range(members.shape[0]):
            potentials[members[k]] += values[k]
        if closest < nearest:
            for k in range(members.shape[0]):
                if squares[k] == closest:
                    nearest, nearest_charge, nearest_site = closest, j, members[k]
    return nearest, nearest_charge, nearest_site


@compiled
def open_boundary(
    positions: np.ndarray, charges: np.ndarray, sites: np.ndarray, potentials: np.ndarray
) -> tuple[float, int, int]:
    """Sum of q/r at ``sites`` (n, 3) into ``potentials`` (n,); the rest as :func:`short_range`.

    Args:
        positions: (3, m) in bohr.
        charges: (m,) in e.
        sites: (n, 3) in bohr.
        potentials: (n,) in Hartree/e, overwritten.
    """
    nearest, nearest_charge, nearest_site = 1e300, -1, -1
    for i in range(sites.shape[0]):
        x, y, z = sites[i, 0], sites[i, 1], sites[i, 2]
        potential, closest = 0.0, 1e300
        for j in range(charges.shape[0]):
            dx, dy, dz = positions[0, j] - x, positions[1, j] - y, positions[2, j] - z
            square = dx * dx + dy * dy + dz * dz
            potential += charges[j] / np.sqrt(square)
            closest = min(closest, square)
        potentials[i] = potential
        if closest < nearest:
            nearest, nearest_site = closest, i
    if nearest_site >= 0:
        x, y, z = sites[nearest_site, 0], sites[nearest_site, 1], sites[nearest_site, 2]
        closest = 1e300
        for j in range(charges.shape[0]):
            dx, dy, dz = positions[0, j] - x, positions[1, j] - y, positions[2, j] - z
            square = dx * dx + dy * dy + dz * dz
            if square < closest:
                closest, nearest_charge = square, j
    return nearest, nearest_charge, nearest_site
