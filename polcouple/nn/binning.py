"""Charges to bin labels and back (the paper's equation 4).

The paper (N. Di Pasquale et al., J. Chem. Theory Comput. 17, 4477 (2021)) prints the label of a charge q as
the rounded difference q - q_min; read literally that is 0 for every charge, since the division by the bin
width is missing. Here label = floor((q - q_min) / width), counted from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.errors import InputError

#: the paper's bin width in e
PAPER_BIN_WIDTH = 0.007


@dataclass(frozen=True, eq=False)
class Binning:
    """Equal bins over [q_min, q_max] and the charge each one stands for.

    Attributes:
        q_min: lower edge of bin 0 in e.
        width: bin width in e.
        values: (n_bins,) charge of each label in e: the median of the training charges in that bin, or the
            centre of a bin that has none.
    """

    q_min: float
    width: float
    values: np.ndarray

    def __post_init__(self) -> None:
        edges = self.edges
        inside = (self.values >= edges[:-1] - 1e-9) & (self.values <= edges[1:] + 1e-9)
        if not inside.all():
            label = int(np.flatnonzero(~inside)[0])
            raise InputError(
                f"bin {label}: its charge {self.values[label]:.6f} e lies outside its edges "
                f"[{edges[label]:.6f}, {edges[label + 1]:.6f}] e; bin edges cannot be changed after training"
            )

    @property
    def n_bins(self) -> int:
        return len(self.values)

    @property
    def edges(self) -> np.ndarray:
        """(n_bins + 1,) in e."""
        return self.q_min + self.width * np.arange(len(self.values) + 1)

    @classmethod
    def fit(cls, charges: np.ndarray, width: float = PAPER_BIN_WIDTH) -> Binning:
        """Bins of ``width`` e that cover all of ``charges`` (any shape, e)."""
        if not width > 0:
            raise InputError(f"bin width must be positive (got {width} e)")
        q = np.asarray(charges, dtype=float).ravel()
        q_min = float(q.min())
        n_bins = max(1, int(np.floor((q.max() - q_min) / width)) + 1)
        labels = np.clip(np.floor((q - q_min) / width).astype(int), 0, n_bins - 1)
        values = q_min + width * (np.arange(n_bins) + 0.5)
        for label in np.unique(labels):
            values[label] = np.median(q[labels == label])
        return cls(q_min, width, values)

    def labels(self, charges: np.ndarray) -> np.ndarray:
        """Bin labels (int32, same shape); charges beyond the outer edges get the outermost labels."""
        index = np.floor((np.asarray(charges, dtype=float) - self.q_min) / self.width)
        return np.clip(index, 0, self.n_bins - 1).astype(np.int32)

    def charges(self, labels: np.ndarray) -> np.ndarray:
        """Charges in e of real-valued ``labels``, each rounded to the nearest existing label."""
        return self.values[np.clip(np.rint(labels), 0, self.n_bins - 1).astype(int)]
