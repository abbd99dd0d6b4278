"""Descriptors turned into uncorrelated numbers for a training.

Descriptors of the power spectrum are nearly linear functions of each other; what tells one surrounding from
another is in combinations that vary little, which a network finds late. They are therefore multiplied by
C^(-1/2), C their covariance within an element, once each is over its standard deviation. After training the
same matrix goes into the first layer's kernel, so that a saved member takes descriptors as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.learning.committee import descriptor_scales

#: added to the eigenvalues of C as a share of the largest, lest noise become an input
_LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Whitening:
    """A linear change of the descriptors.

    Attributes:
        mean: (d,) taken off first.
        matrix: (d, d) from descriptors, a row each, to the network's inputs.
    """

    mean: np.ndarray
    matrix: np.ndarray

    def inputs(self, spectrum: np.ndarray) -> np.ndarray:
        """(n, d) in single precision, of descriptors (n, d)."""
        return np.asarray((spectrum - self.mean) @ self.matrix, np.float32)

    def into_first_layer(self, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Have a first layer's ``kernel`` (at least d, units) and ``bias`` (units,) take descriptors."""
        length = len(self.mean)
        of_descriptors = self.matrix @ kernel[:length].astype(float)
        kernel[:length] = of_descriptors
        bias -= (self.mean @ of_descriptors).astype(bias.dtype)


def whitening(spectra: Sequence[np.ndarray], kinds: np.ndarray) -> Whitening:
    """That of frames with descriptors (n, d) each and the same elements ``kinds`` (n,)."""
    scales = descriptor_scales(spectra)
    every = np.array(spectra) / scales
    found = np.unique(kinds)
    covariance = np.zeros((len(scales), len(scales)))
    for kind in found:
        own = every[:, kinds == kind].reshape(-1, len(scales))
        covariance += np.cov(own, rowvar=False, bias=True) / len(found)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0.0) + _LEAST * values.max()
    matrix = (vectors / np.sqrt(values)) / scales[:, None]
    return Whitening(every.reshape(-1, len(scales)).mean(axis=0) * scales, matrix)
