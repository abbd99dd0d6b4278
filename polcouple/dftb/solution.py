"""Self-consistent states of an electrode, and the levels of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Guess:
    """A previous self-consistent state to start from.

    Attributes:
        site_potentials: (n_atoms,) in Hartree/e.
        populations: (n_sites,) electrons minus those of the neutral atom, by charge site.
    """

    site_potentials: np.ndarray
    populations: np.ndarray


@dataclass(frozen=True, eq=False)
class Solution:
    """Self-consistent state of the electrode at given site potentials and total charge.

    Attributes:
        site_potentials: (n_atoms,) in Hartree/e.
        total_charge: in e.
        charges: (n_atoms,) Mulliken charges in e; their sum is the total charge.
        populations: (n_sites,) electrons minus those of the neutral atom, by charge site.
        energy: Mermin free energy with the interaction with phi, without repulsion, Hartree.
        fermi_level: in Hartree.
        entropy_energy: T S in Hartree.
        converged: whether ``residual`` is below the accuracy asked for.
        cycles: evaluations of the output populations.
        residual: estimated largest error of a population in e.
    """

    site_potentials: np.ndarray
    total_charge: float
    charges: np.ndarray
    populations: np.ndarray
    energy: float
    fermi_level: float
    entropy_energy: float
    converged: bool
    cycles: int
    residual: float

    @property
    def guess(self) -> Guess:
        """Start for the next solution."""
        return Guess(self.site_potentials, self.populations)


@dataclass(frozen=True, eq=False)
class Levels:
    """One-electron levels of a solution, sorted by block and energy.

    Attributes:
        energies: (n_levels,) in Hartree.
        occupations: (n_levels,) between 0 and 1, per spin.
        degeneracies: (n_levels,) electrons a level can hold.
        fermi_level: in Hartree.
    """

    energies: np.ndarray
    occupations: np.ndarray
    degeneracies: np.ndarray
    fermi_level: float
