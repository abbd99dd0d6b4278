"""The trained part of a response net as a TensorFlow graph, for training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.correction import CHARGE_SCALE, Correction


class CorrectionGraph:
    """Energies of a committee with automatic derivatives, single precision.

    Args:
        correction: with the weights to begin with.

    Attributes:
        variables: weights by name.
        energy_scale: of the correction, in Hartree.
        scaled_kernel: (n, n) tensor, K divided by ``charge_scale``.
    """

    def __init__(self, correction: Correction) -> None:
        tf = tensorflow()
        self._correction = correction
        self._n = len(correction.orbits)
        self.energy_scale = correction.energy_scale
        self._orbit_index = tf.constant(correction.orbits)
        self.variables = {name: tf.Variable(value) for name, value in correction.weights.items()}
        scaled = correction.kernel.whole / correction.charge_scale
        self.scaled_kernel = tf.constant(scaled.astype("float32"))

    def correction(self) -> Correction:
        """The same with the weights that the variables have now."""
        weights = {name: variable.numpy() for name, variable in self.variables.items()}
        return replace(self._correction, weights=weights)

    def filter_bank(self) -> Any:
        """(n, n M) tensor from scaled induced charges to all u_im, m running fastest."""
        tf = tensorflow()
        filters = tf.transpose(tf.gather(self.variables["filters"], self._orbit_index, axis=1), (2, 1, 0))
        return tf.reshape(filters, (self._n, -1))

    def derivatives(self, induced: Any, charge: Any, bank: Any) -> tuple[Any, Any, Any]:
        """Energies and their derivatives by induced charges (k, b, n) and by total charge (k, b).

        Args:
            induced: (k, b, n) scaled induced charges, a copy for each member so that derivatives stay apart.
            charge: (k, b) total charge in e, likewise.
            bank: from :meth:`filter_bank`.

        Returns:
            (k, b) energies of the k members in units of ``energy_scale``, and the derivatives.
        """
        tf = tensorflow()
        with tf.GradientTape() as tape:
            tape.watch([induced, charge])
            energies = self._energies(induced, charge, bank)
        return energies, *tape.gradient(energies, [induced, charge])

    def copies(self, values: Any) -> Any:
        """(k, ...) one copy of a tensor for each member."""
        return tensorflow().repeat(values[None], self._correction.members, axis=0)

    def _energies(self, induced: Any, charge: Any, bank: Any) -> Any:
        tf = tensorflow()
        k, b = self._correction.members, tf.shape(induced)[1]
        features = tf.reshape(tf.reshape(induced, (-1, self._n)) @ bank, (k, b * self._n, -1))
        condition = charge / CHARGE_SCALE
        atoms = tf.reshape(self._network(features, tf.repeat(condition, self._n, axis=1)), (k, b, self._n))
        at_zero = self._network(tf.zeros((k, b, tf.shape(features)[2])), condition)
        return tf.reduce_sum(atoms - at_zero[:, :, None], axis=2)

    def _network(self, features: Any, condition: Any) -> Any:
        """(k, r) values of g for (k, r, M) filtered charges and (k, r) scaled total charges."""
        tf = tensorflow()
        weights = self.variables
        hidden = tf.concat([features, condition[:, :, None]], axis=2)
        for layer in ("0", "1"):
            hidden = tf.nn.softplus(hidden @ weights[f"kernel_{layer}"] + weights[f"bias_{layer}"])
        return (hidden @ weights["kernel_2"])[:, :, 0]
