"""Newton's step for the self-consistent populations, with the exact Jacobian at the present point.

Populations n are self-consistent where the residual r(n) = n_out(V(n)) - n vanishes. With chi the response of
the states just diagonalised, Newton's step s solves

    J s = r,    J = 1 - chi gamma.

chi is not built: its product with a vector costs two products of matrices of states, and some of them, from
the step that a nearby reference state predicts, suffice (generalised conjugate residuals, S. C. Eisenstat,
H. C. Elman, M. H. Schultz, SIAM J. Numer. Anal. 20, 345 (1983)). What is left of the equation bounds the
error of the step: gamma is positive and chi negative definite, so that no mode is softer than J = 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from polcouple.dftb.arrays import namespace, to_host
from polcouple.dftb.blocks import Block
from polcouple.dftb.filling import Filling, level_weights
from polcouple.dftb.response import SAME_OCCUPATION, pair_weights

#: products with chi after which the step is taken as it is
_MAX_PRODUCTS = 40
#: single precision of real and of complex numbers
_SINGLE = {"f": np.float32, "c": np.complex64}


class StateResponse:
    """chi of given states at a constant number of electrons or Fermi level, times a vector.

    Args:
        states: blocks in the eigenbasis of the present potential.
        filling: of all their levels.
        temperature: k_B T in Hartree.
        gapped: chi (n_sites, n_sites) of each block that was not diagonalised, 1/Hartree.
        held_fermi_level: the Fermi level stays instead of the number of electrons.
        single: compute in single precision, which is a millionth of a product.

    Attributes:
        fukui: (n_sites,) d(electrons)/dN at constant potential.
    """

    def __init__(
        self,
        states: Sequence[Block],
        filling: Filling,
        temperature: float,
        gapped: Sequence[np.ndarray],
        n_sites: int,
        held_fermi_level: bool = False,
        single: bool = False,
    ) -> None:
        self._held_fermi_level = held_fermi_level
        self._gapped = gapped
        self._states: list[_Pairs] = []
        energies = np.concatenate([block.energies for block in states])
        degeneracies = np.concatenate([np.full(len(block), block.degeneracy) for block in states])
        shares = degeneracies * level_weights(filling.fermi_level, energies, temperature)
        shares /= shares.sum()
        self.fukui = np.zeros(n_sites)
        start = 0
        for block in states:
            own = slice(start, start + len(block))
            start += len(block)
            self.fukui += block.reference_populations(shares[own], n_sites)
            occupations = filling.occupations[own]
            filled = np.arange(int(np.sum(occupations > SAME_OCCUPATION)))
            empty = np.arange(int(np.sum(1.0 - occupations <= SAME_OCCUPATION)), len(block))
            weights = pair_weights(block.energies, occupations, temperature, filled, empty)
            self._states.append(_Pairs(block, -0.5 * block.degeneracy * weights, single))

    def __call__(self, shift: np.ndarray) -> np.ndarray:
        """Change of the populations (n_sites,) with the potential (n_sites,) in Hartree."""
        if not self._held_fermi_level:  # a constant changes nothing but for rounding
            shift = shift - shift.mean()
        change = sum((chi @ shift for chi in self._gapped), np.zeros(len(shift)))
        for pairs in self._states:
            change += np.bincount(pairs.sites, pairs.by_orbital(shift), minlength=len(shift))
        return change if self._held_fermi_level else change - change.sum() * self.fukui


class _Pairs:
    """Pairs of levels of one block and their ``weights`` (n_filled, n_empty)."""

    def __init__(self, block: Block, weights: np.ndarray, single: bool) -> None:
        self.sites = block.sites
        n_filled, n_empty = weights.shape
        vectors, duals = block.vectors, block.duals
        if single:
            weights = weights.astype(np.float32)
            vectors, duals = (x.astype(_SINGLE[x.dtype.kind]) for x in (vectors, duals))
        xp = namespace(vectors)
        self._weights = xp.asarray(weights)
        self._filled = [x[:, :n_filled] for x in (vectors, duals)]
        self._empty = [x[:, len(block) - n_empty :] for x in (vectors, duals)]

    def by_orbital(self, shift: np.ndarray) -> np.ndarray:
        """Change of each orbital's population (n,) with the potential ``shift`` (n_sites,)."""
        (c, b), (c_empty, b_empty) = self._filled, self._empty
        half = namespace(c).asarray((0.5 * shift[self.sites, None]).astype(self._weights.dtype))
        mixing = self._weights * (c.conj().T @ (half * b_empty) + b.conj().T @ (half * c_empty))
        return to_host(((c @ mixing) * b_empty.conj() + (b @ mixing) * c_empty.conj()).real.sum(axis=1))


def newton_step(
    chi: Callable[[np.ndarray], np.ndarray],
    gamma: np.ndarray,
    inverse: np.ndarray,
    residual: np.ndarray,
    tolerance: float,
    part: float,
) -> tuple[np.ndarray, float]:
    """Step (n,) that removes ``residual`` (n,), and a bound on its error, in e.

    Args:
        chi: its product with a vector (n,).
        gamma: (n, n) in Hartree/e^2.
        inverse: (n, n) 1/J of a nearby state.
        tolerance: error that may remain, e.
        part: of the step's largest element that may remain.
    """
    step, left = np.zeros_like(residual), residual
    directions: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(_MAX_PRODUCTS):
        direction = inverse @ left
        image = direction - chi(gamma @ direction)
        for earlier, its_image in directions:
            overlap = float(its_image @ image)
            direction, image = direction - overlap * earlier, image - overlap * its_image
        norm = float(np.linalg.norm(image))
        if norm == 0.0:
            break
        direction, image = direction / norm, image / norm
        directions.append((direction, image))
        advance = float(image @ left)
        step, left = step + advance * direction, left - advance * image
        if np.abs(left).max() <= max(tolerance, part * np.abs(step).max()):
            break
    return step, float(np.abs(left).max())


class LineSearch:
    """How far to go along a step: self-consistent populations minimise a convex function of the populations.

    Its gradient is -gamma r (J. Harris, Phys. Rev. B 31, 1770 (1985), has the function). A step that leads so
    far beyond the minimum along it that the slope is steeper than half that at its start is shortened.

    Args:
        slope: step . gamma r at the start of the step.

    Attributes:
        part: of the step to take.
    """

    def __init__(self, slope: float) -> None:
        self.part = 1.0
        self._allowed = 0.5 * abs(slope)
        self._near, self._far = (0.0, slope), (np.inf, -np.inf)

    def accepts(self, slope: float) -> bool:
        """Whether :attr:`part`, at which step . gamma r is ``slope``, will do; if not, another one is set."""
        if abs(slope) <= self._allowed or (slope > 0.0 and self._far[0] == np.inf):
            return True
        if slope > 0.0:
            self._near = (self.part, slope)
        else:
            self._far = (self.part, slope)
        (x0, y0), (x1, y1) = self._near, self._far
        self.part = x0 + (x1 - x0) * float(np.clip(y0 / (y0 - y1), 0.1, 0.9))
        return False
