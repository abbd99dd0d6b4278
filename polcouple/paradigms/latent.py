"""Latent charges: never told a charge, they are fitted to the forces that the electrode exerts on the liquid.

As in latent Ewald summation (LES: B. Cheng, arXiv:2408.15165) the charges are functions of the neighbourhood
that nobody labelled; Coulomb's law turns them into forces at every distance, and forces are what they are
fitted to:

    q_i = Q/N + b . [c(i) - <c>],      F_j = -e_j grad sum_i q_i psi(r_j - R_i),

c(i) being the descriptors of the local model and psi the periodic Coulomb kernel. What is different from LES:
the liquid keeps the charges of its force field, so that only the electrode's are latent; the forces are those
on the liquid's first layer that the reference charges exert, without the short-ranged rest; they are taken at
fixed charges, as they are exact for a reference that is stationary, where LES differentiates its charges; and
the total charge is given and not learned.
"""

from __future__ import annotations

import numpy as np

from polcouple.electrostatics.site_forces import SiteForces
from polcouple.paradigms.frames import Frame, Rows
from polcouple.paradigms.local import LocalCharges
from polcouple.paradigms.measures import FIRST_LAYER
from polcouple.paradigms.ridge import solutions
from polcouple.units import ANGSTROM_TO_BOHR

#: frames whose forces are fitted, and whose forces choose the ridge
_FITTED, _CHOOSING = 60, 10
#: of the forces of 1 e, Hartree/bohr
_ACCURACY = 1e-6


class LatentCharges(LocalCharges):
    """Linear in the liquid's densities within ``cutoff`` (Angstrom), fitted to forces."""

    def __init__(self, cutoff: float) -> None:
        super().__init__(cutoff)
        self.name = f"latent {cutoff:g} Å"
        self.settings = f"cut-off {cutoff:g} Angstrom, forces of {_FITTED} frames within {FIRST_LAYER:g}"

    def fit(self, train: Rows, validation: Rows) -> None:
        """See :class:`polcouple.paradigms.model.ChargeModel`; of charges only the forces are looked at."""
        self.species = tuple(sorted(set(train.frames[0].symbols)))
        square = product = np.zeros(())
        for frame, charges in _some(train, _FITTED):
            fields = _forces_of_unit_charges(frame)
            own = self.differences(frame)
            rows = fields @ own
            square = square + rows.T @ rows
            product = product + rows.T @ (fields @ _fluctuation(charges))
        weights = solutions(square, product)
        errors = np.zeros(len(weights))
        for frame, charges in _some(validation, _CHOOSING):
            fields = _forces_of_unit_charges(frame)
            found = self.differences(frame) @ np.transpose(weights)
            errors += ((fields @ (found - _fluctuation(charges)[:, None])) ** 2).sum(axis=0)
        self.weights = weights[int(np.argmin(errors))]


def _some(rows: Rows, count: int) -> list[tuple[Frame, np.ndarray]]:
    """So many frames, evenly over the time, and their charges."""
    chosen = np.unique(np.linspace(0, len(rows) - 1, count).astype(int))
    return [(rows.frames[i], rows.charges[i]) for i in chosen]


def _fluctuation(charges: np.ndarray) -> np.ndarray:
    return np.asarray(charges - charges.mean())


def _forces_of_unit_charges(frame: Frame) -> np.ndarray:
    """(3 k, n) forces in Hartree/bohr on the k atoms of the first layer by 1 e on each electrode atom."""
    electrode = frame.electrode
    away = frame.positions[:, 2] - electrode.positions[0, 2]
    away -= electrode.cell[2, 2] * np.rint(away / electrode.cell[2, 2])
    near = np.abs(away) < FIRST_LAYER * ANGSTROM_TO_BOHR
    solver = SiteForces(electrode.positions, electrode.cell, _ACCURACY)
    charges = frame.electrolyte.charges[near]
    units = np.eye(len(electrode))
    columns = [solver(unit, frame.positions[near], charges)[1].ravel() for unit in units]
    return np.stack(columns, axis=1)
