"""Populations of a block with a wide gap, without diagonalisation.

The sigma electrons of a carbon sheet fill all states below a gap that no site potential of a liquid closes.
What is needed of them is the subspace of filled states only. With o and v the filled and empty reference
states and W the change of the potential in their basis, it is spanned by the columns of (1; X) where

    R(X) = W_vo + H_vv X - X H_oo - X W_ov X = 0        (algebraic Riccati equation)

X is small, so X <- X - R / (H_vv,aa - H_oo,ii) gains two digits and more a step (for the equation: J. W.
Demmel, Computing 38, 43 (1987)). The density matrix is (1; X) (1 + X^T X)^-1 (1, X^T). Changes against the
reference are computed, not totals, so that single precision gives populations to some 1e-8 e.

Once such a point is known, its surroundings are covered by the block's linear response as long as the
neglected orders stay below the accuracy asked for. In a potential of size v the second is a part c v of the
first, with c measured with a probe, and the third a part (v/gap)^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from polcouple.dftb.arrays import Array, namespace, to_host
from polcouple.dftb.blocks import Block

#: single precision is used where an error of so many electrons, and so many per Hartree, is allowed
_SINGLE_PRECISION, _SINGLE_PRECISION_SLOPE = 2e-8, 2e-6
#: largest error of a population over (norm of R / gap): 0.05 to 0.9 measured on sheets of C and of BN
_SENSITIVITY = 2.0
#: largest potential of the probe in Hartree, of white noise; largest second order in any potential tried,
#: smooth, alternating or rough, over that of the probe: 1.6
_PROBE, _SAFETY = 0.01, 2.5
#: potentials that differ from the reference by more than this part of the gap are not handled
_VALID = 0.25
_MAX_STEPS = 30
#: of the tolerance, what patches are computed to, and solutions that they are to start from
_PATCH_SHARE, _SOLVED_SHARE = 0.1, 0.25
#: norm of X^T X up to which a series of a few terms replaces an inverse
_SHORT_SERIES = 0.02


class Patches(Protocol):
    """See :class:`polcouple.dftb.patches.Patches`."""

    part: float

    def departures(self, potential: np.ndarray, tolerance: float) -> np.ndarray:
        """(patches, sites of one) departures from linear response at ``potential`` (n_sites,)."""
        ...

    def of_sites(self, departures: np.ndarray) -> np.ndarray:
        """(n_sites,) those of the block."""
        ...

    def learn(self, departures: np.ndarray, exact: np.ndarray, allowed: float) -> None:
        """Compare with the ``exact`` departure (n_sites,), which may differ by what is ``allowed`` (e)."""
        ...


@dataclass(frozen=True, eq=False)
class Expansion:
    """Populations and band energy of the block at one potential, by site.

    Attributes:
        potential: (n_sites,) in Hartree.
        populations: (n_sites,) electrons.
        energy: sum of the energies of the filled states in Hartree.
        curvature: by how much the response changes up to here, as a part of the most that it could.
    """

    potential: np.ndarray
    populations: np.ndarray
    energy: float
    curvature: float


class GappedBlock:
    """A block at the Gamma point whose lowest ``n_filled`` states are filled and all others empty.

    Args:
        block: the block in the eigenbasis of its reference potential.
        n_filled: number of filled states.
        chi: (n_sites, n_sites) the block's response at the reference, 1/Hartree.
        patches: what gives :meth:`departure` faster, with an error, or None.
    """

    def __init__(self, block: Block, n_filled: int, chi: np.ndarray, patches: Patches | None = None) -> None:
        self._block = block
        self._n_filled = n_filled
        self._chi = chi
        n_sites = len(chi)
        electrons = np.where(np.arange(len(block)) < n_filled, 2.0, 0.0)
        populations = block.reference_populations(electrons, n_sites)
        self._own = populations > 0.0
        self.reference = Expansion(block.potential, populations, float(electrons @ block.energies), 1.0)
        self.gap = float(block.energies[n_filled] - block.energies[n_filled - 1])
        self._single = (block.vectors.astype(np.float32), block.duals.astype(np.float32))
        self._patches = patches
        #: the last solution, its tolerance (e), and the patches' departures there; infinite: there was none
        self._solved, self._solved_to, self._departures = self.reference, np.inf, np.zeros(1)
        self._curvature = 0.0
        self._curvature = self._measure_curvature()

    @property
    def electrons(self) -> float:
        """Electrons in the block."""
        return 2.0 * self._n_filled

    def reaches(self, potential: np.ndarray) -> bool:
        """Whether the equation can be solved at ``potential``: it is near enough to the reference."""
        return self._reach(potential) < _VALID * self.gap

    def _reach(self, potential: np.ndarray) -> float:
        return _largest(self._shift(potential, self.reference.potential)[0])

    def covers(self, potential: np.ndarray, fermi_level: float, margin: float) -> bool:
        """Whether the filling is certain: all levels stay further than ``margin`` from the Fermi level."""
        reach, (_, mean) = self._reach(potential), self._shift(potential, self.reference.potential)
        energies = self._block.energies + mean
        homo, lumo = energies[self._n_filled - 1 : self._n_filled + 1]
        return homo + reach + margin < fermi_level < lumo - reach - margin

    def evaluate(self, potential: np.ndarray, near: Expansion, tolerance: float) -> Expansion:
        """Populations at ``potential`` to ``tolerance`` (e): from ``near`` by linear response, or anew."""
        away, _ = self._shift(near.potential, self.reference.potential)
        shift, mean = self._shift(potential, near.potential)
        induced = self._chi @ shift
        if self._neglected(near.curvature, away, shift, induced) > tolerance:
            return self._beyond_linear(potential, tolerance)
        energy = near.energy + mean * self.electrons + float((near.populations + 0.5 * induced) @ shift)
        return Expansion(potential, near.populations + induced, energy, near.curvature)

    def departure(self, potential: np.ndarray, tolerance: float) -> np.ndarray:
        """(n_sites,) by how much the populations depart from linear response, to ``tolerance`` (e)."""
        shift, _ = self._shift(potential, self.reference.potential)
        change = self._solve(potential, tolerance).populations - self.reference.populations
        return change - self._chi @ shift

    def _beyond_linear(self, potential: np.ndarray, tolerance: float) -> Expansion:
        """Patches' departures since the last exact solution, where their error is allowed; or a new one."""
        if self._patches is None:
            return self._solve(potential, tolerance)
        departures = self._patches.departures(potential, _PATCH_SHARE * tolerance)
        if self._solved_to < tolerance:
            error = _SAFETY * self._patches.part * _largest(departures - self._departures)
            if error + 2.0 * _PATCH_SHARE * tolerance + self._solved_to <= tolerance:
                there, before = map(self._patches.of_sites, (departures, self._departures))
                return self._moved(potential, self._solved, there, before)
        self._solved_to, self._departures = _SOLVED_SHARE * tolerance, departures
        self._solved = self._solve(potential, self._solved_to)
        shift, _ = self._shift(potential, self.reference.potential)
        exact = self._solved.populations - self.reference.populations - self._chi @ shift
        self._patches.learn(departures, exact, (_SOLVED_SHARE + _PATCH_SHARE) * tolerance)
        return self._solved

    def _moved(
        self, potential: np.ndarray, near: Expansion, departure: np.ndarray, before: np.ndarray
    ) -> Expansion:
        """From ``near`` by linear response and the change of the departure (n_sites,) from ``before``.

        Departures are quadratic, so that their energy is a third of their product with the shift.
        """
        shift, mean = self._shift(potential, near.potential)
        away, _ = self._shift(near.potential, self.reference.potential)
        induced = self._chi @ shift
        energy = near.energy + mean * self.electrons
        energy += float((near.populations + 0.5 * induced - before) @ shift)
        energy += float(departure @ (away + shift) - before @ away) / 3.0
        populations = near.populations + induced + departure - before
        return Expansion(potential, populations, energy, self._curvature_at(away + shift, departure))

    def _curvature_at(self, shift: np.ndarray, departure: np.ndarray) -> float:
        """:attr:`Expansion.curvature` at ``shift`` (n_sites,) from the reference."""
        bound = self._neglected(1.0, np.zeros_like(shift), shift, self._chi @ shift)
        return min(1.0, _SAFETY * _largest(departure) / max(bound, 1e-300))

    def _shift(self, potential: np.ndarray, origin: np.ndarray) -> tuple[np.ndarray, float]:
        """Difference of two potentials on the block's sites as zero-mean part (n_sites,) and mean."""
        difference = np.where(self._own, potential - origin, 0.0)
        mean = float(difference.sum() / self._own.sum())
        return np.where(self._own, difference - mean, 0.0), mean

    def _neglected(self, curvature: float, away: np.ndarray, shift: np.ndarray, induced: np.ndarray) -> float:
        """Largest error of ``induced`` = chi @ ``shift`` (n_sites,), at ``away`` from the reference, in e.

        ``curvature`` is that of the expansion at ``away``.
        """
        a, v, before, first = (_largest(values) for values in (away, shift, self._chi @ away, induced))
        own = (self._curvature + v / self.gap**2) * v * first
        mixed = 2.0 * self._curvature * (a * first + v * before)
        mixed += 3.0 * (a * (a + v) * first + a * v * before) / self.gap**2
        return own + curvature * mixed

    def _measure_curvature(self) -> float:
        """Second order over the first and the largest potential, 1/Hartree, from a random probe."""
        noise = np.random.default_rng(0).uniform(-1.0, 1.0, len(self._chi))
        shift, _ = self._shift(noise, np.zeros_like(noise))
        shift *= min(_PROBE, 0.1 * self.gap) / _largest(shift)
        exact, induced = self._solve(self.reference.potential + shift, 1e-9).populations, self._chi @ shift
        error = exact - self.reference.populations - induced
        return _SAFETY * _largest(error) / (_largest(shift) * _largest(induced))

    def _solve(self, potential: np.ndarray, tolerance: float) -> Expansion:
        """Solve the Riccati equation until the populations' estimated error is below ``tolerance`` (e)."""
        shift, mean = self._shift(potential, self.reference.potential)
        block = self._block
        single = tolerance >= max(_SINGLE_PRECISION, _SINGLE_PRECISION_SLOPE * _largest(shift))
        vectors, duals = self._single if single else (block.vectors, block.duals)
        xp, o, v = namespace(vectors), slice(0, self._n_filled), slice(self._n_filled, len(block))
        middle = 0.5 * (block.energies[o][-1] + block.energies[v][0])
        energies = xp.asarray((block.energies - middle).astype(vectors.dtype))
        half = duals.T @ ((0.5 * shift[block.sites])[:, None].astype(vectors.dtype) * vectors)
        w_vo, w_oo, w_vv = half[v, o] + half[o, v].T, half[o, o] + half[o, o].T, half[v, v] + half[v, v].T
        bare = energies[v, None] - energies[o]
        dressed = bare + w_vv.diagonal()[:, None] - w_oo.diagonal()
        x = -w_vo / dressed
        before, small = float(xp.linalg.norm(w_vo)), np.finfo(vectors.dtype).eps
        for _ in range(_MAX_STEPS):
            w_x = w_vv @ x
            residual = w_vo + bare * x + w_x - x @ (w_oo + w_vo.T @ x)
            norm = float(xp.linalg.norm(residual))
            correction = residual / dressed
            left = norm * min(norm / max(before, 1e-300), 1.0)
            if _SENSITIVITY * left / self.gap <= tolerance or norm <= 4.0 * small * before:
                break
            x, before = x - correction, norm
        x = x - correction
        w_x = w_x - w_vv @ correction
        lost = _shrink(x.T @ x)
        energy = _inner(x - x @ lost, 2.0 * w_vo + w_x + energies[v, None] * x)
        energy -= _inner(lost, w_oo) + float(lost.diagonal().astype(float) @ energies[o])
        c_x, b_x = vectors[:, v] @ x, duals[:, v] @ x
        change = _rows(c_x - (vectors[:, o] + c_x) @ lost, duals[:, o] + b_x) + _rows(vectors[:, o], b_x)
        by_site = np.bincount(block.sites, 2.0 * to_host(change), minlength=len(potential))
        return Expansion(
            potential,
            self.reference.populations + by_site,
            self.reference.energy
            + mean * self.electrons
            + float(self.reference.populations @ shift)
            + 2.0 * energy,
            self._curvature_at(shift, by_site - self._chi @ shift),
        )


def _shrink(overlap: Array) -> Array:
    """(1 + G)^-1 G of a symmetric positive ``overlap`` G, by its series where that is short."""
    xp = namespace(overlap)
    size = float(xp.linalg.norm(overlap))
    if size > _SHORT_SERIES:
        return xp.linalg.solve(xp.eye(len(overlap), dtype=overlap.dtype) + overlap, overlap)
    result, term, left = overlap.copy(), overlap, size
    while left > np.finfo(overlap.dtype).eps:
        term = -(term @ overlap)
        result += term
        left *= size
    return result


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())


def _inner(a: Array, b: Array) -> float:
    """Sum of products in double precision."""
    return float((a * b).sum(dtype=float))


def _rows(a: Array, b: Array) -> Array:
    return namespace(a).einsum("ij,ij->i", a, b).astype(float)
