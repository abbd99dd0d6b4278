"""`dftb`: self-consistent-charge DFTB of the frozen electrode, a quantum reference without a binary.

Of an electrode that moves: :mod:`polcouple.backends.dftb_mobile`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.backends.base import ChargeDerivatives, ChargeResult, Environment
from polcouple.backends.dftb_mobile import MobileBackend as MobileBackend
from polcouple.backends.dftb_options import BEST_POTENTIALS, POTENTIALS_PART
from polcouple.backends.dftb_options import HamiltonianOptions as HamiltonianOptions
from polcouple.backends.dftb_options import Options as Options
from polcouple.backends.dftb_options import SlakoOptions as SlakoOptions
from polcouple.dftb.quantum_capacitance import mean_potential
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.solution import Guess, Solution
from polcouple.electrode import Electrode, Electrolyte


@dataclass(frozen=True, eq=False)
class DftbResult(ChargeResult):
    """Charges with the state they come from, the best start for the next solution."""

    solution: Solution | None = None


class Backend:
    """Mulliken charges of SCC-DFTB in the electrolyte's site potentials.

    The energy is the Mermin free energy including the interaction with the electrolyte, without the constant
    repulsion between the electrode's atoms.
    """

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self._options = options
        self.capabilities = options.capabilities()
        self.frozen_electrode = options.frozen_electrode(electrode)
        self._warnings = self.frozen_electrode.warnings
        if any(electrode.pbc) and POTENTIALS_PART * options.accuracy < 0.99 * BEST_POTENTIALS:
            self._warnings += (
                f"dftb: accuracy {options.accuracy:g} e is better than site potentials of a periodic cell are"
                f" made for, {BEST_POTENTIALS:g} Hartree/e: charges are right to some"
                f" {BEST_POTENTIALS / POTENTIALS_PART:g} e",
            )

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`."""
        potentials = environment.site_potentials
        solution = self.frozen_electrode.solve(
            potentials, total_charge, self._start(guess), self._options.accuracy, self._options.max_cycles
        )
        failure = f"dftb: not converged in {solution.cycles} cycles, error about {solution.residual:.1e} e"
        return DftbResult(
            solution.charges if solution.converged else np.full_like(solution.charges, np.nan),
            potentials,
            energy=solution.energy if solution.converged else None,
            fermi_level=solution.fermi_level if solution.converged else None,
            converged=solution.converged,
            iterations=solution.cycles,
            residual=solution.residual,
            warnings=(() if solution.converged else (failure,)) + self._warnings,
            solution=solution if solution.converged else None,
        )

    def derivatives(self, environment: Environment, total_charge: float) -> ChargeDerivatives:
        """See :class:`polcouple.backends.base.RespondingBackend`; those of the solver's reference state."""
        response = self.frozen_electrode.derivatives(total_charge)
        return ChargeDerivatives(response.charge_kernel, response.fukui, response.hardness)

    def filling(self, result: ChargeResult) -> float:
        """See :class:`polcouple.backends.base.FillingBackend`."""
        return filling(self.frozen_electrode, result)

    def solution(self, result: ChargeResult) -> Solution:
        """See :class:`polcouple.backends.base.OrbitalBackend`."""
        assert isinstance(result, DftbResult) and result.solution is not None
        return result.solution

    def _start(self, result: ChargeResult | None) -> Guess | None:
        if isinstance(result, DftbResult) and result.solution is not None:
            return result.solution.guess
        if result is None or result.site_potentials is None or self._options.shell_resolved:
            return None
        if not np.isfinite(result.charges).all():
            return None
        return Guess(result.site_potentials, -result.charges)


def filling(electrode: FrozenElectrode, result: ChargeResult) -> float:
    """mu - V in Hartree of an electrode that has been solved; charges are by atom."""
    assert result.fermi_level is not None and result.site_potentials is not None
    return result.fermi_level + mean_potential(electrode, result.charges, result.site_potentials)
