"""The liquid's hardness is found again from charges that it made."""

from types import SimpleNamespace

import numpy as np
import pytest

from polcouple.electrode import Electrode
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.learning.density_levels import fitted_levels
from polcouple.nn.density.levels import ElectrodeLevels
from polcouple.units import ANGSTROM_TO_BOHR


def test_hardness_is_found():
    rng = np.random.default_rng(4)
    places = np.array([[0.0, 0.0], [0.71, 1.23], [2.13, 1.23], [2.84, 0.0]])
    flat = np.column_stack([np.concatenate([places, places + np.array([0.0, 2.46])]), np.full(8, 2.0)])
    symbols, cell = ("C",) * 8 + ("O", "H", "H"), np.diag([4.26, 4.92, 12.0]) * ANGSTROM_TO_BOHR
    made = ElectrodeLevels(kelvin=2000.0, hardness=(("H", 18.0), ("O", 3.0)))
    labels = []
    for electrons in (0.3, -0.2, 0.4):
        water = np.array([[1.0, 1.0, 5.0], [1.9, 1.2, 5.2], [0.7, 1.8, 5.4]])
        positions = np.vstack([flat, water]) + 0.05 * rng.normal(size=(11, 3))
        atoms = Electrode(symbols, positions * ANGSTROM_TO_BOHR, cell)
        pairs = neighbour_pairs(atoms.positions, cell, atoms.pbc, 3.0)
        spread = np.where(np.array(symbols) == "C", -electrons / 8, 0.0)
        charges = made.added(atoms, pairs, spread)[0]
        labels.append(SimpleNamespace(atoms=atoms, charges=charges, bare=np.zeros(11)))
    source = SimpleNamespace(symbols=symbols, moves=True, kelvin=2000.0, k_points=(1, 1, 1))
    found = fitted_levels(source, labels, ("C",))
    assert [element for element, _ in found.hardness] == ["H", "O"]
    assert [h for _, h in found.hardness] == pytest.approx([18.0, 3.0], abs=0.3)
    assert fitted_levels(source, labels, ("C", "O")) is None
    assert fitted_levels(SimpleNamespace(symbols=symbols, moves=False), labels, ("C",)) is None
