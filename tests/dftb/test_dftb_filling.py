"""Fermi levels from levels: against arithmetic of 60 digits, and in gaps far wider than k_B T."""

import decimal
from decimal import Decimal

import numpy as np
import pytest
from dftb_cases import graphene, rough_potentials

from polcouple.dftb.bands import Levels
from polcouple.dftb.filling import added_electrons, fermi_filling, level_density, level_weights
from polcouple.dftb.quantum_capacitance import rigid
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.units import KELVIN_TO_HARTREE

#: electrons beyond a closed shell, from none to a part of a level
BESIDE_A_SHELL = (0.0, 1e-9, -1e-9, 0.3, -0.3)


@pytest.fixture
def many_digits():
    with decimal.localcontext() as context:
        context.prec = 60
        context.Emax, context.Emin = decimal.MAX_EMAX, decimal.MIN_EMIN
        yield


def _exact(energies, degeneracies, filled, unpaired, temperature):
    """Fermi level by bisection; ``filled`` levels of lowest energy hold all electrons but ``unpaired``."""
    order = np.argsort(energies, kind="stable")
    levels = [(Decimal(float(energies[k])), Decimal(float(degeneracies[k]))) for k in order]
    t, rest = Decimal(float(temperature)), Decimal(float(unpaired))

    def excess(mu):
        above = sum(g / (1 + ((e - mu) / t).exp()) for e, g in levels[filled:])
        return above - sum(g / (1 + ((mu - e) / t).exp()) for e, g in levels[:filled]) - rest

    low, high = levels[0][0] - 300 * t, levels[-1][0] + 300 * t
    for _ in range(130):
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) > 0 else (middle, high)
    return float((low + high) / 2)


@pytest.mark.parametrize("beyond", BESIDE_A_SHELL)
def test_against_exact_arithmetic_at_any_temperature(many_digits, beyond):
    rng = np.random.default_rng(3)
    for kelvin in 10.0 ** np.arange(-3.0, 5.5, 0.5):
        energies = rng.normal(size=7) * 10.0 ** rng.uniform(-3, 0)
        energies[4:6] = energies[3]
        degeneracies = rng.choice([2.0, 4.0, 0.5, 2.0 / 3.0], size=7)
        filled = int(rng.integers(1, 7))
        closed = float(np.cumsum(degeneracies[np.argsort(energies, kind="stable")])[filled - 1])
        temperature = kelvin * KELVIN_TO_HARTREE
        electrons = closed + beyond
        filling = fermi_filling(energies, degeneracies, electrons, temperature)
        expected = _exact(energies, degeneracies, filled, electrons - closed, temperature)
        assert abs(filling.fermi_level - expected) < 1e-11 * temperature + 4e-16 * abs(expected) + 1e-18
        assert abs(filling.occupations @ degeneracies - electrons) < 1e-12
        assert abs(added_electrons(energies, degeneracies, electrons, expected, temperature)) < 1e-6 * (
            1.0 if kelvin < 1.0 else 1e-3
        )


@pytest.mark.parametrize("electrons", [1e-12, 1e-9, 5.999999999, 6.0 - 1e-12])
def test_nearly_empty_and_nearly_full_bands(many_digits, electrons):
    energies, degeneracies = np.array([0.1, -0.4, 0.1]), np.full(3, 2.0)
    filled = 0 if electrons < 3.0 else 3
    for kelvin in (1e-3, 1.0, 300.0, 1e5):
        temperature = kelvin * KELVIN_TO_HARTREE
        filling = fermi_filling(energies, degeneracies, electrons, temperature)
        expected = _exact(energies, degeneracies, filled, electrons - 2.0 * filled, temperature)
        assert abs(filling.fermi_level - expected) < 1e-11 * temperature + 1e-16


def test_density_of_levels_is_that_of_electrons_and_holes_alike():
    temperature = 0.01
    for distance in (30.0, 100.0, 700.0):
        density = level_density(0.0, np.array([-1.0, 1.0]) * distance * temperature, temperature)
        assert density == pytest.approx(np.exp(-distance) / temperature, rel=1e-10)
    assert level_weights(0.0, np.array([-8.0, 8.0, 9.0]), 1e-9) == pytest.approx([1.0, 1.0, 0.0])


def test_quantum_capacitance_in_a_gap_is_even_where_levels_are():
    levels = Levels(np.array([-1.0, 1.0]), np.full(2, 2.0), 2.0)
    temperature = 0.005
    found = rigid(levels, temperature, np.array([-0.5, -0.1, 0.1, 0.5]))
    expected = -4.0 * np.exp(-1.0 / temperature) * np.sinh(found.fillings / temperature)
    assert found.charges == pytest.approx(expected, rel=1e-9, abs=0.0)
    slopes = 4.0 * np.exp(-1.0 / temperature) * np.cosh(found.fillings / temperature) / temperature
    assert found.differential == pytest.approx(slopes, rel=1e-9, abs=0.0)


@pytest.mark.parametrize("kelvin", [1e-3, 1.0, 10.0, 100.0])
def test_solver_in_a_gap_at_low_temperature(kelvin):
    """60 carbons at Gamma have a gap of 2 eV: the Fermi level is its middle but for ln(g) k_B T / 2."""
    electrode = graphene(5, 3)
    temperature = kelvin * KELVIN_TO_HARTREE
    solver = FrozenElectrode(electrode, load_parameters(DEFAULT_SLAKO, electrode.symbols), temperature)
    solution = solver.solve(rough_potentials(60, amplitude=0.005), 0.0, accuracy=1e-9)
    assert solution.converged
    levels = solver.levels(solution)
    energies = np.sort(levels.energies)
    homo, lumo = energies[119:121]
    assert lumo - homo > 0.05
    below = np.log(np.exp((energies[:120] - homo) / temperature).sum())
    above = np.log(np.exp((lumo - energies[120:]) / temperature).sum())
    expected = 0.5 * (homo + lumo) + 0.5 * temperature * (below - above)
    assert abs(solution.fermi_level - expected) < 1e-8
    assert abs(levels.fermi_level - expected) < 1e-12
    response = solver.linear_response(solution)
    assert np.isfinite(response.charge_kernel).all() and abs(response.fukui.sum() - 1.0) < 1e-9
    assert response.hardness > 1.0
