"""Units by their i-PI names, against i-PI's own conversion."""

import pytest
from ipi.utils.units import UnitMap, unit_to_internal

from polcouple.errors import InputError
from polcouple.ipi.units import to_atomic_units

DIMENSIONS = ("energy", "temperature", "time", "length")
#: i-PI counts angles as lengths
ANGLES = ("radian", "degree")


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_unit_of_i_pi(dimension):
    """i-PI's constants differ in the seventh digit (kelvin) or the ninth."""
    for base in UnitMap[dimension].keys() - {*ANGLES}:
        for magnitude in ("", "milli", "kilo", "femto"):
            unit = magnitude + base
            if base or not magnitude:
                expected = unit_to_internal(dimension, unit, 1.0)
                assert to_atomic_units(dimension, unit, "here") == pytest.approx(expected, rel=2e-6), unit


def test_case_and_spaces():
    assert to_atomic_units("energy", " ElectronVolt ", "x") == to_atomic_units("energy", "electronvolt", "x")
    assert to_atomic_units("number", "femtosecond", "x") == 1.0


@pytest.mark.parametrize("unit", ["elektronvolt", "Picosecond", "second", "centielectronvolt"])
def test_others_are_refused(unit):
    with pytest.raises(InputError, match="out: line 3: '" + unit + "' is no unit of energy"):
        to_atomic_units("energy", unit, "out: line 3")
