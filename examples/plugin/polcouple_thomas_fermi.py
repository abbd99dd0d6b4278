"""`thomas_fermi`: the classical electrode with a screening length, between a metal and an insulator.

    E(phi; Q) = min_q [ q . phi + 1/2 q . A q + 1/2 c q . q ],   sum_i q_i = Q,    c = 4 pi l^2 / v

A is the Coulomb interaction of Gaussian charges, as in `metal`; c is the kinetic energy of the electrons in
the Thomas-Fermi model, with the screening length l and the volume v of an atom (L. Scalfi, T. Dufils, K. G.
Reeves, B. Rotenberg, M. Salanne, J. Chem. Phys. 153, 174704 (2020)). At l = 0 it is `metal`. Filling costs
c Q/N, so that the quantum capacitance of an electrode of N atoms is N/c.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field
from scipy.linalg import cho_factor, cho_solve

from polcouple.backends.base import BackendOptions, ChargeDerivatives, ChargeResult, Environment
from polcouple.backends.capabilities import Capabilities
from polcouple.backends.metal import gaussian_matrix
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR


class Options(BackendOptions):
    """Settings, each with the line that ``--help`` prints; wrong ones are refused by these declarations."""

    screening_length_angstrom: float = Field(1.0, ge=0.0, description="l of the Thomas-Fermi model; 0: metal")
    volume_per_atom_angstrom3: float = Field(8.82, gt=0.0, description="v of an atom; 8.82 is graphite's")
    gaussian_exponent_per_angstrom: float = Field(1.979, gt=0.0, description="eta of the Gaussian charges")

    def capabilities(self) -> Capabilities:
        """All that an energy in closed form gives."""
        return Capabilities(energy=True, conservative=True, derivatives=True, fermi_level=True, filling=True)


class Backend:
    """Charges that make the Fermi level the same at every atom."""

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self.capabilities = options.capabilities()
        length = options.screening_length_angstrom * ANGSTROM_TO_BOHR
        volume = options.volume_per_atom_angstrom3 * ANGSTROM_TO_BOHR**3
        self._cost = 4.0 * np.pi * length**2 / volume
        n = len(electrode)
        matrix = gaussian_matrix(electrode, options.gaussian_exponent_per_angstrom / ANGSTROM_TO_BOHR)
        matrix += self._cost * np.eye(n)
        try:
            inverse = cho_solve(cho_factor(matrix), np.eye(n))
        except np.linalg.LinAlgError:
            raise InputError(
                "thomas_fermi: the charges' energy has no minimum; raise gaussian_exponent_per_angstrom"
            ) from None
        rows = inverse.sum(axis=1)
        kernel = np.outer(rows, rows) / rows.sum() - inverse
        self._derivatives = ChargeDerivatives(kernel, rows / rows.sum(), 1.0 / float(rows.sum()))

    def solve(
        self, environment: Environment, total_charge: float, guess: ChargeResult | None = None
    ) -> ChargeResult:
        """The minimum, in closed form: linear in the site potentials and in the total charge."""
        phi = environment.site_potentials
        fukui, hardness = self._derivatives.fukui, self._derivatives.hardness
        induced = self._derivatives.kernel @ phi
        induced -= induced.mean()  # rounding
        mean = float(fukui @ phi)
        return ChargeResult(
            total_charge * fukui + induced,
            phi,
            energy=0.5 * float(induced @ phi) + total_charge * mean + 0.5 * hardness * total_charge**2,
            fermi_level=-mean - hardness * total_charge,
        )

    def derivatives(self, environment: Environment, total_charge: float) -> ChargeDerivatives:
        """The same everywhere."""
        return self._derivatives

    def filling(self, result: ChargeResult) -> float:
        """The Fermi level less the mean potential energy of an electron, in Hartree."""
        return -self._cost * float(result.charges.mean())
