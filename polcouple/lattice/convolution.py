"""Symmetric response matrices of a periodic lattice, applied as a convolution.

Where an electrode is unchanged by the translations that divide its cell into n1 x n2 x n3 equal parts, a
matrix that belongs to the bare electrode couples part c with part c' by a block that depends on c - c' alone:
it is block-circulant. Its product with a vector is a convolution over the parts, done with fast Fourier
transforms in O(N log N) with O(N) numbers stored, where the dense product needs O(N^2) of both.

Source: P. J. Davis, Circulant Matrices (Wiley, 1979), chapter 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import fft
from scipy.spatial import cKDTree

from polcouple.electrode import Electrode
from polcouple.lattice.cell import folded

#: Fourier sums over so many parts are products with a matrix that stays in the cache
_FEW = 128
#: an atom is the image of another if it lies within this of it, bohr
_SAME_PLACE = 1e-3


class LatticeConvolution:
    """Products of block-circulant matrices with vectors.

    Args:
        columns: (..., n, b) of each matrix the columns of the b atoms of the first part, in any units; single
            or double precision, in which all is computed.
        orbits: (parts, b) the atom of each part that is the image of the b atoms of the first.
        shape: parts along each lattice vector.
    """

    def __init__(self, columns: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> None:
        self._order = orbits.T.ravel()
        self._size = orbits.shape[1]
        self._shape = tuple(count for count in shape if count > 1)
        self._matrices = columns.shape[:-2]
        #: (parts, 2 waves) and (2 waves, parts) the Fourier sums and their inverse, of few parts
        self._sums: tuple[np.ndarray, np.ndarray] | None = None
        if self._shape and len(orbits) <= _FEW:
            self._sums = self._as_matrices(columns.dtype)
        waves = self._to_waves(np.moveaxis(columns[..., orbits, :], -3, -1))
        rows = waves.reshape(-1, self._size, waves.shape[-1])
        self._spectrum = np.ascontiguousarray(rows.transpose(2, 0, 1))  # (waves, matrices x rows, columns)
        self._conjugate = self._spectrum.conj()

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        """(..., n) each matrix times ``vector`` (n,)."""
        waves = self._to_waves(vector[self._order].reshape(self._size, -1))
        product = self._from_waves((self._spectrum @ waves.T[:, :, None])[:, :, 0].T)
        return self._in_order(product, self._matrices)

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        """(k, n) sums over the matrices of their transposes times ``values`` (k, ..., n)."""
        count = len(values)
        by_part = values.take(self._order, axis=-1).reshape(count, len(self._spectrum[0]), -1)
        product = self._to_waves(by_part).transpose(2, 0, 1) @ self._conjugate
        return self._in_order(self._from_waves(product.transpose(1, 2, 0)), (count,))

    def _to_waves(self, by_part: np.ndarray) -> np.ndarray:
        """(..., waves) Fourier coefficients of (..., parts) values; unchanged where there is one part."""
        if not self._shape:
            return by_part
        leading = by_part.shape[:-1]
        if self._sums is not None:
            sums: np.ndarray = (by_part.reshape(-1, by_part.shape[-1]) @ self._sums[0]).view(self._complex)
            return sums.reshape(*leading, -1)
        waves = fft.rfftn(by_part.reshape(*leading, *self._shape), axes=self._axes)
        return waves.reshape(*leading, -1)

    def _from_waves(self, waves: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`_to_waves`."""
        if not self._shape:
            return waves
        if self._sums is not None:
            parts = np.ascontiguousarray(waves).reshape(-1, waves.shape[-1]).view(self._sums[1].dtype)
            values: np.ndarray = (parts @ self._sums[1]).reshape(*waves.shape[:-1], -1)
            return values
        leading, half = waves.shape[:-1], (*self._shape[:-1], self._shape[-1] // 2 + 1)
        by_part = fft.irfftn(waves.reshape(*leading, *half), self._shape, axes=self._axes)
        return by_part.reshape(*leading, -1)

    def _as_matrices(self, real: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray]:
        """The Fourier sums and their inverse on real and imaginary parts by turns."""
        forward = self._to_waves(np.eye(int(np.prod(self._shape))))
        self._complex = np.result_type(real, np.complex64)
        backward = np.stack(
            [self._from_waves(unit * np.eye(forward.shape[1])) for unit in (1.0, 1.0j)], axis=1
        )
        return (
            np.ascontiguousarray(forward.astype(self._complex)).view(real),
            np.ascontiguousarray(backward.reshape(-1, len(forward)), real),
        )

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self._shape), 0))

    def _in_order(self, by_part: np.ndarray, leading: tuple[int, ...]) -> np.ndarray:
        """(*leading, n) values in the order of the atoms."""
        result = np.empty((*leading, len(self._order)), by_part.dtype)
        result[..., self._order] = by_part.reshape(result.shape)
        return result


def lattice_orbits(
    electrode: Electrode, kinds: np.ndarray | None = None
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Equal parts of a periodic electrode's cell, as many as there are along the lattice vectors.

    Args:
        electrode: whose atoms are to be carried onto one another.
        kinds: (n,) what two such atoms have in common; their elements by default.

    Returns:
        (parts, b) indices of atoms: row p holds the images in part p of the b atoms in row 0; and the number
        of parts along each lattice vector, the last running fastest. One part where nothing repeats.
    """
    n = len(electrode)
    whole = np.arange(n)[None, :]
    if not all(electrode.pbc):
        return whole, (1, 1, 1)
    fractional = electrode.positions @ np.linalg.inv(electrode.cell)
    kinds = np.array(electrode.symbols) if kinds is None else kinds
    tree = cKDTree(folded(fractional), boxsize=1.0)
    lengths = np.linalg.norm(electrode.cell, axis=1)

    def carried(shift: np.ndarray) -> np.ndarray | None:
        """The atom that each atom is carried to, or None if the lattice does not repeat."""
        # the first atom tells of most translations that they are none of the lattice's
        if tree.query(folded(fractional[:1] + shift))[0].max() * lengths.max() >= _SAME_PLACE:
            return None
        distance, index = tree.query(folded(fractional + shift))
        same = distance.max() * lengths.max() < _SAME_PLACE and (kinds[index] == kinds).all()
        return index if same and len(np.unique(index)) == n else None

    shape, steps = [], []
    for axis in range(3):
        parts, step = 1, np.arange(n)
        for count in (count for count in range(n, 1, -1) if n % count == 0):
            index = carried(np.eye(3)[axis] / count)
            if index is not None:
                parts, step = count, index
                break
        shape.append(parts)
        steps.append(step)
    seen, columns = np.zeros(n, dtype=bool), []
    for atom in range(n):
        if seen[atom]:
            continue
        images = np.array([atom])
        for parts, step in zip(shape, steps, strict=True):
            powers = [images]
            for _ in range(parts - 1):
                powers.append(step[powers[-1]])
            images = np.stack(powers, axis=1).ravel()
        if seen[images].any() or len(np.unique(images)) != len(images):
            return whole, (1, 1, 1)  # a translation that carries atoms onto themselves: not a lattice
        seen[images] = True
        columns.append(images)
    return np.stack(columns, axis=1), (shape[0], shape[1], shape[2])


def first_part(electrode: Electrode, orbits: np.ndarray, shape: tuple[int, int, int]) -> Electrode:
    """The first of the equal parts of :func:`lattice_orbits`, in its own small cell."""
    symbols = tuple(electrode.symbols[atom] for atom in orbits[0])
    cell = electrode.cell / np.array(shape)[:, None]
    return Electrode(symbols, electrode.positions[orbits[0]], cell, electrode.pbc)
