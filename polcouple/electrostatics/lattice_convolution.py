"""Symmetric response matrices of a periodic lattice, applied as a convolution.

Where an electrode is unchanged by the translations that divide its cell into n1 x n2 x n3 equal parts, a
matrix that belongs to the bare electrode couples part c with part c' by a block that depends on c - c' alone:
it is block-circulant. Its product with a vector is a convolution over the parts, done with fast Fourier
transforms in O(N log N) with O(N) numbers stored, where the dense product needs O(N^2) of both.

Source: P. J. Davis, Circulant Matrices (Wiley, 1979), chapter 5.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from scipy import fft
from scipy.spatial import cKDTree

from polcouple.electrode import Electrode

#: matrices below this many rows are in the cache, and their dense product is as fast (docs/speed.md)
SMALLEST = 500
#: an atom is the image of another if it lies within this of it, bohr
_SAME_PLACE = 1e-3
#: a matrix counts as block-circulant if it departs by less than this fraction of its largest element
_ROUNDING = 1e-9


class LatticeConvolution:
    """Product of a block-circulant matrix with vectors.

    Args:
        matrix: (n, n) in any units.
        orbits: (parts, b) the atom of each part that is the image of the b atoms of the first.
        shape: parts along each lattice vector.
    """

    def __init__(self, matrix: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> None:
        self._shape = shape
        self._orbits = orbits
        columns = matrix[:, orbits[0]][orbits]
        self._kernel = fft.rfftn(columns.reshape(*shape, *columns.shape[1:]), axes=(0, 1, 2))

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        """Matrix times ``vector`` (n,)."""
        parts = vector[self._orbits].reshape(*self._shape, -1, 1)
        spectrum = self._kernel @ fft.rfftn(parts, axes=(0, 1, 2))
        result = np.empty(len(vector))
        result[self._orbits] = fft.irfftn(spectrum, self._shape, axes=(0, 1, 2)).reshape(self._orbits.shape)
        return result


def matrix_product(matrix: np.ndarray, electrode: Electrode) -> Callable[[np.ndarray], np.ndarray]:
    """What multiplies ``matrix`` (n_electrode, n_electrode) with a vector in the least time.

    The convolution where the matrix is large enough, the lattice repeats and the matrix is block-circulant
    apart from rounding; else the dense product.
    """
    if len(matrix) >= SMALLEST:
        orbits, shape = lattice_orbits(electrode)
        largest = _ROUNDING * float(np.abs(matrix).max())
        if len(orbits) > 1 and _departure(matrix, orbits, shape) <= largest:
            return LatticeConvolution(matrix, orbits, shape)
    return lambda vector: matrix @ vector


def lattice_orbits(electrode: Electrode) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Equal parts of a periodic electrode's cell, as many as there are along the lattice vectors.

    Returns:
        (parts, b) indices of atoms: row p holds the images in part p of the b atoms in row 0; and the number
        of parts along each lattice vector, the last running fastest. One part where nothing repeats.
    """
    n = len(electrode)
    whole = np.arange(n)[None, :]
    if not all(electrode.pbc):
        return whole, (1, 1, 1)
    fractional = electrode.positions @ np.linalg.inv(electrode.cell)
    symbols = np.array(electrode.symbols)
    tree = cKDTree(_folded(fractional), boxsize=1.0)
    lengths = np.linalg.norm(electrode.cell, axis=1)

    def carried(shift: np.ndarray) -> np.ndarray | None:
        """The atom that each atom is carried to, or None if the lattice does not repeat."""
        distance, index = tree.query(_folded(fractional + shift))
        same = distance.max() * lengths.max() < _SAME_PLACE and (symbols[index] == symbols).all()
        return index if same and len(np.unique(index)) == n else None

    shape, translations = [], [np.arange(n)]
    for axis in range(3):
        parts, step = 1, np.arange(n)
        for count in (count for count in range(n, 1, -1) if n % count == 0):
            index = carried(np.eye(3)[axis] / count)
            if index is not None:
                parts, step = count, index
                break
        shape.append(parts)
        powers = [np.arange(n)]
        for _ in range(parts - 1):
            powers.append(step[powers[-1]])
        translations = [power[before] for before in translations for power in powers]
    permutations = np.array(translations)
    first = np.flatnonzero(permutations.min(axis=0) == np.arange(n))
    orbits = permutations[:, first]
    if orbits.size != n:  # a translation that carries atoms onto themselves: not a lattice
        return whole, (1, 1, 1)
    return orbits, (shape[0], shape[1], shape[2])


def _departure(matrix: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> float:
    """Largest distance of an element from what the columns of the first part say it is."""
    parts = np.arange(len(orbits)).reshape(shape)
    first = matrix[:, orbits[0]]
    largest = 0.0
    for shift, column in zip(product(*map(range, shape)), orbits, strict=True):
        moved = np.roll(parts, shift, axis=(0, 1, 2)).ravel()
        # row p of the first part's columns belongs, moved by the shift, to the part p + shift
        largest = max(largest, float(np.abs(matrix[:, column][orbits] - first[orbits][moved]).max()))
    return largest


def _folded(fractional: np.ndarray) -> np.ndarray:
    folded = fractional - np.floor(fractional)
    folded[folded >= 1.0] = 0.0
    return folded
