"""`dftb` of an electrode whose atoms move: self-consistent-charge DFTB in every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.backends.base import ChargeResult, Environment
from polcouple.backends.dftb_options import Options
from polcouple.backends.mobile import MobileResult
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel
from polcouple.dftb.moving.extrapolation import continued
from polcouple.dftb.moving.surroundings import GivenPotentials
from polcouple.electrode import Electrode, Electrolyte
from polcouple.units import KELVIN_TO_HARTREE

#: steps that the start of the next one is extrapolated from, at most
_STEPS = 4
#: populations say nothing of a geometry in which an atom is farther from its place than this (bohr)
_FAR = 1.0

#: positions (n, 3) of a step and its populations (n_sites,)
_Step = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class DftbMobileResult(MobileResult):
    """The answer with the last steps, its own among them, that the next one starts from."""

    steps: tuple[_Step, ...] = ()


class MobileBackend:
    """Charges, free energy and forces of SCC-DFTB in given site potentials.

    The energy has the repulsion between the nuclei: A = E - T S at a total charge, A - mu N at a Fermi level,
    with N all valence electrons.
    """

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self.capabilities = options.capabilities()
        self._options = options
        self._cell = electrode.cell if any(electrode.pbc) else None
        self._dftb = MovingDftb(
            electrode.symbols,
            options.temperature_kelvin * KELVIN_TO_HARTREE,
            options.slako_directory,
            options.k_points,
            options.shell_resolved,
        )

    def solve(
        self,
        positions: np.ndarray,
        environment: Environment,
        held: Ensemble,
        guess: ChargeResult | None = None,
    ) -> MobileResult:
        """See :class:`polcouple.backends.mobile.MobileBackend`."""
        options, potentials = self._options, environment.site_potentials
        before = guess.steps if isinstance(guess, DftbMobileResult) else ()
        start = _start(before, positions)
        while True:
            found = self._dftb.solve(
                positions,
                self._cell,
                held,
                GivenPotentials(potentials),
                start,
                options.accuracy,
                options.max_cycles,
            )
            if found.converged or start is None:
                break
            start = None
        failure = f"dftb: not converged in {found.iterations} cycles, error about {found.residual:.1e} e"
        level_held = isinstance(held, FermiLevel)
        return DftbMobileResult(
            found.charges,
            potentials,
            energy=found.grand_potential if level_held else found.free_energy,
            fermi_level=found.fermi_level,
            converged=found.converged,
            iterations=found.iterations,
            residual=found.residual,
            warnings=(() if found.converged else (failure,)) + self._dftb.warnings,
            total_charge=float(found.charges.sum()) if level_held else None,
            forces=found.forces,
            electrons=found.electrons,
            entropy=found.terms.entropy,
            capacitance=found.capacitance,
            steps=(*before, (positions.copy(), found.populations))[-_STEPS:],
        )


def _start(before: Sequence[_Step], positions: np.ndarray) -> np.ndarray | None:
    """Populations (n_sites,) for ``positions``, or None where no step before says anything of them.

    Of the polynomials through the last one, two ... steps that one is taken that would have told the
    positions best: the steps may be of any dynamics, or no dynamics at all.
    """
    best, distance = None, _FAR
    for first in range(len(before)):
        own = before[first:]
        error = float(np.abs(continued([place for place, _ in own]) - positions).max())
        if error < distance:
            best, distance = own, error
    return None if best is None else continued([populations for _, populations in best])
