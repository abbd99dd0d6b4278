"""`response` of an electrode whose atoms move: a quadratic function of displacements and potentials.

    E(u, phi; Q) = E_0(phi; Q) + E_rep - F_0 . u + 1/2 u . H u + phi . D u - Q m . u

E_0 is the linear response of the electrode at the reference places, that of a frozen one
(:mod:`polcouple.backends.response`); H, D = dq/du and m = dmu/du of :mod:`polcouple.dftb.moving.harmonic`
are those of the neutral electrode. So

    q = dE_0/dphi + D u,   mu = -dE_0/dQ + m . u,   F = F_0 - H u - phi D + Q m.

What is neglected is of third order: anharmonic forces, the change of the response when atoms move, and that
of H and D with the charge. The reference places are the case's initial ones, where the atoms must be at rest.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from polcouple.backends.base import ChargeResult, Environment
from polcouple.backends.dftb_options import HamiltonianOptions
from polcouple.backends.mobile import MobileResult
from polcouple.dftb.expansion import Expanded, at_node, between
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel
from polcouple.dftb.moving.harmonic import harmonic
from polcouple.dftb.nodes import Nodes, split_charge
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError
from polcouple.units import HARTREE_TO_EV

#: a level that charges the electrode by more than this many e an atom is not searched for
_MOST_CHARGED = 0.25
#: to which a total charge at a level is found, e
_CHARGE_ACCURACY = 1e-13


class MobileBackend:
    """Charges, free energy and forces to second order, the energy with the repulsion between the nuclei."""

    def __init__(self, electrode: Electrode, electrolyte: Electrolyte, options: HamiltonianOptions) -> None:
        self.capabilities = options.capabilities()
        self._harmonic = harmonic(electrode, options)
        frozen = options.frozen_electrode(electrode)
        self._nodes = Nodes(frozen, electrode)
        self._neutral_energy = self._nodes.at(0.0).point.energy
        self._warnings = frozen.warnings

    def solve(
        self,
        positions: np.ndarray,
        environment: Environment,
        held: Ensemble,
        guess: ChargeResult | None = None,
    ) -> MobileResult:
        """See :class:`polcouple.backends.mobile.MobileBackend`."""
        potentials = environment.site_potentials
        u = self._harmonic.displacements(positions)
        energy, forces, moved = self._harmonic.terms(u, potentials)
        shift = float((self._harmonic.level_slope * u).sum())
        level_held = isinstance(held, FermiLevel)
        if isinstance(held, FermiLevel):
            start = guess.total_charge if guess is not None and guess.total_charge is not None else 0.0
            charge = self._charge_at(held.level - shift, potentials, start)
            expanded = self._between(charge, potentials)
        else:
            charge = held.charge
            expanded = self._expanded(charge, potentials)
        energy += expanded.energy - self._neutral_energy - charge * shift
        electrons, level = self._harmonic.electrons - charge, expanded.fermi_level + shift
        charges = expanded.charges + moved
        return MobileResult(
            charges + (charge - charges.sum()) / len(charges),
            potentials,
            energy=energy - level * electrons if level_held else energy,
            fermi_level=level,
            warnings=self._warnings,
            total_charge=charge if level_held else None,
            forces=forces + charge * self._harmonic.level_slope,
            electrons=electrons,
            entropy=np.nan,  # expanded along with the free energy, and not known by itself
            capacitance=lambda: 1.0 / expanded.hardness,
        )

    def _expanded(self, charge: float, potentials: np.ndarray) -> Expanded:
        whole, fraction = split_charge(charge)
        if fraction:
            return self._between(charge, potentials)
        return at_node(self._nodes.at(whole), potentials)

    def _between(self, charge: float, potentials: np.ndarray) -> Expanded:
        whole = math.floor(charge)
        return between(*self._nodes.neighbours(whole, charge - whole), charge, potentials)

    def _charge_at(self, level: float, potentials: np.ndarray, start: float) -> float:
        """The total charge at which the electrode in its place has this Fermi level, sought from ``start``.

        Raises:
            InputError: it is charged too much there.
        """

        def missing(charge: float) -> float:
            return self._between(charge, potentials).fermi_level - level

        low, most = math.floor(start), _MOST_CHARGED * len(potentials)
        while missing(low) < 0.0:
            low -= 1
            self._require_moderate(low, most, level)
        while missing(low + 1) > 0.0:
            low += 1
            self._require_moderate(low + 1, most, level)
        return float(brentq(missing, low, low + 1, xtol=_CHARGE_ACCURACY, rtol=1e-15))

    def _require_moderate(self, charge: float, most: float, level: float) -> None:
        if abs(charge) > max(most, 1.0):
            raise InputError(
                f"response: a Fermi level of {level * HARTREE_TO_EV:.3f} eV charges the electrode by more"
                f" than {_MOST_CHARGED:g} e an atom, where linear response tells nothing"
            )
