"""The drift's error tells how far slopes of repeated series scatter, correlated noise or not."""

import numpy as np
import pytest
from scipy.signal import lfilter

from polcouple.analysis.drift import drift, mean_in_time


def noise(generator, rows, correlation):
    """First-order autoregressive, of standard deviation 1."""
    kicks = generator.normal(size=rows)
    kicks[1:] *= np.sqrt(1 - correlation**2)
    return lfilter([1.0], [1.0, -correlation], kicks)


@pytest.mark.parametrize(("rows", "correlation"), [(2000, 0.0), (4000, 0.9), (9000, 0.9)])
def test_error_is_the_scatter_of_slopes(rows, correlation):
    """The longest series is averaged in groups first."""
    generator = np.random.default_rng(3)
    time = 0.01 * np.arange(rows)
    found = [drift(time, 5e6 + 0.7 * time + noise(generator, rows, correlation)) for _ in range(60)]
    slopes = np.array([float(one.value) for one in found])
    errors = np.array([float(one.error) for one in found])
    assert abs(slopes.mean() - 0.7) < 4 * slopes.std() / np.sqrt(60)
    # 60 slopes tell their scatter to 9 %; few blocks make the error somewhat low
    assert 0.75 < np.sqrt(np.mean(errors**2)) / slopes.std(ddof=1) < 1.25


def test_the_slope_is_that_of_least_squares():
    generator = np.random.default_rng(4)
    time = np.sort(generator.random(500))
    energy = generator.normal(size=500)
    assert float(drift(time, energy).value) == pytest.approx(np.polyfit(time, energy, 1)[0], rel=1e-9)


def test_too_few_rows_have_a_value_and_no_error():
    few = drift(np.arange(4.0), 2 * np.arange(4.0))
    assert float(few.value) == pytest.approx(2.0) and np.isnan(few.error)
    assert float(mean_in_time(np.array([1.0, 3.0])).value) == 2.0
