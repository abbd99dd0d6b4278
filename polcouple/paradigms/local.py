"""Explicit charges from the neighbourhood: what of an electrode atom's charge its surroundings tell.

    q_i = a + b . c(i),     c(i): the liquid within a cut-off (:mod:`polcouple.paradigms.descriptors`)

fitted to the charges by ridge regression. The electrode answers linearly to the liquid to 1e-6 of the
charges' variance (docs/dftb.md), so that a network on the same descriptors has nothing to add.
"""

from __future__ import annotations

import numpy as np

from polcouple.paradigms.descriptors import neighbour_densities
from polcouple.paradigms.frames import Frame, Rows
from polcouple.paradigms.model import summing_to
from polcouple.paradigms.ridge import solutions
from polcouple.units import ANGSTROM_TO_BOHR


class LocalCharges:
    """Linear in the liquid's densities within ``cutoff`` (Angstrom)."""

    reads = "positions"

    def __init__(self, cutoff: float) -> None:
        self.cutoff = cutoff
        self.name = f"local {cutoff:g} Å"
        self.settings = f"cut-off {cutoff:g} Angstrom"
        self._species: tuple[str, ...] = ()
        self._mean = np.zeros(0)
        self._weights = np.zeros(0)
        self._offset = 0.0

    def fit(self, train: Rows, validation: Rows) -> None:
        """See :class:`polcouple.paradigms.model.ChargeModel`."""
        self._species = tuple(sorted(set(train.frames[0].symbols)))
        square, product, mean = self._moments(train)
        self._mean, self._offset = mean, float(train.charges.mean())
        held_out = [self._descriptors(frame) - mean for frame in validation.frames]
        errors = []
        weights = solutions(square, product)
        for candidate in weights:
            found = [
                summing_to(rows @ candidate, frame.total_charge)
                for rows, frame in zip(held_out, validation.frames, strict=True)
            ]
            errors.append(float(((np.array(found) - validation.charges) ** 2).sum()))
        self._weights = weights[int(np.argmin(errors))]

    def charges(self, frame: Frame) -> np.ndarray:
        """See :class:`polcouple.paradigms.model.ChargeModel`."""
        found = self._offset + (self._descriptors(frame) - self._mean) @ self._weights
        return summing_to(found, frame.total_charge)

    def fermi_level(self, frame: Frame) -> float | None:
        """None."""
        return None

    def _descriptors(self, frame: Frame) -> np.ndarray:
        return neighbour_densities(frame, self.cutoff * ANGSTROM_TO_BOHR, self._species).astype(float)

    def _moments(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums over all atoms of c c^T, of c q, both about the means, and the mean of c."""
        square = product = total = np.zeros(())
        for frame, charges in zip(rows.frames, rows.charges, strict=True):
            own = self._descriptors(frame)
            square = square + own.T @ own
            product = product + own.T @ charges
            total = total + own.sum(axis=0)
        count = rows.charges.size
        mean = total / count
        square = square - count * np.outer(mean, mean)
        return square, product - rows.charges.sum() * mean, mean
