"""Shapes of the charge that an electrode's atom carries: what a point charge of the forces stands for.

A cloud of unit charge has the Fourier transform f(G), which begins with 1 - spread G^2. Far away its
potential is a point's; in a periodic cell, where the average of a point's potential is zero, that of a cloud
is -4 pi spread / V, which is the limit of 4 pi (f - 1) / (G^2 V).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import erfc

#: -ln of what is left of a cloud's peak at its reach
_PEAKS = 18.4


class Cloud(Protocol):
    """A spherical cloud of unit charge; equal clouds compare equal."""

    @property
    def spread(self) -> float:
        """In bohr^2: a sixth of the cloud's mean squared radius."""
        ...

    @property
    def reach(self) -> float:
        """Beyond it (bohr) the density is less than 1e-8 of its peak."""
        ...

    def transform(self, squares: np.ndarray) -> np.ndarray:
        """f at wave vectors of these squared lengths in 1/bohr^2; of the same shape."""
        ...

    def density(self, distances: np.ndarray) -> np.ndarray:
        """In 1/bohr^3 at ``distances`` from its middle in bohr."""
        ...

    def less_than_points(self, distances: np.ndarray) -> np.ndarray:
        """What points interact more than two such clouds, in Hartree/e^2, at ``distances`` in bohr."""
        ...


@dataclass(frozen=True)
class ExponentialCloud:
    """tau^3 / (8 pi) exp(-tau r): the charge fluctuation of SCC-DFTB, with tau = 16/5 U in 1/bohr.

    M. Elstner et al., Phys. Rev. B 58, 7260 (1998); the interaction of two of them is gamma.
    """

    decay: float

    @property
    def spread(self) -> float:
        """2 / tau^2."""
        return 2.0 / self.decay**2

    @property
    def reach(self) -> float:
        """See :class:`Cloud`."""
        return _PEAKS / self.decay

    def density(self, distances: np.ndarray) -> np.ndarray:
        """tau^3 / (8 pi) exp(-tau r)."""
        return np.asarray(self.decay**3 / (8.0 * np.pi) * np.exp(-self.decay * distances))

    def less_than_points(self, distances: np.ndarray) -> np.ndarray:
        """exp(-x) (1 + 11 x/16 + 3 x^2/16 + x^3/48) / r, with x = tau r."""
        x = self.decay * distances
        return np.asarray(np.exp(-x) * (1.0 + x * (11.0 / 16.0 + x * (3.0 / 16.0 + x / 48.0))) / distances)

    def transform(self, squares: np.ndarray) -> np.ndarray:
        """1 / (1 + G^2 / tau^2)^2."""
        return np.asarray((1.0 + squares / self.decay**2) ** -2)


@dataclass(frozen=True)
class GaussianCloud:
    """(eta^2 / pi)^(3/2) exp(-eta^2 r^2), with eta in 1/bohr."""

    exponent: float

    @property
    def spread(self) -> float:
        """1 / (4 eta^2)."""
        return 0.25 / self.exponent**2

    @property
    def reach(self) -> float:
        """See :class:`Cloud`."""
        return _PEAKS**0.5 / self.exponent

    def density(self, distances: np.ndarray) -> np.ndarray:
        """(eta^2 / pi)^(3/2) exp(-eta^2 r^2)."""
        norm = (self.exponent**2 / np.pi) ** 1.5
        return np.asarray(norm * np.exp(-((self.exponent * distances) ** 2)))

    def less_than_points(self, distances: np.ndarray) -> np.ndarray:
        """erfc(eta r / sqrt 2) / r."""
        return np.asarray(erfc(self.exponent * distances / np.sqrt(2.0)) / distances)

    def transform(self, squares: np.ndarray) -> np.ndarray:
        """exp(-G^2 / (4 eta^2))."""
        return np.asarray(np.exp(-0.25 * squares / self.exponent**2))
