"""How 1/r is split, what the grid costs in accuracy, and the parameters that follow from the accuracy.

The Coulomb kernel is split with a radial function Phi that grows from 0 to 1 at the cut-off,

    1/r = (1 - Phi(r/r_cut)) / r  +  Phi(r/r_cut) / r,      Phi(x) = int_0^x phi / int_0^1 phi,

so the first part vanishes exactly from r_cut on, and the second is, in reciprocal space, 4 pi / k^2 times the
normalised Fourier transform of phi. A Gaussian phi is Ewald's choice. A function of compact support that is
as narrow as possible in reciprocal space needs far fewer grid points; the prolate spheroidal wave function is
the narrowest, and the Kaiser-Bessel function used here,

    phi(x) = I_0(beta sqrt(1 - x^2)),   phi^(t) = sinh(sqrt(beta^2 - t^2)) / sqrt(beta^2 - t^2),

is its well-known closed-form approximation. The average of the short-ranged part over the cell must be taken
out again, which is the neutralising background: -(2 pi / V) r_cut^2 <x^2>_phi; for a Gaussian it is the
familiar -pi/(alpha^2 V). Charges are spread on the grid with a window
(:mod:`polcouple.electrostatics.window`).

Sources: J. Liang, L. Lu, A. Barnett, L. Greengard, S. Jiang, arXiv:2505.09727 (2025); E. Bostroem,
A.-K. Tornberg, L. af Klinteberg, arXiv:2602.16591 (2026); the particle mesh itself: U. Essmann et al.,
J. Chem. Phys. 103, 8577 (1995).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev
from scipy.fft import next_fast_len
from scipy.optimize import minimize_scalar
from scipy.special import i0e

from polcouple.electrostatics.window import Aliasing, Window, aliasing, kaiser_bessel
from polcouple.lattice.cell import heights

#: sum of the squared charges per volume in e^2/bohr^3 that the error estimates assume: SPC water
SQUARED_CHARGE_DENSITY = 0.0051

#: largest error among the sites over the root mean square of the estimate
LARGEST_OVER_RMS = 4.0
#: square of a cell's longest height over its cross section beyond which the few waves along it are looked at;
#: below, errors of independent charges were within what is asked for
_TALL = 40.0

#: cut-off in bohr at a shape of 16; balances the two sums for a liquid at a sheet of carbon
_CUT_OFF = 16.0

_WIDTHS = range(4, 15)
_OVERSAMPLING = (1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
#: lengths of wave vectors that estimates look at
_LENGTHS = 32


@dataclass(frozen=True)
class Splitting:
    """Parameters of one particle-mesh sum.

    Attributes:
        r_cut: in bohr; the short-ranged part is exactly zero beyond it.
        beta: shape of the splitting function; the reciprocal sum ends at k_max = beta / r_cut.
        grid: points along each lattice vector.
        window: that charges are spread with.
        estimated_error: largest error of a site potential expected in water, in Hartree/e.
    """

    r_cut: float
    beta: float
    grid: tuple[int, int, int]
    window: Window
    estimated_error: float

    @property
    def width(self) -> int:
        """Grid points along each axis that a charge is spread on."""
        return self.window.width

    @property
    def k_max(self) -> float:
        """Where the reciprocal sum ends, in 1/bohr."""
        return self.beta / self.r_cut


def choose_splitting(cell: np.ndarray, accuracy: float) -> Splitting:
    """The cheapest parameters whose estimated error in water stays below ``accuracy``.

    Args:
        cell: (3, 3) in bohr, one lattice vector per row.
        accuracy: largest error of a site potential in Hartree/e, from 1e-10 to 1e-3.
    """
    rms = accuracy / LARGEST_OVER_RMS
    beta = 4.0
    while _truncation_error(beta) > 0.5 * rms:
        beta += 0.25
    edges = np.linalg.norm(cell, axis=1)
    points = edges * beta / (np.pi * _cut_off(beta))
    volume, height = abs(float(np.linalg.det(cell))), float(heights(cell).max())
    best_cost, best = np.inf, None
    for width in _WIDTHS:
        for factor in _OVERSAMPLING:
            cost = _cost(width, factor * points, volume)
            if cost >= best_cost:
                break
            found, error = _best_window(width, factor, beta, float(edges.max()))
            if height**3 > _TALL * volume:
                error = max(error, _aliased_along(found, factor, beta, height, volume))
            if error < 0.8 * rms:
                best_cost, best = cost, (factor, found, error)
                break
    assert best is not None
    oversampling, window, error = best
    n0, n1, n2 = (max(int(n), 2) for n in np.ceil(oversampling * points))
    grid = (n0, next_fast_len(n1, real=True), next_fast_len(n2, real=True))
    estimate = LARGEST_OVER_RMS * float(np.hypot(error, _truncation_error(beta)))
    return Splitting(_cut_off(beta), beta, grid, window, estimate)


def short_range_polynomial(splitting: Splitting, tolerance: float) -> np.ndarray:
    """P in (1 - Phi(r/r_cut))/r = 1/r - P(2 r^2/r_cut^2 - 1): coefficients in 1/bohr, lowest order first."""

    def smooth(u: np.ndarray) -> np.ndarray:
        # Phi(x)/x = int_0^1 phi(x s) ds / int_0^1 phi
        x = np.sqrt(np.maximum(0.5 * (u + 1.0), 0.0))
        nodes, weights = _unit_interval()
        return _profile(splitting.beta, np.outer(x, nodes)) @ weights / _mean_profile(splitting.beta)

    return _fit(smooth, tolerance * splitting.r_cut) / splitting.r_cut


def window_polynomials(splitting: Splitting, tolerance: float) -> np.ndarray:
    """(terms, width) window at each of its grid points as polynomials in 2 f - 1, lowest order first.

    f in [0, 1) is the distance of the charge to the grid point below it, in grid spacings.
    """
    width = splitting.width

    def window(u: np.ndarray) -> np.ndarray:
        distance = 0.5 * (u[:, None] + 1.0) + 0.5 * width - 1.0 - np.arange(width)
        return splitting.window.profile(np.clip(2.0 * distance / width, -1.0, 1.0))

    return _fit(window, tolerance)


def background(splitting: Splitting, volume: float) -> float:
    """Minus the cell average of the short-ranged part, in Hartree/e per e: the neutralising background."""
    nodes, weights = _unit_interval()
    mean_square = (weights * nodes**2) @ _profile(splitting.beta, nodes) / _mean_profile(splitting.beta)
    return float(-2.0 * np.pi / volume * splitting.r_cut**2 * mean_square)


def influence(cell: np.ndarray, splitting: Splitting) -> np.ndarray:
    """Kernel in reciprocal space, divided by the windows of charge and site.

    Returns:
        (n0, n1, n2 // 2 + 1) in Hartree/e^2: the half of a real transform along the last axis; zero at k = 0
        and beyond k_max.
    """
    n0, n1, n2 = splitting.grid
    along = np.fft.fftfreq(n0, 1 / n0), np.fft.fftfreq(n1, 1 / n1), np.fft.rfftfreq(n2, 1 / n2)
    index = np.meshgrid(*along, indexing="ij", sparse=True)
    vectors = np.stack(np.broadcast_arrays(*index), axis=-1) @ (2.0 * np.pi * np.linalg.inv(cell).T)
    k = np.sqrt((vectors**2).sum(axis=-1))
    kept = (k > 0.0) & (k <= splitting.k_max)
    windows = np.ones_like(k)
    for h, n in zip(index, splitting.grid, strict=True):
        kept &= 2.0 * np.abs(h) < n
        windows *= splitting.window.transform(2.0 * np.pi * h / n)
    k[~kept] = 1.0
    smooth = transform(splitting.beta, k * splitting.r_cut) / transform(splitting.beta, np.zeros(1))
    kernel = 4.0 * np.pi / (abs(np.linalg.det(cell)) * k**2) * smooth / windows**2
    return np.where(kept, kernel, 0.0)


def _cut_off(beta: float) -> float:
    return _CUT_OFF * (beta / 16.0) ** 0.5


def _profile(beta: float, x: np.ndarray) -> np.ndarray:
    """I_0(beta sqrt(1 - x^2)) / exp(beta)."""
    argument = beta * np.sqrt(1.0 - x**2)
    return i0e(argument) * np.exp(argument - beta)


def _mean_profile(beta: float) -> float:
    """int_0^1 of the profile."""
    return 0.5 * (1.0 - np.exp(-2.0 * beta)) / beta


def transform(beta: float, t: np.ndarray) -> np.ndarray:
    """int_0^1 cos(t x) of the profile."""
    root = np.maximum(np.sqrt(np.abs(beta**2 - t**2)), 1e-9)
    inside = np.minimum(root, beta)
    grown = 0.5 * (np.exp(inside - beta) - np.exp(-inside - beta))
    return np.where(np.abs(t) < beta, grown, np.exp(-beta) * np.sin(root)) / root


def truncated_potential(beta: float) -> float:
    """Root mean square error of a potential of ending the reciprocal sum at k_max, in water.

    In units of root(SQUARED_CHARGE_DENSITY r_cut), which makes Hartree/e of it. For independent charges,
    sum_j q_j^2 / V times 8 int_{k_max}^inf (phi^(k r_cut) / phi^(0))^2 / k^2 dk.
    """
    t = beta * np.concatenate([np.linspace(1.0, 2.0, 2000), np.geomspace(2.0, 50.0, 2000)[1:]])
    tail = (transform(beta, t) / transform(beta, np.zeros(1)) / t) ** 2
    return float(np.sqrt(8.0 * np.trapezoid(tail, t)))


def aliased(width: int, oversampling: float, beta: float, lowest: float, field: bool = False) -> Aliasing:
    """Root mean square error of a potential, or a field, of a window's aliases in water, in the same units.

    ``lowest`` is the smallest wave vector of the cell times r_cut; units of a field: over r_cut.
    """
    t = np.geomspace(min(lowest, 0.5 * beta), beta, _LENGTHS)
    smooth = transform(beta, t) / transform(beta, np.zeros(1))
    return aliasing(width, np.pi / (oversampling * beta), t, 48.0 * np.gradient(t) * (smooth / t) ** 2, field)


def _aliased_potential(width: int, shape: float, oversampling: float, beta: float, lowest: float) -> float:
    """The same of a potential and a Kaiser-Bessel window of this ``shape``.

    For independent charges; a charge at a wave vector k also appears at the aliases k + 2 pi m / h, weakened
    by the ratio of the window's transforms there and at k; once for the charges and once for the sites, along
    each of three axes. ``lowest`` is the smallest wave vector of the cell times r_cut.
    """
    spacing = np.pi / (oversampling * beta)
    t = np.geomspace(min(lowest, 0.5 * beta), beta, 32)
    theta = spacing * t[:, None] * (np.arange(16) + 0.5) / 16
    smooth = transform(beta, t) / transform(beta, np.zeros(1))
    here = transform(shape, 0.5 * width * theta)
    aliases = [transform(shape, 0.5 * width * np.abs(theta + 2.0 * np.pi * m)) for m in (-2, -1, 1, 2)]
    leaked = sum((alias / here) ** 2 for alias in aliases).mean(axis=1)
    return float(np.sqrt(48.0 * np.trapezoid((smooth / t) ** 2 * leaked, t)))


def _aliased_along(window: Window, oversampling: float, beta: float, height: float, volume: float) -> float:
    """What the waves along a cell's longest height (bohr) have of the same error, in Hartree/e in water.

    In a tall narrow cell these few waves are more than the integral over all wave vectors says.
    """
    count = int(beta / (np.pi * _cut_off(beta)) * height) + 1
    t = 2.0 * np.pi * _cut_off(beta) / height * np.arange(1, count + 1)
    t = t[t <= beta]
    theta = np.pi / (oversampling * beta) * np.append(0.0, t)
    here = window.transform(theta)
    aliases = [window.transform(np.abs(theta + 2.0 * np.pi * m)) for m in (-2, -1, 1, 2)]
    leaked = sum((alias / here) ** 2 for alias in aliases)
    smooth = transform(beta, t) / transform(beta, np.zeros(1))
    squares = 4.0 * (smooth / t**2) ** 2 * (leaked[1:] + 2.0 * leaked[0])
    unit = SQUARED_CHARGE_DENSITY * _cut_off(beta)
    return float(np.sqrt(unit * 16.0 * np.pi**2 * _cut_off(beta) ** 3 / volume * squares.sum()))


def _truncation_error(beta: float) -> float:
    """In Hartree/e."""
    return truncated_potential(beta) * float(np.sqrt(SQUARED_CHARGE_DENSITY * _cut_off(beta)))


@cache
def _best_window(width: int, oversampling: float, beta: float, longest: float) -> tuple[Window, float]:
    """The Kaiser-Bessel window with the least aliasing, and its root mean square error in Hartree/e in water.

    Fitted ones have less, but larger errors of the forces that :mod:`polcouple.electrostatics.site_forces`
    reads. ``longest`` (bohr) is the longest edge of the cell.
    """
    lowest = 2.0 * np.pi / longest * _cut_off(beta)
    unit = float(np.sqrt(SQUARED_CHARGE_DENSITY * _cut_off(beta)))
    shape, error = _best_shape(
        lambda shape: unit * _aliased_potential(width, shape, oversampling, beta, lowest), width
    )
    return kaiser_bessel(width, shape), error


def _best_shape(error: Callable[[float], float], width: int) -> tuple[float, float]:
    """The shape of a window of ``width`` points with the least ``error``, and that error."""
    shapes = width * np.linspace(1.2, 3.1, 20)
    errors = [error(shape) for shape in shapes]
    best = int(np.argmin(errors))
    bounds = (shapes[max(best - 1, 0)], shapes[min(best + 1, len(shapes) - 1)])
    found = minimize_scalar(error, bounds=bounds, method="bounded")
    return (float(found.x), float(found.fun)) if found.fun < errors[best] else (shapes[best], errors[best])


def _cost(width: int, points: np.ndarray, volume: float) -> float:
    """Time of one evaluation in ns, about: spreading the charges of a half-filled cell, and the grid's."""
    return 0.5 * 0.0148 * volume * 0.5 * width**3 + 20.0 * float(points.prod())


def _unit_interval() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def _fit(function: Callable[[np.ndarray], np.ndarray], tolerance: float) -> np.ndarray:
    """Power series on [-1, 1], lowest order first, within ``tolerance`` of the function."""
    order = 40
    nodes = chebyshev.chebpts1(order + 1)
    coefficients = chebyshev.chebfit(nodes, function(nodes), order)
    sizes = np.abs(coefficients.reshape(order + 1, -1)).max(axis=1)
    tails = np.cumsum(sizes[::-1])[::-1]
    terms = int(np.argmax(tails < tolerance)) if tails[-1] < tolerance else order + 1
    powers = np.zeros((terms, terms))
    for n in range(terms):
        powers[: n + 1, n] = chebyshev.cheb2poly(np.eye(terms)[n, : n + 1])
    return np.tensordot(powers, coefficients[:terms], axes=1)
