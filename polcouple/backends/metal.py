"""`metal`: the classical electrode, Gaussian charges with nothing but Coulomb energy.

    E(phi; Q) = min_q [ q . phi + 1/2 q . A q ],   sum_i q_i = Q

with A the Coulomb interaction of Gaussian charges rho(r) = (eta^2 / pi)^(3/2) exp(-eta^2 r^2) (J. I. Siepmann
and M. Sprik, J. Chem. Phys. 102, 511 (1995); S. K. Reed, O. J. Lanning, P. A. Madden, J. Chem. Phys. 126,
084704 (2007)). It is `response` with the electronic structure taken out: linear in phi and Q. The electrolyte
sees point charges; the difference, erfc(eta r) / r, is below 1e-10 at 2.5 Angstrom.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve

from polcouple.backends.base import ChargeDerivatives, ChargeResult, Environment
from polcouple.backends.metal_mobile import MobileBackend as MobileBackend
from polcouple.backends.metal_mobile import factorised, gaussian_matrix
from polcouple.backends.metal_options import Options as Options
from polcouple.electrode import Electrode, Electrolyte
from polcouple.units import ANGSTROM_TO_BOHR


class Backend:
    """Charges that make the potential the same at every atom; ``fermi_level`` is minus that potential."""

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self.capabilities = options.capabilities()
        matrix = gaussian_matrix(electrode, options.gaussian_exponent_per_angstrom / ANGSTROM_TO_BOHR)
        inverse = cho_solve(factorised(matrix), np.eye(len(matrix)))
        rows = inverse.sum(axis=1)
        kernel = np.outer(rows, rows) / rows.sum() - inverse
        self._derivatives = ChargeDerivatives(
            0.5 * (kernel + kernel.T), rows / rows.sum(), 1.0 / float(rows.sum())
        )

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """See :class:`polcouple.backends.base.ChargeBackend`."""
        phi = environment.site_potentials
        fukui, hardness = self._derivatives.fukui, self._derivatives.hardness
        induced = self._derivatives.kernel @ phi
        mean = float(fukui @ phi)
        return ChargeResult(
            total_charge * fukui + induced - induced.sum() / len(induced),
            phi,
            energy=0.5 * float(induced @ phi) + total_charge * mean + 0.5 * hardness * total_charge**2,
            fermi_level=-mean - hardness * total_charge,
        )

    def derivatives(self, environment: Environment, total_charge: float) -> ChargeDerivatives:
        """See :class:`polcouple.backends.base.RespondingBackend`; exact."""
        return self._derivatives

    def filling(self, result: ChargeResult) -> float:
        """See :class:`polcouple.backends.base.FillingBackend`; nothing but Coulomb energy is to be paid."""
        return 0.0
