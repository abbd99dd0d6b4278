"""Forces on the atoms from a self-consistent state.

The energy is stationary with the state, at a constant number of electrons and at a constant Fermi level
alike, so that only what depends on the positions themselves has to be derived:

    F = - sum P dH0 + sum W dS - 1/2 sum P (V_A + V_B) dS - 1/2 sum q_A q_B dgamma_AB

with P the density matrix and W the same weighted with the levels' energies. Forces of point charges and
between nuclei are added elsewhere.
"""

from __future__ import annotations

import numpy as np

from polcouple.dftb.hamiltonian import block_orbitals
from polcouple.dftb.moving.matrices import Basis, Matrices
from polcouple.dftb.moving.scc import State


def electronic_forces(basis: Basis, matrices: Matrices, state: State) -> np.ndarray:
    """Forces (n_atoms, 3) in Hartree/bohr; see the module."""
    forces = matrices.gamma.forces(-state.populations)
    pairs = matrices.pairs
    places = [block_orbitals(basis.orbitals, pairs, part) for part in matrices.blocks]
    weights = [np.zeros(part.values.shape) for part in matrices.blocks]
    half = 0.5 * state.potential[basis.orbital_site]
    for (density, energy_weighted), k in zip(state.density_matrices(), basis.mesh, strict=True):
        of_overlap = (half[:, None] + half) * density - energy_weighted
        phase = np.exp(-2j * np.pi * (pairs.shift @ k)) if k.any() else np.ones(len(pairs.first))
        for part, (rows, columns), weight in zip(matrices.blocks, places, weights, strict=True):
            # the pair seen from its other end gives the same once more
            twice = 2.0 * phase[part.pairs, None, None]
            for of, matrix in enumerate((density, of_overlap)):
                weight[of] += (twice * matrix[rows[:, :, None], columns[:, None, :]]).real
    for part, weight in zip(matrices.blocks, weights, strict=True):
        gradient = part.gradient(weight)
        np.add.at(forces, pairs.first[part.pairs], gradient)
        np.subtract.at(forces, pairs.second[part.pairs], gradient)
    return forces
