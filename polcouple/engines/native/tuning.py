"""Parameters of the native engine's Coulomb sum that follow from the accuracy of forces and potentials.

The estimates are those of :mod:`polcouple.electrostatics.splitting`; for forces of the field in place of the
potential: independent charges as dense as in water, each wave vector weighted with k^2, and an alias that is
read with the gradient of the window with its own wave vector squared. They are worked out once for a cut-off
of one: the error of a field falls with the root of the cut-off, that of a potential grows with it.

Any cut-off up to that of the Lennard-Jones interactions will do. A shorter one leaves fewer pairs, and a
finer mesh; the cheapest is taken.

Potentials at a few sites have a cut-off of their own, a longer one, since they have fewer pairs: their part
on the same mesh is then smooth, and needs a mesh hardly finer than that of the forces for an error ten times
smaller.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.fft import next_fast_len

from polcouple.electrostatics import splitting as split
from polcouple.electrostatics.window import Window, best_window

#: relative error of the forces in flexible water at 300 K, over this, is the estimated error of the field
#: (Hartree/(bohr e)); measured errors are 0.2 to 0.95 of what is asked for
FIELD = 0.045
#: widths of the window, in mesh points
_WIDTHS = range(6, 15)
_OVERSAMPLING = (1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.75, 2.0)
#: cut-offs of the Coulomb pairs that are looked at, over the longest that may be: the usual winners first
_CUT_OFFS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
#: cut-off of potentials at sites, bohr
_SITE_CUT_OFF = 17.0
#: smallest wave vector times cut-off that estimates begin from: edges of 25 cut-offs
_LOWEST = 2.0 * np.pi / 25.0
#: atoms per bohr^3 in water
_DENSITY = 0.0148


def choose_splittings(
    cell: np.ndarray, longest: float, accuracy: float, potential_accuracy: float | None = None
) -> tuple[split.Splitting, split.Splitting | None]:
    """The cheapest parameters for forces of a relative root mean square error below ``accuracy`` in water.

    Args:
        cell: (3, 3) in bohr, one lattice vector per row.
        longest: the longest cut-off of the real-space sum in bohr.
        accuracy: from 1e-10 to 1e-2.
        potential_accuracy: largest error in Hartree/e of potentials at sites, where they are read, too.

    Returns:
        The splitting of the forces, and that of the potentials on the same mesh where they are read.
    """
    volume = abs(float(np.linalg.det(cell)))
    edges = np.linalg.norm(cell, axis=1)
    # largest error of potentials in the units of the estimates, for which the cut-off is one
    unit = split.LARGEST_OVER_RMS * np.sqrt(_SITE_CUT_OFF * split.SQUARED_CHARGE_DENSITY)
    potential = np.inf if potential_accuracy is None else potential_accuracy / unit
    best_cost, best = np.inf, None
    for r_cut in longest * np.array(_CUT_OFFS):
        field = accuracy * FIELD * np.sqrt(r_cut / split.SQUARED_CHARGE_DENSITY)
        further = _SITE_CUT_OFF / r_cut
        beta = 4.0
        while _truncated_field(beta) > 0.6 * field or _truncated_potential(beta * further) > 0.5 * potential:
            beta += 0.125
        points = edges * beta / (np.pi * r_cut)
        meshes = [_mesh(oversampling * points) for oversampling in _OVERSAMPLING]
        for width in _WIDTHS:
            costs = [_cost(width, math.prod(mesh), float(r_cut), volume) for mesh in meshes]
            cheaper = bisect_left(costs, best_cost)
            found = _coarsest(
                width,
                beta,
                None if potential_accuracy is None else further,
                0.8 * field,
                0.8 * potential,
                _OVERSAMPLING[:cheaper],
            )
            if found is None:
                continue
            at, best_window = found
            best_cost = costs[at]
            estimate = float(np.hypot(best_window.field, _truncated_field(beta)) / field) * accuracy
            best = split.Splitting(float(r_cut), beta, meshes[at], best_window.window, estimate)
    assert best is not None
    if potential_accuracy is None:
        return best, None
    beta = best.k_max * _SITE_CUT_OFF
    estimate = unit * float(np.hypot(best_window.potential, _truncated_potential(beta)))
    return best, replace(best, r_cut=_SITE_CUT_OFF, beta=beta, estimated_error=estimate)


@dataclass(frozen=True)
class _Found:
    """A window and its root mean square errors of field and potential, for cut-offs of one."""

    window: Window
    field: float
    potential: float


def _coarsest(
    width: int,
    beta: float,
    further: float | None,
    field: float,
    potential: float,
    oversamplings: Sequence[float],
) -> tuple[int, _Found] | None:
    """The first of the ``oversamplings`` at which both errors stay below the largest allowed.

    Errors fall with it, so that none will do if the last does not. ``further`` is the cut-off of potentials
    over that of forces; None without potentials.
    """

    def fine(oversampling: float) -> bool:
        window = _window(width, oversampling, beta, further)
        return window.field < field and window.potential < potential

    if not oversamplings or not fine(oversamplings[-1]):
        return None
    at = bisect_left(oversamplings, True, key=fine)
    return at, _window(width, oversamplings[at], beta, further)


def _mesh(points: np.ndarray) -> tuple[int, int, int]:
    """The least numbers of points, of which transforms are fast, from ``points`` (3,) on."""
    n0, n1, n2 = (max(int(n), 2) for n in np.ceil(points))
    return next_fast_len(n0), next_fast_len(n1), next_fast_len(n2, real=True)


@cache
def _truncated_field(beta: float) -> float:
    """Root mean square error of the field of ending the reciprocal sum at k_max, in water."""
    t = beta * np.concatenate([np.linspace(1.0, 2.0, 2000), np.geomspace(2.0, 50.0, 2000)[1:]])
    tail = (split.transform(beta, t) / split.transform(beta, np.zeros(1))) ** 2
    # the tail oscillates and falls as 1/t^2: the integral converges
    return float(np.sqrt(8.0 * np.trapezoid(tail, t)))


_truncated_potential = cache(split.truncated_potential)


@cache
def _window(width: int, oversampling: float, beta: float, further: float | None) -> _Found:
    """The window with the least aliasing of the field, or the least product of that and the potential's."""
    errors = [split.aliased(width, oversampling, beta, _LOWEST, field=True)]
    if further is not None:
        errors.append(split.aliased(width, oversampling, beta * further, _LOWEST))
    window, found = best_window(width, errors)
    return _Found(window, found[0], found[1] if further is not None else 0.0)


def _cost(width: int, points: float, r_cut: float, volume: float) -> float:
    """Time of one evaluation in ns, about, in a half-filled cell.

    Spreading and reading, the mesh's transforms, and the pairs: a cluster's lists reach further than r_cut.
    """
    lanes = -(-width // 8) * 8
    atoms = 0.5 * _DENSITY * volume
    pairs = 0.5 * _DENSITY * 4.2 * (r_cut + 5.0) ** 3
    return atoms * (1.2 * width**2 * lanes / 2 + 1.6 * pairs) + 20.0 * points


def force_series(parameters: split.Splitting, accuracy: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Series of force and energy, D in 1/bohr^3 and P in 1/bohr (:mod:`polcouple.engines.native.pairs`).

    Args:
        accuracy: relative, of the forces.
    """
    energy = split.short_range_polynomial(parameters, 0.03 * accuracy * FIELD)
    exact = split.short_range_polynomial(parameters, 1e-14)
    scale = 4.0 / parameters.r_cut**2
    slope = np.polynomial.polynomial.polyder(exact) * scale
    nodes = np.linspace(-1.0, 1.0, 2001)
    values = np.polynomial.polynomial.polyval(nodes, slope)
    radius = parameters.r_cut * np.sqrt(0.5 * (nodes + 1.0))
    for terms in range(4, len(slope) + 1):
        fitted = np.polynomial.Chebyshev.fit(nodes, values, terms - 1, domain=[-1, 1])
        if np.abs((fitted(nodes) - values) * radius).max() < 0.02 * accuracy * FIELD:
            break
    series = fitted.convert(kind=np.polynomial.Polynomial).coef
    return tuple(map(float, series)), tuple(map(float, energy))
