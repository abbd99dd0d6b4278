"""The compiled loops of :mod:`.site_forces` and :mod:`.two_sets`; they release the GIL."""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled
from polcouple.electrostatics.boxes import box_of


@compiled
def pad(potential: np.ndarray, width: int, first: int, last: int, out: np.ndarray) -> None:
    """Planes ``first`` to ``last`` of a potential (n0, n1, n2), put into ``out`` (n0, n1, n2 + width)."""
    n2 = potential.shape[2]
    for i0 in range(first, last):
        for i1 in range(potential.shape[1]):
            source, row = potential[i0, i1], out[i0, i1]
            for i2 in range(n2):
                row[i2] = source[i2]
            for i2 in range(n2, n2 + width):
                row[i2] = source[i2 % n2]


@compiled
def read_mesh(
    positions: np.ndarray,
    charges: np.ndarray,
    inverse: np.ndarray,
    shape: tuple[int, int, int],
    window: np.ndarray,
    stencil: tuple[int, ...],
    mesh: np.ndarray,
    potentials: np.ndarray,
    forces: np.ndarray,
) -> None:
    """Potentials at charges and forces on them in a potential on a mesh; both are overwritten.

    Args:
        positions: (m, 3) in bohr.
        charges: (m,) in e.
        inverse: (3, 3) inverse of the cell, in 1/bohr.
        shape: mesh points along the lattice vectors.
        window, stencil: see :func:`polcouple.electrostatics._kernels.spread`.
        mesh: (n0, n1, n2 + width) potential in Hartree/e, continued periodically along the last axis.
        potentials: (m,) in Hartree/e.
        forces: (m, 3) in Hartree/bohr.
    """
    width = len(stencil)
    terms = window.shape[0]
    n0, n1, n2 = shape
    w0, w1, w2 = np.empty(width), np.empty(width), np.empty(width)
    d0, d1, d2 = np.empty(width), np.empty(width), np.empty(width)
    i1 = np.empty(width, np.int64)
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
            d0[t] = d1[t] = d2[t] = 0.0
        for term in range(terms - 2, -1, -1):
            for t in range(width):
                d0[t] = d0[t] * f0 + w0[t]
                d1[t] = d1[t] * f1 + w1[t]
                d2[t] = d2[t] * f2 + w2[t]
                w0[t] = w0[t] * f0 + window[term, t]
                w1[t] = w1[t] * f1 + window[term, t]
                w2[t] = w2[t] * f2 + window[term, t]
        if k2 >= n2:
            k2 -= n2
        for t in range(width):
            i1[t] = (k1 + t) % n1
        value = slope0 = slope1 = slope2 = 0.0
        for t0 in range(width):
            plane = mesh[(k0 + t0) % n0]
            v0 = v1 = v2 = 0.0
            for t1 in range(width):
                row = plane[i1[t1], k2 : k2 + width]
                a = b = 0.0
                for t2 in range(width):
                    a += row[t2] * w2[t2]
                    b += row[t2] * d2[t2]
                v0 += w1[t1] * a
                v1 += d1[t1] * a
                v2 += w1[t1] * b
            value += w0[t0] * v0
            slope0 += d0[t0] * v0
            slope1 += w0[t0] * v1
            slope2 += w0[t0] * v2
        potentials[j] = value
        # f = 2 u - 1 in mesh points, and u = n s in lattice coordinates
        g0, g1, g2 = (
            -2.0 * n0 * charges[j] * slope0,
            -2.0 * n1 * charges[j] * slope1,
            -2.0 * n2 * charges[j] * slope2,
        )
        for axis in range(3):
            forces[j, axis] = g0 * inverse[axis, 0] + g1 * inverse[axis, 1] + g2 * inverse[axis, 2]


@compiled
def short_range_forces(
    positions: np.ndarray,
    charges: np.ndarray,
    cell: np.ndarray,
    inverse: np.ndarray,
    boxes: tuple[int, int, int],
    box_start: np.ndarray,
    box_sites: np.ndarray,
    sites: np.ndarray,
    site_charges: np.ndarray,
    r_cut: float,
    polynomial: np.ndarray,
    slope: np.ndarray,
    degree: tuple[int, ...],
    forces: np.ndarray,
) -> tuple[float, float, int, int]:
    """Real-space part of the energy of charges in the field of the sites; adds to the forces.

    Two charges q and Q at the distance r < r_cut have the energy q Q (1/r - P(u)), u = 2 r^2/r_cut^2 - 1, and
    the force q Q (1/r^3 + D(u)) times their distance vector, D = 4 P'/r_cut^2.

    Args:
        positions: (m, 3) in bohr.
        charges: (m,) in e.
        cell: (3, 3) in bohr; ``inverse`` in 1/bohr.
        boxes, box_start, box_sites, sites: see :class:`polcouple.electrostatics.site_mesh.SiteBoxes`.
        site_charges: (g,) in e, of the site images.
        r_cut: in bohr.
        polynomial, slope: coefficients of P in 1/bohr and of D in 1/bohr^3, lowest order first, equally many.
        degree: (0, ..., number of coefficients - 1); its length tells the compiler how far to unroll.
        forces: (m, 3) in Hartree/bohr.

    Returns:
        Energy in Hartree; the square of the smallest distance found (or a huge number), and that charge and
        that site image.
    """
    terms = len(degree)
    squared_cut = r_cut * r_cut
    scale = 2.0 / squared_cut
    energy = 0.0
    nearest, nearest_charge, nearest_site = 1e300, -1, -1
    for j in range(positions.shape[0]):
        point = positions[j]
        x, y, z, box = box_of(point[0], point[1], point[2], cell, inverse, boxes)
        first, last = box_start[box], box_start[box + 1]
        if first == last:
            continue
        fx = fy = fz = e = 0.0
        closest = 1e300
        for k in range(first, last):
            site = box_sites[k]
            dx, dy, dz = x - sites[0, site], y - sites[1, site], z - sites[2, site]
            square = dx * dx + dy * dy + dz * dz
            u = square * scale - 1.0
            p, d = polynomial[terms - 1], slope[terms - 1]
            for term in range(terms - 2, -1, -1):
                p = p * u + polynomial[term]
                d = d * u + slope[term]
            over = 1.0 / np.sqrt(square)
            own = site_charges[site] if square < squared_cut else 0.0
            e += own * (over - p)
            f = own * (over * over * over + d)
            fx += f * dx
            fy += f * dy
            fz += f * dz
            closest = min(closest, square)
        energy += charges[j] * e
        forces[j, 0] += charges[j] * fx
        forces[j, 1] += charges[j] * fy
        forces[j, 2] += charges[j] * fz
        if closest < nearest:
            nearest, nearest_charge = closest, j
            for k in range(first, last):
                site = box_sites[k]
                dx, dy, dz = x - sites[0, site], y - sites[1, site], z - sites[2, site]
                if dx * dx + dy * dy + dz * dz <= closest * (1.0 + 1e-12):
                    nearest_site = site
    return energy, nearest, nearest_charge, nearest_site


@compiled
def short_range_fields(
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
    slope: np.ndarray,
    degree: tuple[int, ...],
    fields: np.ndarray,
) -> tuple[float, int, int]:
    """Real-space part of potentials and fields at site images, the converse of :func:`short_range_forces`.

    Args:
        positions, ...: see there.
        fields: (4, g) potential in Hartree/e and the field's three components in Hartree/(bohr e), to add to.

    Returns:
        Square of the smallest distance found (or a huge number), and that charge and that site image.
    """
    terms = len(degree)
    squared_cut = r_cut * r_cut
    scale = 2.0 / squared_cut
    nearest, nearest_charge, nearest_site = 1e300, -1, -1
    for j in range(positions.shape[0]):
        point = positions[j]
        x, y, z, box = box_of(point[0], point[1], point[2], cell, inverse, boxes)
        for k in range(box_start[box], box_start[box + 1]):
            site = box_sites[k]
            dx, dy, dz = sites[0, site] - x, sites[1, site] - y, sites[2, site] - z
            square = dx * dx + dy * dy + dz * dz
            if square >= squared_cut:
                continue
            u = square * scale - 1.0
            p, d = polynomial[terms - 1], slope[terms - 1]
            for term in range(terms - 2, -1, -1):
                p = p * u + polynomial[term]
                d = d * u + slope[term]
            over = 1.0 / np.sqrt(square)
            f = charges[j] * (over * over * over + d)
            fields[0, site] += charges[j] * (over - p)
            fields[1, site] += f * dx
            fields[2, site] += f * dy
            fields[3, site] += f * dz
            if square < nearest:
                nearest, nearest_charge, nearest_site = square, j, site
    return nearest, nearest_charge, nearest_site
