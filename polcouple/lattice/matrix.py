"""Square matrices over the atoms of an electrode, whole or known by the columns of one of its equal parts.

A :data:`Matrix` is an array (n, n), or a :class:`RepeatingMatrix` where the matrix is block-circulant
(:mod:`polcouple.lattice.convolution`) and so large that its convolution is faster. Both are multiplied with a
vector by ``@``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product

import numpy as np
from scipy import fft

from polcouple.electrode import Electrode
from polcouple.lattice.convolution import LatticeConvolution, lattice_orbits

#: matrices below this many rows are in the cache, and their dense product is as fast (docs/speed_openmm.md)
SMALLEST = 500
#: a matrix counts as block-circulant if it departs by less than this fraction of its largest element
_ROUNDING = 1e-9


class RepeatingMatrix:
    """A block-circulant matrix (n, n).

    Args:
        columns: (n, b) those of the b atoms of the first part, ``orbits[0]``, in any units.
        orbits, shape: of :func:`polcouple.lattice.convolution.lattice_orbits`.
    """

    def __init__(self, columns: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> None:
        self.columns, self.orbits, self.shape = columns, orbits, shape

    #: numpy leaves products of its arrays with this to :meth:`__matmul__`, from the left there is none
    __array_ufunc__ = None

    def __len__(self) -> int:
        return len(self.columns)

    def __matmul__(self, vector: np.ndarray) -> np.ndarray:
        return self._convolution(vector)

    def columns_of(self, atoms: np.ndarray) -> np.ndarray:
        """(n, m) the columns of ``atoms`` (m,)."""
        part, place = np.empty(len(self), dtype=int), np.empty(len(self), dtype=int)
        part[self.orbits] = np.arange(len(self.orbits))[:, None]
        place[self.orbits] = np.arange(self.orbits.shape[1])
        found = np.empty((len(self), len(atoms)))
        shifts = np.stack(np.unravel_index(part[atoms], self.shape), axis=1)
        for k, shift in enumerate(shifts):
            origin = _moved(self.orbits, self.shape, tuple(shift))
            found[self.orbits, k] = self.columns[origin, place[atoms[k]]]
        return found

    def dense(self) -> np.ndarray:
        """(n, n) all of it."""
        return fill_block_circulant(self.columns, self.orbits, self.shape)

    def waves(self) -> np.ndarray:
        """(..., b, b) its blocks as Fourier sums over the parts; a product of matrices is one of these."""
        return part_waves(self.columns[self.orbits], self.shape)

    @cached_property
    def _convolution(self) -> LatticeConvolution:
        return LatticeConvolution(self.columns, self.orbits, self.shape)


Matrix = np.ndarray | RepeatingMatrix


def part_waves(blocks: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Fourier sums (..., b, c) over the parts of ``blocks`` (parts, b, c), one axis for each that repeats."""
    sides = [count for count in shape if count > 1]
    if not sides:  # one part; a transform of no axis is refused
        return np.asarray(blocks[0])
    return np.asarray(fft.rfftn(blocks.reshape(*sides, *blocks.shape[1:]), axes=range(len(sides))))


def from_part_waves(waves: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Inverse of :func:`part_waves`: (parts, b, c)."""
    sides = [count for count in shape if count > 1]
    if not sides:
        return np.asarray(waves)[None]
    blocks = fft.irfftn(waves, sides, axes=range(len(sides)))
    return np.asarray(blocks).reshape(-1, *waves.shape[-2:])


def as_matrix(matrix: np.ndarray, electrode: Electrode) -> Matrix:
    """``matrix`` (n_electrode, n_electrode) as what multiplies a vector in the least time."""
    if len(matrix) >= SMALLEST:
        orbits, shape = lattice_orbits(electrode)
        if len(orbits) > 1 and block_circulant(matrix, orbits, shape):
            return RepeatingMatrix(matrix[:, orbits[0]], orbits, shape)
    return matrix


def dense(matrix: Matrix) -> np.ndarray:
    """(n, n) the whole matrix."""
    return matrix.dense() if isinstance(matrix, RepeatingMatrix) else matrix


def columns_of(matrix: Matrix, atoms: np.ndarray) -> np.ndarray:
    """(n, m) the columns of ``atoms`` (m,)."""
    return matrix.columns_of(atoms) if isinstance(matrix, RepeatingMatrix) else matrix[:, atoms]


def weighted_sum(weights: Sequence[float], matrices: Sequence[Matrix]) -> Matrix:
    """The sum of matrices of one electrode, each times its weight."""
    first = matrices[0]
    if isinstance(first, RepeatingMatrix) and all(isinstance(one, RepeatingMatrix) for one in matrices):
        columns = [columns_of(one, first.orbits[0]) for one in matrices]
        return RepeatingMatrix(np.tensordot(weights, columns, 1), first.orbits, first.shape)
    return np.asarray(np.tensordot(weights, [dense(one) for one in matrices], 1))


def block_circulant(matrix: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> bool:
    """Whether ``matrix`` (n, n) is block-circulant over the parts, apart from rounding."""
    largest = _ROUNDING * float(np.abs(matrix).max())
    images = _images(matrix[:, orbits[0]], orbits, shape)
    return all(float(np.abs(matrix[:, part] - image).max()) <= largest for part, image in images)


def fill_block_circulant(columns: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The block-circulant matrix (n, n) whose columns of the first part of the lattice are known.

    Args:
        columns: (n, b) of the atoms ``orbits[0]``.
        orbits, shape: of :func:`lattice_orbits`.
    """
    matrix = np.empty((len(columns), len(columns)))
    for part, image in _images(columns, orbits, shape):
        matrix[:, part] = image
    return matrix


def _images(
    columns: np.ndarray, orbits: np.ndarray, shape: tuple[int, int, int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The atoms (b,) of each part and their columns (n, b), the moved ``columns`` of the first part."""
    for shift, part in zip(product(*map(range, shape)), orbits, strict=True):
        image = np.empty_like(columns)
        image[orbits] = columns[_moved(orbits, shape, shift)]
        yield part, image


def _moved(orbits: np.ndarray, shape: tuple[int, int, int], shift: tuple[int, ...]) -> np.ndarray:
    """(parts, b) the atoms that ``orbits`` come from when all parts are moved by ``shift``.

    Row p of the first part's columns belongs, moved by the shift, to the part p + shift.
    """
    parts = np.arange(len(orbits)).reshape(shape)
    return orbits[np.roll(parts, shift, axis=(0, 1, 2)).ravel()]
