"""A network for the electronic energy of the electrode, whose derivative is its charges.

    E(phi, Q) = E0 + q0 . phi + 1/2 phi . K phi  +  s sum_i [g(u_i, Q) - g(0, Q)],      q = dE/dphi

The first three terms are the linear response of the electrode at phi = 0, with E0, q0 and K of the total
charge Q (interpolated linearly between the charges it was made for). The sum is the correction: u_i are a
few numbers per atom, filtered from the charges that linear response induces,

    u_im = sum_j F_m(i, j) (K phi)_j ,

and g is a small dense network with softplus, the same for every atom. F_m(i, j) is the same for all pairs
that a translation or two-fold rotation of the electrode maps onto each other (a convolution over the
lattice), so that the energy has these symmetries exactly; mirrors are learned from augmented data. Filters
and g are trained.

Because the rows of K sum to zero, E depends on phi - mean(phi) and on Q mean(phi) only, and the charges sum
to Q. Since phi is all that the electrode sees, nothing in the model knows which liquid made it.

A committee of networks g shares the filters; each saw other frames. Their mean is the answer, their
disagreement tells when phi is unlike what they were trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from polcouple.electrode import Electrode
from polcouple.errors import ModelMismatchError
from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.symmetry import SymmetryOperation

#: total charges are divided by this before they enter the network (e)
_CHARGE_SCALE = 8.0


@dataclass(frozen=True, eq=False)
class Prior:
    """Linear response of the electrode at zero site potentials, at several total charges.

    Attributes:
        total_charges: (c,) ascending, in e.
        energies: (c,) E0 in Hartree.
        fermi_levels: (c,) in Hartree.
        charges: (c, n) q0 in e; row c sums to ``total_charges[c]``.
        fukui: (c, n) dq/dQ, each row sums to 1.
        kernels: (c, n, n) K = dq/dphi in e^2/Hartree; symmetric, rows sum to 0.
    """

    total_charges: np.ndarray
    energies: np.ndarray
    fermi_levels: np.ndarray
    charges: np.ndarray
    fukui: np.ndarray
    kernels: np.ndarray

    def at(self, total_charge: float) -> PriorAtCharge:
        """The prior at ``total_charge``.

        Raises:
            ModelMismatchError: outside the range covered.
        """
        covered = self.total_charges
        if not covered[0] - 1e-9 <= total_charge <= covered[-1] + 1e-9:
            raise ModelMismatchError(
                f"the model covers total charges from {covered[0]:g} to {covered[-1]:g} e, "
                f"not {total_charge:g} e; label frames at that charge and train again"
            )
        right = int(np.clip(np.searchsorted(covered, total_charge), 1, max(1, len(covered) - 1)))
        if len(covered) == 1:
            weights = np.ones(1)
        else:
            fraction = (total_charge - covered[right - 1]) / (covered[right] - covered[right - 1])
            weights = np.zeros(len(covered))
            weights[right - 1 : right + 1] = 1.0 - fraction, fraction
        kernel = np.tensordot(weights, self.kernels, 1)
        kernel = 0.5 * (kernel + kernel.T)
        kernel -= kernel.mean(axis=0)
        kernel -= kernel.mean(axis=1)[:, None]
        charges = weights @ self.charges
        charges += (total_charge - charges.sum()) / len(charges)
        return PriorAtCharge(
            float(weights @ self.energies),
            float(weights @ self.fermi_levels),
            charges,
            weights @ self.fukui,
            kernel,
        )


@dataclass(frozen=True, eq=False)
class PriorAtCharge:
    """One row of a :class:`Prior`, with exact sum rules."""

    energy: float
    fermi_level: float
    charges: np.ndarray
    fukui: np.ndarray
    kernel: np.ndarray


def pair_orbits(n: int, symmetries: list[SymmetryOperation]) -> np.ndarray:
    """(n, n) number of the class of each ordered pair of atoms under translations and two-fold rotations.

    Mirrors are left out: they would forbid filters that tell left from right.
    """
    first = np.arange(n * n).reshape(n, n)
    representative = first.copy()
    for operation in symmetries:
        if operation.mirror.prod() > 0:
            image = operation.permutation
            np.minimum(representative, first[np.ix_(image, image)], out=representative)
    return np.unique(representative, return_inverse=True)[1].reshape(n, n).astype(np.int32)


class Correction:
    """The trained part: filters shared by a committee of small dense networks, float32.

    Args:
        orbits: (n, n) from :func:`pair_orbits`.
        kernel: (n, n) K that turns potentials into induced charges before filtering.
        charge_scale: root mean square of these induced charges in the training data (e).
        energy_scale: s in Hartree.
        filters, width, members: numbers of filters, of units in both hidden layers, of committee members.
        seed: of the initial weights.
    """

    def __init__(
        self,
        orbits: np.ndarray,
        kernel: np.ndarray,
        charge_scale: float,
        energy_scale: float,
        filters: int,
        width: int,
        members: int,
        seed: int = 0,
    ) -> None:
        tf = tensorflow()
        random = np.random.default_rng(seed)
        n, n_orbits = len(orbits), int(orbits.max()) + 1
        start = random.normal(size=(filters, n_orbits)) * 0.7 / np.sqrt(n)
        start[:, np.unique(orbits.diagonal())] += random.normal(size=(filters, 1)) * 0.7
        shapes = {
            "filters": start,
            "kernel_0": random.normal(size=(members, filters + 1, width)) / np.sqrt(filters + 1),
            "bias_0": np.zeros((members, 1, width)),
            "kernel_1": random.normal(size=(members, width, width)) / np.sqrt(width),
            "bias_1": np.zeros((members, 1, width)),
            "kernel_2": random.normal(size=(members, width, 1)) * 0.1 / np.sqrt(width),
        }
        self.variables = {name: tf.Variable(value.astype(np.float32)) for name, value in shapes.items()}
        self.orbits = orbits
        self.kernel = kernel
        self.charge_scale = charge_scale
        self.energy_scale = energy_scale
        self.members = members
        self._n = n
        self._orbit_index = tf.constant(orbits)
        self._scaled_kernel = tf.constant((kernel / charge_scale).astype(np.float32))

    def bank(self) -> Any:
        """(n, n M) tensor from potentials to all u_im, the filters' index running fastest."""
        tf = tensorflow()
        filters = tf.transpose(tf.gather(self.variables["filters"], self._orbit_index, axis=1), (2, 1, 0))
        return self._scaled_kernel @ tf.reshape(filters, (self._n, -1))

    def energies(self, site_potentials: Any, charge: Any, bank: Any) -> Any:
        """(k, b) energies of the k members in units of ``energy_scale``.

        Args:
            site_potentials: (k, b, n) float32, one copy for each member so that derivatives stay apart.
            charge: (b,) total charge in e.
            bank: from :meth:`bank`.
        """
        tf = tensorflow()
        k, b = self.members, tf.shape(site_potentials)[1]
        features = tf.reshape(tf.reshape(site_potentials, (-1, self._n)) @ bank, (k, b * self._n, -1))
        condition = charge / _CHARGE_SCALE
        atoms = tf.reshape(self._network(features, tf.repeat(condition, self._n)), (k, b, self._n))
        at_zero = self._network(tf.zeros((k, b, tf.shape(features)[2])), condition)
        return tf.reduce_sum(atoms - at_zero[:, :, None], axis=2)

    def charges(self, site_potentials: Any, charge: Any, bank: Any) -> tuple[Any, Any]:
        """Energies (k, b) and their derivatives (k, b, n), which sum to zero, in units of ``energy_scale``.

        Args:
            site_potentials: (b, n) float32.
            charge: (b,) in e.
        """
        tf = tensorflow()
        copies = tf.repeat(site_potentials[None], self.members, axis=0)
        with tf.GradientTape() as tape:
            tape.watch(copies)
            energies = self.energies(copies, charge, bank)
        derivative = tape.gradient(energies, copies)
        return energies, derivative - tf.reduce_mean(derivative, axis=2, keepdims=True)

    def _network(self, features: Any, condition: Any) -> Any:
        """(k, r) values of g for (k, r, M) filtered charges and (r,) scaled total charges."""
        tf = tensorflow()
        weights = self.variables
        given = tf.broadcast_to(condition[None, :, None], (*tf.unstack(tf.shape(features)[:2]), 1))
        hidden = tf.concat([features, given], axis=2)
        for layer in ("0", "1"):
            hidden = tf.nn.softplus(hidden @ weights[f"kernel_{layer}"] + weights[f"bias_{layer}"])
        return (hidden @ weights["kernel_2"])[:, :, 0]


@dataclass(frozen=True, eq=False)
class Response:
    """What a response net says about one environment.

    Attributes:
        charges: (n,) in e; their sum is the total charge to rounding.
        energy: in Hartree; d(energy)/d(site_potentials) = charges.
        fermi_level: in Hartree, by linear response; not trained.
        disagreement: largest standard deviation over the committee of a charge, in e.
    """

    charges: np.ndarray
    energy: float
    fermi_level: float
    disagreement: float


class ResponseNet:
    """A trained response net.

    Attributes:
        name: for messages.
        electrode: the one it was trained for.
        prior: linear response.
        correction: the network.
        disagreements: total charge trained on -> largest disagreement on the frames that stopped it (e).
    """

    def __init__(
        self,
        name: str,
        electrode: Electrode,
        prior: Prior,
        correction: Correction,
        disagreements: dict[float, float],
    ) -> None:
        tf = tensorflow()
        self.name = name
        self.electrode = electrode
        self.prior = prior
        self.correction = correction
        self.disagreements = disagreements
        self._at: dict[float, tuple[PriorAtCharge, Any]] = {}
        bank = tf.constant(correction.bank())
        scale = correction.energy_scale
        n = len(electrode)

        def evaluate(fluctuation: Any, kernel: Any, charge: Any) -> tuple[Any, Any, Any]:
            """Energy beyond E0 + q0 . phi, charges beyond q0, and the spread of the committee."""
            induced = tf.linalg.matvec(kernel, fluctuation)
            energies, derivatives = correction.charges(tf.cast(fluctuation, tf.float32)[None], charge, bank)
            energy = 0.5 * tf.reduce_sum(induced * fluctuation)
            energy += scale * tf.cast(tf.reduce_mean(energies), tf.float64)
            charges = induced + scale * tf.cast(tf.reduce_mean(derivatives, axis=(0, 1)), tf.float64)
            spread = scale * tf.reduce_max(tf.math.reduce_std(derivatives[:, 0], axis=0))
            return energy, charges, spread

        signature = [
            tf.TensorSpec((n,), tf.float64),
            tf.TensorSpec((n, n), tf.float64),
            tf.TensorSpec((1,), tf.float32),
        ]
        self._evaluate = tf.function(evaluate, input_signature=signature, autograph=False, jit_compile=True)

    def respond(self, site_potentials: np.ndarray, total_charge: float) -> Response:
        """Charges, energy and Fermi level for (n,) site potentials in Hartree/e.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        if total_charge not in self._at:
            tf = tensorflow()
            found = self.prior.at(total_charge)
            self._at[total_charge] = (
                found,
                (tf.constant(found.kernel), tf.constant([total_charge], tf.float32)),
            )
        prior, conditions = self._at[total_charge]
        energy, induced, spread = self._evaluate(site_potentials - site_potentials.mean(), *conditions)
        charges = prior.charges + induced.numpy()
        charges += (total_charge - charges.sum()) / len(charges)
        return Response(
            charges,
            prior.energy + float((prior.charges * site_potentials).sum()) + float(energy),
            prior.fermi_level - float((prior.fukui * site_potentials).sum()),
            float(spread),
        )

    def usual_disagreement(self, total_charge: float) -> float:
        """Largest disagreement on held-out frames at the nearest total charge trained on, in e."""
        return self.disagreements[min(self.disagreements, key=lambda charge: abs(charge - total_charge))]

    def description(self) -> dict[str, Any]:
        """What model.yaml holds besides data and metrics."""
        correction = self.correction
        return {
            "kind": "response",
            "features": "site_potentials",
            "total_charges": {
                "trained": sorted(self.disagreements),
                "prior": self.prior.total_charges.tolist(),
            },
            "electrode": {"atoms": len(self.electrode), "fingerprint": self.electrode.fingerprint()},
            "network": {
                "filters": int(correction.variables["filters"].shape[0]),
                "width": int(correction.variables["kernel_1"].shape[1]),
                "members": correction.members,
                "activation": "softplus",
            },
            "largest_disagreements": {Q: float(value) for Q, value in self.disagreements.items()},
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays of weights.h5."""
        prior, correction = self.prior, self.correction
        stored = {f"correction/{name}": variable.numpy() for name, variable in correction.variables.items()}
        return stored | {
            "correction/orbits": correction.orbits,
            "correction/kernel": correction.kernel.astype(np.float32),
            "correction/charge_scale": np.array(correction.charge_scale),
            "correction/energy_scale": np.array(correction.energy_scale),
            "prior/total_charges": prior.total_charges,
            "prior/energies": prior.energies,
            "prior/fermi_levels": prior.fermi_levels,
            "prior/charges": prior.charges,
            "prior/fukui": prior.fukui,
            "prior/kernels": prior.kernels.astype(np.float32),
        }

    @classmethod
    def from_files(
        cls, name: str, electrode: Electrode, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> ResponseNet:
        """Rebuild a response net from what :func:`polcouple.nn.model_files.load_model_files` returned."""
        prior = Prior(**{field.name: arrays[f"prior/{field.name}"].astype(float) for field in fields(Prior)})
        disagreements = description["largest_disagreements"]
        if not all(0.0 < value < np.inf for value in disagreements.values()):
            raise ValueError("largest_disagreements are not positive numbers")
        correction = Correction(
            arrays["correction/orbits"],
            arrays["correction/kernel"].astype(float),
            float(arrays["correction/charge_scale"]),
            float(arrays["correction/energy_scale"]),
            filters=len(arrays["correction/filters"]),
            width=arrays["correction/kernel_1"].shape[1],
            members=len(arrays["correction/kernel_1"]),
        )
        for key, variable in correction.variables.items():
            variable.assign(arrays[f"correction/{key}"])
        return cls(name, electrode, prior, correction, disagreements)
