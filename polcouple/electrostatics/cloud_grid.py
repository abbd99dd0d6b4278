"""Density and potential of charge clouds on a grid of the periodic cell, from exact Fourier coefficients.

    rho(G) = 1/V sum_A q_A f_A(G) exp(-i G . R_A),      phi(G) = 4 pi rho(G) / G^2,   |G_k| < n_k / 2

A value on the grid is that of the field with its waves between two points left out, not a sample of the
cusped cloud: the sum over the grid is then the integral, to rounding, and products of two such fields
integrate exactly, too. Near a nucleus the values fall short of the cusp, and ripples of the grid's own
wavelength surround it, which become smaller with its spacing as tau^4 / G^4.

The potential's average is that for which it is the point charges' far away (:mod:`.clouds`). Planes of the
grid are made in blocks, so that memory does not grow with the grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.fft

from polcouple.electrostatics.clouds import Cloud
from polcouple.errors import InputError
from polcouple.lattice.cell import folded
from polcouple.units import BOHR_TO_ANGSTROM

#: bytes of Fourier coefficients that are kept at once
_MEMORY = 128_000_000
#: planes of coefficients that are made at once
_ROWS = 8

Field = Literal["density", "potential"]


def grid_shape(cell: np.ndarray, spacing: float) -> tuple[int, int, int]:
    """Points along the three vectors of ``cell`` (3, 3), no further apart than ``spacing``; bohr.

    Raises:
        InputError: a single plane of the grid would not fit into memory.
    """
    needed = np.ceil(np.linalg.norm(cell, axis=1) / spacing - 1e-9)
    if needed[1] * needed[2] * 8 > _MEMORY:
        enough = spacing * np.sqrt(needed[1] * needed[2] * 8 / _MEMORY) * BOHR_TO_ANGSTROM
        raise InputError(
            f"a grid of {needed[0]:.0f} x {needed[1]:.0f} x {needed[2]:.0f} points is too large; a spacing of"
            f" {enough:.2g} Angstrom or more will do"
        )
    nx, ny, nz = (scipy.fft.next_fast_len(max(int(n), 4), real=True) for n in needed)
    return nx, ny, nz


@dataclass(frozen=True, eq=False)
class CloudGrid:
    """Clouds at n places of a periodic cell, and a grid.

    Attributes:
        cell: (3, 3) in bohr, one lattice vector per row.
        shape: points along each of them, from :func:`grid_shape`.
        positions: (n, 3) in bohr, in any image.
        clouds: (n,) shapes.
    """

    cell: np.ndarray
    shape: tuple[int, int, int]
    positions: np.ndarray
    clouds: Sequence[Cloud]

    @property
    def volume(self) -> float:
        """Of the cell in bohr^3."""
        return abs(float(np.linalg.det(self.cell)))

    def planes(self, charges: np.ndarray, field: Field) -> Iterator[np.ndarray]:
        """Blocks (b, n_y, n_z) of the grid, along the first axis one after the other.

        Args:
            charges: (n,) of the clouds in e.
            field: the charge density in e/bohr^3, or the potential in Hartree/e.
        """
        nx, ny, nz = self.shape
        half = nz // 2 + 1
        block = max(1, min(nx, _MEMORY // (16 * ny * half)))
        x, waves = np.arange(nx) / nx, _waves(nx)
        for start in range(0, nx, block):
            total = np.zeros((min(block, nx - start), ny * half), complex)
            for rows in _in_blocks(nx):
                phases = ny * nz * np.exp(2j * np.pi * np.outer(x[start : start + block], waves[rows]))
                found = self._coefficients(charges, field, rows)
                total += phases @ found.reshape(len(found), -1)
            planes = scipy.fft.irfftn(total.reshape(-1, ny, half), s=(ny, nz), axes=(1, 2))
            del total
            yield planes
            del planes

    def array(self, charges: np.ndarray, field: Field) -> np.ndarray:
        """The whole grid (n_x, n_y, n_z); see :meth:`planes`."""
        return np.concatenate(list(self.planes(charges, field)))

    def planar(self, field: Field) -> np.ndarray:
        """(n, n_z) averages of the grid over planes across the third axis, of a unit charge at each cloud."""
        nz = self.shape[2]
        waves = np.arange(nz // 2 + 1)
        step = 2.0 * np.pi * np.linalg.inv(self.cell)[:, 2]
        found = np.exp(-2j * np.pi * np.outer(self._fractional()[:, 2], waves))
        squares = waves**2 * float(step @ step)
        for cloud, own in self._kinds():
            found[own] *= self._kernel(cloud, squares, field)
        found[:, 2 * waves >= nz] = 0.0
        return np.asarray(scipy.fft.irfft(found, nz, axis=1)) * (nz / self.volume)

    def felt(self, charges: np.ndarray) -> np.ndarray:
        """(n,) in Hartree/e: the potential of all clouds, with ``charges`` (n,) in e, averaged over each one.

        It is sum_B gamma_AB q_B: half its sum with the charges is their energy.
        """
        potentials = np.zeros(len(self.positions))
        fractional = self._fractional()
        waves = [np.exp(2j * np.pi * np.outer(fractional[:, k], self._axis(k))) for k in range(3)]
        twice = np.where(self._axis(2) == 0, 1.0, 2.0)
        for rows in _in_blocks(self.shape[0]):
            found = self._coefficients(charges, "potential", rows)
            squares = self._squares(rows)
            for cloud, own in self._kinds():
                shaped = found * (cloud.transform(squares) * twice)
                for along_x, plane in zip(waves[0].T[rows], shaped, strict=True):
                    in_plane = np.einsum("iz,iz->i", waves[1][own] @ plane, waves[2][own])
                    potentials[own] += (along_x[own] * in_plane).real
        spreads = np.array([cloud.spread for cloud in self.clouds])
        return potentials - 4.0 * np.pi / self.volume * spreads * float(charges.sum())

    def _kinds(self) -> Iterator[tuple[Cloud, np.ndarray]]:
        """Each shape with its atoms."""
        for cloud in dict.fromkeys(self.clouds):
            yield cloud, np.array([number for number, one in enumerate(self.clouds) if one == cloud])

    def _fractional(self) -> np.ndarray:
        return np.asarray(self.positions @ np.linalg.inv(self.cell))

    def _axis(self, axis: int) -> np.ndarray:
        """Wave numbers along an axis, half of them along the last one."""
        n = self.shape[axis]
        return np.arange(n // 2 + 1) if axis == 2 else _waves(n)

    def _squares(self, rows: slice) -> np.ndarray:
        """(rows, n_y, n_z / 2 + 1) squared lengths of wave vectors."""
        reciprocal = 2.0 * np.pi * np.linalg.inv(self.cell).T
        index = np.meshgrid(self._axis(0)[rows], self._axis(1), self._axis(2), indexing="ij", sparse=True)
        metric = reciprocal @ reciprocal.T
        terms = (metric[i, j] * index[i] * index[j] for i in range(3) for j in range(3))
        return np.asarray(sum(terms))

    def _coefficients(self, charges: np.ndarray, field: Field, rows: slice) -> np.ndarray:
        """(rows, n_y, n_z / 2 + 1) of waves, some rows of the first axis."""
        squares, fractional = self._squares(rows), self._fractional()
        total = np.zeros(squares.shape, complex)
        for cloud, own in self._kinds():
            axes = (self._axis(0)[rows], self._axis(1), self._axis(2))
            x, y, z = (
                np.exp(-2j * np.pi * np.outer(axis, fractional[own, k])) for k, axis in enumerate(axes)
            )
            kernel = self._kernel(cloud, squares, field)
            for row, along_x in enumerate(x * charges[own]):
                total[row] += kernel[row] * ((y * along_x) @ z.T)
        edges = np.meshgrid(*(2 * np.abs(self._axis(k)) >= self.shape[k] for k in (1, 2)), indexing="ij")
        total[:, edges[0] | edges[1]] = 0.0  # waves that the grid does not tell from their opposites
        total[2 * np.abs(self._axis(0)[rows]) >= self.shape[0]] = 0.0
        return total / self.volume

    def _kernel(self, cloud: Cloud, squares: np.ndarray, field: Field) -> np.ndarray:
        """What a unit charge contributes to a coefficient, phase and volume apart."""
        transform = cloud.transform(squares)
        if field == "density":
            return transform
        with np.errstate(divide="ignore"):
            return np.where(squares > 0.0, 4.0 * np.pi * transform / squares, -4.0 * np.pi * cloud.spread)


def _waves(n: int) -> np.ndarray:
    return np.asarray(scipy.fft.fftfreq(n, 1.0 / n))


def _in_blocks(n: int) -> Iterator[slice]:
    for start in range(0, n, _ROWS):
        yield slice(start, min(start + _ROWS, n))


def planar_potential(cell: np.ndarray, points: int, positions: np.ndarray, charges: np.ndarray) -> np.ndarray:
    """(points,) average over planes across the third axis of the potential of point charges, Hartree/e.

    At the heights of :meth:`CloudGrid.planar`, exact (:func:`planes_potential`).

    Args:
        cell: (3, 3) in bohr.
        points: along the third axis.
        positions: (m, 3) in bohr, in any image, and ``charges`` (m,) in e.
    """
    inverse = np.linalg.inv(cell)[:, 2]
    height = 1.0 / float(np.linalg.norm(inverse))
    places = folded(positions @ inverse) * height
    area = abs(float(np.linalg.det(cell))) / height
    return planes_potential(np.arange(points) * (height / points), places, charges, height, area)


def planes_potential(
    z: np.ndarray, places: np.ndarray, charges: np.ndarray, height: float, area: float
) -> np.ndarray:
    """(k,) potential in Hartree/e, of average zero over the cell, at ``z`` (k,) of evenly charged planes.

    Exact: a plane of charge q at a distance d less than the cell's height L has
    2 pi q / A (d^2 / L - d + L / 6).

    Args:
        places: (m,) of the planes in bohr, within one ``height`` of each other and of ``z``, and ``charges``
            (m,) in e.
        height: of the cell in bohr; ``area`` in bohr^2.
    """
    order = np.argsort(places)
    moments = np.cumsum(charges[order] * places[order] ** np.arange(3)[:, None], axis=1)
    moments = np.concatenate([np.zeros((3, 1)), moments], axis=1)
    below = moments[:2, np.searchsorted(places[order], z)]
    total, first, second = moments[:, -1]
    squares = total * z**2 - 2.0 * first * z + second
    distances = (2.0 * below[0] - total) * z - 2.0 * below[1] + first
    return np.asarray(2.0 * np.pi / area * (squares / height - distances + total * height / 6.0))
