"""Energy of Gaussian charges: in a periodic cell on a mesh, in a time proportional to the atoms.

    E = 2 pi k_e / V  sum over waves k != 0 of exp(-w^2 k^2) / k^2 |S(k)|^2,   S(k) = sum q_i exp(i k r_i),

for Gaussians of the width w: two of them interact as erf(r / 2w) / r, and each one's energy with itself is
included. Without k = 0 a net charge has a uniform background. Charges are spread with cardinal B-splines of
order 6 (U. Essmann et al., J. Chem. Phys. 103, 8577 (1995)); forces are the derivative of the energy on the
mesh. Its spacing of at most 2/3 w leaves an error of 1e-4 of the largest in liquids, and up to 7e-4 of few
charges in much space or in cells far from reduced ones. Without a cell all pairs are summed.
Angstrom, e, eV.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.special import erf

from polcouple.compile import compiled
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

_COULOMB = HARTREE_TO_EV * BOHR_TO_ANGSTROM
_ORDER = 6
#: mesh points are no further apart than this times the width
_SPACING = 2.0 / 3.0


@dataclass(frozen=True, eq=False)
class SmoothCoulomb:
    """What charges feel.

    Attributes:
        energy: eV.
        potentials: (n,) derivative of the energy by the charges, eV/e.
        forces: (n, 3) minus the derivative by the positions at fixed charges, eV/A.
        virial: (3, 3) minus the derivative by a strain at fixed charges, eV.
    """

    energy: float
    potentials: np.ndarray
    forces: np.ndarray
    virial: np.ndarray


def smooth_coulomb(
    positions: np.ndarray, charges: np.ndarray, cell: np.ndarray, width: float
) -> SmoothCoulomb:
    """What Gaussians of ``charges`` (n,) at ``positions`` (n, 3) feel; ``cell`` (3, 3), vectors in rows."""
    cell = np.ascontiguousarray(cell, float)
    mesh = _mesh(cell.tobytes(), width)
    inverse = np.linalg.inv(cell)
    places = (positions @ inverse) % 1.0 * np.array(mesh.shape)
    spread = np.zeros(mesh.shape)
    _spread(places, charges, spread)
    waves = fft.rfftn(spread)
    filtered = waves * mesh.kernel
    # |S|^2, waves that a real transform leaves out counted with their opposites
    parts = mesh.twice * mesh.kernel * (waves.real**2 + waves.imag**2)
    energy = 0.5 * float(parts.sum())
    strained = np.einsum("xyz,xyzi,xyzj->ij", parts * mesh.softening, mesh.vectors, mesh.vectors)
    virial = 0.5 * (np.eye(3) * parts.sum() - strained)
    field = fft.irfftn(filtered, s=mesh.shape, norm="forward")
    potentials, slopes = np.empty(len(charges)), np.empty((len(charges), 3))
    _read(places, field, potentials, slopes)
    forces = -charges[:, None] * (slopes * np.array(mesh.shape)) @ inverse.T
    return SmoothCoulomb(energy, potentials, forces, virial)


def smooth_coulomb_of_cluster(positions: np.ndarray, charges: np.ndarray, width: float) -> SmoothCoulomb:
    """The same of atoms that no cell repeats; time and memory go with their number's square."""
    vectors = positions[:, None] - positions[None]
    r = np.linalg.norm(vectors, axis=2)
    np.fill_diagonal(r, 1.0)
    at_zero = 1.0 / (np.sqrt(np.pi) * width)
    bare = erf(r / (2.0 * width)) / r
    slopes = (at_zero * np.exp(-((r / (2.0 * width)) ** 2)) - bare) / r
    np.fill_diagonal(bare, at_zero)
    potentials = _COULOMB * bare @ charges
    pulls = -_COULOMB * (charges[:, None] * charges * slopes / r)[:, :, None] * vectors
    virial = 0.5 * np.einsum("ijx,ijy->xy", pulls, vectors)
    return SmoothCoulomb(0.5 * float(charges @ potentials), potentials, pulls.sum(axis=1), virial)


@dataclass(frozen=True, eq=False)
class _Mesh:
    """Of a cell: points, half of the reciprocal space, energies of waves with one squared S."""

    shape: tuple[int, int, int]
    vectors: np.ndarray
    kernel: np.ndarray
    softening: np.ndarray
    twice: np.ndarray


@lru_cache(maxsize=4)
def _mesh(cell: bytes, width: float) -> _Mesh:
    vectors = np.frombuffer(cell).reshape(3, 3)
    needed = np.ceil(np.linalg.norm(vectors, axis=1) / (_SPACING * width))
    nx, ny, nz = (fft.next_fast_len(max(int(n), _ORDER), real=True) for n in needed)
    along = fft.fftfreq(nx, 1 / nx), fft.fftfreq(ny, 1 / ny), fft.rfftfreq(nz, 1 / nz)
    index = np.meshgrid(*along, indexing="ij", sparse=True)
    k = np.stack(np.broadcast_arrays(*index), axis=-1) @ (2.0 * np.pi * np.linalg.inv(vectors).T)
    square = (k**2).sum(axis=-1)
    square[0, 0, 0] = 1.0
    spline = [_spline_transform(h, n) for h, n in zip(index, (nx, ny, nz), strict=True)]
    volume = abs(float(np.linalg.det(vectors)))
    kernel = 4.0 * np.pi * _COULOMB / volume * np.exp(-(width**2) * square) / square
    kernel /= (spline[0] * spline[1] * spline[2]) ** 2
    kernel[0, 0, 0] = 0.0
    last = fft.rfftfreq(nz, 1 / nz)
    twice = np.where((last == 0) | (2 * last == nz), 1.0, 2.0)
    return _Mesh((nx, ny, nz), k, kernel, 2.0 * (1.0 / square + width**2), twice)


def _spline_transform(index: np.ndarray, points: int) -> np.ndarray:
    """Of the spline at the mesh's points: its discrete transform, real by its symmetry."""
    at = np.arange(1, _ORDER)
    values = np.empty(_ORDER)
    slopes = np.empty(_ORDER)
    _weights(0.0, values, slopes)
    phases = np.cos(2.0 * np.pi * index[..., None] / points * (at - _ORDER // 2))
    return np.asarray(phases @ values[: _ORDER - 1])


@compiled
def _weights(fraction, values, slopes):
    """Splines of the points that a place ``fraction`` above the lowest reaches, and their slopes."""
    values[:] = 0.0
    values[0] = 1.0 - fraction
    values[1] = fraction
    order = len(values)
    for k in range(3, order + 1):
        if k == order:
            slopes[0] = -values[0]
            for j in range(1, order):
                slopes[j] = values[j - 1] - values[j]
        scale = 1.0 / (k - 1)
        values[k - 1] = scale * fraction * values[k - 2]
        for j in range(k - 2, 0, -1):
            values[j] = scale * ((fraction + k - 1 - j) * values[j - 1] + (1 - fraction + j) * values[j])
        values[0] = scale * (1 - fraction) * values[0]


@compiled
def _spread(places, charges, mesh):
    order = 6
    nx, ny, nz = mesh.shape
    x, y, z = np.empty(order), np.empty(order), np.empty(order)
    slopes = np.empty(order)
    for i in range(len(places)):
        a, b, c = int(places[i, 0]), int(places[i, 1]), int(places[i, 2])
        _weights(places[i, 0] - a, x, slopes)
        _weights(places[i, 1] - b, y, slopes)
        _weights(places[i, 2] - c, z, slopes)
        for p in range(order):
            for q in range(order):
                row = mesh[(a + p) % nx, (b + q) % ny]
                weight = charges[i] * x[p] * y[q]
                for r in range(order):
                    row[(c + r) % nz] += weight * z[r]


@compiled
def _read(places, mesh, potentials, gradients):
    order = 6
    nx, ny, nz = mesh.shape
    x, y, z = np.empty(order), np.empty(order), np.empty(order)
    dx, dy, dz = np.empty(order), np.empty(order), np.empty(order)
    for i in range(len(places)):
        a, b, c = int(places[i, 0]), int(places[i, 1]), int(places[i, 2])
        _weights(places[i, 0] - a, x, dx)
        _weights(places[i, 1] - b, y, dy)
        _weights(places[i, 2] - c, z, dz)
        total, gx, gy, gz = 0.0, 0.0, 0.0, 0.0
        for p in range(order):
            for q in range(order):
                row = mesh[(a + p) % nx, (b + q) % ny]
                value, slope = 0.0, 0.0
                for r in range(order):
                    here = row[(c + r) % nz]
                    value += z[r] * here
                    slope += dz[r] * here
                total += x[p] * y[q] * value
                gx += dx[p] * y[q] * value
                gy += x[p] * dy[q] * value
                gz += x[p] * y[q] * slope
        potentials[i] = total
        gradients[i, 0], gradients[i, 1], gradients[i, 2] = gx, gy, gz
