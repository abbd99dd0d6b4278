"""Windows that charges are spread on a mesh with, and potentials are read with.

A window is an even polynomial on its support, with x = 2 distance / width from -1 to 1 and theta in radians
per mesh spacing,

    w(x) = sum_n c_n P_2n(x),      w^(theta) = width sum_n (-1)^n c_n j_2n(width theta / 2):

spherical Bessel functions j are the Fourier transforms of Legendre's polynomials P. On a mesh a wave theta
also appears at theta + 2 pi m, weakened by the ratio of the window's transforms there and here. Errors are
quadratic in these ratios, so that the window with the least error is found by linear least squares, repeated
with the transforms in the denominators as they were before. Its error is a half to a quarter of that of the
best Kaiser-Bessel function of the same width, which is where the search begins.

Sources: the Kaiser-Bessel function: J. F. Kaiser (1966); the errors of a mesh: R. W. Hockney and
J. W. Eastwood, Computer Simulation Using Particles (1988), chapter 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from scipy.special import i0e, spherical_jn

#: aliases on either side that errors are summed over: beyond them a window of this many terms has decayed
_ALIASES = 8
#: nodes of estimates along the directions of wave vectors
_DIRECTIONS = 8
#: a window is found when the errors fall by less than this fraction in a round
_SETTLED = 1e-3
_ROUNDS = 20
#: shape over width of the Kaiser-Bessel function to begin with
_SHAPE = 2.4
#: terms of a Kaiser-Bessel function, of shapes up to 50
_EXACT = 32
#: smallest singular value that counts
_RANK = 1e-15


@dataclass(frozen=True)
class Window:
    """A window.

    Attributes:
        width: points along an axis that a charge is spread on.
        series: (c_0, c_1, ...); one in the middle.
    """

    width: int
    series: tuple[float, ...]

    def profile(self, x: np.ndarray) -> np.ndarray:
        """The window at x from -1 to 1."""
        both = np.zeros(2 * len(self.series) - 1)
        both[::2] = self.series
        values: np.ndarray = legendre.legval(x, both)
        return values

    def transform(self, theta: np.ndarray) -> np.ndarray:
        """Fourier transform at theta radians per mesh spacing."""
        transformed: np.ndarray = self.width * (_waves(self.width, len(self.series), theta) @ self.series)
        return transformed


def kaiser_bessel(width: int, shape: float) -> Window:
    """I_0(shape sqrt(1 - x^2)) / I_0(shape), to rounding."""
    return _one_in_the_middle(width, _kaiser_bessel(_EXACT, shape))


@dataclass(frozen=True, eq=False)
class Aliasing:
    """A root mean square error as a window's aliases make it.

    Attributes:
        here, there: (q, n) transforms of the terms of a window at waves and at their aliases.
        weights: (q,) of the squared ratios.
    """

    here: np.ndarray
    there: np.ndarray
    weights: np.ndarray

    def error(self, series: np.ndarray) -> float:
        """Of a window with the coefficients (n,)."""
        return float(np.sqrt((self.weights * ((self.there @ series) / (self.here @ series)) ** 2).sum()))


def aliasing(width: int, spacing: float, lengths: np.ndarray, weights: np.ndarray, field: bool) -> Aliasing:
    """Errors of independent charges' potentials or fields: once of the charges, once of the places read at.

    Args:
        spacing: of the mesh.
        lengths: (l,) of wave vectors in the inverse unit of ``spacing``.
        weights: (l,) of an alias' squared ratio at these, along one axis, for the potential.
        field: of the field, not the potential: with the gradient of the window where it is read, which
            multiplies an alias with its own wave vector.
    """
    cosines, shares = legendre.leggauss(_DIRECTIONS)
    along = lengths[:, None] * 0.5 * (cosines + 1.0)
    order = np.concatenate([np.arange(-_ALIASES, 0), np.arange(1, _ALIASES + 1)])[:, None, None]
    away = 2.0 * np.pi * order / spacing
    each = 0.5 * shares * weights[:, None] * np.ones((len(order), 1, 1))
    if field:
        each = 0.5 * each * (lengths**2 + (away[:, :, 0] + lengths) ** 2)[:, :, None]
    terms = _terms(width)
    here = np.broadcast_to(_waves(width, terms, spacing * along), (*each.shape, terms))
    there = _waves(width, terms, spacing * (along + away))
    return Aliasing(here.reshape(-1, terms), there.reshape(-1, terms), each.ravel())


def best_window(width: int, errors: Sequence[Aliasing]) -> tuple[Window, list[float]]:
    """The window with the least product of the errors, and these."""
    series = _kaiser_bessel(_terms(width), _SHAPE * width)
    found = [one.error(series) for one in errors]
    for _ in range(_ROUNDS):
        rows = [
            one.there * (np.sqrt(one.weights) / np.abs(one.here @ series) / error)[:, None]
            for one, error in zip(errors, found, strict=True)
        ]
        matrix = np.concatenate(rows)
        new = np.append(1.0, np.linalg.lstsq(matrix[:, 1:], -matrix[:, 0], rcond=_RANK)[0])
        less = [one.error(new) for one in errors]
        gain = 1.0 - float(np.prod(np.array(less) / found))
        if gain > 0.0:
            series, found = new, less
        if gain < _SETTLED:
            break
    return _one_in_the_middle(width, series), found


def _terms(width: int) -> int:
    return width + 7


def _kaiser_bessel(terms: int, shape: float) -> np.ndarray:
    """(terms,) of I_0(shape sqrt(1 - x^2)), over the first."""
    nodes, weights = legendre.leggauss(2 * terms + 20)
    argument = shape * np.sqrt(1.0 - nodes**2)
    values = weights * i0e(argument) * np.exp(argument - shape)
    series = (2.0 * np.arange(terms) + 0.5) * (values @ legendre.legvander(nodes, 2 * terms - 2)[:, ::2])
    started: np.ndarray = series / series[0]
    return started


def _one_in_the_middle(width: int, series: np.ndarray) -> Window:
    middle = Window(width, tuple(series)).profile(np.zeros(1))[0]
    return Window(width, tuple(map(float, series / middle)))


def _waves(width: int, terms: int, theta: np.ndarray) -> np.ndarray:
    """(..., terms) transforms of the terms of a window over its width."""
    x = 0.5 * width * np.abs(np.asarray(theta, dtype=float))[..., None]
    orders = np.arange(terms)
    waves: np.ndarray = (1.0 - 2.0 * (orders % 2)) * spherical_jn(2 * orders, x)
    return waves
