"""Weights as whole numbers times one scale a column: what networks of many weights are stored as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Packed:
    """An array that is stored as codes.

    Attributes:
        codes: (n, m) whole numbers, int8 or int16.
        scale: (m,) float32, what a code of 1 stands for in each column.
    """

    codes: np.ndarray
    scale: np.ndarray

    def values(self) -> np.ndarray:
        """(n, m) float32."""
        values: np.ndarray = self.codes.astype(np.float32) * self.scale
        return values
