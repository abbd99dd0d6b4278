"""What training derives by a member's numbers, by TensorFlow.

A loss of energies and forces has the derivative

    sum over atoms of w_i dE_i + d(u_i . dE_i/dp_i),

where w_i is the loss's derivative by the energy of the atom's frame and u_i the change of the atom's
descriptors p_i when the atoms move along minus the loss's derivative by their forces. Networks with several
outputs o_ik have w_ik do_ik + s_ik d(u_i . do_ik/dp_i) there, with seeds s_ik (1 for an energy). The
descriptors are those of :mod:`polcouple.nn.potential.descriptors`: nothing of the geometry is in the graph.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.potential.network import NORM_EPSILON, Layout

#: atoms of a step are rounded up to a multiple of this, so that few sizes are compiled
_ROWS = 128


class Graph:
    """The compiled derivatives of members of one layout."""

    def __init__(self, layout: Layout) -> None:
        tf = tensorflow()
        self._tf, self._layout = tf, layout
        self._by_spectrum = tf.function(self._traced_spectrum, autograph=False, jit_compile=True)
        self._by_weights = tf.function(self._traced_weights, autograph=False, jit_compile=True)

    def by_spectrum(
        self, vector: np.ndarray, kinds: np.ndarray, spectrum: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """First outputs (n,) and their derivatives (n, d) by the descriptors ``spectrum`` (n, d)."""
        n = len(kinds)
        energies, by_spectrum = self._by_spectrum(*self._padded(vector, kinds, spectrum))
        return energies.numpy()[:n], by_spectrum.numpy()[:n]

    def by_weights(
        self,
        vector: np.ndarray,
        kinds: np.ndarray,
        spectrum: np.ndarray,
        moves: np.ndarray,
        weights: np.ndarray,
        seeds: np.ndarray,
    ) -> np.ndarray:
        """(length,) derivative by ``vector``: u ``moves`` (n, d), w ``weights`` and s ``seeds`` (n, k)."""
        padded = self._padded(vector, kinds, spectrum, moves, weights, seeds)
        return np.array(self._by_weights(*padded).numpy())

    def _padded(self, vector: np.ndarray, kinds: np.ndarray, *arrays: np.ndarray) -> list[Any]:
        rows = -(-len(kinds) // _ROWS) * _ROWS
        chosen = np.zeros((rows, self._layout.elements), np.float32)
        chosen[np.arange(len(kinds)), kinds] = 1.0
        padded = [np.zeros((rows, *array.shape[1:]), np.float32) for array in arrays]
        for longer, array in zip(padded, arrays, strict=True):
            longer[: len(kinds)] = array
        return [self._tf.constant(array) for array in (vector.astype(np.float32), chosen, *padded)]

    def _outputs(self, vector: Any, chosen: Any, spectrum: Any) -> Any:
        tf, last = self._tf, len(self._layout.widths)
        places, shapes = self._layout.places(), self._layout.shapes()

        def part(name: str) -> Any:
            place = places[name]
            return tf.reshape(vector[place.start : place.stop], shapes[name])

        inputs = tf.concat([spectrum, chosen @ part("embedding")], axis=1)
        value = tf.nn.silu(inputs @ part("kernel_0") + part("bias_0"))
        for i in range(1, last):
            dense = value @ part(f"kernel_{i}") + part(f"bias_{i}")
            dense -= tf.reduce_mean(dense, axis=1, keepdims=True)
            variance = tf.reduce_mean(tf.square(dense), axis=1, keepdims=True)
            normal = dense * tf.math.rsqrt(variance + NORM_EPSILON)
            value = tf.nn.silu(normal * part(f"norm_scale_{i}") + part(f"norm_shift_{i}"))
        value = tf.nn.silu(value @ part(f"kernel_{last}") + part(f"bias_{last}"))
        return value * part("energy_scale") + part("energy_shift")

    def _traced_spectrum(self, vector: Any, chosen: Any, spectrum: Any) -> Any:
        with self._tf.GradientTape() as tape:
            tape.watch(spectrum)
            found = self._outputs(vector, chosen, spectrum)[:, 0]
        return found, tape.gradient(found, spectrum)

    def _traced_weights(
        self, vector: Any, chosen: Any, spectrum: Any, moves: Any, weights: Any, seeds: Any
    ) -> Any:
        tf = self._tf
        with tf.GradientTape() as outer:
            outer.watch(vector)
            with tf.GradientTape() as inner:
                inner.watch(spectrum)
                found = self._outputs(vector, chosen, spectrum)
                seeded = tf.reduce_sum(seeds * found)
            by_spectrum = inner.gradient(seeded, spectrum)
            total = tf.reduce_sum(weights * found) + tf.reduce_sum(moves * by_spectrum)
        return outer.gradient(total, vector)


@cache
def graph_of(layout: Layout) -> Graph:
    """The graph, compiled once in a process."""
    return Graph(layout)
