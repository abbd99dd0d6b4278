"""`metal` of an electrode whose atoms move: Gaussian charges, and what holds their atoms together.

    E(R, phi; Q) = min_q [ q . phi + 1/2 q . A(R) q ] + U(R),   sum_i q_i = Q

With the minimum's q the forces at fixed phi are -1/2 q . (dA/dR) q - dU/dR. A(R) is made and factorised in
every step. U is the harmonic energy of a neutral electrode in `dftb` (:mod:`polcouple.dftb.moving.harmonic`),
or, with ``bonds: file``, left to the case's force field. There are no valence electrons to be counted: N is
minus the charge, and the Fermi level minus the potential of the metal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpocon
from scipy.special import erfc

from polcouple.backends.base import ChargeResult, Environment
from polcouple.backends.metal_options import Options
from polcouple.backends.mobile import MobileResult
from polcouple.dftb.hamiltonian import find_pairs
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel
from polcouple.dftb.moving.harmonic import harmonic
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.clouds import GaussianCloud
from polcouple.electrostatics.coulomb import coulomb_energy_forces
from polcouple.electrostatics.ewald import ewald_energy_forces
from polcouple.electrostatics.interaction import interaction_matrix
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

#: erfc(eta r / sqrt 2) is dropped beyond this many 1/eta: below 1e-12
_REACH = 7.2
#: reciprocal condition number of the interaction, whose elements are right to some 1e-12
_LEAST_CONDITION = 1e-8
_OVERLAP = (
    "metal: the Gaussian charges overlap so much that their energy has no minimum, or one that rounding"
    " decides; raise gaussian_exponent_per_angstrom"
)


class MobileBackend:
    """Charges that make the potential the same at every atom, wherever the atoms are."""

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: Options) -> None:
        self.capabilities = options.capabilities()
        self._electrode = electrode
        self._exponent = options.gaussian_exponent_per_angstrom / ANGSTROM_TO_BOHR
        self._bonds = harmonic(electrode, options.hessian_options()) if options.bonds == "dftb" else None

    def solve(
        self,
        positions: np.ndarray,
        environment: Environment,
        held: Ensemble,
        guess: ChargeResult | None = None,
    ) -> MobileResult:
        """See :class:`polcouple.backends.mobile.MobileBackend`.

        Raises:
            InputError: atoms at the same place, or charges that overlap too much.
        """
        potentials = environment.site_potentials
        atoms = replace(self._electrode, positions=positions)
        matrix = gaussian_matrix(atoms, self._exponent)
        factor = factorised(matrix)
        ones = np.ones(len(potentials))
        of_level, of_potentials = cho_solve(factor, np.column_stack([ones, -potentials])).T
        softness = float(of_level.sum())
        level_held = isinstance(held, FermiLevel)
        if isinstance(held, FermiLevel):
            metal = -held.level
        else:
            metal = (held.charge - float(of_potentials.sum())) / softness
        charges = metal * of_level + of_potentials
        if not isinstance(held, FermiLevel):
            charges += (held.charge - charges.sum()) / len(charges)
        charge = float(charges.sum())
        energy = float(charges @ (potentials + 0.5 * (matrix @ charges)))
        forces = gaussian_forces(atoms, self._exponent, charges)
        if self._bonds is not None:
            bonds = self._bonds.terms(self._bonds.displacements(positions), np.zeros(len(charges)))
            energy += bonds[0]
            forces += bonds[1]
        return MobileResult(
            charges,
            potentials,
            energy=energy - metal * charge if level_held else energy,
            fermi_level=-metal,
            total_charge=charge if level_held else None,
            forces=forces,
            electrons=-charge,
            capacitance=lambda: softness,
        )


def factorised(matrix: np.ndarray) -> tuple[np.ndarray, bool]:
    """Cholesky factor of :func:`gaussian_matrix`.

    Raises:
        InputError: the charges overlap so much that their energy has no minimum.
    """
    try:
        factor, lower = cho_factor(matrix, check_finite=False)
    except np.linalg.LinAlgError:
        raise InputError(_OVERLAP) from None
    if dpocon(factor, np.abs(matrix).sum(axis=0).max(), uplo="L" if lower else "U")[0] < _LEAST_CONDITION:
        raise InputError(_OVERLAP)
    return factor, lower


def gaussian_matrix(electrode: Electrode, exponent: float) -> np.ndarray:
    """Coulomb interaction A (n, n) in Hartree/e^2 of Gaussian charges with ``exponent`` eta in 1/bohr."""
    matrix = interaction_matrix(electrode) + gaussian_overlap(electrode, exponent)
    return 0.5 * (matrix + matrix.T)


def gaussian_overlap(electrode: Electrode, exponent: float) -> np.ndarray:
    """What the width of the charges adds to the interaction of point charges; as :func:`gaussian_matrix`."""
    n = len(electrode)
    pairs = find_pairs(electrode, _REACH / exponent)
    distance = np.linalg.norm(pairs.vector, axis=1)
    overlap = GaussianCloud(exponent).less_than_points(distance)
    # atoms out of one another's reach have no pairs, of which bincount makes integers
    matrix = np.zeros((n, n)) - np.bincount(pairs.first * n + pairs.second, overlap, n * n).reshape(n, n)
    matrix[np.diag_indices(n)] += np.sqrt(2.0 / np.pi) * exponent
    return matrix


def gaussian_forces(electrode: Electrode, exponent: float, charges: np.ndarray) -> np.ndarray:
    """Forces (n, 3) in Hartree/bohr of 1/2 q . A q on atoms with ``charges`` q (n,) in e."""
    if all(electrode.pbc):
        forces = ewald_energy_forces(electrode.positions, charges, electrode.cell)[1]
    else:
        forces = coulomb_energy_forces(electrode.positions, charges)[1]
    pairs = find_pairs(electrode, _REACH / exponent)
    distance = np.linalg.norm(pairs.vector, axis=1)
    width = exponent / np.sqrt(2.0)
    slope = erfc(width * distance) / distance
    slope += 2.0 * width / np.sqrt(np.pi) * np.exp(-((width * distance) ** 2))
    pull = (charges[pairs.first] * charges[pairs.second] * slope / distance**2)[:, None] * pairs.vector
    for axis in range(3):
        forces[:, axis] += np.bincount(pairs.first, pull[:, axis], minlength=len(charges))
    return forces
