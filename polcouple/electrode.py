"""What does not change during a run: the frozen electrode and the composition of the electrolyte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Electrode:
    """Geometry of a frozen electrode.

    Attributes:
        symbols: chemical symbol of each of the n atoms.
        positions: (n, 3) in bohr.
        cell: (3, 3) in bohr, one lattice vector per row.
        pbc: periodicity along the three lattice vectors; all True (slab in a box) or all False (flake).
    """

    symbols: tuple[str, ...]
    positions: np.ndarray
    cell: np.ndarray
    pbc: tuple[bool, bool, bool] = (True, True, True)

    def __len__(self) -> int:
        return len(self.symbols)

    def fingerprint(self) -> str:
        """SHA-256 of symbols, positions and cell (to 1e-5 bohr) and periodicity: names caches and models."""
        digest = hashlib.sha256(" ".join(self.symbols).encode())
        digest.update(np.asarray(self.pbc, dtype=np.uint8).tobytes())
        cell = self.cell if any(self.pbc) else np.zeros((3, 3))
        for array in (self.positions, cell):
            digest.update(np.round(np.asarray(array, dtype=float) * 1e5).astype("<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Electrolyte:
    """Composition of everything outside the electrode, in the case's order.

    Attributes:
        symbols: chemical symbol of each of the m atoms.
        charges: (m,) in e.
        ion_indices: (n_ions,) positions of the monatomic ions in this list, ascending.
    """

    symbols: tuple[str, ...]
    charges: np.ndarray
    ion_indices: np.ndarray

    def __len__(self) -> int:
        return len(self.symbols)
