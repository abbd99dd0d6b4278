"""What training derives by a member's numbers, by TensorFlow.

A loss of energies and forces has the derivative

    sum over atoms of w_i dE_i + d(u_i . dE_i/dp_i),

where w_i is the loss's derivative by the energy of the atom's frame and u_i the change of the atom's
descriptors p_i when the atoms move along minus the loss's derivative by their forces. The descriptors are
those of :mod:`polcouple.nn.potential.descriptors`: nothing of the geometry is in the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.potential.network import NORM_EPSILON, Layout

#: atoms of a step are rounded up to a multiple of this, so that few sizes are compiled
_ROWS = 128


@cache
def weight_derivative(layout: Layout) -> Callable[..., np.ndarray]:
    """A function of (vector, kinds (n,), spectrum (n, d), u (n, d), w (n,)) that gives (length,)."""
    tf = tensorflow()
    places, shapes = layout.places(), layout.shapes()
    last = len(layout.widths)

    def energies(vector: Any, chosen: Any, spectrum: Any) -> Any:
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
        return tf.reshape(value, (-1,)) * part("energy_scale") + part("energy_shift")

    def derivative(vector: Any, chosen: Any, spectrum: Any, moves: Any, weights: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(vector)
            with tf.GradientTape() as inner:
                inner.watch(spectrum)
                found = energies(vector, chosen, spectrum)
            by_spectrum = inner.gradient(found, spectrum)
            total = tf.reduce_sum(weights * found) + tf.reduce_sum(moves * by_spectrum)
        return outer.gradient(total, vector)

    traced = tf.function(derivative, autograph=False, jit_compile=True)

    def of_atoms(
        vector: np.ndarray, kinds: np.ndarray, spectrum: np.ndarray, moves: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        rows = -(-len(kinds) // _ROWS) * _ROWS
        padded = [np.zeros((rows, *a.shape[1:]), np.float32) for a in (spectrum, moves, weights)]
        for array, given in zip(padded, (spectrum, moves, weights), strict=True):
            array[: len(kinds)] = given
        chosen = np.zeros((rows, layout.elements), np.float32)
        chosen[np.arange(len(kinds)), kinds] = 1.0
        arrays = [tf.constant(a) for a in (vector, chosen, *padded)]
        return np.asarray(traced(*arrays).numpy())

    return of_atoms
