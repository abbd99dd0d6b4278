"""No model: the mean charge per atom, whatever the liquid does."""

from __future__ import annotations

import numpy as np

from polcouple.paradigms.frames import Frame, Rows


class MeanCharge:
    """The null baseline: Q/N."""

    name = "mean charge"
    reads = "positions"
    settings = ""

    def fit(self, train: Rows, validation: Rows) -> None:
        """Nothing to fit."""

    def charges(self, frame: Frame) -> np.ndarray:
        """(n,) in e, all equal."""
        return np.full(len(frame.electrode), frame.total_charge / len(frame.electrode))

    def fermi_level(self, frame: Frame) -> float | None:
        """None."""
        return None
