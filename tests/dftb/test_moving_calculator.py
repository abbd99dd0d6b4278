"""DFTB of moving atoms behind ASE's interface: forces are derivatives of the energy it gives."""

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.fd import calculate_numerical_forces

from polcouple.dftb.moving.ase_calculator import DftbCalculator
from polcouple.dftb.moving.ensemble import FermiLevel, TotalCharge
from polcouple.dftb.moving.surroundings import PointCharges
from polcouple.errors import InputError
from polcouple.units import EV_TO_HARTREE, HARTREE_TO_EV


@pytest.mark.parametrize(
    ("ensemble", "name"),
    [(TotalCharge(0.0), "free_energy"), (FermiLevel(-6.0 * EV_TO_HARTREE), "grand_potential")],
)
def test_forces_are_derivatives_of_the_energy(ensemble, name):
    methane = molecule("CH4")
    methane.positions += np.random.default_rng(1).normal(scale=0.05, size=methane.positions.shape)
    methane.calc = DftbCalculator(ensemble, accuracy=1e-10, temperature_kelvin=3000.0)
    forces = methane.get_forces()
    found = methane.calc.result
    assert methane.get_potential_energy() == pytest.approx(getattr(found, name) * HARTREE_TO_EV, abs=1e-12)
    np.testing.assert_allclose(methane.get_charges(), found.charges)
    numerical = calculate_numerical_forces(methane, eps=1e-3, iatoms=[0, 3])
    np.testing.assert_allclose(forces[[0, 3]], numerical, atol=1e-5)


def test_what_is_replaced_counts():
    """The atoms stay; other point charges or another ensemble give another answer."""

    def fresh(*settings):
        methane = molecule("CH4")
        methane.calc = DftbCalculator(settings[0], point_charges=settings[1])
        return methane

    nothing = PointCharges(np.zeros((0, 3)), np.zeros(0))
    charge = PointCharges(np.array([[0.0, 0.0, 6.0]]), np.array([1.0]))
    methane = fresh(TotalCharge(0.0), nothing)
    methane.get_potential_energy()
    methane.calc.point_charges = charge
    expected = fresh(TotalCharge(0.0), charge)
    assert methane.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-6)
    np.testing.assert_allclose(methane.get_forces(), expected.get_forces(), atol=1e-5)
    methane.calc.ensemble = TotalCharge(1.0)
    expected = fresh(TotalCharge(1.0), charge)
    assert methane.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-6)
    assert methane.get_charges().sum() == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        methane.calc.point_charges.charges[0] = 2.0


def test_atoms_periodic_in_a_plane_alone_are_refused():
    methane = molecule("CH4", vacuum=5.0, pbc=(True, True, False))
    methane.calc = DftbCalculator(TotalCharge(0.0))
    with pytest.raises(InputError, match="periodic in all directions or in none"):
        methane.get_potential_energy()
