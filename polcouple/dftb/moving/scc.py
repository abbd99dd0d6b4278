"""Self-consistent populations of one geometry, at a total charge or a Fermi level.

    H = H0 + S/2 (V_A + V_B),   V_A = sum_B gamma_AB dn_B - phi_A,   charges q_A = -dn_A

with dn the Mulliken electrons minus those of the neutral atom (M. Elstner et al., Phys. Rev. B 58, 7260
(1998)). The fixed point of dn -> n(V(dn)) is found by Newton's method (:mod:`polcouple.dftb.newton`). Where
the Fermi level is held, the response chi is the one at this Fermi level: it knows how many electrons come and
go with the potential, so that their number needs no cycle of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polcouple.dftb.blocks import Block, reference_block
from polcouple.dftb.filling import Filling
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel
from polcouple.dftb.moving.matrices import Basis, Matrices
from polcouple.dftb.newton import LineSearch, StateResponse, newton_step

#: largest change of a population in one cycle, e
_LONGEST_STEP = 0.3
#: bounds of the part of Newton's step that may remain of its linear equation
_LEAST_PART, _LARGEST_PART = 1e-4, 0.1
#: of the accuracy asked for that may remain of it
_LINEAR_SHARE = 0.05
#: -chi of a site in a typical material, 1/Hartree, which the linear equation is preconditioned with
_TYPICAL_RESPONSE = 1.0


@dataclass(frozen=True, eq=False)
class State:
    """Electrons in a potential that, but for ``residual``, they make themselves.

    Attributes:
        blocks: states of each k-point in ``potential``.
        filling: of all levels.
        potential: (n_sites,) potential energy of an electron in Hartree.
        populations: (n_sites,) electrons minus those of the neutral atom.
        cycles: diagonalisations (of all k-points).
        residual: largest difference between populations that make the potential and that it makes, e.
        converged: whether that is below the accuracy asked for.
    """

    blocks: list[Block]
    filling: Filling
    potential: np.ndarray
    populations: np.ndarray
    cycles: int
    residual: float
    converged: bool

    @property
    def energies(self) -> np.ndarray:
        """(n_levels,) in Hartree."""
        return np.concatenate([block.energies for block in self.blocks])

    @property
    def electrons_of_levels(self) -> list[np.ndarray]:
        """Electrons in each level (n,) of each block."""
        bounds = np.cumsum([len(block) for block in self.blocks])[:-1]
        parts = np.split(self.filling.occupations, bounds)
        return [block.degeneracy * part for block, part in zip(self.blocks, parts, strict=True)]


def solve(
    basis: Basis,
    matrices: Matrices,
    external: np.ndarray,
    ensemble: Ensemble,
    temperature: float,
    start: np.ndarray,
    accuracy: float,
    max_cycles: int,
) -> State:
    """Self-consistent state in ``external`` (n_sites,), the potential of the surroundings in Hartree/e.

    Args:
        basis: of the atoms.
        matrices: of the geometry.
        external: see above.
        ensemble: what is held.
        temperature: k_B T in Hartree.
        start: (n_sites,) populations to begin with.
        accuracy: of the populations in e.
        max_cycles: diagonalisations after which the state is returned with ``converged`` False.
    """
    gamma, held = matrices.gamma.matrix, isinstance(ensemble, FermiLevel)
    inverse = np.linalg.inv(np.eye(len(gamma)) + _TYPICAL_RESPONSE * gamma)
    populations = start
    origin, step, search = populations, np.zeros_like(populations), LineSearch(0.0)
    blocks: list[Block] = []
    for cycle in range(1, max_cycles + 1):
        potential = gamma @ populations - external
        blocks = [b.rotated(potential) for b in blocks] or _first_states(basis, matrices, potential)
        filling, output = _fill(basis, blocks, ensemble, temperature)
        residual = output - populations
        error = float(np.abs(residual).max())
        if error <= accuracy or cycle == max_cycles:
            break
        if not search.accepts(float(step @ gamma @ residual)):
            populations = origin + search.part * step
            continue
        response = StateResponse(blocks, filling, temperature, (), len(gamma), held)
        part = float(np.abs(gamma @ residual).max()) / temperature
        part = min(max(part, _LEAST_PART), _LARGEST_PART)
        step, _ = newton_step(response, gamma, inverse, residual, _LINEAR_SHARE * accuracy, part)
        length = float(np.abs(step).max())
        if length > _LONGEST_STEP:
            step *= _LONGEST_STEP / length
        origin, search = populations, LineSearch(float(step @ gamma @ residual))
        populations = origin + step
    return State(blocks, filling, potential, output, cycle, error, error <= accuracy)


def _first_states(basis: Basis, matrices: Matrices, potential: np.ndarray) -> list[Block]:
    """States of every k-point in ``potential`` (n_sites,)."""
    half = 0.5 * potential[basis.orbital_site]
    everything = np.arange(len(basis.orbitals))
    return [
        replace(
            reference_block(
                h0 + (half[:, None] + half) * overlap, overlap, everything, basis.orbital_site, float(weight)
            ),
            potential=potential,
        )
        for (h0, overlap), weight in zip(matrices.hamiltonians, basis.weights, strict=True)
    ]


def _fill(
    basis: Basis, blocks: Sequence[Block], ensemble: Ensemble, temperature: float
) -> tuple[Filling, np.ndarray]:
    """Filling of all levels, and the populations (n_sites,) beyond the neutral ones."""
    energies = np.concatenate([block.energies for block in blocks])
    degeneracies = np.concatenate([np.full(len(block), block.degeneracy) for block in blocks])
    filling = ensemble.fill(energies, degeneracies, float(basis.neutral.sum()), temperature)
    populations, start = -basis.neutral, 0
    for block in blocks:
        own = filling.occupations[start : start + len(block)]
        start += len(block)
        populations = populations + block.reference_populations(block.degeneracy * own, len(populations))
    return filling, populations
