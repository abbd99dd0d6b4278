"""The suite that every charge backend passes, and what is known of this one."""

import numpy as np
import pytest

from polcouple.backends.base import create_backend
from polcouple.testing import BackendContract
from polcouple.testing.cases import graphene_case
from polcouple.units import ANGSTROM_TO_BOHR


class TestThomasFermi(BackendContract):
    backend = "thomas_fermi"


def made(name, **settings):
    case = graphene_case()
    return create_backend(name, case.electrode, case.electrolyte, settings)


def test_without_screening_length_it_is_a_metal():
    ours, metal = made("thomas_fermi", screening_length_angstrom=0.0), made("metal")
    assert np.abs(ours.derivatives(None, 0.0).kernel - metal.derivatives(None, 0.0).kernel).max() < 1e-12


def test_quantum_capacitance():
    """In series with the metal's: graphene's atoms are alike, so that charge spreads evenly over them."""
    ours, metal = (made(name).derivatives(None, 0.0) for name in ("thomas_fermi", "metal"))
    cost = 4.0 * np.pi * ANGSTROM_TO_BOHR**2 / (8.82 * ANGSTROM_TO_BOHR**3)
    assert ours.hardness - metal.hardness == pytest.approx(cost / len(ours.fukui), rel=1e-10)
