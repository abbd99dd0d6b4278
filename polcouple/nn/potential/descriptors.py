"""NeuralIL's descriptors of an atom's surroundings: the power spectrum of the neighbours' densities.

    p_ab,nl = sum over neighbours j of element a and k of element b of
              g_nl(r_j) g_nl(r_k) (2l + 1)/(4 pi) P_l(cos of the angle between them),

pairs j = k included (H. Montes-Campos et al., J. Chem. Inf. Model. 62, 88 (2022)). By the addition theorem
that is the sum over m of c_a,nlm c_b,nlm with c_a,nlm the sum over j of g_nl(r_j) Y_lm, which takes a time
proportional to the neighbours, not to their pairs. Lengths are in Angstrom, as in the paper: the spectrum
goes into the network as it is, in Angstrom^-3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polcouple.lattice.pairs import Pairs
from polcouple.nn.potential._kernels import kernels
from polcouple.nn.potential.harmonics import prefactors
from polcouple.nn.potential.radial import channels, radial_table


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The atoms of one frame and what each sees.

    Attributes:
        kinds: (n,) number of each atom's element.
        pairs: neighbours within the cut-off, Angstrom.
        coefficients: (n, elements, k) of the densities.
        spectrum: (n, d) the descriptors.
    """

    kinds: np.ndarray
    pairs: Pairs
    coefficients: np.ndarray
    spectrum: np.ndarray


class Descriptors:
    """Descriptors and their derivatives, of ``elements`` elements, up to ``n_max``, within ``cutoff`` (A).

    Attributes:
        length: d, of the descriptors of an atom.
    """

    def __init__(self, elements: int, n_max: int, cutoff: float) -> None:
        self.elements = elements
        self.cutoff = cutoff
        self._kernels = kernels(n_max + 1)
        self._couples = elements * (elements + 1) // 2
        self._channels = len(channels(n_max))
        self._harmonics = sum(2 * order + 1 for order, _ in channels(n_max))
        self._table = radial_table(n_max, cutoff)
        self._factors = prefactors(n_max)
        self.length = self._couples * self._channels

    def surroundings(self, kinds: np.ndarray, pairs: Pairs) -> Surroundings:
        """What each atom sees."""
        n = len(kinds)
        coefficients = np.empty((n, self.elements, self._harmonics))
        spectrum = np.empty((n, self._couples, self._channels))
        self._kernels.densities(0, n, *self._of(kinds, pairs), coefficients)
        self._kernels.power_spectrum(coefficients, spectrum)
        return Surroundings(kinds, pairs, coefficients, spectrum.reshape(n, self.length))

    def by_vectors(self, seen: Surroundings, by_spectrum: np.ndarray) -> np.ndarray:
        """(p, 3) derivative by the pairs' vectors of what has the derivatives ``by_spectrum`` (n, d)."""
        n = len(seen.kinds)
        by_coefficients = np.empty_like(seen.coefficients)
        by_vectors = np.empty_like(seen.pairs.vectors)
        given = np.ascontiguousarray(by_spectrum).reshape(n, self._couples, self._channels)
        self._kernels.spectrum_pullback(seen.coefficients, given, by_coefficients)
        self._kernels.pair_derivatives(0, n, *self._of(seen.kinds, seen.pairs), by_coefficients, by_vectors)
        return by_vectors

    def tangent(self, seen: Surroundings, moves: np.ndarray) -> np.ndarray:
        """(n, d) change of the descriptors with ``moves`` (p, 3) of the pairs' vectors."""
        n = len(seen.kinds)
        changes = np.empty_like(seen.coefficients)
        tangent = np.empty((n, self._couples, self._channels))
        self._kernels.density_tangent(*self._of(seen.kinds, seen.pairs), moves, changes)
        self._kernels.spectrum_tangent(seen.coefficients, changes, tangent)
        return tangent.reshape(n, self.length)

    def _of(self, kinds: np.ndarray, pairs: Pairs) -> tuple:
        return pairs.first, pairs.second, pairs.vectors, kinds, self._table, self.cutoff, self._factors
