"""A committee of k small dense networks g(u, c), summed over the atoms, and their derivatives.

    h0 = softplus(u W0 + c w + b0),   h1 = softplus(h0 W1 + b1),   g = h1 w2

Derivatives are written out (with s = softplus' = 1 / (1 + exp(-x)) and s' = s (1 - s)), in NumPy and single
precision: for some hundred atoms that takes a fraction of the time that a call of TensorFlow does, and a
driver need not load it. TensorFlow's automatic derivatives check these in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polcouple.nn.activation import activate


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the atoms, one for each member.

    Attributes:
        values: (k,) of g.
        by_condition: (k,) derivatives by c.
        by_features: (k, M, n) derivatives by u, one for each atom.
    """

    values: np.ndarray
    by_condition: np.ndarray
    by_features: np.ndarray


class Committee:
    """Evaluates k networks of one shape on the same n atoms.

    Args:
        weights: see :attr:`polcouple.nn.correction.Correction.weights`.
        n: number of atoms, for which memory is set aside.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], n: int) -> None:
        self._w0, self._wc = weights["kernel_0"][:, :-1], weights["kernel_0"][:, -1:]
        self._w1, self._w2 = weights["kernel_1"], weights["kernel_2"]
        self._b0, self._b1 = weights["bias_0"], weights["bias_1"]
        self._ones = np.ones(n, np.float32)
        shape = (len(self._w1), n, self._w1.shape[1])
        self._h0, self._h1, self._s0, self._s1, self._d0 = (np.empty(shape, np.float32) for _ in range(5))
        scratch = np.empty(2 * shape[2], np.float32)
        self._scratch = scratch, scratch.view(np.int32)

    def first(self, features: np.ndarray, condition: float) -> Sums:
        """Values and first derivatives for features u (n, M) and the condition c that all atoms share."""
        self._forward(features, condition)
        delta = self._d0
        self._s1 *= self._w2.transpose(0, 2, 1)
        np.matmul(self._s1, self._w1.transpose(0, 2, 1), out=delta)
        delta *= self._s0
        values = (self._h1 @ self._w2).sum(axis=(1, 2), dtype=float)
        return Sums(values, self._over_atoms(delta), self._w0 @ delta.transpose(0, 2, 1))

    def by_condition(self, features: np.ndarray, condition: float) -> Sums:
        """Derivatives by c of what :meth:`first` gives: its ``values`` are the first ones by c."""
        self._forward(features, condition)
        w1, w2 = self._w1.transpose(0, 2, 1), self._w2.transpose(0, 2, 1)
        back = (self._s1 * w2) @ w1
        delta = back * self._s0
        tangent = (self._s0 * self._wc) @ self._w1
        change = ((self._s1 * (1.0 - self._s1) * tangent * w2) @ w1) * self._s0
        change += back * (self._s0 * (1.0 - self._s0) * self._wc)
        return Sums(self._over_atoms(delta), self._over_atoms(change), self._w0 @ change.transpose(0, 2, 1))

    def _forward(self, features: np.ndarray, condition: float) -> None:
        """Fill h0, h1 with the hidden layers and s0, s1 with the slopes of their activation."""
        np.matmul(features, self._w0, out=self._s0)
        activate(self._s0, self._b0 + np.float32(condition) * self._wc, self._h0, *self._scratch)
        np.matmul(self._h0, self._w1, out=self._s1)
        activate(self._s1, self._b1, self._h1, *self._scratch)

    def _over_atoms(self, delta: np.ndarray) -> np.ndarray:
        """(k,) derivative by c of the sum over atoms from (k, n, w) ones by the first layer's input."""
        return ((self._ones @ delta) * self._wc[:, 0]).sum(axis=1, dtype=float)
