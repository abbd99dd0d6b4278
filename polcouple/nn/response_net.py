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
from augmented data. Filters and g are trained.

Because the rows of K sum to zero, E depends on d and on Q mean(phi) only, and the charges sum to Q. Since phi
is all that the electrode sees, nothing in the model knows which liquid made it.

A committee of networks g shares the filters; each saw other frames. Their mean is the answer, their
disagreement tells when phi is unlike what they were trained on.

K and filters are applied as convolutions over the lattice (:class:`LatticeConvolution`), which keeps all that
a solve touches in the cache and lets its cost grow as N log N; an electrode that does not repeat is one part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from polcouple.electrode import Electrode
from polcouple.lattice.convolution import LatticeConvolution, lattice_orbits
from polcouple.lattice.matrix import SMALLEST, Matrix, RepeatingMatrix, block_circulant
from polcouple.nn.committee import Committee
from polcouple.nn.correction import CHARGE_SCALE, Correction
from polcouple.nn.prior import PairMatrix, Prior, Terms, class_means

#: arrays of weights
_WEIGHTS = ("filters", "kernel_0", "bias_0", "kernel_1", "bias_1", "kernel_2")
#: total charges whose kernels are kept
_REMEMBERED = 8


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
    """What depends on the total charge alone.

    Attributes:
        terms: of the prior, then their first and second derivatives by Q.
        kernels: multiplies the three terms' K with a fluctuation.
        condition: the committee's input.
        energy_at_zero, slope_at_zero, curvature_at_zero: means over the committee of g(0, Q) and of its first
            and second derivatives by the condition.
    """

    terms: tuple[Terms, Terms, Terms]
    kernels: LatticeConvolution
    condition: float
    energy_at_zero: float
    slope_at_zero: float
    curvature_at_zero: float


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
        self.name = name
        self.electrode = electrode
        self.prior = prior
        self.correction = correction
        self.disagreements = disagreements
        n = len(electrode)
        self._parts = lattice_orbits(electrode)
        if not all(block_circulant(pairs, *self._parts) for pairs in (prior.classes, correction.orbits)):
            self._parts = np.arange(n)[None], (1, 1, 1)
        self._filters = LatticeConvolution(correction.filter_columns(self._parts[0][0]), *self._parts)
        self._committee = Committee(correction.weights, n)
        self._at_zero = Committee(correction.weights, 1)
        self._at: dict[float, _AtCharge] = {}

    def respond(self, site_potentials: np.ndarray, total_charge: float) -> Response:
        """Charges, energy and Fermi level for (n,) site potentials in Hartree/e, at any total charge.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        at, scale = self._at_charge(total_charge), self.correction.energy_scale
        fluctuation = site_potentials - site_potentials.mean()
        induced = at.kernels(fluctuation)
        sums = self._committee.first(self._features(fluctuation), at.condition)
        by_potential = self._by_potential(sums.by_features)
        charges = at.terms[0].charges + induced[0] + scale * by_potential.mean(axis=0)
        charges += (total_charge - charges.sum()) / len(charges)
        energy = float(sums.values.mean()) - len(charges) * at.energy_at_zero
        slope = (float(sums.by_condition.mean()) - len(charges) * at.slope_at_zero) / CHARGE_SCALE
        return Response(
            charges,
            at.terms[0].value(site_potentials, induced[0]) + scale * energy,
            -(at.terms[1].value(site_potentials, induced[1]) + scale * slope),
            scale * float(by_potential.std(axis=0).max()),
        )

    def charge_response(self, site_potentials: np.ndarray, total_charge: float) -> ChargeResponse:
        """Fukui vector and hardness for (n,) site potentials in Hartree/e.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        at, scale = self._at_charge(total_charge), self.correction.energy_scale / CHARGE_SCALE
        fluctuation = site_potentials - site_potentials.mean()
        induced = at.kernels(fluctuation)
        sums = self._committee.by_condition(self._features(fluctuation), at.condition)
        mixed = self._by_potential(sums.by_features).mean(axis=0)
        fukui = at.terms[1].charges + induced[1] + scale * mixed
        fukui += (1.0 - fukui.sum()) / len(fukui)
        curvature = float(sums.by_condition.mean()) - len(fukui) * at.curvature_at_zero
        hardness = at.terms[2].value(site_potentials, induced[2]) + scale * curvature / CHARGE_SCALE
        return ChargeResponse(fukui, hardness)

    def kernel(self, total_charge: float) -> Matrix:
        """(n, n) K = dq/dphi of the linear-response prior in e^2/Hartree.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        terms = self.prior.at(total_charge)
        if len(self.electrode) < SMALLEST or len(self._parts[0]) == 1:
            return terms.kernel
        return RepeatingMatrix(terms.pairs.columns(self._parts[0][0]), *self._parts)

    def _features(self, fluctuation: np.ndarray) -> np.ndarray:
        """(n, M) filtered charges u."""
        return self._filters(fluctuation.astype(np.float32)).T

    def _by_potential(self, by_features: np.ndarray) -> np.ndarray:
        """(k, n) derivatives by site potentials for (k, M, n) derivatives by u, in units of energy_scale."""
        by_potential = self._filters.adjoint(by_features).astype(float)
        return by_potential - by_potential.mean(axis=1, keepdims=True)

    def _at_charge(self, total_charge: float) -> _AtCharge:
        """What depends on the total charge alone; the last few are remembered."""
        if total_charge not in self._at:
            at = self.prior.at
            terms = at(total_charge), at(total_charge, order=1), at(total_charge, order=2)
            columns = np.stack([part.pairs.columns(self._parts[0][0]) for part in terms])
            condition = total_charge / CHARGE_SCALE
            zero = np.zeros((1, len(self.correction.weights["filters"])), np.float32)
            first = self._at_zero.first(zero, condition)
            second = self._at_zero.by_condition(zero, condition)
            if len(self._at) == _REMEMBERED:
                del self._at[next(iter(self._at))]
            self._at[total_charge] = _AtCharge(
                terms,
                LatticeConvolution(columns, *self._parts),
                condition,
                float(first.values.mean()),
                float(first.by_condition.mean()),
                float(second.by_condition.mean()),
            )
        return self._at[total_charge]

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
                "filters": len(correction.weights["filters"]),
                "width": correction.weights["kernel_1"].shape[1],
                "members": correction.members,
                "activation": "softplus",
            },
            "largest_disagreements": {Q: float(value) for Q, value in self.disagreements.items()},
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays of weights.h5."""
        prior, correction = self.prior, self.correction
        return {
            **{f"correction/{name}": value for name, value in correction.weights.items()},
            "correction/orbits": correction.orbits,
            "correction/kernel": class_means(correction.kernel.whole[None], prior.classes)[0],
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
            PairMatrix(arrays["correction/kernel"], prior.classes),
            float(arrays["correction/charge_scale"]),
            float(arrays["correction/energy_scale"]),
            {key: np.asarray(arrays[f"correction/{key}"], np.float32) for key in _WEIGHTS},
        )
        return cls(name, electrode, prior, correction, disagreements)
