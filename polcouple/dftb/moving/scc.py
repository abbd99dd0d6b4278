"""Self-consistent populations of one geometry, at a total charge or a Fermi level.

    H = H0 + S/2 (V_A + V_B),   V_A = sum_B gamma_AB dn_B - phi_A,   charges q_A = -dn_A

with dn the Mulliken electrons minus those of the neutral atom (M. Elstner et al., Phys. Rev. B 58, 7260
(1998)). The fixed point of dn -> n(V(dn)) is found by Newton's method (:mod:`polcouple.dftb.newton`). Where
the Fermi level is held, the response chi is the one at this Fermi level: it knows how many electrons come and
go with the potential, so that their number needs no cycle of its own. The last step, if it is small, needs no
diagonalisation: states in the final potential follow from those before it (:mod:`.nearby`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from polcouple.dftb.blocks import Block, reference_block
from polcouple.dftb.filling import Filling
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel
from polcouple.dftb.moving.matrices import Basis, Matrices
from polcouple.dftb.moving.nearby import FirstOrder, NearbyStates, density_matrices
from polcouple.dftb.newton import LineSearch, StateResponse, newton_step

#: largest change of a population in one cycle, e
_LONGEST_STEP = 0.3
#: bounds of the part of Newton's step that may remain of its linear equation
_LEAST_PART, _LARGEST_PART = 1e-4, 0.1
#: of the accuracy asked for that may remain of it
_LINEAR_SHARE = 0.05
#: largest change of the potential over k_B T that is worth a try without diagonalisation
_NEARBY = 0.5
#: -chi of a site in a typical material, 1/Hartree, which the linear equation is preconditioned with
_TYPICAL_RESPONSE = 1.0


@dataclass(frozen=True, eq=False)
class State:
    """Electrons in a potential that, but for ``residual``, they make themselves.

    Attributes:
        blocks: states of each k-point in ``potential``, exact or to first order.
        filling: of all levels.
        corrections: what makes the states of each block exact to first order; none where they are exact.
        potential: (n_sites,) potential energy of an electron in Hartree.
        populations: (n_sites,) electrons minus those of the neutral atom.
        cycles: diagonalisations (of all k-points).
        residual: largest difference between populations that make the potential and that it makes, e.
        converged: whether that is below the accuracy asked for.
    """

    blocks: list[Block]
    filling: Filling
    corrections: list[FirstOrder]
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
        parts = _by_block(self.blocks, self.filling.occupations)
        return [block.degeneracy * part for block, part in zip(self.blocks, parts, strict=True)]

    @property
    def energy_of_levels(self) -> float:
        """Sum of the energies of all electrons' levels in Hartree."""
        levels = zip(self.electrons_of_levels, self.blocks, strict=True)
        first = sum(float(electrons @ block.energies) for electrons, block in levels)
        return first + sum(correction.energy for correction in self.corrections)

    def density_matrices(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of each k-point: P, and the same weighted with the levels' energies, (n_orbitals, n_orbitals)."""
        if self.corrections:
            yield from (correction.density_matrices() for correction in self.corrections)
            return
        for block, electrons in zip(self.blocks, self.electrons_of_levels, strict=True):
            yield density_matrices(block, electrons)


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
        shift = float(np.abs(gamma @ residual).max()) / temperature
        part = 0.0 if shift < _NEARBY else min(max(shift, _LEAST_PART), _LARGEST_PART)
        step, _ = newton_step(response, gamma, inverse, residual, _LINEAR_SHARE * accuracy, part)
        length = float(np.abs(step).max())
        if length > _LONGEST_STEP:
            step *= _LONGEST_STEP / length
        origin, search = populations, LineSearch(float(step @ gamma @ residual))
        populations = origin + step
        if shift < _NEARBY:
            after = gamma @ populations - external
            closed = _close(basis, blocks, filling, after, ensemble, temperature)
            error = closed.error(populations)
            if error <= accuracy:
                own = closed.blocks, closed.filling, closed.corrections
                return State(*own, after, closed.populations, cycle, error, True)
    return State(blocks, filling, [], potential, output, cycle, error, error <= accuracy)


@dataclass(frozen=True, eq=False)
class _Closed:
    """States in a potential near that of a diagonalisation; ``missing`` (n_sites,) as it is estimated."""

    blocks: list[Block]
    filling: Filling
    corrections: list[FirstOrder]
    populations: np.ndarray
    missing: np.ndarray

    def error(self, populations: np.ndarray) -> float:
        """Largest difference from the ``populations`` that made the potential, e."""
        return float((np.abs(self.populations - populations) + self.missing).max())


def _close(
    basis: Basis,
    blocks: Sequence[Block],
    filling: Filling,
    potential: np.ndarray,
    ensemble: Ensemble,
    temperature: float,
) -> _Closed:
    """The states of ``blocks``, filled with ``filling``, in another ``potential`` (n_sites,)."""
    nearby = [
        NearbyStates(block, potential, own)
        for block, own in zip(blocks, _by_block(blocks, filling.occupations), strict=True)
    ]
    moved = [part.block for part in nearby]
    filling = _fill_levels(basis, moved, ensemble, temperature)
    corrections = [
        part.mixed(own, temperature)
        for part, own in zip(nearby, _by_block(moved, filling.occupations), strict=True)
    ]
    found = [correction.populations(len(potential)) for correction in corrections]
    populations, missing = (np.sum(parts, axis=0) for parts in zip(*found, strict=True))
    return _Closed(moved, filling, corrections, populations - basis.neutral, missing)


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


def _by_block(blocks: Sequence[Block], of_levels: np.ndarray) -> list[np.ndarray]:
    """Values of all levels (n_levels,), those of each block apart."""
    return np.split(of_levels, np.cumsum([len(block) for block in blocks])[:-1])


def _fill_levels(basis: Basis, blocks: Sequence[Block], ensemble: Ensemble, temperature: float) -> Filling:
    energies = np.concatenate([block.energies for block in blocks])
    degeneracies = np.concatenate([np.full(len(block), block.degeneracy) for block in blocks])
    return ensemble.fill(energies, degeneracies, float(basis.neutral.sum()), temperature)


def _fill(
    basis: Basis, blocks: Sequence[Block], ensemble: Ensemble, temperature: float
) -> tuple[Filling, np.ndarray]:
    """Filling of all levels, and the populations (n_sites,) beyond the neutral ones."""
    filling = _fill_levels(basis, blocks, ensemble, temperature)
    populations = -basis.neutral
    for block, own in zip(blocks, _by_block(blocks, filling.occupations), strict=True):
        populations = populations + block.reference_populations(block.degeneracy * own, len(populations))
    return filling, populations
