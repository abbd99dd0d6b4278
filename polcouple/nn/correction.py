"""The trained part of a response net: what it is made of.

    E(phi, Q) = s sum_i [g(u_i, Q) - g(0, Q)],      u_im = sum_j F_m(i, j) (K phi)_j / charge_scale

F_m(i, j) is the same for all pairs that a translation or two-fold rotation of the electrode maps onto each
other. :mod:`polcouple.learning.correction_training` trains it, :mod:`polcouple.nn.response_net` evaluates it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polcouple.lattice.symmetry import SymmetryOperation
from polcouple.nn.prior import PairMatrix

#: total charges are divided by this before they enter the network (e)
CHARGE_SCALE = 8.0
#: rows of matrices over all pairs that are made at a time
_ROWS = 512


@dataclass(frozen=True, eq=False)
class Correction:
    """Filters shared by a committee of k small dense networks.

    Attributes:
        orbits: (n, n) from :func:`pair_orbits`.
        kernel: K in e^2/Hartree that turns potentials into induced charges before filtering.
        charge_scale: root mean square of these induced charges in the training data (e).
        energy_scale: s in Hartree.
        weights: single precision arrays by name: filters (M, orbits), and for each member kernel_0
            (k, M + 1, w), whose last row is the total charge's, bias_0 (k, 1, w), kernel_1 (k, w, w), bias_1
            (k, 1, w), kernel_2 (k, w, 1).

    Raises:
        ValueError: a weight has another shape than these.
    """

    orbits: np.ndarray
    kernel: PairMatrix
    charge_scale: float
    energy_scale: float
    weights: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        members, width, _ = self.weights["kernel_1"].shape
        shapes = weight_shapes(self.orbits, len(self.weights["filters"]), width, members)
        for name, shape in shapes.items():
            if self.weights[name].shape != shape:
                raise ValueError(f"{name} has shape {self.weights[name].shape}, not {shape}")

    @property
    def members(self) -> int:
        """Networks in the committee."""
        return len(self.weights["kernel_1"])

    def filter_columns(self, atoms: np.ndarray) -> np.ndarray:
        """(M, n, a) columns of ``atoms`` (a,) of the M matrices from potentials to u, single precision."""
        columns = self.kernel.columns(atoms) / self.charge_scale
        filters = self.weights["filters"].astype(float)
        found = np.empty((len(filters), *columns.shape), np.float32)
        for start in range(0, len(columns), _ROWS):
            orbits = self.orbits[start : start + _ROWS]
            for filtered, values in zip(found, filters, strict=True):
                filtered[start : start + _ROWS] = values[orbits] @ columns
        return found


def weight_shapes(orbits: np.ndarray, filters: int, width: int, members: int) -> dict[str, tuple[int, ...]]:
    """Shape of each of :attr:`Correction.weights`."""
    return {
        "filters": (filters, int(orbits.max()) + 1),
        "kernel_0": (members, filters + 1, width),
        "bias_0": (members, 1, width),
        "kernel_1": (members, width, width),
        "bias_1": (members, 1, width),
        "kernel_2": (members, width, 1),
    }


def initial_weights(
    orbits: np.ndarray, filters: int, width: int, members: int, seed: int
) -> dict[str, np.ndarray]:
    """Random weights to begin training with, see :attr:`Correction.weights`."""
    random = np.random.default_rng(seed)
    shapes = weight_shapes(orbits, filters, width, members)
    start = random.normal(size=shapes["filters"]) * 0.7 / np.sqrt(len(orbits))
    start[:, np.unique(orbits.diagonal())] += random.normal(size=(filters, 1)) * 0.7
    weights = {
        "filters": start,
        "kernel_0": random.normal(size=shapes["kernel_0"]) / np.sqrt(filters + 1),
        "bias_0": np.zeros(shapes["bias_0"]),
        "kernel_1": random.normal(size=shapes["kernel_1"]) / np.sqrt(width),
        "bias_1": np.zeros(shapes["bias_1"]),
        "kernel_2": random.normal(size=shapes["kernel_2"]) * 0.1 / np.sqrt(width),
    }
    return {name: value.astype(np.float32) for name, value in weights.items()}


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
