"""`metal`: the classical electrode, Gaussian charges with nothing but Coulomb energy.

    E(phi; Q) = min_q [ q . phi + 1/2 q . A q ],   sum_i q_i = Q

with A the Coulomb interaction of Gaussian charges rho(r) = (eta^2 / pi)^(3/2) exp(-eta^2 r^2) (J. I. Siepmann
and M. Sprik, J. Chem. Phys. 102, 511 (1995); S. K. Reed, O. J. Lanning, P. A. Madden, J. Chem. Phys. 126,
084704 (2007)). It is `response` with the electronic structure taken out: linear in phi and Q. The electrolyte
sees point charges; the difference, erfc(eta r) / r, is below 1e-10 at 2.5 Angstrom.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field
from scipy.linalg import cho_solve

from polcouple.backends.base import (
    BackendOptions,
    ChargeDerivatives,
    ChargeResult,
    Environment,
    backend_options,
)
from polcouple.backends.capabilities import Capabilities
from polcouple.backends.dftb_options import Options as DftbOptions
from polcouple.backends.metal_mobile import MobileBackend as MobileBackend
from polcouple.backends.metal_mobile import factorised, gaussian_matrix
from polcouple.electrode import Electrode, Electrolyte
from polcouple.units import ANGSTROM_TO_BOHR

if TYPE_CHECKING:
    from typing_extensions import Self


class Options(BackendOptions):
    """Settings of the charges, and of the bonds of an electrode that moves."""

    gaussian_exponent_per_angstrom: float = Field(
        1.979, gt=0.0, description="eta of the Gaussian charges; 1.979 is common for carbon"
    )

    bonds: Literal["dftb", "file"] = Field(
        "dftb",
        description="what holds an electrode that moves together: the Hessian of `dftb`, or the terms of an"
        " imported case's file (`electrode_bonded: keep`)",
    )
    hessian: dict[str, Any] = Field(
        default_factory=dict, description="settings of `dftb` for it; default: those under `backends: dftb:`"
    )

    def with_others(self, others: Mapping[str, Mapping[str, Any]]) -> Self:
        """See :meth:`BackendOptions.with_others`; the case's settings of `dftb`, for the Hessian."""
        return self.model_copy(update={"hessian": {**others.get("dftb", {}), **self.hessian}})

    def in_directory(self, directory: Path) -> Self:
        """See :meth:`BackendOptions.in_directory`; those of the Hessian, too."""
        settings = self.hessian_options().in_directory(directory).model_dump(exclude_unset=True)
        return super().in_directory(directory).model_copy(update={"hessian": settings})

    def hessian_options(self) -> DftbOptions:
        """Settings of the Hessian.

        Raises:
            InputError: `dftb` has no such setting.
        """
        options = backend_options("dftb", self.hessian)
        assert isinstance(options, DftbOptions)
        return options

    def capabilities(self) -> Capabilities:
        """See :meth:`BackendOptions.capabilities`."""
        return Capabilities(
            energy=True,
            conservative=True,
            derivatives=True,
            fermi_level=True,
            filling=True,
            mobile=True,
            bonds=self.bonds == "dftb",
        )


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
