"""Real solid harmonics r^l Y_lm of a vector and their gradients, as polynomials of its components.

With (x + iy)^m = C_m + i S_m and Q_lm = r^(l-m) P_lm(z/r) / (1 - (z/r)^2)^(m/2),

    r^l Y_l,m = F_lm Q_lm C_m (m >= 0),   r^l Y_l,-m = F_lm Q_lm S_m (m > 0).

The recursions of Q and of its derivatives are those of F. Bigi, G. Fraux, N. J. Browning, M. Ceriotti,
J. Chem. Phys. 159, 064802 (2023). Functions are numbered l^2 + l + m and orthonormal on the sphere.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np


@cache
def prefactors(l_max: int) -> np.ndarray:
    """(l_max + 1, l_max + 1) F_lm."""
    factors = np.zeros((l_max + 1, l_max + 1))
    for order in range(l_max + 1):
        for m in range(order + 1):
            ratio = math.factorial(order - m) / math.factorial(order + m)
            factors[order, m] = (-1) ** m * math.sqrt((2 if m else 1) * (2 * order + 1) / (4 * np.pi) * ratio)
    return factors
