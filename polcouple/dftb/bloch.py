"""One-electron states of an electrode that repeats a small cell, by Bloch's theorem.

The electrode's cell holds n1 x n2 x n3 equal parts. Its states at the wave vector kappa of the whole cell are
those of one part at the wave vectors k = (m + kappa) / n, m = 0 .. n - 1, in units of the part's reciprocal
vectors, with H(k) = sum_R exp(2 pi i k . R) H(0, R) and the same for S, so that work and memory grow with the
number of parts alone. A lattice sum over k is a discrete Fourier transform over the parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy import fft
from scipy.sparse.csgraph import connected_components

from polcouple.dftb.hamiltonian import Orbitals, find_pairs, hopping
from polcouple.dftb.skf import Parameters
from polcouple.electrode import Electrode
from polcouple.errors import InputError

#: matrix elements below this (Hartree; overlap: 1) do not couple orbitals
_COUPLING = 1e-11


@dataclass(frozen=True, eq=False)
class Mesh:
    """The wave vectors of one part that belong to one wave vector of the whole cell.

    Attributes:
        shape: parts along each lattice vector.
        points: (m, 3) in units of the part's reciprocal vectors; of k and -k one only where ``halved``.
        multiplicity: (m,) how many wave vectors each stands for.
        halved: whether the whole cell's wave vector is zero, so that states at -k are those at k, conjugated.
    """

    shape: tuple[int, int, int]
    points: np.ndarray
    multiplicity: np.ndarray
    halved: bool

    @classmethod
    def of(cls, shape: tuple[int, int, int], kappa: np.ndarray) -> Mesh:
        """The mesh of ``kappa`` (3,), in units of the whole cell's reciprocal vectors."""
        counts, halved = list(shape), not kappa.any()
        axis = max((i for i in range(3) if shape[i] > 1), default=2)
        if halved:
            counts[axis] = shape[axis] // 2 + 1
        index = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3)
        multiplicity = np.ones(len(index))
        if halved:
            last = index[:, axis]
            multiplicity[(last > 0) & (2 * last != shape[axis])] = 2.0
        return cls(shape, (index + kappa) / np.array(shape), multiplicity, halved)

    def to_parts(self, values: np.ndarray) -> np.ndarray:
        """(parts, ...) means over all k of exp(2 pi i (k - kappa / n) . R) times ``values`` (m, ...).

        ``values`` at -k are the conjugates where the mesh is halved, and the means are real.
        """
        axes = [i for i in range(3) if self.shape[i] > 1]
        sides = [self.shape[i] for i in axes]
        trailing = values.shape[1:]
        if self.halved:
            grid = values.reshape(*sides[:-1], sides[-1] // 2 + 1, *trailing)
            parts = fft.irfftn(grid, sides, axes=range(len(sides)), overwrite_x=True)
        else:
            parts = fft.ifftn(values.reshape(*sides, *trailing), axes=range(len(sides)), overwrite_x=True)
        return parts.reshape(-1, *trailing)


@dataclass(frozen=True, eq=False)
class PartHamiltonian:
    """H0 and S of one part at the wave vectors of a mesh, in blocks that nothing couples.

    Attributes:
        mesh: the wave vectors.
        weight: of the mesh among those of the electrode's k-points; they sum to 1.
        orbitals: of each block its orbitals in the part.
        h0: of each block (m, n, n) in Hartree.
        overlap: of each block (m, n, n).
    """

    mesh: Mesh
    weight: float
    orbitals: tuple[np.ndarray, ...]
    h0: tuple[np.ndarray, ...]
    overlap: tuple[np.ndarray, ...]

    @property
    def is_connected(self) -> bool:
        """Whether parts couple with their neighbours along every vector along which there are several."""
        numbers = np.rint(self.mesh.points * self.mesh.shape).astype(int)
        (origin,) = np.flatnonzero((numbers == 0).all(axis=1))
        for axis in (axis for axis in range(3) if self.mesh.shape[axis] > 1):
            (beside,) = np.flatnonzero((numbers == np.eye(3, dtype=int)[axis]).all(axis=1))
            if any(np.abs(h0[beside] - h0[origin]).max() < _COUPLING for h0 in self.h0):
                return False
        return True


@dataclass(frozen=True, eq=False)
class BlochStates:
    """States of one block at the wave vectors of a mesh.

    Attributes:
        mesh: the wave vectors.
        weight: of the mesh.
        sites: (n,) charge site, in the part, of each orbital.
        energies: (m, n) in Hartree.
        vectors: (m, n, n) C in columns, C^H S C = 1.
        overlap: (m, n, n) S.
    """

    mesh: Mesh
    weight: float
    sites: np.ndarray
    energies: np.ndarray
    vectors: np.ndarray
    overlap: np.ndarray

    @property
    def degeneracies(self) -> np.ndarray:
        """(m, n) electrons of the whole electrode that each level holds."""
        each = 2.0 * self.weight * self.mesh.multiplicity
        return np.repeat(each[:, None], self.energies.shape[1], axis=1)

    def populations(self, electrons: np.ndarray, n_sites: int) -> np.ndarray:
        """Mulliken electrons (n_sites,) at the sites of one part of levels that hold ``electrons`` (m, n)."""
        duals = self.overlap @ self.vectors
        by_orbital = np.einsum("kmi,kmi,ki->m", self.vectors.conj(), duals, electrons, optimize=True).real
        return np.bincount(self.sites, by_orbital, minlength=n_sites) / np.prod(self.mesh.shape)


def part_hamiltonian(
    part: Electrode, orbitals: Orbitals, parameters: Parameters, mesh: Mesh, weight: float
) -> PartHamiltonian:
    """H0 and S of ``part``, whose cell is the small one, at the wave vectors of ``mesh``."""
    half = find_pairs(part, parameters.cutoff).half()
    shifts, matrices = hopping(orbitals, part.symbols, half, parameters)
    coupled = (np.abs(matrices) > _COUPLING).any(axis=(0, 1))
    count, label = connected_components(coupled, directed=False)
    phases = np.exp(2j * np.pi * (mesh.points @ shifts.T))
    blocks: list[np.ndarray] = []
    h0: list[np.ndarray] = []
    overlap: list[np.ndarray] = []
    for block in (np.flatnonzero(label == k) for k in range(count)):
        chosen = matrices[:, :, block[:, None], block]
        size = len(block)
        for kind, (target, diagonal) in enumerate(((h0, orbitals.onsite[block]), (overlap, np.ones(size)))):
            found = (phases @ chosen[kind].reshape(len(shifts), -1)).reshape(-1, size, size)
            found = found + found.conj().swapaxes(1, 2)
            found[:, np.arange(size), np.arange(size)] += diagonal
            target.append(found)
        blocks.append(block)
    return PartHamiltonian(mesh, weight, tuple(blocks), tuple(h0), tuple(overlap))


def bloch_states(
    hamiltonian: PartHamiltonian, orbital_site: np.ndarray, potential: np.ndarray
) -> list[BlochStates]:
    """Eigenstates of each block at ``potential`` (n_sites,), an electron's potential energy in Hartree.

    Raises:
        InputError: the overlap matrix is not positive definite.
    """
    states = []
    for orbitals, h0, overlap in zip(hamiltonian.orbitals, hamiltonian.h0, hamiltonian.overlap, strict=True):
        sites = orbital_site[orbitals]
        half = 0.5 * potential[sites]
        try:
            lower = np.linalg.cholesky(overlap)
        except np.linalg.LinAlgError:
            raise InputError(
                "the overlap matrix of the electrode is not positive definite: atoms are too close to each"
                " other for these Slater-Koster files"
            ) from None
        inverse = np.linalg.inv(lower)
        moved = h0 + overlap * (half[:, None] + half)
        energies, rotation = np.linalg.eigh(inverse @ moved @ inverse.conj().swapaxes(1, 2))
        vectors = inverse.conj().swapaxes(1, 2) @ rotation
        states.append(BlochStates(hamiltonian.mesh, hamiltonian.weight, sites, energies, vectors, overlap))
    return states


def whole_states(states: BlochStates, orbitals: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same states of the whole electrode at its wave vector zero, real.

    A pair of states at k and -k gives the real and the imaginary part of one of them.

    Args:
        states: of one block at the wave vectors of a halved mesh.
        orbitals: (parts, n) where each part's orbitals stand among those of the block.

    Returns:
        Energies (parts n,) ascending, eigenvectors C and S C (parts n, parts n).
    """
    mesh, (parts, n) = states.mesh, orbitals.shape
    chosen, paired = _of_pairs(mesh)
    energies, vectors, overlap = states.energies[chosen], states.vectors[chosen], states.overlap[chosen]
    for k in np.flatnonzero(~paired):  # H and S are real there, and so are vectors to be
        duals = overlap[k] @ vectors[k]
        h = ((duals * energies[k]) @ duals.conj().T).real
        energies[k], vectors[k] = scipy.linalg.eigh(h, overlap[k].real, check_finite=False)
    index = np.stack(np.unravel_index(np.arange(parts), mesh.shape), axis=1)
    phases = np.exp(2j * np.pi * (index @ mesh.points[chosen].T)) / np.sqrt(parts)
    phases *= np.where(paired, np.sqrt(2.0), 1.0)
    levels = np.concatenate([energies, energies[paired]]).ravel()
    order = np.argsort(levels, kind="stable")
    found = []
    for kind in (vectors, overlap @ vectors):
        matrix = np.empty((orbitals.size, len(order)))
        for part, phase in zip(orbitals, phases, strict=True):
            waves = phase[:, None, None] * kind
            rows = np.concatenate([waves.real, waves.imag[paired]])
            matrix[part] = rows.transpose(1, 0, 2).reshape(n, -1)[:, order]
        found.append(matrix)
    return levels[order], found[0], found[1]


def _of_pairs(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Points (m,) of a halved mesh, one of k and -k, and whether there are two (m,)."""
    numbers = np.rint(mesh.points * mesh.shape).astype(int)
    own, opposite = (
        np.ravel_multi_index(tuple((sign * numbers % mesh.shape).T), mesh.shape) for sign in (1, -1)
    )
    listed = np.isin(opposite, own)
    chosen = np.flatnonzero(~listed | (own <= opposite))
    return chosen, (own != opposite)[chosen]
