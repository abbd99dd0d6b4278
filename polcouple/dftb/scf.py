"""Self-consistent-charge DFTB (DFTB2) of an electrode whose atoms never move.

    H = H0 + S/2 (V_A + V_B),   V_A = sum_B gamma_AB dn_B - phi_A,   charges q_A = -dn_A

with dn the Mulliken electrons minus those of the neutral atom (M. Elstner et al., Phys. Rev. B 58, 7260
(1998)). Only the site potentials phi change from call to call, so everything else is prepared once.

The fixed point of dn -> n(V(dn)) is found by Newton's method with the exact Jacobian at each point
(:mod:`polcouple.dftb.newton`). The start is the previous solution plus the linear response of a reference
state, the anchor. A Newton step s leaves an error of second order: a level in a potential that changes by v
answers anew within a part v/k_B T, as no denominator in perturbation theory is smaller than some k_B T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from polcouple.dftb.anchor import Anchor, cached_potential, degeneracies, response_file
from polcouple.dftb.arrays import ArrayLibrary, check_installed
from polcouple.dftb.blocks import Block
from polcouple.dftb.filling import Filling, fermi_filling
from polcouple.dftb.gapped import Expansion
from polcouple.dftb.hamiltonian import build_orbitals
from polcouple.dftb.newton import LineSearch, StateResponse, newton_step
from polcouple.dftb.preparation import Prepared, cache_stem, prepare, require_sound
from polcouple.dftb.repeating import RepeatingElectrode, equal_parts
from polcouple.dftb.response import ChargeResponse, LinearResponse, self_consistent_response
from polcouple.dftb.skf import Parameters
from polcouple.dftb.solution import Guess, Levels, Solution
from polcouple.electrode import Electrode
from polcouple.errors import ConvergenceError, InputError

#: largest change of a population in one cycle, e
_LONGEST_STEP = 0.3
#: least part of itself by which Newton's step errs: the response of gapped blocks is that of the anchor
_CURVED = 0.05
#: beyond this part the response may change so much along the step that the residual is the only bound left
_STRAIGHT = 0.3
#: an anchor serves total charges that differ by no more than this (e)
_SAME_ANCHOR = 0.5
#: solutions that took more cycles than this become the new anchor
_STALE_CYCLES = 6
#: potentials that vary by less (Hartree) have the eigenvectors and the response of a constant
_UNIFORM = 1e-7
#: and those that vary by less than this part of k_B T have the same response
_ALIKE = 1e-4
#: part of the error allowed that the blocks treated without diagonalisation may use
_GAPPED_SHARE = 0.4
#: of the accuracy asked for, and of a step, that may remain of the linear equation for the step
_LINEAR_SHARE, _LINEAR_PART = 0.05, 0.1
#: of the accuracy asked for, that may remain of the linear equation for the start
_START_SHARE = 2.0
#: accuracy of the anchor's charges, e
_ANCHOR_ACCURACY = 1e-9


@dataclass(frozen=True, eq=False)
class _Last:
    """Populations (n_sites,) of the last solution, and the response of its states."""

    populations: np.ndarray
    response: StateResponse


class FrozenElectrode:
    """SCC-DFTB of one electrode geometry for any site potentials and total charge.

    Args:
        electrode: frozen geometry.
        parameters: Slater-Koster parameters of its elements.
        temperature: k_B T of the electrons in Hartree.
        k_points: Monkhorst-Pack mesh.
        shell_resolved: one charge fluctuation per shell with its own U, instead of one per atom with U_s.
        cache_directory: where geometry-only data are kept between runs; None keeps nothing.
        array_library: what computes with the matrices of the states, ``numpy`` or ``jax``.

    Attributes:
        electrode, k_points, temperature: as given.
        warnings: what the parameters were made for and the settings are not, one line each.

    Raises:
        InputError: duplicate atoms, settings that do not fit the geometry, or JAX is not installed.
    """

    def __init__(
        self,
        electrode: Electrode,
        parameters: Parameters,
        temperature: float,
        k_points: tuple[int, int, int] = (1, 1, 1),
        shell_resolved: bool = False,
        cache_directory: Path | None = None,
        array_library: ArrayLibrary = "numpy",
    ) -> None:
        check_installed(array_library)
        require_sound(electrode, k_points)
        orbitals = build_orbitals(electrode.symbols, parameters)
        self.n_orbitals = len(orbitals)
        self._n_atoms, self._neutral = len(electrode), float(orbitals.occupation.sum())
        self._settings = (electrode, parameters, k_points, shell_resolved, cache_directory)
        self._array_library: ArrayLibrary = array_library
        self.electrode, self.k_points, self.temperature = electrode, k_points, temperature
        self.warnings = parameters.warnings(shell_resolved)
        self._anchor: Anchor | None = None
        self._last: _Last | None = None

    @cached_property
    def prepared(self) -> Prepared:
        """What the whole electrode's dense matrices are needed for is made when it is first asked for.

        Raises:
            InputError: atoms too close to each other for the parameters.
        """
        prepared = prepare(*self._settings)
        blocks = tuple(block.on_device(self._array_library) for block in prepared.blocks)
        return replace(prepared, blocks=blocks)

    @cached_property
    def repeating(self) -> RepeatingElectrode | None:
        """The bare electrode without dense matrices, if it has so many equal parts that it pays."""
        electrode, parameters, k_points, shell_resolved, directory = self._settings
        parts = equal_parts(electrode, self.n_orbitals)
        if parts is None:
            return None
        stem = None
        if directory is not None:
            stem = cache_stem(directory, electrode, parameters, k_points, shell_resolved)
        return RepeatingElectrode(
            electrode, *parts, parameters, self.temperature, k_points, shell_resolved, stem
        )

    @cached_property
    def mean_interaction(self) -> np.ndarray:
        """(n_sites,) mean over all charge sites of gamma with each, in Hartree/e^2."""
        if self.repeating is not None:
            return self.repeating.mean_interaction
        return np.asarray(self.prepared.gamma.mean(axis=0))

    def solve(
        self,
        site_potentials: np.ndarray,
        total_charge: float,
        guess: Guess | None = None,
        accuracy: float = 1e-6,
        max_cycles: int = 100,
    ) -> Solution:
        """Self-consistent charges at ``site_potentials`` (n_atoms,) in Hartree/e.

        Args:
            site_potentials: electrostatic potential of the surroundings at the atoms.
            total_charge: of the electrode in e, any real number that the valence allows.
            guess: a self-consistent state of the same electrode at similar potentials.
            accuracy: largest error of a charge in e, against the full, converged problem.
            max_cycles: evaluations after which the solution is returned with ``converged`` False.

        Raises:
            InputError: a charge that the valence does not allow, potentials of the wrong shape or not finite.
        """
        electrons = self._electrons(total_charge)
        external = self._external(site_potentials)
        gamma, neutral = self.prepared.gamma, self.prepared.neutral
        anchor = self._anchor_for(total_charge)
        populations = self._start(anchor, external, total_charge, guess, accuracy)
        origin, step, search = populations, np.zeros_like(populations), LineSearch(0.0)
        near: Sequence[Expansion] = ()
        for cycle in range(1, max_cycles + 1):
            potential = gamma @ populations - external
            output = anchor.evaluate(
                potential, self._neutral, near, _GAPPED_SHARE * accuracy, added=-total_charge
            )
            near = output.expansions
            residual = output.populations - populations
            if not search.accepts(float(step @ gamma @ residual)) and cycle < max_cycles:
                populations = origin + search.part * step
                continue
            step, left = newton_step(
                output.response, gamma, anchor.newton, residual, _LINEAR_SHARE * accuracy, _LINEAR_PART
            )
            length = float(np.abs(step).max())
            curved = float(np.abs(gamma @ step).max()) / self.temperature
            if curved < _STRAIGHT:
                error = max(curved, _CURVED) * length + left
            else:
                error = length + float(np.abs(residual).max())
            error += _GAPPED_SHARE * accuracy if near else 0.0
            if error <= accuracy or cycle == max_cycles:
                break
            if length > _LONGEST_STEP:
                step *= _LONGEST_STEP / length
            origin, search = populations, LineSearch(float(step @ gamma @ residual))
            populations = origin + step
        electrostatic = 0.5 * float(populations @ gamma @ populations)
        energy = output.band_free_energy - float(neutral @ potential) - electrostatic
        energy += 0.5 * float(residual @ gamma @ step)
        populations = populations + step
        populations -= (populations.sum() + total_charge) / len(populations)
        solution = Solution(
            site_potentials=np.array(site_potentials, dtype=float),
            total_charge=float(total_charge),
            charges=-np.bincount(self.prepared.site_atom, populations),
            populations=populations,
            energy=energy,
            fermi_level=output.fermi_level + float(output.response.fukui @ gamma @ step),
            entropy_energy=output.entropy_energy,
            converged=error <= accuracy,
            cycles=cycle,
            residual=error,
        )
        self._last = _Last(populations, output.response)
        if solution.converged and cycle > _STALE_CYCLES:
            self._anchor = self._anchor_at(potential, electrons)
        return solution

    def levels(self, solution: Solution) -> Levels:
        """One-electron energies and occupations of ``solution``."""
        blocks, filling = self.states(solution)
        energies = np.concatenate([block.energies for block in blocks])
        return Levels(energies, filling.occupations, degeneracies(blocks), filling.fermi_level)

    def states(self, solution: Solution) -> tuple[list[Block], Filling]:
        """Blocks of all k-points with the levels of ``solution`` as reference, and their filling."""
        return self._states(self._potential(solution), solution.total_charge)

    def linear_response(self, solution: Solution) -> LinearResponse:
        """K = dq/dphi, the Fukui function and the hardness at ``solution``."""
        potential, electrons = self._potential(solution), self._electrons(solution.total_charge)
        anchor = self._anchor
        alike = _ALIKE * self.temperature
        if anchor is None or anchor.electrons != electrons or np.ptp(anchor.potential - potential) > alike:
            anchor = self._anchor_at(potential, electrons)
        return self._response(anchor)

    def derivatives(self, total_charge: float) -> LinearResponse:
        """K, Fukui function and hardness of the reference state that serves ``total_charge`` (e).

        That is the self-consistent electrode at zero site potentials and at a total charge within half an
        electron, unless later solutions had to leave it.
        """
        anchor = self._anchor_for(total_charge)
        return self._response(anchor)

    def bare_reference(self, total_charge: float) -> tuple[Solution, ChargeResponse]:
        """Solution and linear response at zero site potentials.

        Raises:
            ConvergenceError: the bare electrode does not converge.
        """
        if self.repeating is not None:
            self._electrons(total_charge)
            solution, response = self.repeating.solve(total_charge)
            if solution.converged:
                return solution, response
        solution = self.solve(np.zeros(self._n_atoms), total_charge, accuracy=_ANCHOR_ACCURACY)
        if not solution.converged:
            raise ConvergenceError(
                f"the electrode at Q = {total_charge:g} e without electrolyte did not converge in "
                f"{solution.cycles} cycles (error about {solution.residual:.1e} e): raise the temperature"
            )
        return solution, self.linear_response(solution)

    def _electrons(self, total_charge: float) -> float:
        electrons, capacity = self._neutral - total_charge, 2.0 * self.n_orbitals
        if not 0.0 < electrons < capacity:
            raise InputError(
                f"total charge {total_charge:g} e leaves {electrons:g} electrons in an electrode that holds "
                f"between 0 and {capacity:g}: the valence does not allow it"
            )
        return electrons

    def _external(self, site_potentials: np.ndarray) -> np.ndarray:
        potentials = np.asarray(site_potentials, dtype=float)
        if potentials.shape != (self._n_atoms,):
            raise InputError(
                f"site potentials have shape {potentials.shape}, the electrode {self._n_atoms} atoms"
            )
        if not np.isfinite(potentials).all():
            atom = int(np.argmin(np.isfinite(potentials)))
            raise InputError(f"site potential of electrode atom {atom} (from 0) is {potentials[atom]}")
        return potentials[self.prepared.site_atom]

    def _potential(self, solution: Solution) -> np.ndarray:
        return self.prepared.gamma @ solution.populations - self._external(solution.site_potentials)

    def _states(self, potential: np.ndarray, total_charge: float) -> tuple[list[Block], Filling]:
        """All levels at ``potential`` as the reference states of new blocks."""
        blocks = [block.rotated(potential) for block in self.prepared.blocks]
        energies = np.concatenate([block.energies for block in blocks])
        holds = degeneracies(blocks)
        filling = fermi_filling(energies, holds, self._neutral, self.temperature, -total_charge)
        return blocks, filling

    def _anchor_for(self, total_charge: float) -> Anchor:
        """The anchor near this total charge; a new one is the self-consistent state without electrolyte."""
        electrons = self._electrons(total_charge)
        if self._anchor is not None and abs(self._anchor.electrons - electrons) <= _SAME_ANCHOR:
            return self._anchor
        path = response_file(self.prepared, electrons, self.temperature)
        potential = cached_potential(path)
        if potential is not None:
            self._anchor = self._anchor_at(potential, electrons, path)
            return self._anchor
        self._anchor = self._anchor_at(np.zeros_like(self.prepared.neutral), electrons)
        bare = self.solve(np.zeros(self._n_atoms), total_charge, accuracy=_ANCHOR_ACCURACY)
        potential = self._potential(bare)
        if bare.converged and np.ptp(potential - self._anchor.potential) > _UNIFORM:
            self._anchor = self._anchor_at(potential, electrons)
        if bare.converged and path is not None:
            self._anchor.store(path)
        return self._anchor

    def _response(self, anchor: Anchor) -> LinearResponse:
        return self_consistent_response(
            anchor.bare, self.prepared.gamma, self.prepared.site_atom, self._n_atoms
        )

    def _anchor_at(self, potential: np.ndarray, electrons: float, path: Path | None = None) -> Anchor:
        return Anchor(self.prepared, potential, electrons, self.temperature, path)

    def _start(
        self,
        anchor: Anchor,
        external: np.ndarray,
        total_charge: float,
        guess: Guess | None,
        accuracy: float,
    ) -> np.ndarray:
        """First populations, by linear response: that of the guess's own states, where they are at hand."""
        if guess is None or len(guess.populations) != len(external):
            source = anchor.reference.populations - anchor.bare.chi @ (external + anchor.potential)
            source += anchor.bare.fukui * (self._electrons(total_charge) - anchor.electrons)
            return anchor.newton @ source
        shift = self._external(guess.site_potentials) - external
        added = -(guess.populations.sum() + total_charge)
        last = self._last
        if last is None or not np.array_equal(last.populations, guess.populations):
            source = anchor.bare.chi @ shift + anchor.bare.fukui * added
            return guess.populations + anchor.newton @ source
        source = last.response(shift) + last.response.fukui * added
        gamma, tolerance = self.prepared.gamma, _START_SHARE * accuracy
        return guess.populations + newton_step(last.response, gamma, anchor.newton, source, tolerance, 0.0)[0]
