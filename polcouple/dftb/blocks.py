"""Symmetry blocks of the one-electron problem in the eigenbasis of a reference potential.

Orbitals that neither H0 nor S couples (p_z and the rest in a planar sheet; two sheets far apart) form blocks
that no site potential can couple, because the potential enters as S/2 (V_A + V_B). A block is kept as the
eigenvectors C of a reference potential V_ref and their duals S C, in which

    C^T H(V) C = diag(e_ref) + 1/2 [(S C)^T diag(V - V_ref) C + its adjoint]

so that neither H0 nor S is needed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from polcouple.dftb.arrays import Array, ArrayLibrary, namespace, to_device, to_host
from polcouple.errors import InputError

#: matrix elements below this (Hartree; overlap: 1) do not couple orbitals
_COUPLING = 1e-11


@dataclass(frozen=True, eq=False)
class Block:
    """One block at one k-point.

    Attributes:
        orbitals: (n,) indices in the electrode's basis, ascending.
        sites: (n,) charge site of each orbital, ascending.
        weight: of the k-point; all weights of an electrode's k-points sum to 1.
        energies: (n,) reference eigenvalues in Hartree.
        vectors: (n, n) reference eigenvectors C in columns, C^H S C = 1; NumPy's or JAX's.
        duals: (n, n) S C, of the same library.
        potential: (n_sites,) reference potential energy of an electron at the sites, Hartree.
    """

    orbitals: np.ndarray
    sites: np.ndarray
    weight: float
    energies: np.ndarray
    vectors: Array
    duals: Array
    potential: np.ndarray

    def __len__(self) -> int:
        return len(self.orbitals)

    @property
    def degeneracy(self) -> float:
        """Electrons that one level of this block holds."""
        return 2.0 * self.weight

    def on_device(self, library: ArrayLibrary) -> Block:
        """The same block with its matrices where ``library`` computes."""
        vectors, duals = to_device(self.vectors, library), to_device(self.duals, library)
        return replace(self, vectors=vectors, duals=duals)

    def diagonalise(self, potential: np.ndarray) -> tuple[np.ndarray, Array]:
        """Eigenvalues (n,) at ``potential`` and eigenvectors (n, n) in the reference basis."""
        xp = namespace(self.vectors)
        shift = (potential - self.potential)[self.sites, None]
        half = self.duals.conj().T @ (0.5 * shift * self.vectors)
        energies, rotation = xp.linalg.eigh(half + half.conj().T + xp.diag(xp.asarray(self.energies)))
        return to_host(energies), rotation

    def rotated(self, potential: np.ndarray) -> Block:
        """The same block with the eigenvectors of ``potential`` as reference."""
        shift = (potential - self.potential)[self.sites]
        if not np.ptp(shift):  # a uniform change moves levels and no state
            return replace(self, energies=self.energies + shift[0], potential=potential.copy())
        energies, rotation = self.diagonalise(potential)
        vectors, duals = self.vectors @ rotation, self.duals @ rotation
        return replace(self, energies=energies, vectors=vectors, duals=duals, potential=potential.copy())

    def reference_populations(self, electrons: np.ndarray, n_sites: int) -> np.ndarray:
        """Mulliken populations (n_sites,) of the reference states, which hold ``electrons`` (n,) each."""
        shares = (self.vectors.conj() * self.duals).real
        return np.bincount(self.sites, to_host(shares @ electrons), minlength=n_sites)


def planar_frame(positions: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) that lays the atoms' best plane into z = const; apply as ``positions @ frame.T``.

    The identity if it does already, so that coordinates are not touched by rounding.
    """
    if np.ptp(positions[:, 2]) < 1e-10 or len(positions) < 3:
        return np.eye(3)
    _, _, axes = np.linalg.svd(positions - positions.mean(axis=0))
    return axes * np.sign(np.linalg.det(axes))


def find_blocks(matrices: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """Orbital indices of the sets that no (H0, S) of the k-points couples."""
    coupled = sum((np.abs(h0) > _COUPLING) | (np.abs(s) > _COUPLING) for h0, s in matrices)
    count, label = connected_components(csr_array(coupled), directed=False)
    return [np.flatnonzero(label == k) for k in range(count)]


def reference_block(
    h0: np.ndarray, overlap: np.ndarray, orbitals: np.ndarray, orbital_site: np.ndarray, weight: float
) -> Block:
    """Block of ``orbitals`` in the eigenbasis of H0.

    Raises:
        InputError: the overlap matrix is not positive definite.
    """
    chosen = np.ix_(orbitals, orbitals)
    try:
        energies, vectors = scipy.linalg.eigh(h0[chosen], overlap[chosen], check_finite=False)
    except np.linalg.LinAlgError:
        raise InputError(
            "the overlap matrix of the electrode is not positive definite: atoms are too close to each other "
            "for these Slater-Koster files"
        ) from None
    return Block(
        orbitals,
        orbital_site[orbitals],
        weight,
        energies,
        vectors,
        overlap[chosen] @ vectors,
        np.zeros(int(orbital_site.max()) + 1),
    )


def monkhorst_pack(k_points: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Mesh (m, 3) in units of reciprocal vectors and weights (m,), -k folded onto k.

    H. J. Monkhorst and J. D. Pack, Phys. Rev. B 13, 5188 (1976): even divisions do not contain Gamma.
    """
    axes = [(2.0 * np.arange(n) - n + 1.0) / (2.0 * n) for n in k_points]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    half = mesh[len(mesh) // 2 :]
    weights = np.full(len(half), 2.0 / len(mesh))
    weights[0] -= (len(mesh) % 2) / len(mesh)
    return half, weights
