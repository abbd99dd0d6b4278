"""Levels of a periodic electrode on dense meshes of k-points, in a given potential at its atoms.

H0 and S reach a few cells far, so that their values on a small mesh give them exactly on any other,

    H(k) = sum_T H(T) exp(2 pi i k . T),    H(T) = 1/N sum_j H(k_j) exp(-2 pi i k_j . T),

for all lattice vectors T that connect orbitals. Levels alone are computed, no charges: the potential comes
from a self-consistent calculation with fewer k-points, as is usual for densities of states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.dftb.blocks import find_blocks, monkhorst_pack
from polcouple.dftb.hamiltonian import Orbitals, build_orbitals, find_pairs, hamiltonian_overlap
from polcouple.dftb.skf import Parameters
from polcouple.electrode import Electrode
from polcouple.errors import InputError

#: step in k by which the slope of a band is taken, part of a reciprocal vector
_STEP = 1e-4
#: matrix elements held at once
_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels of all k-points.

    Attributes:
        energies: (n_levels,) in Hartree.
        degeneracies: (n_levels,) electrons that each holds.
        electrons: of the neutral electrode.
    """

    energies: np.ndarray
    degeneracies: np.ndarray
    electrons: float


class Bands:
    """H0 and S of an electrode at any k-point.

    Args:
        electrode: periodic.
        parameters: Slater-Koster parameters of its elements.
    """

    def __init__(self, electrode: Electrode, parameters: Parameters) -> None:
        self._orbitals: Orbitals = build_orbitals(electrode.symbols, parameters)
        pairs = find_pairs(electrode, parameters.cutoff)
        reach = np.abs(pairs.shift).max(axis=0, initial=0)
        mesh = [np.arange(-r, r + 1) for r in reach]
        self._shifts = np.stack(np.meshgrid(*mesh, indexing="ij"), axis=-1).reshape(-1, 3)
        points = self._shifts / (2 * reach + 1)
        matrices = [
            hamiltonian_overlap(self._orbitals, electrode.symbols, pairs, parameters, k) for k in points
        ]
        phases = np.exp(-2j * np.pi * (self._shifts @ points.T)) / len(points)
        self._electrons = float(self._orbitals.occupation.sum())
        self._reciprocal = np.linalg.inv(electrode.cell)
        #: orbitals (n,) of each block, and H0 and S (n_shifts, n n) between them, real
        self._blocks = [
            (block, [_images(phases, [pair[i] for pair in matrices], block) for i in (0, 1)])
            for block in find_blocks(matrices)
        ]

    def energies(self, k_points: np.ndarray, potential: np.ndarray | float = 0.0) -> np.ndarray:
        """Band energies (m, n_orbitals) in Hartree at ``k_points`` (m, 3) in units of reciprocal vectors.

        ``potential`` (n_atoms,) is the potential energy of an electron at the atoms in Hartree.
        """
        at_orbital = np.broadcast_to(potential, self._orbitals.atom.max() + 1)[self._orbitals.atom]
        step = max(1, _CHUNK // len(self._orbitals) ** 2)
        found = []
        for start in range(0, len(k_points), step):
            phases = np.exp(2j * np.pi * (k_points[start : start + step] @ self._shifts.T))
            energies = [_eigenvalues(phases, images, at_orbital[block]) for block, images in self._blocks]
            found.append(np.sort(np.concatenate(energies, axis=1), axis=1))
        return np.concatenate(found)

    def levels(self, mesh: tuple[int, int, int], potential: np.ndarray | float = 0.0) -> Levels:
        """All levels on a Monkhorst-Pack ``mesh``; ``potential`` as in :meth:`energies`."""
        points, weights = monkhorst_pack(mesh)
        energies = self.energies(points, potential)
        degeneracies = np.repeat(2.0 * weights, energies.shape[1])
        return Levels(energies.ravel(), degeneracies, self._electrons)

    def cone_velocity(self, tip: np.ndarray) -> float:
        """Slope hbar v in Hartree bohr of the bands that touch at the k-point ``tip`` (3,), of neutral atoms.

        Raises:
            InputError: the highest filled and the lowest empty band do not touch there.
        """
        filled = round(self._electrons / 2.0)
        step = np.array([_STEP, 0.0, 0.0])
        energies = self.energies(np.array([tip, tip + step]))
        closed, opened = energies[:, filled] - energies[:, filled - 1]
        if closed > 0.1 * opened:
            raise InputError(f"the bands do not touch at the k-point {list(tip)}; give the tip of a cone")
        return float(opened / (4.0 * np.pi * np.linalg.norm(self._reciprocal @ step)))


def _images(phases: np.ndarray, matrices: Sequence[np.ndarray], block: np.ndarray) -> np.ndarray:
    """(n_shifts, n n) of a block of matrices (n_orbitals, n_orbitals) on the small mesh."""
    chosen = np.array([matrix[np.ix_(block, block)] for matrix in matrices])
    return np.asarray((phases @ chosen.reshape(len(matrices), -1)).real)


def _eigenvalues(phases: np.ndarray, images: Sequence[np.ndarray], potential: np.ndarray) -> np.ndarray:
    """(m, n) of a block in the ``potential`` (n,) at its orbitals."""
    n = len(potential)
    h0, overlap = ((phases @ image).reshape(-1, n, n) for image in images)
    hamiltonian = h0 + 0.5 * (potential[:, None] + potential) * overlap
    # S = L L^H turns it into an ordinary problem
    inverse = np.linalg.inv(np.linalg.cholesky(overlap))
    return np.asarray(np.linalg.eigvalsh(inverse @ hamiltonian @ inverse.conj().swapaxes(1, 2)))
