"""The units that i-PI writes into its outputs, by their names.

A name is a base unit with or without a magnitude before it ("picosecond"); upper and lower case are the same
in the base. The vocabulary is that of i-PI's ``ipi/utils/units.py``; the constants are this project's.
"""

from __future__ import annotations

import re
from typing import Literal

from polcouple.errors import InputError, nearest
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    EV_TO_HARTREE,
    FS_TO_ATOMIC_TIME,
    KELVIN_TO_HARTREE,
    KJ_PER_MOL_TO_HARTREE,
)

Dimension = Literal["number", "energy", "temperature", "time", "length"]

#: unified atomic mass unit in electron masses, as i-PI has it
_ATOMIC_MASS = 1822.8885
#: i-PI's calorie in joules is the international one; a force field's is the thermochemical one of 4.184 J
_CALORIE = 4.1868
#: what i-PI calls its own units
_ATOMIC = {"": 1.0, "automatic": 1.0, "atomic_unit": 1.0}
_BASES: dict[str, dict[str, float]] = {
    "energy": {
        "electronvolt": EV_TO_HARTREE,
        "j/mol": 1e-3 * KJ_PER_MOL_TO_HARTREE,
        "cal/mol": 1e-3 * _CALORIE * KJ_PER_MOL_TO_HARTREE,
        "kelvin": KELVIN_TO_HARTREE,
        "ase": EV_TO_HARTREE,
    },
    "temperature": {"kelvin": KELVIN_TO_HARTREE, "ase": KELVIN_TO_HARTREE},
    "time": {
        "second": 1e15 * FS_TO_ATOMIC_TIME,
        "ase": ANGSTROM_TO_BOHR * (_ATOMIC_MASS / EV_TO_HARTREE) ** 0.5,
    },
    "length": {
        "bohr": 1.0,
        "angstrom": ANGSTROM_TO_BOHR,
        "meter": 1e10 * ANGSTROM_TO_BOHR,
        "ase": ANGSTROM_TO_BOHR,
    },
}
_MAGNITUDES = {
    "": 1.0, "yotta": 1e24, "zetta": 1e21, "exa": 1e18, "peta": 1e15, "tera": 1e12, "giga": 1e9, "mega": 1e6,
    "kilo": 1e3, "milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "pico": 1e-12, "femto": 1e-15, "atto": 1e-18,
    "zepto": 1e-21, "yocto": 1e-24,
}  # fmt: skip
_NAME = re.compile(rf"({'|'.join(filter(None, _MAGNITUDES))}|)(.*)", re.DOTALL)


def to_atomic_units(dimension: Dimension, unit: str, where: str) -> float:
    """What a number in ``unit`` is multiplied by.

    Args:
        dimension: of the quantity; a ``number`` has no unit whatever is written.
        unit: as i-PI writes it between braces; empty for i-PI's default, atomic units.
        where: file and line, for the message.

    Raises:
        InputError: i-PI has no such unit for that dimension.
    """
    if dimension == "number":
        return 1.0
    known = _ATOMIC | _BASES[dimension]
    found = _NAME.fullmatch(unit.strip())
    assert found is not None  # it matches any text
    magnitude, base = found.groups()
    if base.lower() not in known:
        raise InputError(
            f"{where}: '{unit[:40]}' is no unit of {dimension}{nearest(base.lower(), known)}; i-PI has"
            f" {', '.join(sorted(known.keys() - _ATOMIC.keys()))} (with kilo, milli, ...) and atomic_unit"
        )
    return known[base.lower()] * _MAGNITUDES[magnitude]
