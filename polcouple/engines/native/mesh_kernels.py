"""The loops of the mesh: spreading charges, reading potentials and their gradients, and what lies between."""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled
from polcouple.engines.native.clusters import TICKS
from polcouple.engines.native.polynomial import STRIDE, series_in_rows

_Unsigned = np.uint64
#: rows of a slice's workspace: windows (0 to 2) and their slopes (3 to 5) along three axes, sums of the
#: potential and two of its slopes (6 to 8), one number, and the series of the window and of its slope
_R1, _R2, _R3, _R4, _R5, _R6, _R7, _R8, _SCRATCH = (np.uint64(16 * row) for row in range(1, 10))
_ONE, _TWO, _THREE, _FOUR, _FIVE = (np.uint64(k) for k in range(1, 6))
_WINDOW, _SLOPE = np.uint64(10 * STRIDE), np.uint64(30 * STRIDE)
ROWS = 50


@compiled
def fold_slices(grids, density):
    """Sum the private meshes into the periodic density."""
    slices, _, n1, padded = grids.shape
    n2 = density.shape[2]
    for i0 in range(density.shape[0]):
        for i1 in range(n1):
            row = density[i0, i1]
            row[:] = grids[0, i0, i1, :n2]
            for s in range(1, slices):
                source = grids[s, i0, i1]
                for i2 in range(n2):
                    row[i2] += source[i2]
            for s in range(slices):
                source = grids[s, i0, i1]
                for i2 in range(n2, padded):
                    row[i2 % n2] += source[i2]


@compiled
def join(spectrum, other, influence):
    """Potential of two transformed densities, in place of the first; returns the energy between the two."""
    energy = 0.0
    for i0 in range(spectrum.shape[0]):
        for i1 in range(spectrum.shape[1]):
            first, second, kernel = spectrum[i0, i1], other[i0, i1], influence[i0, i1]
            # every wave stands for its negative, too, but for the first; the last has no kernel
            mixed = -0.5 * kernel[0] * (first[0].real * second[0].real + first[0].imag * second[0].imag)
            for k in range(first.shape[0]):
                a, b = first[k], second[k]
                mixed += kernel[k] * (a.real * b.real + a.imag * b.imag)
                first[k] = kernel[k] * (a + b)
            energy += 2.0 * mixed
    return energy


@compiled
def join_layers(spectrum, layers, phases, influence, ends):
    """The same, the second known by its layers.

    Args:
        spectrum, influence: as rows (n0 n1, 2 waves), real and imaginary parts by turns, and (n0 n1, waves).
        layers: (n0 n1, 2 layers) real and imaginary parts of the transformed layers, by turns.
        phases: (layers, 2, 2 waves) what real and imaginary parts on a layer are of waves.
        ends: (n0 n1,) waves of each row before the kernel ends.
    """
    energy = 0.0
    two, one = _TWO, _ONE
    other = np.empty(spectrum.shape[1], spectrum.dtype)
    for row in range(spectrum.shape[0]):
        end = _Unsigned(ends[row])
        n = two * end
        mine, kernel = spectrum[row], influence[row]
        for p in range(phases.shape[0]):
            a, b = layers[row, 2 * p], layers[row, 2 * p + 1]
            cosine, sine = phases[p, 0], phases[p, 1]
            if p == 0:
                for k in range(n):
                    other[k] = a * cosine[k] + b * sine[k]
            else:
                for k in range(n):
                    other[k] += a * cosine[k] + b * sine[k]
        if end > 0:
            mixed = -0.5 * kernel[0] * (mine[0] * other[0] + mine[1] * other[1])
            for k in range(end):
                real, imaginary = two * k, two * k + one
                mixed += kernel[k] * (mine[real] * other[real] + mine[imaginary] * other[imaginary])
            for k in range(end):
                real, imaginary = two * k, two * k + one
                mine[real] = kernel[k] * (mine[real] + other[real])
                mine[imaginary] = kernel[k] * (mine[imaginary] + other[imaginary])
            energy += 2.0 * mixed
        for k in range(n, _Unsigned(spectrum.shape[1])):
            mine[k] = 0.0
    return energy


@compiled
def pad(periodic, padded):
    """Copy a periodic mesh and repeat the beginning of its last axis behind its end."""
    n2 = periodic.shape[2]
    for i0 in range(padded.shape[0]):
        for i1 in range(padded.shape[1]):
            row, source = padded[i0, i1], periodic[i0, i1]
            row[:n2] = source
            for i2 in range(n2, row.shape[0]):
                row[i2] = source[i2 % n2]


@compiled
def _windows(w, u0, u1, u2, lanes, terms):
    """Rows 0 to 2 of the workspace: the windows along three axes."""
    for t in range(lanes):
        w[t] = series_in_rows(w, _WINDOW + t, u0, terms)
    for t in range(lanes):
        w[_R1 + t] = series_in_rows(w, _WINDOW + t, u1, terms)
    for t in range(lanes):
        w[_R2 + t] = series_in_rows(w, _WINDOW + t, u2, terms)


@compiled
def _slopes(w, u0, u1, u2, lanes, terms):
    """Rows 3 to 5: their slopes."""
    for t in range(lanes):
        w[_R3 + t] = series_in_rows(w, _SLOPE + t, u0, terms)
    for t in range(lanes):
        w[_R4 + t] = series_in_rows(w, _SLOPE + t, u1, terms)
    for t in range(lanes):
        w[_R5 + t] = series_in_rows(w, _SLOPE + t, u2, terms)


@compiled
def _locate(tick, n, w):
    """Mesh point below a charge, and the windows' variable there, from -1 to 1, in the precision of ``w``."""
    scaled = np.float64(np.uint32(tick)) * (n / TICKS)
    below = np.int64(scaled)
    w[_SCRATCH] = 2.0 * (scaled - below) - 1.0
    return below, w[_SCRATCH]


@compiled
def _wrapped(index, n):
    return index if index < n else index % n


@compiled
def spread(first, last, ticks, charges, shape, width, lanes, terms, w, grid):
    """The charges ``first`` to ``last`` onto a flat mesh, overwritten."""
    n0, n1, n2 = shape
    nz = n2 + lanes
    lanes = _Unsigned(lanes)
    grid[:] = 0.0
    for j in range(first, last):
        k0, u0 = _locate(ticks[0, j], n0, w)
        k1, u1 = _locate(ticks[1, j], n1, w)
        k2, u2 = _locate(ticks[2, j], n2, w)
        _windows(w, u0, u1, u2, lanes, terms)
        q = charges[j]
        for t0 in range(width):
            plane = _wrapped(k0 + t0, n0) * n1
            c = q * w[_Unsigned(t0)]
            for t1 in range(width):
                o = _Unsigned((plane + _wrapped(k1 + t1, n1)) * nz + k2)
                v = c * w[_R1 + _Unsigned(t1)]
                for t in range(lanes):
                    grid[o + t] += v * w[_R2 + t]


@compiled
def gather(
    first, last, ticks, charges, shape, width, lanes, terms, gradient, w, grid, forces,
    potentials,
):  # fmt: skip
    """Potentials at the charges ``first`` to ``last`` and forces on them; the window is at least 6 wide."""
    n0, n1, n2 = shape
    nz = n2 + lanes
    lanes = _Unsigned(lanes)
    for j in range(first, last):
        k0, u0 = _locate(ticks[0, j], n0, w)
        k1, u1 = _locate(ticks[1, j], n1, w)
        k2, u2 = _locate(ticks[2, j], n2, w)
        _windows(w, u0, u1, u2, lanes, terms)
        _slopes(w, u0, u1, u2, lanes, terms)
        for t in range(lanes):
            w[_R6 + t] = 0.0
            w[_R7 + t] = 0.0
            w[_R8 + t] = 0.0
        # six rows at a time, so that few sums wait for the one before
        oa, ob = _Unsigned(_wrapped(k1, n1) * nz), _Unsigned(_wrapped(k1 + 1, n1) * nz)
        oc, od = _Unsigned(_wrapped(k1 + 2, n1) * nz), _Unsigned(_wrapped(k1 + 3, n1) * nz)
        oe, of = _Unsigned(_wrapped(k1 + 4, n1) * nz), _Unsigned(_wrapped(k1 + 5, n1) * nz)
        va, vb, vc = w[_R1], w[_R1 + _ONE], w[_R1 + _TWO]
        vd, ve, vf = w[_R1 + _THREE], w[_R1 + _FOUR], w[_R1 + _FIVE]
        da, db, dc = w[_R4], w[_R4 + _ONE], w[_R4 + _TWO]
        dd, de, df = w[_R4 + _THREE], w[_R4 + _FOUR], w[_R4 + _FIVE]
        for t0 in range(width):
            o = _Unsigned(_wrapped(k0 + t0, n0) * n1 * nz + k2)
            v, d = w[_Unsigned(t0)], w[_R3 + _Unsigned(t0)]
            for t in range(lanes):
                ra, rb, rc = grid[o + oa + t], grid[o + ob + t], grid[o + oc + t]
                rd, re, rf = grid[o + od + t], grid[o + oe + t], grid[o + of + t]
                here = va * ra + vb * rb + vc * rc + vd * rd + ve * re + vf * rf
                slope = da * ra + db * rb + dc * rc + dd * rd + de * re + df * rf
                w[_R6 + t] += v * here
                w[_R7 + t] += d * here
                w[_R8 + t] += v * slope
            for t1 in range(6, width):
                row = o + _Unsigned(_wrapped(k1 + t1, n1) * nz)
                here, slope = w[_R1 + _Unsigned(t1)], w[_R4 + _Unsigned(t1)]
                for t in range(lanes):
                    r = grid[row + t]
                    w[_R6 + t] += v * here * r
                    w[_R7 + t] += d * here * r
                    w[_R8 + t] += v * slope * r
        p, fa = w[_R6] * w[_R2], w[_R7] * w[_R2]
        fb, fc = w[_R8] * w[_R2], w[_R6] * w[_R5]
        for t in range(_ONE, lanes):
            p += w[_R6 + t] * w[_R2 + t]
            fa += w[_R7 + t] * w[_R2 + t]
            fb += w[_R8 + t] * w[_R2 + t]
            fc += w[_R6 + t] * w[_R5 + t]
        potentials[j] = p
        q = charges[j]
        for axis in range(3):
            forces[j, axis] = -q * (fa * gradient[axis, 0] + fb * gradient[axis, 1] + fc * gradient[axis, 2])
