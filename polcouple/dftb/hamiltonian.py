"""Non-self-consistent Hamiltonian and overlap of a frozen geometry from Slater-Koster tables.

The integrals of a pair are diagonal in m when the bond is the z axis. Rotating real spherical harmonics by
the bond's rotation matrix gives them in the laboratory frame,

    <a l m| H |b l' m'> = sum_mu D^l_{m mu} h_{l l' |mu|} D^l'_{m' mu}

(J. C. Slater and G. F. Koster, Phys. Rev. 94, 1498 (1954)). D^1 is the rotation matrix itself, and D^2
follows from it because d functions are the symmetric traceless products of two vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from polcouple.dftb.skf import Parameters
from polcouple.electrode import Electrode
from polcouple.errors import InputError

#: atoms closer than this (bohr, 0.1 Angstrom) are taken for one atom written twice
_DUPLICATE = 0.189


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


def find_pairs(electrode: Electrode, cutoff: float) -> Pairs:
    """All pairs of different atoms or images closer than ``cutoff`` (bohr).

    Raises:
        InputError: two atoms within 0.1 Angstrom.
    """
    positions = electrode.positions
    shifts = _shifts(electrode, cutoff)
    images = (positions[None] + (shifts @ electrode.cell)[:, None]).reshape(-1, 3)
    found = cKDTree(positions).sparse_distance_matrix(cKDTree(images), cutoff, output_type="coo_matrix")
    image, second = np.divmod(found.col, len(positions))
    itself = (found.row == second) & ~shifts[image].any(axis=1)
    close = (found.data < _DUPLICATE) & ~itself
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
    n = len(orbitals)
    gamma_point = not k_point.any()
    phase = np.ones(len(pairs.first)) if gamma_point else np.exp(2j * np.pi * (pairs.shift @ k_point))
    matrices = np.zeros((2, n * n), dtype=phase.dtype)
    first_orbital = np.searchsorted(orbitals.atom, np.arange(len(symbols)))
    kinds = np.array(symbols)
    distance = np.linalg.norm(pairs.vector, axis=1)
    for a, b in parameters.pairs:
        chosen = np.flatnonzero(
            (kinds[pairs.first] == a)
            & (kinds[pairs.second] == b)
            & (distance < max(parameters.pairs[a, b].cutoff, parameters.pairs[b, a].cutoff))
        )
        blocks = _pair_blocks(parameters, a, b, pairs.vector[chosen], distance[chosen])
        rows = first_orbital[pairs.first[chosen], None] + np.arange(blocks.shape[2])
        columns = first_orbital[pairs.second[chosen], None] + np.arange(blocks.shape[3])
        flat = (rows[:, :, None] * n + columns[:, None, :]).ravel()
        for matrix, block in zip(matrices, blocks, strict=True):
            np.add.at(matrix, flat, (phase[chosen, None, None] * block).ravel())
    h0, overlap = matrices.reshape(2, n, n)
    h0[np.diag_indices(n)] += orbitals.onsite
    overlap[np.diag_indices(n)] += 1.0
    return 0.5 * (h0 + h0.conj().T), 0.5 * (overlap + overlap.conj().T)


def _pair_blocks(
    parameters: Parameters, a: str, b: str, vectors: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """(2, p, n_a, n_b): Hamiltonian and overlap blocks of p pairs of elements a, b."""
    shells_a, shells_b = parameters.atoms[a].n_shells, parameters.atoms[b].n_shells
    rotations = _bond_rotations(vectors / distances[:, None])
    blocks = np.zeros((2, len(vectors), shells_a**2, shells_b**2))
    for l1 in range(shells_a):
        for l2 in range(shells_b):
            if l1 <= l2:
                values = parameters.pairs[a, b].integrals(l1, l2, distances)
            else:
                values = (-1) ** (l1 + l2) * parameters.pairs[b, a].integrals(l2, l1, distances)
            low = min(l1, l2)
            by_m = values[:, :, np.abs(np.arange(-low, low + 1))]
            left = rotations[l1][:, :, l1 - low : l1 + low + 1]
            right = rotations[l2][:, :, l2 - low : l2 + low + 1]
            block = np.einsum("pim,phm,pjm->hpij", left, by_m, right, optimize=True)
            blocks[:, :, l1**2 : (l1 + 1) ** 2, l2**2 : (l2 + 1) ** 2] = block
    return blocks


def _bond_rotations(direction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """D^0, D^1, D^2 (p, 2l+1, 2l+1) of real harmonics (m = -l .. l) for unit bond vectors (p, 3)."""
    helper = np.where(np.abs(direction[:, 2:]) < 0.7, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x, axis=1)[:, None]
    y = np.cross(direction, x)
    rotation = np.stack([x, y, direction], axis=2)
    yzx = [1, 2, 0]
    d1 = rotation[:, yzx][:, :, yzx]
    r2, r6 = np.sqrt(0.5), np.sqrt(1.0 / 6.0)
    tensors = np.zeros((5, 3, 3))
    tensors[0, 0, 1] = tensors[0, 1, 0] = r2
    tensors[1, 1, 2] = tensors[1, 2, 1] = r2
    tensors[2] = np.diag([-r6, -r6, 2.0 * r6])
    tensors[3, 0, 2] = tensors[3, 2, 0] = r2
    tensors[4] = np.diag([r2, -r2, 0.0])
    d2 = np.einsum("mab,pac,pbd,ncd->pmn", tensors, rotation, rotation, tensors, optimize=True)
    return np.ones((len(direction), 1, 1)), d1, d2


def _shifts(electrode: Electrode, cutoff: float) -> np.ndarray:
    """Lattice translations (integers) that can bring an image within ``cutoff`` of the cell's atoms."""
    if not any(electrode.pbc):
        return np.zeros((1, 3), dtype=int)
    inverse = np.linalg.inv(electrode.cell)
    extent = np.ptp(electrode.positions @ inverse, axis=0)
    reach = np.floor(cutoff * np.linalg.norm(inverse, axis=0) + extent).astype(int)
    axes = [np.arange(-r, r + 1) for r in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
