"""The paper's network: one bin label per electrode atom, regressed by four dense layers of 1024 and rounded.

Inputs are either ``ions`` (x, y, z and charge of every ion in the order of the case: the paper's 704
numbers for 176 ions) or ``site_potentials`` (the electrolyte's potential at every electrode atom).

``ions``: coordinates relative to the electrode's first atom, in fractions of the cell, folded into the cell
and mapped to [-1, 1); charges in e as they are. A run may leave its ions unfolded, so folding is part of
the model.

``site_potentials``: phi - mean(phi), multiplied by the inverse square root of its covariance over the
training frames (zero-phase whitening). Standardising each atom alone leaves the short wavelengths, to which
the charges respond most, a hundred times smaller than the long ones, and training then takes far longer.

The loss of one frame (equation 3) is mean |y_pred - y| + (lambda / N) |sum y_pred - sum y| in units of
labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError, ModelMismatchError
from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.binning import Binning

Features = Literal["ions", "site_potentials"]

#: eigenvalues of the covariance below this fraction of the largest are left out of the whitening
_WHITENING_CUTOFF = 1e-10


def ion_features(electrode: Electrode, charges: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(f, 4 k) float32: x, y, z, q of each ion.

    Args:
        charges: (k,) of the ions in e.
        positions: (f, k, 3) in bohr.
    """
    if not all(electrode.pbc):
        raise InputError("features 'ions' need a periodic cell; use site_potentials")
    fractional = (positions - electrode.positions[0]) @ np.linalg.inv(electrode.cell)
    folded = 2.0 * (fractional - np.floor(fractional)) - 1.0
    repeated = np.broadcast_to(charges[:, None], (*folded.shape[:2], 1))
    return np.concatenate([folded, repeated], axis=2).reshape(len(folded), -1).astype(np.float32)


def potential_features(site_potentials: np.ndarray, whitening: np.ndarray) -> np.ndarray:
    """(f, n) float32: whitened phi - mean(phi), for (f, n) site potentials in Hartree/e."""
    fluctuation = site_potentials - site_potentials.mean(axis=-1, keepdims=True)
    return (fluctuation @ whitening).astype(np.float32)


def whitening_matrix(site_potentials: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """(n, n) inverse square root of the covariance of phi - mean(phi), averaged over lattice symmetries.

    Args:
        site_potentials: (f, n) of the training frames.
        permutations: (s, n) of the symmetry operations; the identity alone where none are to be used.
    """
    fluctuation = site_potentials - site_potentials.mean(axis=1, keepdims=True)
    plain = fluctuation.T @ fluctuation / len(fluctuation)
    covariance = np.zeros_like(plain)
    for permutation in permutations:
        covariance += plain[np.ix_(permutation, permutation)] / len(permutations)
    eigenvalues, vectors = np.linalg.eigh(covariance)
    kept = eigenvalues > _WHITENING_CUTOFF * eigenvalues[-1]
    return (vectors[:, kept] / np.sqrt(eigenvalues[kept])) @ vectors[:, kept].T


def build_network(n_inputs: int, hidden_layers: Sequence[int], n_outputs: int, seed: int) -> Any:
    """A Keras stack of dense ReLU layers with a linear last one, deterministic for a ``seed``."""
    keras = tensorflow().keras
    initializer = keras.initializers.GlorotUniform
    layers = [
        keras.layers.Dense(width, "relu", kernel_initializer=initializer(seed + i))
        for i, width in enumerate(hidden_layers)
    ]
    output = keras.layers.Dense(n_outputs, kernel_initializer=initializer(seed + len(layers)))
    return keras.Sequential([keras.Input((n_inputs,)), *layers, output])


def label_loss(labels: Any, predicted: Any, sum_weight: float) -> Any:
    """Equation 3 of the paper, averaged over a batch.

    Args:
        labels, predicted: (b, n) tensors in units of labels.
        sum_weight: lambda.
    """
    tf = tensorflow()
    difference = predicted - labels
    n = tf.cast(tf.shape(difference)[1], difference.dtype)
    total = tf.reduce_mean(tf.abs(tf.reduce_sum(difference, axis=1)))
    return tf.reduce_mean(tf.abs(difference)) + sum_weight / n * total


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained classifier.

    Attributes:
        name: for messages.
        features: which inputs it takes.
        electrode: the one it was trained for.
        total_charge: of the electrode in its training data (e).
        ion_symbols, ion_charges: of the ions in order (``ions`` only).
        whitening: (n, n) (``site_potentials`` only).
        binning: charge of each label.
        network: Keras model from features (b, n_inputs) to labels (b, n).
        stored_as: ``float16``, or ``codes``: whole numbers and a scale for each unit.
    """

    name: str
    features: Features
    electrode: Electrode
    total_charge: float
    ion_symbols: tuple[str, ...]
    ion_charges: np.ndarray
    whitening: np.ndarray | None
    binning: Binning
    network: Any
    stored_as: Literal["float16", "codes"] = "float16"

    def inputs(self, site_potentials: np.ndarray | None, ion_positions: np.ndarray | None) -> np.ndarray:
        """(f, n_inputs) float32 from whichever of (f, n) site potentials and (f, k, 3) positions it needs."""
        if self.whitening is None:
            assert ion_positions is not None
            return ion_features(self.electrode, self.ion_charges, ion_positions)
        assert site_potentials is not None
        return potential_features(site_potentials, self.whitening)

    def predict_labels(self, inputs: np.ndarray) -> np.ndarray:
        """(f, n) real-valued labels for many frames at once."""
        return np.concatenate(
            [self.network(part).numpy() for part in np.array_split(inputs, -(-len(inputs) // 64))]
        )

    def compiled(self) -> Any:
        """A function of (1, n_inputs) float32 that is traced once."""
        tf = tensorflow()
        signature = [tf.TensorSpec((1, self.network.input_shape[1]), tf.float32)]
        return tf.function(self.network.call, input_signature=signature, autograph=False)

    def require_electrolyte(self, electrolyte: Electrolyte) -> None:
        """Refuse another set of ions than the one trained on (``ions`` only).

        Raises:
            ModelMismatchError: number, kind or order of the ions differ.
        """
        if self.features != "ions":
            return
        indices = electrolyte.ion_indices
        symbols = tuple(electrolyte.symbols[i] for i in indices)
        if symbols != self.ion_symbols or not np.allclose(
            electrolyte.charges[indices], self.ion_charges, atol=1e-6
        ):
            raise ModelMismatchError(
                f"model {self.name} takes the positions of exactly {composition(self.ion_symbols)}, this "
                f"electrolyte has {composition(symbols) or 'no ions'}; use a model on site potentials"
            )

    def description(self) -> dict[str, Any]:
        """What model.yaml holds besides data and metrics."""
        widths = [layer.units for layer in self.network.layers]
        return {
            "kind": "classifier",
            "features": self.features,
            "total_charge": float(self.total_charge),
            "electrode": {"atoms": len(self.electrode), "fingerprint": self.electrode.fingerprint()},
            "ions": {
                "order": composition(self.ion_symbols),
                "charges": sorted({float(q) for q in self.ion_charges}),
            },
            "network": {"hidden_layers": widths[:-1], "activation": "relu", "stored_as": self.stored_as},
            "bins": {
                "q_min": float(self.binning.q_min),
                "width": float(self.binning.width),
                "values": [round(float(value), 9) for value in self.binning.values],
            },
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays of weights.h5; the network's in half precision, which changes no label worth mentioning."""
        stored = {
            "bins/q_min": np.array(self.binning.q_min),
            "bins/width": np.array(self.binning.width),
            "bins/values": self.binning.values,
            "ions/symbols": np.array(self.ion_symbols, dtype="S3"),
            "ions/charges": self.ion_charges,
        }
        if self.whitening is not None:
            stored["whitening"] = self.whitening.astype(np.float32)
        for i, layer in enumerate(self.network.layers):
            stored[f"layers/{i}/kernel"] = layer.kernel.numpy().astype(np.float16)
            stored[f"layers/{i}/bias"] = layer.bias.numpy().astype(np.float32)
        return stored

    @classmethod
    def from_files(
        cls, name: str, electrode: Electrode, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Classifier:
        """Rebuild a classifier from what :func:`polcouple.nn.model_files.load_model_files` returned.

        Raises:
            InputError: model.yaml was edited and no longer agrees with the weights.
        """
        binning = Binning(float(arrays["bins/q_min"]), float(arrays["bins/width"]), arrays["bins/values"])
        stated = description["bins"]
        same_edges = np.allclose(
            [stated["q_min"], stated["width"]], [binning.q_min, binning.width], atol=1e-12
        )
        if not same_edges or not np.allclose(stated["values"], binning.values, atol=1e-8):
            raise InputError(
                f"model {name}: the bins in model.yaml are not those it was trained with; restore the file"
            )
        if (description["features"] == "site_potentials") != ("whitening" in arrays):
            raise ValueError("the weights are for other features")
        if description["data"]["labels"].partition("@")[2] != f"{description['total_charge']:g}":
            raise ValueError("total_charge is not that of the labels")
        n_layers = sum(name.endswith("/kernel") for name in arrays)
        kernels = [arrays[f"layers/{i}/kernel"] for i in range(n_layers)]
        hidden = [kernel.shape[1] for kernel in kernels[:-1]]
        network = build_network(kernels[0].shape[0], hidden, kernels[-1].shape[1], seed=0)
        for i, layer in enumerate(network.layers):
            layer.kernel.assign(kernels[i].astype(np.float32))
            layer.bias.assign(arrays[f"layers/{i}/bias"])
        return cls(
            name,
            description["features"],
            electrode,
            float(description["total_charge"]),
            tuple(arrays["ions/symbols"].astype(str)),
            arrays["ions/charges"],
            arrays.get("whitening"),
            binning,
            network,
            "float16" if kernels[0].dtype == np.float16 else "codes",
        )


def composition(symbols: tuple[str, ...]) -> str:
    """Run lengths in order, such as ``90 Na, 86 Cl``."""
    runs: list[tuple[str, int]] = []
    for symbol in symbols:
        if runs and runs[-1][0] == symbol:
            runs[-1] = (symbol, runs[-1][1] + 1)
        else:
            runs.append((symbol, 1))
    return ", ".join(f"{count} {symbol}" for symbol, count in runs)
