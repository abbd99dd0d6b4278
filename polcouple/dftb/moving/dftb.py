"""Energy, forces and charges of atoms that move, one geometry after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from polcouple.dftb.hamiltonian import Orbitals, find_pairs
from polcouple.dftb.moving.capacitance import electrons_per_level
from polcouple.dftb.moving.ensemble import Ensemble
from polcouple.dftb.moving.forces import electronic_forces
from polcouple.dftb.moving.matrices import Basis, build_matrices
from polcouple.dftb.moving.scc import State, solve
from polcouple.dftb.moving.surroundings import PointCharges, Surroundings
from polcouple.dftb.orbital_grid import BlockDensity
from polcouple.dftb.repulsive import load_repulsive, repulsive_energy_forces
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters, skf_paths
from polcouple.electrode import Electrode
from polcouple.errors import InputError

#: no point charges
NOTHING = PointCharges(np.zeros((0, 3)), np.zeros(0))


@dataclass(frozen=True)
class EnergyTerms:
    """Terms of the energy in Hartree; the total energy is the sum of all but the entropy.

    Attributes:
        band: tr(P H0), the levels of neutral atoms included.
        charges: 1/2 sum q_A gamma_AB q_B.
        surroundings: sum q_A phi_A, the interaction with the point charges.
        repulsive: between the nuclei.
        entropy: T S.
    """

    band: float
    charges: float
    surroundings: float
    repulsive: float
    entropy: float


@dataclass(frozen=True, eq=False)
class DftbResult:
    """One geometry.

    Attributes:
        energy: E in Hartree, without the interaction among the point charges.
        free_energy: A = E - T S.
        grand_potential: A - mu N.
        terms: of the energy.
        forces: (n_atoms, 3) in Hartree/bohr, -dA/dR at a constant number of electrons, which is the same as
            -d(A - mu N)/dR at a constant Fermi level; not numbers where the state did not converge.
        point_charge_forces: (m, 3) on the point charges; those among them are left out.
        charges: (n_atoms,) Mulliken charges in e.
        electrons: N, the valence electrons.
        fermi_level: mu in Hartree.
        populations: (n_sites,) electrons minus those of the neutral atoms, to start from.
        iterations: diagonalisations (of all k-points).
        residual: largest difference of a population from self-consistency, e.
        converged: whether it is below the accuracy asked for.
        capacitance: dN/dmu at fixed atoms and surroundings in 1/Hartree when called; NaN without convergence.
        density_matrices: of the electrons at each k-point when called.
    """

    energy: float
    free_energy: float
    grand_potential: float
    terms: EnergyTerms
    forces: np.ndarray
    point_charge_forces: np.ndarray
    charges: np.ndarray
    electrons: float
    fermi_level: float
    populations: np.ndarray
    iterations: int
    residual: float
    converged: bool
    capacitance: Callable[[], float]
    density_matrices: Callable[[], list[BlockDensity]]


class MovingDftb:
    """SCC-DFTB of given atoms at any positions, at a total charge or a Fermi level.

    Args:
        symbols: of the atoms.
        temperature: k_B T of the electrons in Hartree.
        slako: directory of a set with repulsive energies.
        k_points: Monkhorst-Pack mesh.
        shell_resolved: a charge fluctuation per shell with its own U, instead of one per atom with U_s.

    Attributes:
        warnings: what the parameters were made for and the settings are not, one line each.

    Raises:
        InputError: parameters missing or malformed.
    """

    def __init__(
        self,
        symbols: tuple[str, ...],
        temperature: float,
        slako: Path = DEFAULT_SLAKO,
        k_points: tuple[int, int, int] = (1, 1, 1),
        shell_resolved: bool = False,
    ) -> None:
        parameters = load_parameters(slako, symbols)
        if min(k_points) < 1:
            raise InputError(f"k_points = {k_points}: needs three positive numbers")
        if not temperature > 0.0:
            raise InputError(f"the electronic temperature must be positive, got {temperature:g} Hartree")
        self._repulsive = load_repulsive(skf_paths(slako, symbols))
        self._basis = Basis(symbols, parameters, k_points, shell_resolved)
        self._temperature, self._k_points = temperature, k_points
        self.warnings = parameters.warnings(shell_resolved)

    def solve(
        self,
        positions: np.ndarray,
        cell: np.ndarray | None,
        ensemble: Ensemble,
        point_charges: Surroundings = NOTHING,
        start: np.ndarray | None = None,
        accuracy: float = 1e-7,
        max_cycles: int = 100,
    ) -> DftbResult:
        """Energy, forces and charges at ``positions`` (n_atoms, 3) in bohr.

        Args:
            positions: see above.
            cell: (3, 3) in bohr, one lattice vector per row; None without periodicity.
            ensemble: what is held, a :class:`TotalCharge` or a :class:`FermiLevel`.
            point_charges: around the atoms, or given potentials.
            start: populations of a similar geometry; default neutral atoms.
            accuracy: of self-consistency, e; forces err by about a tenth of it in Hartree/bohr.
            max_cycles: diagonalisations after which it counts as not converged.

        Raises:
            InputError: positions that do not fit, atoms too close, a charge that the valence does not allow,
                or a Fermi level outside the bands.
        """
        basis = self._basis
        atoms = self._geometry(positions, cell)
        ensemble.check(float(basis.neutral.sum()), basis.capacity)
        matrices = build_matrices(basis, atoms)
        field = point_charges.field(atoms, accuracy)
        phi = field.potentials
        state = solve(
            basis,
            matrices,
            phi[basis.site_atom],
            ensemble,
            self._temperature,
            np.zeros(len(basis.neutral)) if start is None else start,
            accuracy,
            max_cycles,
        )
        ensemble.check_levels(state.energies)
        charges = -np.bincount(basis.site_atom, state.populations)
        reach = max(pair.reach for pair in self._repulsive.values())
        half = matrices.pairs if reach <= basis.parameters.cutoff else find_pairs(atoms, reach).half()
        repulsive, forces = repulsive_energy_forces(atoms.symbols, half, self._repulsive)
        forces += electronic_forces(basis, matrices, state)
        on_atoms, on_charges = field.forces(charges)
        forces += on_atoms
        terms = self._terms(state, matrices.gamma.matrix, float(charges @ phi), repulsive)
        energy = terms.band + terms.charges + terms.surroundings + terms.repulsive
        electrons = float((state.populations + basis.neutral).sum())
        known = 1.0 if state.converged else np.nan
        return DftbResult(
            energy=energy,
            free_energy=energy - terms.entropy,
            grand_potential=energy - terms.entropy - state.filling.fermi_level * electrons,
            terms=terms,
            forces=known * forces,
            point_charge_forces=known * on_charges,
            charges=charges,
            electrons=electrons,
            fermi_level=state.filling.fermi_level,
            populations=state.populations,
            iterations=state.cycles,
            residual=state.residual,
            converged=state.converged,
            capacitance=(
                partial(electrons_per_level, state, matrices.gamma.matrix, self._temperature)
                if state.converged
                else _unknown
            ),
            density_matrices=partial(_density_matrices, basis, state),
        )

    @property
    def orbitals(self) -> Orbitals:
        """The basis that density matrices are in, its axes those of the positions."""
        return self._basis.orbitals

    def _terms(self, state: State, gamma: np.ndarray, surroundings: float, repulsive: float) -> EnergyTerms:
        return EnergyTerms(
            band=state.energy_of_levels - float((state.populations + self._basis.neutral) @ state.potential),
            charges=0.5 * float(state.populations @ gamma @ state.populations),
            surroundings=surroundings,
            repulsive=repulsive,
            entropy=state.filling.entropy_energy,
        )

    def _geometry(self, positions: np.ndarray, cell: np.ndarray | None) -> Electrode:
        symbols = self._basis.symbols
        positions = np.asarray(positions, dtype=float)
        if positions.shape != (len(symbols), 3):
            raise InputError(f"positions have shape {positions.shape}, there are {len(symbols)} atoms")
        if not np.isfinite(positions).all():
            raise InputError(
                f"position of atom {int(np.argmin(np.isfinite(positions).all(axis=1)))} is not finite"
            )
        if cell is None and max(self._k_points) > 1:
            raise InputError(f"k_points = {self._k_points}: without a cell there is only (1, 1, 1)")
        periodic = cell is not None
        return Electrode(
            symbols, positions, np.eye(3) if cell is None else np.asarray(cell, dtype=float), (periodic,) * 3
        )


def _density_matrices(basis: Basis, state: State) -> list[BlockDensity]:
    everything = np.arange(len(basis.orbitals))
    matrices = zip(basis.mesh, state.density_matrices(), strict=True)
    return [BlockDensity(k_point, everything, matrix) for k_point, (matrix, _) in matrices]


def _unknown() -> float:
    """The capacitance of a state that did not converge."""
    return np.nan
