"""What the comparison asks of a model of the electrode's charges.

A new one is one file, and one line in :mod:`polcouple.paradigms.comparison`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from polcouple.paradigms.frames import Frame, Rows


class ChargeModel(Protocol):
    """A model of charges.

    Attributes:
        name: in tables and figures, and of the file that its answers are kept in.
        reads: "positions" of the liquid's atoms near by, or their "potentials" at all electrode atoms.
        settings: what its answers depend on besides the data, in words.
    """

    name: str
    reads: str
    settings: str

    def fit(self, train: Rows, validation: Rows) -> None:
        """Fit to ``train``; choose between fits, or stop one, on ``validation``."""
        ...

    def charges(self, frame: Frame) -> np.ndarray:
        """(n,) in e, whose sum is the frame's total charge.

        Raises:
            ModelMismatchError: it cannot serve this frame's electrode.
        """
        ...

    def fermi_level(self, frame: Frame) -> float | None:
        """Of the electrode's electrons in Hartree, or None: charges alone know no voltage."""
        ...


def summing_to(charges: np.ndarray, total_charge: float) -> np.ndarray:
    """Charges (n,) in e with what they lack of ``total_charge`` (e) spread evenly."""
    return np.asarray(charges + (total_charge - charges.sum()) / len(charges))
