"""Non-self-consistent Hamiltonian and overlap of a geometry from Slater-Koster tables.

The blocks between pairs of atoms come from :mod:`polcouple.dftb.slater_koster`; here they are put into
matrices, with the phases of a k-point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from polcouple.dftb.skf import Parameters
from polcouple.dftb.slater_koster import PairBlocks, pair_blocks
from polcouple.electrode import Electrode
from polcouple.errors import InputError

#: atoms closer than this (bohr, 0.1 Angstrom) are taken for one atom written twice
DUPLICATE = 0.189


@dataclass(frozen=True, eq=False)
class Orbitals:
    """The basis: orbitals s, p_y, p_z, p_x, d_-2 .. d_2 of each atom, in the electrode's order.

    Attributes:
        atom: (n_orbitals,) atom of each orbital.
        shell: (n_orbitals,) index of its shell among all shells of the electrode.
        shell_atom: (n_shells,) atom of each shell.
        shell_l: (n_shells,) angular momentum.
        onsite: (n_orbitals,) in Hartree.
        occupation: (n_shells,) electrons of the neutral atoms.
        hubbard: (n_shells,) in Hartree.
    """

    atom: np.ndarray
    shell: np.ndarray
    shell_atom: np.ndarray
    shell_l: np.ndarray
    onsite: np.ndarray
    occupation: np.ndarray
    hubbard: np.ndarray

    def __len__(self) -> int:
        return len(self.atom)

    @cached_property
    def first(self) -> np.ndarray:
        """(n_atoms,) index of each atom's first orbital."""
        return np.searchsorted(self.atom, np.arange(self.atom[-1] + 1))


@dataclass(frozen=True, eq=False)
class Pairs:
    """Image pairs within reach: atom ``first`` in the cell, ``second`` moved by the lattice vector ``shift``.

    Attributes:
        first, second: (p,) indices.
        shift: (p, 3) integers.
        vector: (p, 3) from first to second in bohr.
    """

    first: np.ndarray
    second: np.ndarray
    shift: np.ndarray
    vector: np.ndarray

    def half(self) -> Pairs:
        """Each pair once, not again seen from its other end; an atom and its images count, too."""
        ahead = np.sign(self.shift) @ [9, 3, 1]
        keep = (self.first < self.second) | ((self.first == self.second) & (ahead > 0))
        return self.chosen(keep)

    def chosen(self, keep: np.ndarray) -> Pairs:
        """The pairs that ``keep``, a mask or indices, chooses."""
        return Pairs(self.first[keep], self.second[keep], self.shift[keep], self.vector[keep])


def build_orbitals(symbols: Sequence[str], parameters: Parameters) -> Orbitals:
    """Basis of the atoms ``symbols``."""
    atom: list[int] = []
    shell: list[int] = []
    shell_atom: list[int] = []
    shell_l: list[int] = []
    onsite: list[float] = []
    occupation: list[float] = []
    hubbard: list[float] = []
    for i, symbol in enumerate(symbols):
        kind = parameters.atoms[symbol]
        for momentum in range(kind.n_shells):
            size = 2 * momentum + 1
            atom += [i] * size
            shell += [len(shell_atom)] * size
            onsite += [kind.onsite[momentum]] * size
            shell_atom.append(i)
            shell_l.append(momentum)
            occupation.append(kind.occupation[momentum])
            hubbard.append(kind.hubbard[momentum])
    return Orbitals(*(np.array(x) for x in (atom, shell, shell_atom, shell_l, onsite, occupation, hubbard)))


@dataclass(frozen=True, eq=False)
class ChargeSites:
    """Where charges fluctuate: the atoms, or all their shells.

    Attributes:
        atom: (n_sites,) atom of each site, ascending.
        of_orbital: (n_orbitals,) site of each orbital.
        neutral: (n_sites,) electrons of the neutral atoms.
        hubbard: (n_sites,) U in Hartree; an atom has that of its s shell.
    """

    atom: np.ndarray
    of_orbital: np.ndarray
    neutral: np.ndarray
    hubbard: np.ndarray


def charge_sites(orbitals: Orbitals, shell_resolved: bool) -> ChargeSites:
    """The charge sites of a basis."""
    if shell_resolved:
        return ChargeSites(
            orbitals.shell_atom, orbitals.shell, orbitals.occupation.astype(float), orbitals.hubbard
        )
    return ChargeSites(
        np.arange(orbitals.shell_atom[-1] + 1),
        orbitals.atom,
        np.bincount(orbitals.shell_atom, orbitals.occupation),
        orbitals.hubbard[orbitals.shell_l == 0],
    )


def find_pairs(electrode: Electrode, cutoff: float) -> Pairs:
    """All pairs of different atoms or images closer than ``cutoff`` (bohr).

    Raises:
        InputError: two atoms within 0.1 Angstrom.
    """
    positions = electrode.positions
    shifts = lattice_shifts(electrode, cutoff)
    images = (positions[None] + (shifts @ electrode.cell)[:, None]).reshape(-1, 3)
    found = cKDTree(positions).sparse_distance_matrix(cKDTree(images), cutoff, output_type="coo_matrix")
    image, second = np.divmod(found.col, len(positions))
    itself = (found.row == second) & ~shifts[image].any(axis=1)
    close = (found.data < DUPLICATE) & ~itself
    if close.any():
        k = int(np.argmax(close))
        raise InputError(
            f"electrode atoms {found.row[k]} and {second[k]} (from 0) lie within 0.1 Angstrom of each other"
            f"{' through the periodic boundary' if shifts[image[k]].any() else ''}: remove the duplicate"
        )
    keep = ~itself
    first, second, image = found.row[keep], second[keep], image[keep]
    return Pairs(first, second, shifts[image], images[found.col[keep]] - positions[first])


def hamiltonian_overlap(
    orbitals: Orbitals, symbols: Sequence[str], pairs: Pairs, parameters: Parameters, k_point: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """H0 (Hartree) and S, both (n_orbitals, n_orbitals), at ``k_point`` (3,) in units of reciprocal vectors.

    Real at Gamma, else complex Hermitian with phases exp(2 pi i k . shift).
    """
    half = pairs.half()
    blocks = pair_blocks(parameters, symbols, half.first, half.second, half.vector)
    return assemble(orbitals, half, blocks, k_point)


def assemble(
    orbitals: Orbitals, half: Pairs, blocks: Sequence[PairBlocks], k_point: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same of the ``blocks`` of every pair once, :meth:`Pairs.half`."""
    n = len(orbitals)
    gamma_point = not k_point.any()
    phase = np.ones(len(half.first)) if gamma_point else np.exp(2j * np.pi * (half.shift @ k_point))
    matrices = np.zeros((2, n * n), dtype=phase.dtype)
    for part in blocks:
        rows, columns = block_orbitals(orbitals, half, part)
        flat = (rows[:, :, None] * n + columns[:, None, :]).ravel()
        for matrix, block in zip(matrices, part.values, strict=True):
            np.add.at(matrix, flat, (phase[part.pairs, None, None] * block).ravel())
    h0, overlap = matrices.reshape(2, n, n)
    h0, overlap = h0 + h0.conj().T, overlap + overlap.conj().T
    h0[np.diag_indices(n)] += orbitals.onsite
    overlap[np.diag_indices(n)] += 1.0
    return h0, overlap


def hopping(
    orbitals: Orbitals, symbols: Sequence[str], half: Pairs, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray]:
    """Integrals between the cell and its images, of every pair of different atoms once (:meth:`Pairs.half`).

    Returns:
        Lattice vectors (s, 3) as integers, and (2, s, n_orbitals, n_orbitals): H0 in Hartree and S between
        orbitals of the cell (rows) and of the image.
    """
    n = len(orbitals)
    shifts, image = np.unique(half.shift, axis=0, return_inverse=True)
    matrices = np.zeros((2, len(shifts), n, n))
    for part in pair_blocks(parameters, symbols, half.first, half.second, half.vector):
        rows, columns = block_orbitals(orbitals, half, part)
        where = image.ravel()[part.pairs][:, None, None], rows[:, :, None], columns[:, None, :]
        for matrix, block in zip(matrices, part.values, strict=True):
            np.add.at(matrix, where, block)
    return shifts, matrices


def block_orbitals(orbitals: Orbitals, pairs: Pairs, part: PairBlocks) -> tuple[np.ndarray, np.ndarray]:
    """Orbitals (p, n_a) of the first and (p, n_b) of the second atoms of the pairs in ``part``."""
    starts = (orbitals.first[atoms[part.pairs], None] for atoms in (pairs.first, pairs.second))
    rows, columns = (
        start + np.arange(size) for start, size in zip(starts, part.values.shape[2:], strict=True)
    )
    return rows, columns


def lattice_shifts(electrode: Electrode, cutoff: float) -> np.ndarray:
    """Lattice translations (integers) that can bring an image within ``cutoff`` of the cell's atoms."""
    if not any(electrode.pbc):
        return np.zeros((1, 3), dtype=int)
    inverse = np.linalg.inv(electrode.cell)
    extent = np.ptp(electrode.positions @ inverse, axis=0)
    reach = np.floor(cutoff * np.linalg.norm(inverse, axis=0) + extent).astype(int)
    axes = [np.arange(-r, r + 1) for r in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
