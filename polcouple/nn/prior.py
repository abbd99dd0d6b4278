"""Linear response of the electrode at zero site potentials, as a function of its total charge Q.

    E(phi, Q) = E0(Q) + q0(Q) . phi + 1/2 d . K(Q) d,      d = phi - mean(phi)

E0, q0 and K are cubic Hermite interpolants in Q, so that E and its first derivatives are continuous:

- dE0/dQ = -mu0, since E is the Mermin free energy and Q counts electrons with a minus sign;
- dq0/dQ = f0, the Fukui vector;
- dK/dQ by second-order differences between the nodes.

At the nodes E0, mu0, q0, f0 and K are those of SCC-DFTB. Where a shell of levels is just filled, mu0 jumps
within less than 1e-6 e of Q, logarithmically on either side; nodes close to such a charge
(:mod:`polcouple.dftb.shells`) spread the jump over 0.02 e to either side and no further. Between these two
mu0 is straight, for E must stay convex in Q; the node of the shell itself counts at its own charge alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from polcouple.dftb.hermite import hermite_weights
from polcouple.dftb.shells import BRACKET
from polcouple.errors import ModelMismatchError


@dataclass(frozen=True, eq=False)
class PairMatrix:
    """A matrix (n, n) over an electrode's atoms that has one value for each class of pairs.

    Attributes:
        values: (p,) in any units.
        classes: (n, n) class of each pair, from 0 to p - 1.
    """

    values: np.ndarray
    classes: np.ndarray

    @property
    def whole(self) -> np.ndarray:
        """All of it (n, n)."""
        return self.values[self.classes]

    def columns(self, atoms: np.ndarray) -> np.ndarray:
        """(n, a) the columns of ``atoms`` (a,)."""
        return self.values[self.classes[:, atoms]]


@dataclass(frozen=True, eq=False)
class Terms:
    """E(phi, Q) at one Q, or its first or second derivative with respect to Q.

    Attributes:
        energy: E0 in Hartree.
        charges: (n,) q0 in e.
        pairs: K in e^2/Hartree; symmetric, rows sum to 0.
    """

    energy: float
    charges: np.ndarray
    pairs: PairMatrix

    @property
    def kernel(self) -> np.ndarray:
        """K (n, n) in e^2/Hartree."""
        return self.pairs.whole

    def value(self, site_potentials: np.ndarray, induced: np.ndarray) -> float:
        """In Hartree, for (n,) potentials in Hartree/e and the charges (n,) that K induces at them."""
        # the induced charges sum to zero: the mean of the potentials makes no difference to the product
        return self.energy + float((self.charges + 0.5 * induced) @ site_potentials)


@dataclass(frozen=True, eq=False)
class Prior:
    """What the interpolation rests on.

    Attributes:
        total_charges: (c,) nodes, ascending, in e.
        energies, fermi_levels: (c,) E0 and mu0 in Hartree.
        charges: (c, n) q0 in e; row c sums to ``total_charges[c]``.
        fukui: (c, n) f0, each row sums to 1.
        kernels: (c, p) K = dq/dphi in e^2/Hartree, one value for each class of pairs.
        classes: (n, n) class of each pair of atoms, symmetric, from 0 to p - 1.
    """

    total_charges: np.ndarray
    energies: np.ndarray
    fermi_levels: np.ndarray
    charges: np.ndarray
    fukui: np.ndarray
    kernels: np.ndarray
    classes: np.ndarray

    def at(self, total_charge: float, order: int = 0) -> Terms:
        """The terms at ``total_charge``, or their derivative of ``order`` 1 or 2 with respect to it.

        Raises:
            ModelMismatchError: outside the range covered.
        """
        nodes = self.total_charges
        if not nodes[0] - 1e-9 <= total_charge <= nodes[-1] + 1e-9:
            raise ModelMismatchError(
                f"the model covers total charges from {nodes[0]:g} to {nodes[-1]:g} e, "
                f"not {total_charge:g} e; label frames at that charge and train again"
            )
        counted = np.flatnonzero(~self._filled_shells | (np.abs(nodes - total_charge) < 1e-9))
        nodes = nodes[counted]
        if len(nodes) == 1:
            used, weights = counted, np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])[order][:, None]
        else:
            left = int(np.clip(np.searchsorted(nodes, total_charge) - 1, 0, len(nodes) - 2))
            used = counted[left : left + 2]
            weights = hermite_weights(total_charge - nodes[left], nodes[left + 1] - nodes[left], order)
        values, slopes = weights
        charges = values @ self.charges[used] + slopes @ self.fukui[used]
        charges += ((total_charge, 1.0, 0.0)[order] - charges.sum()) / len(charges)
        pair_values = values @ self.kernels[used] + slopes @ self._kernel_slopes[used]
        energy = values @ self.energies[used] - slopes @ self.fermi_levels[used]
        return Terms(float(energy), charges, PairMatrix(pair_values, self.classes))

    @cached_property
    def _filled_shells(self) -> np.ndarray:
        """(c,) which nodes fill a shell: those that have others so close on both sides."""
        filled = np.full(len(self.total_charges), False)
        filled[1:-1] = self.total_charges[2:] - self.total_charges[:-2] < 2.5 * BRACKET[0]
        return filled

    @cached_property
    def _kernel_slopes(self) -> np.ndarray:
        """(c, p) dK/dQ by differences of second order where there are three nodes or more."""
        if len(self.total_charges) == 1:
            return np.zeros_like(self.kernels)
        edge_order: Literal[1, 2] = 2 if len(self.total_charges) > 2 else 1
        return np.gradient(self.kernels, self.total_charges, axis=0, edge_order=edge_order)


def pair_classes(orbits: np.ndarray) -> np.ndarray:
    """(n, n) classes of pairs on which a symmetric kernel with the electrode's symmetry has one value.

    Args:
        orbits: (n, n) class of each ordered pair under the electrode's symmetries.
    """
    classes = np.unique(np.minimum(orbits, orbits.T), return_inverse=True)[1]
    return classes.reshape(orbits.shape).astype(np.int32)


def class_means(matrices: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(c, p) mean over each class of (c, n, n) matrices, whose rows are first made to sum to zero."""
    flat = classes.ravel()
    counts = np.bincount(flat)
    means = []
    for matrix in matrices:
        centred = matrix - matrix.mean(axis=0)
        centred = centred - centred.mean(axis=1)[:, None]
        means.append(np.bincount(flat, centred.ravel()) / counts)
    return np.array(means)
