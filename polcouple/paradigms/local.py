"""Explicit charges from the neighbourhood: what of an electrode atom's charge its surroundings tell.

    q_i = Q/N + b . [c(i) - <c>],     c(i): the liquid within a cut-off

(:mod:`polcouple.paradigms.descriptors`) with the mean <c> over the electrode's atoms, so that the charges sum
to Q; b is fitted to the charges by ridge regression. The electrode answers linearly to the liquid but for
1e-6 of the charges' variance (docs/dftb.md), so that a network on the same descriptors has nothing to add.
"""

from __future__ import annotations

import numpy as np

from polcouple.paradigms.descriptors import neighbour_densities
from polcouple.paradigms.frames import Frame, Rows
from polcouple.paradigms.model import summing_to
from polcouple.paradigms.ridge import solutions
from polcouple.units import ANGSTROM_TO_BOHR


class LocalCharges:
    """Linear in the liquid's densities within ``cutoff`` (Angstrom).

    Attributes:
        species: elements of the liquid that it was fitted to.
        weights: (d,) b in e bohr; empty before it is fitted.
    """

    reads = "positions"

    def __init__(self, cutoff: float) -> None:
        self.cutoff = cutoff
        self.name = f"local {cutoff:g} Å"
        self.settings = f"cut-off {cutoff:g} Angstrom, differences from the mean of each frame"
        self.species: tuple[str, ...] = ()
        self.weights = np.zeros(0)

    def fit(self, train: Rows, validation: Rows) -> None:
        """See :class:`polcouple.paradigms.model.ChargeModel`."""
        self.species = tuple(sorted(set(train.frames[0].symbols)))
        square = product = np.zeros(())
        for frame, charges in zip(train.frames, train.charges, strict=True):
            own = self.differences(frame)
            square = square + own.T @ own
            product = product + own.T @ charges
        weights = np.transpose(solutions(square, product))
        errors = np.zeros(weights.shape[1])
        for frame, charges in zip(validation.frames, validation.charges, strict=True):
            found = self.differences(frame) @ weights
            errors += ((found - (charges - charges.mean())[:, None]) ** 2).sum(axis=0)
        self.weights = weights[:, int(np.argmin(errors))]

    def charges(self, frame: Frame) -> np.ndarray:
        """See :class:`polcouple.paradigms.model.ChargeModel`."""
        return summing_to(self._descriptors(frame) @ self.weights, frame.total_charge)

    def fermi_level(self, frame: Frame) -> float | None:
        """None."""
        return None

    def differences(self, frame: Frame) -> np.ndarray:
        """(n, d) descriptors less their mean over the electrode's atoms."""
        own = self._descriptors(frame)
        return np.asarray(own - own.mean(axis=0))

    def _descriptors(self, frame: Frame) -> np.ndarray:
        return neighbour_densities(frame, self.cutoff * ANGSTROM_TO_BOHR, self.species).astype(float)
