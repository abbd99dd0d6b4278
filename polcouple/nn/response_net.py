"""A network for the electronic energy of the electrode, whose derivatives are all that is asked of it.

    E(phi, Q) = E0(Q) + q0(Q) . phi + 1/2 d . K(Q) d  +  s sum_i [g(u_i, Q) - g(0, Q)],   d = phi - mean(phi)

    charges        q  = dE/dphi              Fukui vector  f = dq/dQ = -d(mu)/dphi
    Fermi level    mu = -dE/dQ               hardness      -d(mu)/dQ = d2E/dQ2

The first three terms are the linear response of the electrode at phi = 0, see :mod:`polcouple.nn.prior`. The
sum is the correction: u_i are a few numbers per atom, filtered from the charges that linear response induces,

    u_im = sum_j F_m(i, j) (K phi)_j ,

(K: mean over the charges trained on) and g is a small dense network with softplus, the same for every atom.
F_m(i, j) is the same for all pairs that a translation or two-fold rotation of the electrode maps onto each
other (a convolution over the lattice), so that the energy has these symmetries exactly; mirrors are learned
from augmented data. Filters and g are trained. Derivatives of the correction are automatic.

Because the rows of K sum to zero, E depends on d and on Q mean(phi) only, and the charges sum to Q. Since phi
is all that the electrode sees, nothing in the model knows which liquid made it.

A committee of networks g shares the filters; each saw other frames. Their mean is the answer, their
disagreement tells when phi is unlike what they were trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from polcouple.electrode import Electrode
from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.prior import Prior, Terms, class_means
from polcouple.nn.symmetry import SymmetryOperation

#: total charges are divided by this before they enter the network (e)
_CHARGE_SCALE = 8.0
#: total charges whose kernels are kept
_REMEMBERED = 8


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

    Attributes:
        scaled_kernel: (n, n) tensor, K divided by ``charge_scale``.
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
        self.scaled_kernel = tf.constant((kernel / charge_scale).astype(np.float32))

    def filter_bank(self) -> Any:
        """(n, n M) tensor from scaled induced charges to all u_im, m running fastest."""
        tf = tensorflow()
        filters = tf.transpose(tf.gather(self.variables["filters"], self._orbit_index, axis=1), (2, 1, 0))
        return tf.reshape(filters, (self._n, -1))

    def bank(self) -> Any:
        """(n, n M) tensor from potentials to all u_im."""
        return self.scaled_kernel @ self.filter_bank()

    def energies(self, inputs: Any, charge: Any, bank: Any) -> Any:
        """(k, b) energies of the k members in units of ``energy_scale``.

        Args:
            inputs: (k, b, n) float32 potentials or scaled induced charges, one copy for each member so that
                derivatives stay apart.
            charge: (k, b) total charge in e, likewise.
            bank: from :meth:`bank` or :meth:`filter_bank`, as the inputs are.
        """
        tf = tensorflow()
        k, b = self.members, tf.shape(inputs)[1]
        features = tf.reshape(tf.reshape(inputs, (-1, self._n)) @ bank, (k, b * self._n, -1))
        condition = charge / _CHARGE_SCALE
        atoms = tf.reshape(self._network(features, tf.repeat(condition, self._n, axis=1)), (k, b, self._n))
        at_zero = self._network(tf.zeros((k, b, tf.shape(features)[2])), condition)
        return tf.reduce_sum(atoms - at_zero[:, :, None], axis=2)

    def derivatives(self, inputs: Any, charge: Any, bank: Any) -> tuple[Any, Any, Any]:
        """:meth:`energies` and their derivatives by inputs (k, b, n) and by total charge (k, b)."""
        tf = tensorflow()
        with tf.GradientTape() as tape:
            tape.watch([inputs, charge])
            energies = self.energies(inputs, charge, bank)
        return energies, *tape.gradient(energies, [inputs, charge])

    def copies(self, values: Any) -> Any:
        """(k, ...) one copy of a tensor for each member."""
        return tensorflow().repeat(values[None], self.members, axis=0)

    def _network(self, features: Any, condition: Any) -> Any:
        """(k, r) values of g for (k, r, M) filtered charges and (k, r) scaled total charges."""
        tf = tensorflow()
        weights = self.variables
        hidden = tf.concat([features, condition[:, :, None]], axis=2)
        for layer in ("0", "1"):
            hidden = tf.nn.softplus(hidden @ weights[f"kernel_{layer}"] + weights[f"bias_{layer}"])
        return (hidden @ weights["kernel_2"])[:, :, 0]


@dataclass(frozen=True, eq=False)
class Response:
    """What a response net says about one environment.

    Attributes:
        charges: (n,) in e; their sum is the total charge to rounding.
        energy: in Hartree; d(energy)/d(site_potentials) = charges.
        fermi_level: of the electrons in Hartree; -d(energy)/dQ.
        disagreement: largest standard deviation over the committee of a charge, in e.
    """

    charges: np.ndarray
    energy: float
    fermi_level: float
    disagreement: float


@dataclass(frozen=True, eq=False)
class ChargeResponse:
    """How the answer changes with the total charge Q, second derivatives of the same energy.

    Attributes:
        fukui: (n,) dq/dQ = -d(Fermi level)/d(site_potentials); sums to 1.
        hardness: -d(Fermi level)/dQ in Hartree/e.
    """

    fukui: np.ndarray
    hardness: float


@dataclass(frozen=True, eq=False)
class _AtCharge:
    """The prior, its slopes, and the network's input at one total charge."""

    terms: Terms
    slopes: Terms
    network_input: Any


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
        self._at: dict[float, _AtCharge] = {}
        bank = tf.constant(correction.bank())
        scale = correction.energy_scale
        n = len(electrode)

        def first(fluctuation: Any, charge: Any) -> Any:
            """(n + 3,) of the correction: charges, energy, its derivative by Q, the committee's spread."""
            energies, by_potential, by_charge = correction.derivatives(
                correction.copies(fluctuation[None]), correction.copies(charge), bank
            )
            by_potential = by_potential[:, 0] - tf.reduce_mean(by_potential[:, 0], axis=1, keepdims=True)
            spread = tf.reduce_max(tf.math.reduce_std(by_potential, axis=0))
            means = [_mean(part) for part in (by_potential, energies, by_charge)]
            return scale * tf.concat([*means, [tf.cast(spread, tf.float64)]], axis=0)

        def second(fluctuation: Any, charge: Any) -> tuple[Any, Any]:
            """(n,) mixed derivative and second derivative with respect to Q of the correction."""
            potentials = correction.copies(fluctuation[None])
            charges = correction.copies(charge)
            with tf.GradientTape() as tape:
                tape.watch([potentials, charges])
                by_charge = correction.derivatives(potentials, charges, bank)[2]
            mixed, curvature = tape.gradient(by_charge, [potentials, charges])
            mixed -= tf.reduce_mean(mixed, axis=2, keepdims=True)
            return scale * _mean(mixed[:, 0]), scale * _mean(curvature[:, 0])

        signature = [tf.TensorSpec((n,), tf.float32), tf.TensorSpec((1,), tf.float32)]
        compiled = {"input_signature": signature, "autograph": False, "jit_compile": True}
        self._first = tf.function(first, **compiled)
        self._second = tf.function(second, **compiled)

    def respond(self, site_potentials: np.ndarray, total_charge: float) -> Response:
        """Charges, energy and Fermi level for (n,) site potentials in Hartree/e, at any total charge.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        at = self._at_charge(total_charge)
        fluctuation = site_potentials - site_potentials.mean()
        found = self._first(fluctuation.astype(np.float32), at.network_input).numpy()
        energy, slope, spread = (float(value) for value in found[-3:])
        charges = at.terms.charges + at.terms.kernel @ fluctuation + found[:-3]
        charges += (total_charge - charges.sum()) / len(charges)
        return Response(
            charges,
            at.terms.value(site_potentials) + energy,
            -(at.slopes.value(site_potentials) + slope),
            spread,
        )

    def charge_response(self, site_potentials: np.ndarray, total_charge: float) -> ChargeResponse:
        """Fukui vector and hardness for (n,) site potentials in Hartree/e; compiled at the first call.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        at = self._at_charge(total_charge)
        fluctuation = site_potentials - site_potentials.mean()
        mixed, curvature = self._second(fluctuation.astype(np.float32), at.network_input)
        fukui = at.slopes.charges + at.slopes.kernel @ fluctuation + mixed.numpy()
        fukui += (1.0 - fukui.sum()) / len(fukui)
        hardness = self.prior.at(total_charge, order=2).value(site_potentials) + float(curvature)
        return ChargeResponse(fukui, hardness)

    def _at_charge(self, total_charge: float) -> _AtCharge:
        """What depends on the total charge alone; the last few are remembered."""
        if total_charge not in self._at:
            tf = tensorflow()
            terms, slopes = (self.prior.at(total_charge, order) for order in (0, 1))
            if len(self._at) == _REMEMBERED:
                del self._at[next(iter(self._at))]
            self._at[total_charge] = _AtCharge(terms, slopes, tf.constant([total_charge], tf.float32))
        return self._at[total_charge]

    @property
    def traces(self) -> int:
        """How often the function behind :meth:`respond` was traced and compiled; never more than once."""
        return int(self._first.experimental_get_tracing_count())

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
            "correction/kernel": class_means(correction.kernel[None], prior.classes)[0],
            "correction/charge_scale": np.array(correction.charge_scale),
            "correction/energy_scale": np.array(correction.energy_scale),
            **{f"prior/{field.name}": getattr(prior, field.name) for field in fields(Prior)},
        }

    @classmethod
    def from_files(
        cls, name: str, electrode: Electrode, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> ResponseNet:
        """Rebuild a response net from what :func:`polcouple.nn.model_files.load_model_files` returned."""
        prior = Prior(**{field.name: arrays[f"prior/{field.name}"] for field in fields(Prior)})
        disagreements = description["largest_disagreements"]
        if not all(0.0 < value < np.inf for value in disagreements.values()):
            raise ValueError("largest_disagreements are not positive numbers")
        correction = Correction(
            arrays["correction/orbits"],
            arrays["correction/kernel"][prior.classes],
            float(arrays["correction/charge_scale"]),
            float(arrays["correction/energy_scale"]),
            filters=len(arrays["correction/filters"]),
            width=arrays["correction/kernel_1"].shape[1],
            members=len(arrays["correction/kernel_1"]),
        )
        for key, variable in correction.variables.items():
            variable.assign(arrays[f"correction/{key}"])
        return cls(name, electrode, prior, correction, disagreements)


def _mean(values: Any) -> Any:
    """Mean over the committee (first axis) in double precision."""
    tf = tensorflow()
    return tf.cast(tf.reduce_mean(values, axis=0), tf.float64)
