"""The electrode's waves: electrons are kept, k-points are those of a larger cell, molecules stay neutral."""

from dataclasses import replace

import numpy as np
import pytest

from polcouple.electrode import Electrode
from polcouple.learning.density_labels import DensityLabel
from polcouple.learning.density_scores import density_scores
from polcouple.nn.density.basis import DensityBasis
from polcouple.nn.density.features import Surroundings
from polcouple.nn.density.files import DensityModel
from polcouple.nn.density.levels import ElectrodeLevels
from polcouple.nn.density.model import DensityDesign, DensityPart, density_at
from polcouple.units import ANGSTROM_TO_BOHR


def sheet(rng, water=True):
    """Eight rippled carbons under a water."""
    places = np.array([[0.0, 0.0], [0.71, 1.23], [2.13, 1.23], [2.84, 0.0]])
    flat = np.concatenate([places, places + np.array([0.0, 2.46])])
    positions = np.column_stack([flat, np.full(8, 2.0)]) + 0.05 * rng.normal(size=(8, 3))
    symbols = ("C",) * 8
    if water:
        positions = np.vstack([positions, [[1.0, 1.0, 5.0], [1.9, 1.2, 5.2], [0.7, 1.8, 5.4]]])
        symbols += ("O", "H", "H")
    cell = np.diag([4.26, 4.92, 12.0])
    return Electrode(symbols, positions * ANGSTROM_TO_BOHR, cell * ANGSTROM_TO_BOHR)


def spread(atoms, electrons):
    own = np.array(atoms.symbols) == "C"
    return np.where(own, -electrons / own.sum(), 0.0)


def seen(levels, atoms, electrons):
    pairs = Surroundings(("C", "H", "O"), 5.0, 3, 2, True, True).pairs(atoms)
    return pairs, *levels.added(atoms, pairs, spread(atoms, electrons))


@pytest.mark.parametrize("electrons", [0.3, -0.4])
def test_electrons_are_kept(electrons):
    atoms = sheet(np.random.default_rng(1))
    levels = ElectrodeLevels(kelvin=2000.0, hardness=(("H", 20.0), ("O", 1.0)))
    pairs, charges, between = seen(levels, atoms, electrons)
    assert charges[:8].sum() == pytest.approx(-electrons, abs=1e-10)
    assert np.ptp(charges[:8]) > 0.01 * abs(electrons)
    assert np.abs(charges[8:]).max() > 1e-4 and charges[8:].sum() == pytest.approx(0.0, abs=1e-10)
    owner = np.repeat(np.arange(len(atoms)), np.diff(pairs.first))
    liquid = (owner >= 8) | (pairs.second >= 8)
    assert not between[liquid].any() and np.abs(between[~liquid]).max() > 1e-3


def test_k_points_are_those_of_a_larger_cell():
    atoms = sheet(np.random.default_rng(2), water=False)
    copies = [atoms.positions + n * atoms.cell[0] for n in range(3)]
    larger = Electrode(atoms.symbols * 3, np.concatenate(copies), atoms.cell * [[3.0], [1.0], [1.0]])
    _, charges, between = seen(ElectrodeLevels(kelvin=2000.0, k_points=(3, 1, 1)), atoms, 0.2)
    _, expected, others = seen(ElectrodeLevels(kelvin=2000.0), larger, 0.6)
    assert np.abs(np.tile(charges, 3) - expected).max() < 1e-6
    assert np.sort(np.tile(between, 3)) == pytest.approx(np.sort(others), abs=1e-6)


def test_density_keeps_its_electrons_wherever_the_atoms_are():
    rng = np.random.default_rng(3)
    atoms = sheet(rng)
    levels = ElectrodeLevels(kelvin=2000.0, hardness=(("H", 20.0), ("O", 1.0)))
    design = DensityDesign(
        DensityBasis((0.3, 0.6, 1.2), 2, 1),
        Surroundings(("C", "H", "O"), 5.0, 3, 2, True, True),
        True,
        levels,
    )
    part = DensityPart(design, rng.normal(size=(3, design.length)))
    coefficients = part.coefficients(atoms, spread(atoms, 0.25))
    assert coefficients[:, :, 0].sum() == pytest.approx(0.25, abs=1e-10)
    moved = Electrode(atoms.symbols, atoms.positions + atoms.cell[1] + 0.1, atoms.cell)
    again = part.coefficients(moved, spread(moved, 0.25))
    assert again == pytest.approx(coefficients, abs=1e-6 * np.abs(coefficients).max())


def test_scores_stand_beside_electrons_spread_evenly():
    """Of a density that is just that, the waves know less."""
    rng = np.random.default_rng(4)
    atoms, electrons = sheet(rng), 0.25
    levels = ElectrodeLevels(kelvin=2000.0)
    basis = DensityBasis((0.3, 0.6, 1.2), 2, 1)
    parts = []
    for charged in (False, True):
        around = Surroundings(("C", "H", "O"), 5.0, 3, 2, charged, charged)
        design = DensityDesign(basis, around, True, levels if charged else None)
        parts.append(DensityPart(design, 0.1 * rng.normal(size=(3, design.length))))
    model = DensityModel("waves", *parts, ("C",), np.zeros((3, 2, 1)))
    points, weights = atoms.positions + 0.4, np.ones(len(atoms))
    charges = spread(atoms, electrons)
    even = DensityPart(replace(parts[1].design, levels=None), parts[1].weights)
    neutral, added = (
        density_at(basis, atoms, part.coefficients(atoms, charges), points) for part in (parts[0], even)
    )
    label = DensityLabel(atoms, charges, np.zeros(len(atoms)), points, weights, neutral + added, neutral)
    rows = density_scores(model, {"dftb@-0.25": [label]}, 40.0, np.full(len(atoms), 0.4))["dftb@-0.25"]
    assert rows["this model, electrons spread evenly"].change == pytest.approx(0.0, abs=1e-12)
    assert rows["this model"].change > 0.01
