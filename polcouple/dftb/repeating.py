"""SCC-DFTB of an electrode of many equal parts without its surroundings, and its linear response.

At zero site potentials equal parts carry equal charges, so that the self-consistent problem is that of one
part, and its response K is block-circulant: in waves of wave vector q over the parts,

    K(q) = [1 - chi(q) gamma(q)]^-1 chi(q),

matrices of one part's size. Nothing of the whole electrode's size but single columns is ever made: a sheet of
21,504 carbons takes seconds, where its dense K takes the cube of that number. Formulas are those of
:mod:`polcouple.dftb.scf` and :mod:`polcouple.dftb.response`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from polcouple.dftb.bloch import BlochStates, Mesh, bloch_states, part_hamiltonian
from polcouple.dftb.blocks import monkhorst_pack
from polcouple.dftb.cache import kept, read_arrays, write_arrays
from polcouple.dftb.filling import Filling, fermi_filling, level_density, level_weights
from polcouple.dftb.gamma import gamma_columns
from polcouple.dftb.hamiltonian import build_orbitals, charge_sites
from polcouple.dftb.imaginary_time import response_columns
from polcouple.dftb.skf import Parameters
from polcouple.dftb.solution import Solution
from polcouple.dftb.uniform_response import uniform_response
from polcouple.electrode import Electrode
from polcouple.lattice.convolution import first_part, lattice_orbits
from polcouple.lattice.matrix import (
    SMALLEST,
    Matrix,
    RepeatingMatrix,
    fill_block_circulant,
    from_part_waves,
    part_waves,
)

#: atoms of equal parts may lie this far from where the lattice has them (bohr): more than rounded coordinates
_EXACT = 1e-6
#: square of the largest number of orbitals in a part, over all orbitals
_LARGEST_SHARE = 4.0
#: largest change of a population (e) at which the part is self-consistent, and cycles until then
_ACCURACY, _MAX_CYCLES = 1e-12, 50
#: largest change of a population in one cycle, e
_LONGEST_STEP = 0.3


@dataclass(frozen=True, eq=False)
class RepeatingResponse:
    """Response of the self-consistent charges of an electrode of equal parts; units as in LinearResponse.

    Attributes:
        columns: (n_atoms, b) of K, those of the first part's b atoms.
        orbits, shape: equal parts, of :func:`polcouple.lattice.convolution.lattice_orbits`.
        fukui: F (n_atoms,) = dq/dQ.
        hardness: -d(Fermi level)/dQ in Hartree/e.
    """

    columns: np.ndarray
    orbits: np.ndarray
    shape: tuple[int, int, int]
    fukui: np.ndarray
    hardness: float

    @cached_property
    def charge_kernel(self) -> np.ndarray:
        """K (n_atoms, n_atoms) = dq/dphi in e^2/Hartree; made when it is first asked for."""
        return fill_block_circulant(self.columns, self.orbits, self.shape)

    def kernel(self, electrode: Electrode) -> Matrix:
        """K as what multiplies a vector in the least time."""
        if len(self.columns) >= SMALLEST:
            return RepeatingMatrix(self.columns, self.orbits, self.shape)
        return self.charge_kernel


class RepeatingElectrode:
    """The bare electrode at any total charge; arguments as of :class:`polcouple.dftb.scf.FrozenElectrode`.

    Args:
        orbits, shape: equal parts, of :func:`equal_parts`.
        cache_stem: path and beginning of the name of files that keep what :meth:`solve` has found; or None.
    """

    def __init__(
        self,
        electrode: Electrode,
        orbits: np.ndarray,
        shape: tuple[int, int, int],
        parameters: Parameters,
        temperature: float,
        k_points: tuple[int, int, int],
        shell_resolved: bool,
        cache_stem: Path | None = None,
    ) -> None:
        self.orbits, self.shape, self._temperature = orbits, shape, temperature
        self._cache_stem = cache_stem
        part = first_part(electrode, orbits, shape)
        orbitals = build_orbitals(part.symbols, parameters)
        sites = charge_sites(orbitals, shell_resolved)
        self._site_atom, self._orbital_site, self._neutral = sites.atom, sites.of_orbital, sites.neutral
        self._gamma = gamma_columns(electrode, orbits, shape, sites.atom, sites.hubbard)
        self._uniform_gamma = self._gamma.sum(axis=0)
        self._hamiltonians = [
            part_hamiltonian(part, orbitals, parameters, Mesh.of(shape, kappa), float(weight))
            for kappa, weight in zip(*monkhorst_pack(k_points), strict=True)
        ]

    @property
    def mean_interaction(self) -> np.ndarray:
        """(n_sites,) mean over all charge sites of gamma with each, in Hartree/e^2."""
        return self.by_site(self._uniform_gamma.mean(axis=0) / len(self.orbits))

    def by_site(self, values: np.ndarray) -> np.ndarray:
        """Values (sites of one part,) at all charge sites of the electrode: by atom, then by shell."""
        atoms = self.orbits[:, self._site_atom].ravel()
        return np.tile(values, len(self.orbits))[np.argsort(atoms, kind="stable")]

    def solve(self, total_charge: float) -> tuple[Solution, RepeatingResponse]:
        """State and response at zero site potentials and a total charge in e that the valence allows."""
        path = self._file(total_charge)
        if path is None:
            return self._solve(total_charge)
        read = partial(_read, orbits=self.orbits, shape=self.shape, total_charge=total_charge)
        return kept(path, read, partial(self._solve, total_charge), _write)

    def _file(self, total_charge: float) -> Path | None:
        """Where state and response at this total charge are kept."""
        if self._cache_stem is None:
            return None
        key = hashlib.sha256(repr((float(total_charge), self._temperature)).encode()).hexdigest()[:12]
        return self._cache_stem.with_name(f"{self._cache_stem.name}-bare-{key}.npz")

    def _solve(self, total_charge: float) -> tuple[Solution, RepeatingResponse]:
        parts, added = len(self.orbits), -total_charge
        neutral = float(self._neutral.sum()) * parts
        populations = np.full(len(self._neutral), added / (parts * len(self._neutral)))
        for cycle in range(1, _MAX_CYCLES + 1):
            potential = self._uniform_gamma @ populations
            states = [
                state
                for hamiltonian in self._hamiltonians
                for state in bloch_states(hamiltonian, self._orbital_site, potential)
            ]
            energies, holds = _levels(states)
            filling = fermi_filling(energies, holds, neutral, self._temperature, added)
            filled = holds * filling.occupations
            residual = self._populations(states, filled) - self._neutral - populations
            change = float(np.abs(residual).max())
            if change <= _ACCURACY or cycle == _MAX_CYCLES:
                break
            chi = uniform_response(states, filling.fermi_level, self._temperature, len(residual))
            fukui, density = self._at_level(states, filling)
            uniform = chi + parts * density * np.outer(fukui, fukui)
            step = np.linalg.solve(np.eye(len(residual)) - uniform @ self._uniform_gamma, residual)
            populations = populations + step * min(
                1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300)
            )
        energy = float(filled @ energies) - filling.entropy_energy
        energy -= parts * float((self._neutral + 0.5 * populations) @ potential)
        solution = Solution(
            site_potentials=np.zeros(self.orbits.size),
            total_charge=float(total_charge),
            charges=-self._by_atom(populations),
            populations=self.by_site(populations),
            energy=energy,
            fermi_level=filling.fermi_level,
            entropy_energy=filling.entropy_energy,
            converged=change <= _ACCURACY,
            cycles=cycle,
            residual=change,
        )
        chi = response_columns(states, filling.fermi_level, self._temperature, len(residual))
        return solution, self._response(chi, *self._at_level(states, filling))

    def _populations(self, states: Sequence[BlochStates], electrons: np.ndarray) -> np.ndarray:
        """Mulliken electrons (sites of one part,) of all levels, which hold ``electrons`` each."""
        total, start = np.zeros(len(self._neutral)), 0
        for state in states:
            own = electrons[start : start + state.energies.size]
            start += len(own)
            total += state.populations(own.reshape(state.energies.shape), len(total))
        return total

    def _at_level(self, states: Sequence[BlochStates], filling: Filling) -> tuple[np.ndarray, float]:
        """Fukui function and density of levels of non-interacting electrons."""
        energies, holds = _levels(states)
        density = float(holds @ level_density(filling.fermi_level, energies, self._temperature))
        weights = holds * level_weights(filling.fermi_level, energies, self._temperature)
        return self._populations(states, weights / weights.sum()), density

    def _response(self, chi: np.ndarray, fukui: np.ndarray, density: float) -> RepeatingResponse:
        """The interacting electrons' response, wave by wave, summed from charge sites to atoms."""
        parts, n_sites = len(self.orbits), len(fukui)
        response = part_waves(chi + density * np.outer(fukui, fukui), self.shape)
        dielectric = np.eye(n_sites) - response @ part_waves(self._gamma, self.shape)
        kernel = from_part_waves(np.linalg.solve(dielectric, response), self.shape)
        uniform = np.linalg.solve(dielectric[(0,) * (dielectric.ndim - 2)].real, fukui)
        with np.errstate(divide="ignore"):
            hardness = float(1.0 / np.float64(density) + parts * fukui @ self._uniform_gamma @ uniform)
        to_atoms = np.zeros((self.orbits.shape[1], n_sites))
        to_atoms[self._site_atom, np.arange(n_sites)] = 1.0
        columns = np.empty((self.orbits.size, len(to_atoms)))
        columns[self.orbits] = to_atoms @ kernel @ to_atoms.T
        return RepeatingResponse(columns, self.orbits, self.shape, self._by_atom(uniform), hardness)

    def _by_atom(self, values: np.ndarray) -> np.ndarray:
        """Sums over each atom's charge sites of ``values`` (sites of one part,), for all atoms."""
        result = np.empty(self.orbits.size)
        result[self.orbits] = np.bincount(self._site_atom, values)
        return result


#: what is kept of a state and of its response
_OF_STATE = ("charges", "populations", "energy", "fermi_level", "entropy_energy", "residual", "cycles")
_OF_RESPONSE = ("columns", "orbits", "fukui", "hardness")


def _write(path: Path, found: tuple[Solution, RepeatingResponse]) -> None:
    solution, response = found
    if solution.converged:
        arrays = {name: np.asarray(getattr(solution, name)) for name in _OF_STATE}
        write_arrays(path, arrays | {name: np.asarray(getattr(response, name)) for name in _OF_RESPONSE})


def _read(
    path: Path, orbits: np.ndarray, shape: tuple[int, int, int], total_charge: float
) -> tuple[Solution, RepeatingResponse] | None:
    """What was kept for the same parts, or None."""
    data = read_arrays(path)
    if data is None or not np.array_equal(data["orbits"], orbits):
        return None
    solution = Solution(
        site_potentials=np.zeros(orbits.size),
        total_charge=float(total_charge),
        converged=True,
        cycles=int(data["cycles"]),
        charges=data["charges"],
        populations=data["populations"],
        energy=float(data["energy"]),
        fermi_level=float(data["fermi_level"]),
        entropy_energy=float(data["entropy_energy"]),
        residual=float(data["residual"]),
    )
    return solution, RepeatingResponse(data["columns"], orbits, shape, data["fukui"], float(data["hardness"]))


def _levels(states: Sequence[BlochStates]) -> tuple[np.ndarray, np.ndarray]:
    """Energies of all levels, and the electrons that each holds."""
    energies = np.concatenate([state.energies.ravel() for state in states])
    return energies, np.concatenate([state.degeneracies.ravel() for state in states])


def equal_parts(electrode: Electrode, n_orbitals: int) -> tuple[np.ndarray, tuple[int, int, int]] | None:
    """Equal parts of an electrode, (parts, b) atoms and parts along each vector.

    None where nothing repeats, or a part has so large a share of the ``n_orbitals`` that dense matrices are
    faster. Parts count as equal where their atoms lie where the lattice has them but for rounded coordinates.
    """
    orbits, shape = lattice_orbits(electrode)
    if len(orbits) == 1 or (n_orbitals / len(orbits)) ** 2 > _LARGEST_SHARE * n_orbitals:
        return None
    index = np.stack(np.unravel_index(np.arange(len(orbits)), shape), axis=1)
    expected = electrode.positions[orbits[0]] + ((index / np.array(shape)) @ electrode.cell)[:, None]
    apart = (electrode.positions[orbits] - expected) @ np.linalg.inv(electrode.cell)
    apart = (apart - np.rint(apart)) @ electrode.cell
    return (orbits, shape) if float(np.abs(apart).max()) < _EXACT else None
