"""The network between descriptors and an atom's energy, and the places of its numbers in one vector.

Descriptors and the element's embedding go through dense layers; all but the first have layer norm before the
activation, swish. The last one has a unit for each output, with swish, which a scale and a shift turn into an
energy. Widths and initial numbers are NeuralIL's: kernels from a truncated normal distribution of variance
1/inputs, embeddings from a normal one of variance 1/elements.

A member of a committee is one vector of numbers, of which :class:`Layout` knows the parts. Outputs and their
derivatives by the descriptors are computed here with NumPy; training lets TensorFlow derive the same
(:mod:`polcouple.nn.potential.graph`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: added to a layer's variance before the root is taken
NORM_EPSILON = 1e-6
#: what a normal distribution cut at two standard deviations has left of its own
_CUT_NORMAL = 0.87962566103423978


@dataclass(frozen=True)
class Layout:
    """Names, shapes and places of a member's numbers.

    Args:
        elements, inputs: how many elements, and descriptors an atom.
        embedding: numbers an element.
        widths: of the hidden layers.
        repulsion: whether there is a Morse term.
        outputs: numbers that the network gives for an atom.
    """

    elements: int
    inputs: int
    embedding: int
    widths: tuple[int, ...]
    repulsion: bool
    outputs: int = 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every part, in the vector's order."""
        parts: dict[str, tuple[int, ...]] = {"embedding": (self.elements, self.embedding)}
        below = self.inputs + self.embedding
        for i, width in enumerate((*self.widths, self.outputs)):
            parts[f"kernel_{i}"] = (below, width)
            parts[f"bias_{i}"] = (width,)
            if 0 < i < len(self.widths):
                parts[f"norm_scale_{i}"] = parts[f"norm_shift_{i}"] = (width,)
            below = width
        parts["energy_scale"] = parts["energy_shift"] = (self.outputs,)
        if self.repulsion:
            parts["morse"], parts["morse_switch"] = (self.elements, 3), (1,)
        return parts

    @property
    def length(self) -> int:
        """Numbers of a member."""
        return sum(math.prod(shape) for shape in self.shapes().values())

    def places(self) -> dict[str, slice]:
        """Where each part lies in the vector."""
        found, begin = {}, 0
        for name, shape in self.shapes().items():
            found[name] = slice(begin, begin + math.prod(shape))
            begin += math.prod(shape)
        return found

    def parts(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """The parts of a member's ``vector``, as views."""
        shapes = self.shapes()
        return {name: vector[place].reshape(shapes[name]) for name, place in self.places().items()}

    def initial(self, seed: int) -> np.ndarray:
        """A member before training, in single precision."""
        random = np.random.default_rng(seed)
        vector = np.zeros(self.length, np.float32)
        for name, part in self.parts(vector).items():
            if name.startswith("norm_scale"):
                part[:] = 1.0
            elif name in ("embedding", "morse"):
                part[:] = random.normal(size=part.shape) / math.sqrt(self.elements)
            elif name.startswith("kernel") or name in ("energy_scale", "morse_switch"):
                part[:] = _cut_normal(random, part.shape) / math.sqrt(part.shape[0])
        return vector


def _cut_normal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal numbers without those beyond two standard deviations, of variance 1."""
    numbers = random.normal(size=shape)
    while (far := np.abs(numbers) > 2.0).any():
        numbers[far] = random.normal(size=int(far.sum()))
    return numbers / _CUT_NORMAL


@dataclass(frozen=True, eq=False)
class Pass:
    """What the network made of the descriptors of n atoms.

    Attributes:
        outputs: (n, outputs).
        slopes: of every layer, the derivative of its activation.
        norms: of every layer with norm, its normalised units and what they were divided by, inverted.
    """

    outputs: np.ndarray
    slopes: list[np.ndarray]
    norms: list[tuple[np.ndarray, np.ndarray]]


class Network:
    """A member's outputs and their derivatives by the descriptors.

    Args:
        parts: of a member (:meth:`Layout.parts`); their precision is that of the arithmetic.
    """

    def __init__(self, layout: Layout, parts: Mapping[str, np.ndarray]) -> None:
        self._parts = parts
        self._last = len(layout.widths)
        self._inputs = layout.inputs
        first = parts["kernel_0"]
        self._inlet = np.ascontiguousarray(first[: layout.inputs])
        self._by_inlet = np.ascontiguousarray(self._inlet.T)
        #: of every layer with norm, what its units times makes their mean
        self._averages = [np.full(w, 1.0 / w, self._inlet.dtype) for w in layout.widths[1:]]
        #: what an element adds to the first layer
        self._of_element = parts["embedding"] @ first[layout.inputs :] + parts["bias_0"]

    def energies(self, kinds: np.ndarray, spectrum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First outputs (n,), such as energies in eV, of atoms; derivatives (n, d) by their descriptors."""
        done = self.forward(kinds, spectrum)
        seeds = np.zeros_like(done.outputs)
        seeds[:, 0] = 1.0
        return done.outputs[:, 0], self.pullback(done, seeds)

    def forward(self, kinds: np.ndarray, spectrum: np.ndarray) -> Pass:
        """The outputs of atoms with descriptors (n, d)."""
        parts, last = self._parts, self._last
        before = spectrum @ self._inlet
        before += self._of_element[kinds]
        value, slope = _swish(before)
        slopes, norms = [slope], []
        for i in range(1, last):
            dense = value @ parts[f"kernel_{i}"]
            dense += parts[f"bias_{i}"]
            average = self._averages[i - 1]
            dense -= (dense @ average)[:, None]
            variance = ((dense * dense) @ average)[:, None]
            inverse = 1.0 / np.sqrt(variance + dense.dtype.type(NORM_EPSILON))
            dense *= inverse
            norms.append((dense, inverse))
            value, slope = _swish(dense * parts[f"norm_scale_{i}"] + parts[f"norm_shift_{i}"])
            slopes.append(slope)
        value, slope = _swish(value @ parts[f"kernel_{last}"] + parts[f"bias_{last}"])
        slopes.append(slope)
        return Pass(value * parts["energy_scale"] + parts["energy_shift"], slopes, norms)

    def pullback(self, done: Pass, seeds: np.ndarray) -> np.ndarray:
        """(n, d) derivative by the descriptors of the sum of the outputs times ``seeds`` (n, outputs)."""
        parts, last = self._parts, self._last
        back = (seeds * done.slopes[last] * parts["energy_scale"]) @ parts[f"kernel_{last}"].T
        for i in range(last - 1, 0, -1):
            normal, inverse = done.norms[i - 1]
            back *= done.slopes[i]
            back *= parts[f"norm_scale_{i}"]
            average = self._averages[i - 1]
            back -= (back @ average)[:, None] + normal * ((back * normal) @ average)[:, None]
            back *= inverse
            back = back @ parts[f"kernel_{i}"].T
        back *= done.slopes[0]
        return np.asarray(back @ self._by_inlet)

    def tangent(self, done: Pass, moves: np.ndarray) -> np.ndarray:
        """(n, outputs) change of the outputs with ``moves`` (n, d) of the descriptors."""
        parts, last = self._parts, self._last
        change = (moves @ self._inlet) * done.slopes[0]
        for i in range(1, last):
            normal, inverse = done.norms[i - 1]
            change = change @ parts[f"kernel_{i}"]
            average = self._averages[i - 1]
            change -= (change @ average)[:, None] + normal * ((change * normal) @ average)[:, None]
            change *= inverse * parts[f"norm_scale_{i}"] * done.slopes[i]
        return np.asarray((change @ parts[f"kernel_{last}"]) * done.slopes[last] * parts["energy_scale"])


def _swish(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x / (1 + exp(-x)) and its derivative."""
    with np.errstate(over="ignore"):
        gate = 1.0 / (1.0 + np.exp(-x))
    value = x * gate
    return value, gate + value * (1.0 - gate)
