import numpy as np
import pytest

from polcouple.electrostatics.splitting import aliased, transform
from polcouple.electrostatics.window import Window, best_window, kaiser_bessel

LOWEST = 2.0 * np.pi / 25.0


@pytest.mark.parametrize("window", [kaiser_bessel(7, 16.0), Window(6, (0.3, -0.6, 0.5, -0.2))])
def test_the_transform_is_that_of_the_profile(window):
    nodes, weights = np.polynomial.legendre.leggauss(200)
    theta = np.array([0.0, 0.3, 2.0, -2.0, 9.0])
    half = 0.5 * window.width
    expected = half * np.cos(half * np.outer(theta, nodes)) @ (weights * window.profile(nodes))
    assert np.abs(window.transform(theta) - expected).max() < 1e-12


def test_a_kaiser_bessel_window_is_its_function():
    x = np.linspace(-1.0, 1.0, 41)
    expected = np.i0(16.0 * np.sqrt(1 - x**2)) / np.i0(16.0)
    assert np.abs(kaiser_bessel(7, 16.0).profile(x) - expected).max() < 1e-12


def leaked(transformed, oversampling, beta):
    """Error of potentials, on other waves and with more aliases, of a window's ``transformed``(theta)."""
    t = np.geomspace(LOWEST, beta, 60)
    spacing = np.pi / (oversampling * beta)
    smooth = transform(beta, t) / transform(beta, np.zeros(1))
    theta = spacing * t[:, None] * (np.arange(12) + 0.5) / 12
    ratios = sum(transformed(theta + 2 * np.pi * m) ** 2 for m in range(-12, 13) if m)
    total = (ratios / transformed(theta) ** 2).mean(axis=1) * (smooth / t) ** 2
    return np.sqrt(48.0 * np.trapezoid(total, t))


@pytest.mark.parametrize(("width", "oversampling", "beta"), [(6, 1.2, 12.0), (7, 1.1, 18.0)])
def test_the_fitted_window_beats_every_kaiser_bessel_one(width, oversampling, beta):
    window, (error,) = best_window(width, [aliased(width, oversampling, beta, LOWEST)])
    found = leaked(window.transform, oversampling, beta)
    assert error == pytest.approx(found, rel=0.25)

    def kaiser_bessel_error(shape):
        return leaked(lambda theta: transform(shape, 0.5 * width * np.abs(theta)), oversampling, beta)

    assert found < 0.65 * min(map(kaiser_bessel_error, width * np.linspace(1.2, 3.1, 39)))


def test_of_two_errors_the_product_is_least():
    errors = [aliased(7, 1.15, 13.0, LOWEST, field=True), aliased(7, 1.15, 18.0, LOWEST)]
    _, both = best_window(7, errors)
    alone = [best_window(7, [one])[0] for one in errors]
    for window in alone:
        scaled = np.array(window.series)
        assert np.prod(both) < np.prod([one.error(scaled) for one in errors])
