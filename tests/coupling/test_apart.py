"""Electrodes act on each other as points, which close ones are not: those are refused."""

import numpy as np
import pytest
from capacitor_cases import capacitor, seen

from polcouple.backends.metal_mobile import gaussian_matrix
from polcouple.coupling.electrodes import create_electrodes
from polcouple.dftb.gamma import short_range
from polcouple.electrostatics.clouds import ExponentialCloud, GaussianCloud
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE

VOLT = {"voltage_volt": 1.0}


@pytest.mark.parametrize("exponent", [0.7, 0.9, 1.2])
def test_gaussians_at_the_least_distance_are_those_of_one_matrix(exponent):
    """The matrix of all atoms has the Gaussians between the sheets, too."""
    settings = {"gaussian_exponent_per_angstrom": exponent}
    with pytest.raises(
        InputError, match=r"2\.50 Angstrom apart: .* as points from \d\.\d\d Angstrom"
    ) as refused:
        create_electrodes(capacitor(2.5, potential=VOLT), "metal", settings)
    least = float(str(refused.value).split("points from ")[1].split()[0]) + 0.01
    case = capacitor(least, potential=VOLT)
    n, x = len(case.electrode) // 2, case.electrode.positions[:, 0] / case.cell[0, 0]
    potentials = 0.01 * np.cos(2 * np.pi * x) * np.where(np.arange(2 * n) < n, 1.0, 0.5)
    found = create_electrodes(case, "metal", settings).solve(seen(case, potentials), 0.0)
    matrix = gaussian_matrix(case.electrode, exponent / ANGSTROM_TO_BOHR)
    wanted = np.where(np.arange(2 * n) < n, EV_TO_HARTREE, 0.0) - potentials
    answers = np.linalg.solve(matrix, np.column_stack([wanted, np.ones(2 * n)]))
    exact = answers[:, 0] - answers[:, 1] * answers[:, 0].sum() / answers[:, 1].sum()
    assert np.ptp(exact) > 0.03
    assert np.abs(found.charges - exact).max() < 5e-6


@pytest.mark.parametrize(
    ("backend", "distance", "refused"),
    [("dftb", 3.35, True), ("dftb", 5.9, False), ("metal", 3.35, False), ("response", 3.35, True)],
)
def test_sheets_of_carbon_as_two_electrodes(backend, distance, refused):
    case = capacitor(distance)
    if refused:
        with pytest.raises(
            InputError, match=r"'lower' and 'upper' .* 3\.35 .* points from 5\.8\d Angstrom on"
        ):
            create_electrodes(case, backend)
    else:
        create_electrodes(case, backend)


def test_what_points_have_more_than_clouds():
    r = np.array([2.0, 4.0, 9.0])
    expected = short_range(r, 1.167, 1.167)[0]
    assert ExponentialCloud(1.167).less_than_points(r) == pytest.approx(expected, rel=1e-9)
    # by waves: 2/pi int (1 - f^2) sin(k r)/(k r) dk
    k = np.linspace(0.0, 12.0, 120001)
    cloud = GaussianCloud(0.6)
    within = (
        2.0 / np.pi * np.trapezoid(cloud.transform(k**2) ** 2 * np.sinc(np.outer(r, k) / np.pi), k, axis=1)
    )
    assert cloud.less_than_points(r) == pytest.approx(1.0 / r - within, abs=1e-8)
