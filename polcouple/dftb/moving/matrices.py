"""All of one geometry that depends on neither its charges nor its environment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.dftb.blocks import monkhorst_pack
from polcouple.dftb.gamma import Gamma
from polcouple.dftb.hamiltonian import (
    Orbitals,
    Pairs,
    assemble,
    build_orbitals,
    charge_sites,
    find_pairs,
)
from polcouple.dftb.skf import Parameters
from polcouple.dftb.slater_koster import PairBlocks, pair_blocks
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_ANGSTROM


class Basis:
    """What does not change with the positions: orbitals, charge sites and k-points.

    Args:
        symbols: of the n atoms.
        parameters: Slater-Koster parameters of their elements.
        k_points: Monkhorst-Pack mesh.
        shell_resolved: a charge fluctuation per shell with its own U, instead of one per atom with U_s.

    Attributes:
        site_atom: (n_sites,) atom of each charge site (the atoms, or all their shells).
        orbital_site: (n_orbitals,) charge site of each orbital.
        neutral: (n_sites,) electrons of the neutral atoms.
        hubbard: (n_sites,) in Hartree.
        mesh, weights: k-points (m, 3) in units of reciprocal vectors and weights (m,).
    """

    def __init__(
        self,
        symbols: tuple[str, ...],
        parameters: Parameters,
        k_points: tuple[int, int, int],
        shell_resolved: bool,
    ) -> None:
        self.symbols, self.parameters = symbols, parameters
        self.orbitals: Orbitals = build_orbitals(symbols, parameters)
        sites = charge_sites(self.orbitals, shell_resolved)
        self.site_atom, self.orbital_site = sites.atom, sites.of_orbital
        self.neutral, self.hubbard = sites.neutral, sites.hubbard
        self.mesh, self.weights = monkhorst_pack(k_points)

    @property
    def capacity(self) -> float:
        """Electrons that the basis can hold."""
        return 2.0 * len(self.orbitals)


@dataclass(frozen=True, eq=False)
class Matrices:
    """H0, S and gamma of one geometry.

    Attributes:
        pairs: every pair of atoms within reach of the tables once.
        blocks: Slater-Koster blocks of the pairs, with slopes.
        hamiltonians: (H0, S) of each k-point, (n_orbitals, n_orbitals), H0 in Hartree.
        gamma: the charges' interaction.
    """

    pairs: Pairs
    blocks: list[PairBlocks]
    hamiltonians: list[tuple[np.ndarray, np.ndarray]]
    gamma: Gamma


def build_matrices(basis: Basis, atoms: Electrode) -> Matrices:
    """H0, S and gamma of ``atoms``.

    Raises:
        InputError: atoms closer to each other than their table begins.
    """
    pairs = find_pairs(atoms, basis.parameters.cutoff).half()
    _require_apart(basis, pairs)
    blocks = pair_blocks(basis.parameters, atoms.symbols, pairs.first, pairs.second, pairs.vector)
    hamiltonians = [assemble(basis.orbitals, pairs, blocks, k) for k in basis.mesh]
    gamma = Gamma(atoms, basis.site_atom, basis.hubbard, with_forces=True)
    return Matrices(pairs, blocks, hamiltonians, gamma)


def _require_apart(basis: Basis, pairs: Pairs) -> None:
    tables = basis.parameters.pairs
    distance = np.linalg.norm(pairs.vector, axis=1)
    for k in np.flatnonzero(distance < max(table.start for table in tables.values())):
        i, j = pairs.first[k], pairs.second[k]
        start = tables[basis.symbols[i], basis.symbols[j]].start
        if distance[k] < start:
            words = f"atoms {i} ({basis.symbols[i]}) and {j} ({basis.symbols[j]}) (from 0)"
            raise InputError(
                f"{words} are {distance[k] * BOHR_TO_ANGSTROM:.3f} Angstrom apart, and their table in"
                f" {basis.parameters.name} begins at {start * BOHR_TO_ANGSTROM:.3f}: mend the structure, or"
                " take a shorter time step"
            )
