"""The long-ranged Coulomb potentials and forces, on a mesh.

Charges are spread on a mesh with a window, the mesh is convolved with the long-ranged kernel, and potentials
and their gradients are read with the same window (:mod:`polcouple.electrostatics.splitting`). The mesh's last
axis is longer than its period by the window's width, so that a window never wraps round there.

The potential is the sum of the liquid's and the electrode's. The liquid is transformed first, and its
potentials are read at the electrode (:mod:`polcouple.engines.native.planes`), with a longer cut-off than that
of the forces: the same mesh then gives them with less error. The electrode, which is frozen, is kept while
its charges stay the same.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy import fft

from polcouple.compile import compiled
from polcouple.electrostatics import splitting as split
from polcouple.engines.native.clusters import TICKS
from polcouple.engines.native.planes import ElectrodePlanes
from polcouple.engines.native.polynomial import STRIDE, padded_length, series_in_rows

#: numbers that are worked on together; windows are padded with zeros to a multiple of it
_LANES = 8
_Unsigned = np.uint64
#: rows of a slice's workspace: windows (0 to 2) and their slopes (3 to 5) along three axes, sums of the
#: potential and two of its slopes (6 to 8), one number, and the series of the window and of its slope
_R1, _R2, _R3, _R4, _R5, _R6, _R7, _R8, _SCRATCH = (np.uint64(16 * row) for row in range(1, 10))
_ONE, _TWO, _THREE, _FOUR, _FIVE = (np.uint64(k) for k in range(1, 6))
_WINDOW, _SLOPE = np.uint64(10 * STRIDE), np.uint64(30 * STRIDE)
_ROWS = 50


class Mesh:
    """Long-ranged potentials and forces.

    Args:
        cell: (3, 3) in bohr.
        sites: (n_electrode, 3) positions of the electrode's atoms in bohr.
        parameters: of the splitting.
        of_sites: the splitting of potentials at the sites, with the same mesh and window; None without.
        real: precision of the mesh, ``np.float32`` or ``np.float64``.
        slices: numbers of atoms are dealt into as many; each has a mesh of its own.
        threads: of the transforms, at most.
    """

    def __init__(
        self,
        cell: np.ndarray,
        sites: np.ndarray,
        parameters: split.Splitting,
        of_sites: split.Splitting | None,
        real: Any,
        slices: int,
        threads: int,
    ) -> None:
        self.parameters = parameters
        self._threads = threads
        n0, n1, n2 = parameters.grid
        width = parameters.width
        self._pad = -(-width // _LANES) * _LANES
        relative = 1e-7 if real is np.float32 else 1e-12
        window = split.window_polynomials(parameters, relative)
        slope = window[1:] * np.arange(1, len(window))[:, None]
        workspace = np.zeros((_ROWS, STRIDE), real)
        workspace[10 : 10 + len(window), :width] = window
        workspace[30 : 30 + len(slope), :width] = slope
        self._work = [workspace.ravel().copy() for _ in range(slices)]
        self._terms = (0,) * padded_length(len(window))
        self._influence = split.influence(cell, parameters).astype(real)
        self._site_influence: np.ndarray | None = None
        if of_sites is not None:
            self._site_influence = split.influence(cell, of_sites).astype(real)
        self._grids = np.empty((slices, n0, n1, n2 + self._pad), real)
        self._density = np.empty(parameters.grid, real)
        self._potential = np.empty((n0, n1, n2 + self._pad), real)
        self._spectrum: np.ndarray | None = None
        self._electrode = ElectrodePlanes(sites @ np.linalg.inv(cell), parameters, window, real)
        self._of_electrode: np.ndarray | None = None
        self._electrode_charges = np.empty(0)
        #: d(lattice coordinate)/d(position), times 2 n for the windows' variable
        self._gradient = (np.linalg.inv(cell) * (2.0 * np.array(parameters.grid))).astype(real)

    def spread_tasks(
        self, ticks: np.ndarray, charges: np.ndarray, bounds: list[int]
    ) -> list[tuple[Any, ...]]:
        """Tasks that spread the liquid, one a slice.

        Args:
            ticks: (3, n) positions.
            charges: (n,).
            bounds: (slices + 1,) where the slices of its atoms begin.
        """
        shape, width = self.parameters.grid, self.parameters.width
        return [
            (_spread, first, last, ticks, charges, shape, width, self._pad, self._terms, work,
             grid.reshape(-1))
            for (first, last), work, grid in zip(pairwise(bounds), self._work, self._grids, strict=True)
        ]  # fmt: skip

    def transform_liquid(self) -> None:
        """Transform the liquid, when it has been spread."""
        _fold(self._grids, self._density)
        self._spectrum = fft.rfftn(self._density, workers=self._threads, overwrite_x=True)

    def site_potentials(self) -> np.ndarray:
        """The transformed liquid's potentials (n_electrode,) at the electrode, by their own splitting."""
        assert self._spectrum is not None and self._site_influence is not None
        return self._electrode.potentials(self._spectrum * self._site_influence).astype(float)

    def add_electrode(self, charges: np.ndarray) -> float:
        """Add the electrode's charges (n_electrode,) to the liquid's; all potentials may then be read.

        Returns:
            The energy of one in the other's potential, in Hartree.
        """
        assert self._spectrum is not None
        if self._of_electrode is None or not np.array_equal(charges, self._electrode_charges):
            self._of_electrode = self._electrode.spectrum(charges)
            self._electrode_charges = charges.copy()
        energy: float = _join(self._spectrum, self._of_electrode, self._influence)
        potential = fft.irfftn(
            self._spectrum, self.parameters.grid, norm="forward", workers=self._threads, overwrite_x=True
        )
        self._spectrum = None
        _fill(potential, self._potential)
        return energy

    def read_tasks(
        self,
        ticks: np.ndarray,
        charges: np.ndarray,
        bounds: list[int],
        forces: np.ndarray,
        potentials: np.ndarray,
    ) -> list[tuple[Any, ...]]:
        """Tasks that write the forces (n, 4) and potentials (n,) at the liquid's charges, one a slice."""
        return [
            (_gather, first, last, ticks, charges, self.parameters.grid, self.parameters.width, self._pad,
             self._terms, self._gradient, work, self._potential.reshape(-1), forces, potentials)
            for (first, last), work in zip(pairwise(bounds), self._work, strict=True)
        ]  # fmt: skip


@compiled
def _fold(grids, density):
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
def _join(spectrum, other, influence):
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
def _fill(periodic, padded):
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
def _spread(first, last, ticks, charges, shape, width, lanes, terms, w, grid):
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
def _gather(
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
