"""`metal`: the classical electrode, Gaussian charges with nothing but Coulomb energy.

    E(phi; Q) = min_q [ q . phi + 1/2 q . A q ],   sum_i q_i = Q

with A the Coulomb interaction of Gaussian charges rho(r) = (eta^2 / pi)^(3/2) exp(-eta^2 r^2) (J. I. Siepmann
and M. Sprik, J. Chem. Phys. 102, 511 (1995); S. K. Reed, O. J. Lanning, P. A. Madden, J. Chem. Phys. 126,
084704 (2007)). It is `response` with the electronic structure taken out: linear in phi and Q. The electrolyte
sees point charges; the difference, erfc(eta r) / r, is below 1e-10 at 2.5 Angstrom.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field
from scipy.linalg import cho_factor, cho_solve
from scipy.special import erfc

from polcouple.backends.base import BackendOptions, ChargeDerivatives, ChargeResult, Environment
from polcouple.backends.capabilities import Capabilities
from polcouple.dftb.hamiltonian import find_pairs
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.interaction import interaction_matrix
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

#: erfc(eta r / sqrt 2) is dropped beyond this many 1/eta: below 1e-12
_REACH = 7.2


class Options(BackendOptions):
    """Settings of the charges."""

    gaussian_exponent_per_angstrom: float = Field(
        1.979, gt=0.0, description="eta of the Gaussian charges; 1.979 is common for carbon"
    )

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`."""
        return Capabilities(energy=True, conservative=True, derivatives=True, fermi_level=True, filling=True)


class Backend:
    """Charges that make the potential the same at every atom; ``fermi_level`` is minus that potential."""

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self.capabilities = options.capabilities()
        matrix = gaussian_matrix(electrode, options.gaussian_exponent_per_angstrom / ANGSTROM_TO_BOHR)
        try:
            factor = cho_factor(matrix, check_finite=False)
        except np.linalg.LinAlgError:
            raise InputError(
                "metal: the Gaussian charges overlap so much that their energy has no minimum; raise"
                " gaussian_exponent_per_angstrom"
            ) from None
        inverse = cho_solve(factor, np.eye(len(matrix)))
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


def gaussian_matrix(electrode: Electrode, exponent: float) -> np.ndarray:
    """Coulomb interaction A (n, n) in Hartree/e^2 of Gaussian charges with ``exponent`` eta in 1/bohr."""
    matrix = interaction_matrix(electrode)
    n = len(electrode)
    pairs = find_pairs(electrode, _REACH / exponent)
    distance = np.linalg.norm(pairs.vector, axis=1)
    overlap = erfc(exponent * distance / np.sqrt(2.0)) / distance
    matrix -= np.bincount(pairs.first * n + pairs.second, overlap, minlength=n * n).reshape(n, n)
    matrix[np.diag_indices(n)] += np.sqrt(2.0 / np.pi) * exponent
    return 0.5 * (matrix + matrix.T)
