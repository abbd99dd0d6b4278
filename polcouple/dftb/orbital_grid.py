"""Densities of electrons in atomic orbitals on a grid: n(r) = sum_mn P_mn chi_m(r) chi_n(r).

Values are samples at the grid's points, images of the cell included, as DFTB+'s waveplot has them; their sum
is the number of electrons but for the cusps at the nuclei that the grid is too coarse for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from polcouple.dftb.hamiltonian import Orbitals
from polcouple.dftb.wave_functions import Radial
from polcouple.electrode import Electrode
from polcouple.lattice.cell import heights, lattice_images

#: points of a grid that are worked on at once
_POINTS = 20_000


@dataclass(frozen=True, eq=False)
class BlockDensity:
    """Density matrix of a set of orbitals at one k-point.

    Attributes:
        k_point: (3,) in units of reciprocal vectors.
        orbitals: (n,) indices in the electrode's basis.
        matrix: (n, n) in electrons, the k-point's weight included.
    """

    k_point: np.ndarray
    orbitals: np.ndarray
    matrix: np.ndarray


@dataclass(frozen=True, eq=False)
class OrbitalGrid:
    """Atomic orbitals at the points of a periodic cell.

    Attributes:
        electrode: the atoms.
        orbitals: their basis.
        shells: radial functions by element.
        frame: (3, 3) rotation after which harmonics are those of the basis; apply as ``vectors @ frame.T``.
        shape: points along the cell's vectors; the first is at the corner.
    """

    electrode: Electrode
    orbitals: Orbitals
    shells: Mapping[str, Sequence[Radial]]
    frame: np.ndarray
    shape: tuple[int, int, int]

    def planes(self, densities: Sequence[BlockDensity]) -> Iterator[np.ndarray]:
        """Blocks (b, n_y, n_z) of the density in 1/bohr^3, along the first axis one after the other."""
        for points in self._points():
            yield self.at(points.reshape(-1, 3), densities).reshape(points.shape[:3])

    def at(self, points: np.ndarray, densities: Sequence[BlockDensity]) -> np.ndarray:
        """Density (p,) in 1/bohr^3 at ``points`` (p, 3) in bohr."""
        atoms, shifts, rows, vectors = self._close(points)
        values = np.zeros(len(points))
        if not len(atoms):
            return values
        near, rows = np.unique(rows, return_inverse=True)
        index, columns, entries = self._values(atoms, vectors)
        for one in densities:
            phases = np.exp(2j * np.pi * (shifts @ one.k_point)) if one.k_point.any() else np.ones(len(rows))
            whole = csr_array(
                (entries * phases[index], (rows[index], columns)), shape=(len(near), len(self.orbitals))
            )
            own = whole[:, one.orbitals]
            waves = own.toarray()
            values[near] += np.einsum("po,po->p", own.conj() @ one.matrix.T, waves).real
        return values

    def atomic(self) -> Iterator[np.ndarray]:
        """Blocks of the density of neutral, spherical atoms, as :meth:`planes` has them."""
        for points in self._points():
            yield self.atomic_at(points.reshape(-1, 3)).reshape(points.shape[:3])

    def atomic_at(self, points: np.ndarray) -> np.ndarray:
        """Density (p,) in 1/bohr^3 of neutral, spherical atoms at ``points`` (p, 3) in bohr."""
        electrons = np.zeros(len(self.orbitals))
        for number, symbol in enumerate(self.electrode.symbols):
            own = self.orbitals.atom == number
            per_orbital = [
                shell.occupation / (2 * shell.momentum + 1)
                for shell in self.shells[symbol]
                for _ in range(2 * shell.momentum + 1)
            ]
            electrons[own] = per_orbital
        atoms, _, rows, vectors = self._close(points)
        index, columns, entries = self._values(atoms, vectors)
        return np.bincount(rows[index], electrons[columns] * entries**2, minlength=len(points))

    def _points(self) -> Iterator[np.ndarray]:
        """Blocks (b, n_y, n_z, 3) of the grid's points in bohr."""
        nx, ny, nz = self.shape
        step = max(1, _POINTS // (ny * nz))
        for start in range(0, nx, step):
            axes = [np.arange(start, min(start + step, nx)) / nx, np.arange(ny) / ny, np.arange(nz) / nz]
            yield np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) @ self.electrode.cell

    def _close(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Pairs of an atom's image and a point in reach: atom, cell (p, 3), point, vector to it (p, 3).

        Points outside the cell are moved into it, which turns the phases of all orbitals at a point alike.
        """
        electrode = self.electrode
        reach = max(shell.cutoff for shells in self.shells.values() for shell in shells)
        inverse = np.linalg.inv(electrode.cell)
        fractional = electrode.positions @ inverse
        whole = np.floor(fractional)
        padding = reach / heights(electrode.cell)
        points = points - np.floor(points @ inverse) @ electrode.cell
        images, origin = lattice_images(fractional - whole, padding)
        shifts = np.rint(images - (fractional - whole)[origin]) - whole[origin]
        places = images @ electrode.cell
        found = cKDTree(places).sparse_distance_matrix(cKDTree(points), reach, output_type="coo_matrix")
        image, row = found.row, found.col
        return origin[image], shifts[image], row, points[row] - places[image]

    def _values(self, atoms: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values of the orbitals of ``atoms`` (p,) at ``vectors`` (p, 3) from them: pair, orbital, value."""
        vectors = vectors @ self.frame.T
        distances = np.linalg.norm(vectors, axis=1)
        index, columns, entries = [], [], []
        kinds = np.array([self.electrode.symbols[atom] for atom in atoms.tolist()])
        for symbol, shells in self.shells.items():
            own = np.flatnonzero(kinds == symbol)
            harmonics = real_harmonics(vectors[own], distances[own], len(shells))
            first = self.orbitals.first[atoms[own]]
            for shell in shells:
                radial = shell(distances[own])
                for m in range(2 * shell.momentum + 1):
                    number = shell.momentum**2 + m
                    index.append(own)
                    columns.append(first + number)
                    entries.append(radial * harmonics[number])
        return np.concatenate(index), np.concatenate(columns), np.concatenate(entries)


def real_harmonics(vectors: np.ndarray, distances: np.ndarray, shells: int) -> np.ndarray:
    """(shells^2, p) real spherical harmonics, m = -l .. l of each l; of l > 0 zero at the origin."""
    x, y, z = vectors.T / np.where(distances > 0.0, distances, 1.0)
    found = [np.full(len(distances), np.sqrt(0.25 / np.pi))]
    if shells > 1:
        found += [np.sqrt(0.75 / np.pi) * one for one in (y, z, x)]
    if shells > 2:
        c = np.sqrt(15.0 / np.pi)
        found += [0.5 * c * x * y, 0.5 * c * y * z, c / np.sqrt(48.0) * (2.0 * z**2 - x**2 - y**2)]
        found += [0.5 * c * x * z, 0.25 * c * (x**2 - y**2)]
    return np.array(found)
