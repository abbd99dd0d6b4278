"""Electrodes at a voltage, however thick, unequal and far from the start: against dense solutions."""

import numpy as np
import plain_electrodes
import pytest
from capacitor_cases import noise, seen, slabs

from polcouple.electrodes import create_electrodes
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE, HARTREE_TO_EV

FIELDS = {
    "periodic": None,
    "D": {"displacement_volt_per_angstrom": 0.05},
    "E": {"field_volt_per_angstrom": 0.02},
}


@pytest.mark.parametrize("slab", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("layers", [(1, 2), (2, 2), (3, 1), (4, 4)], ids=str)
def test_metals_of_many_layers_are_one_linear_problem(layers, slab):
    case = slabs(layers, potential={"voltage_volt": 3.0}, slab=slab)
    phi = noise(case, 0.02)
    matrix = plain_electrodes.metal(case.electrode.positions, case.cell, 1.979 / ANGSTROM_TO_BOHR)
    if slab is not None:
        heights = case.electrode.positions[:, 2] - case.electrode.positions[:, 2].mean()
        if "displacement_volt_per_angstrom" in slab:
            matrix += 4.0 * np.pi / np.linalg.det(case.cell) * np.outer(heights, heights)
        phi += next(iter(slab.values())) * EV_TO_HARTREE / ANGSTROM_TO_BOHR * heights
    first = np.arange(len(phi)) < 24 * layers[0]
    ends = 3.0 * EV_TO_HARTREE * first
    charges = plain_electrodes.lowest(matrix, phi, ends, 0.0)
    result = create_electrodes(case, "metal").solve(seen(case, phi), 0.0)
    assert np.abs(result.charges - charges).max() < 1e-8
    assert result.energy == pytest.approx(charges @ (phi + 0.5 * matrix @ charges - ends), abs=1e-9)
    assert np.ptp(result.fermi_levels) * HARTREE_TO_EV == pytest.approx(3.0, abs=1e-5)
    assert result.iterations <= 3
