"""Grand potentials: what must hold for any weights."""

import numpy as np
import pytest
from grand_cases import CELL, architecture, atoms, random_grand

from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.nn.grand.levels import levels_of
from polcouple.nn.grand.long_range import WIDTH, Waves, energy_of_electrons
from polcouple.nn.grand.member import Member
from polcouple.nn.grand.potential import load_grand_potential
from polcouple.nn.grand.scene import scene_of
from polcouple.nn.model_files import save_model

DESIGNS = [("electrode", True), ("electrode", False), ("scalar", False)]
LEVEL, STEP = -5.3, 1e-4


def slope(function):
    """Derivative at 0 by differences of fourth order."""
    near, far = ((function(k * STEP) - function(-k * STEP)) / (2 * k * STEP) for k in (1, 2))
    return (4 * near - far) / 3


@pytest.mark.parametrize(("design", "learned"), DESIGNS)
def test_forces_and_electrons_are_derivatives_of_one_function(design, learned):
    potential = random_grand(design=design, learned=learned)
    kinds, positions = atoms()
    direction = np.random.default_rng(1).normal(size=positions.shape)

    def at(shift=0.0, moved=0.0):
        return potential.evaluate(kinds, positions + moved * direction, CELL, LEVEL + shift)

    found = at()
    assert found.electrons == pytest.approx(-slope(lambda s: at(s).grand_potential), abs=1e-7)
    work = slope(lambda s: at(moved=s).grand_potential)
    assert (found.forces * direction).sum() == pytest.approx(-work, abs=1e-6)
    # Maxwell: dF/dmu = dn/dR
    by_level = slope(lambda s: (at(s).forces * direction).sum())
    assert by_level == pytest.approx(slope(lambda s: at(moved=s).electrons), abs=1e-6)
    assert abs(by_level) > 1e-3
    if design == "electrode":
        assert found.capacitance == pytest.approx(slope(lambda s: at(s).electrons), rel=1e-6)
    assert np.abs(found.forces.sum(axis=0)).max() < 1e-10


@pytest.mark.parametrize("level", [-4.6, -2.0])
def test_the_change_of_forces_with_the_level_is_that_by_differences(level):
    kinds, positions = atoms()
    of_all = architecture()
    parts = of_all.layout().parts(of_all.layout().initial(0).astype(float))
    descriptors = of_all.surroundings.descriptors()
    seen = descriptors.surroundings(kinds, neighbour_pairs(positions, CELL, (1, 1, 1), 3.0))
    scene = scene_of(of_all, seen, seen.spectrum, positions, CELL)
    member = Member(of_all, parts, descriptors)
    found = member.at(scene, np.array([level])).by_level()
    by_level = slope(lambda s: member.solve(scene, np.array([level + s])).forces)
    assert np.abs(found - by_level).max() < 1e-5 * np.abs(by_level).max()


@pytest.mark.parametrize(("design", "learned"), DESIGNS)
def test_order_translation_and_turns_change_nothing(design, learned):
    potential = random_grand(design=design, learned=learned)
    kinds, positions = atoms()
    found = potential.evaluate(kinds, positions, CELL, LEVEL)
    order = np.random.default_rng(2).permutation(len(kinds))
    other = potential.evaluate(kinds[order], positions[order] + [0.3, -9.0, 5.0], CELL, LEVEL)
    assert other.grand_potential == pytest.approx(found.grand_potential, abs=1e-9)
    assert np.allclose(other.forces, found.forces[order], atol=1e-9)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned = potential.evaluate(kinds, positions @ turn, CELL @ turn, LEVEL)
    assert turned.electrons == pytest.approx(found.electrons, abs=1e-9)
    assert np.allclose(turned.forces, found.forces @ turn, atol=1e-8)


def test_two_cells_have_twice_the_electrons():
    potential = random_grand()
    kinds, positions = atoms()
    found = potential.evaluate(kinds, positions, CELL, LEVEL)
    twice = np.concatenate([positions, positions + CELL[1]])
    # as for the sheet's k-points: levels at the zone's boundary are only in the larger cell
    narrow = random_grand(seed=0)
    larger = narrow.evaluate(np.tile(kinds, 2), twice, CELL * [[1], [2], [1]], LEVEL)
    assert larger.electrons == pytest.approx(2 * found.electrons, rel=0.2)


def test_waves_are_those_of_charges_between_plates():
    """Two charged planes far apart, against the potential of planes in a periodic cell."""
    cell = np.diag([3.0, 3.0, 30.0])
    grid = np.stack(np.meshgrid([0.5, 1.5, 2.5], [0.5, 1.5, 2.5], indexing="ij"), -1).reshape(-1, 2)
    positions = np.concatenate([np.c_[grid, np.full(9, z)] for z in (5.0, 15.0)])
    charges = np.repeat([1.0, -1.0], 9) / 9
    probe = np.zeros(18)
    probe[[0, -1]] = 1.0, -1.0
    energies, _ = energy_of_electrons(Waves(positions, cell), charges, probe)
    field = 4 * np.pi * 14.399645 / 9.0
    # half of the field on either side of ten A, less where a plane lies within its own Gaussians
    expected = 10.0 * field * (1 - 10.0 / 30.0) - 2 * field * WIDTH * np.sqrt(1 / np.pi)
    # the term with both is the probe's charges in the planes' potentials
    assert energies[1] == pytest.approx(expected, rel=2e-3)


def test_levels_are_graphenes():
    kinds, positions = atoms()
    sheet = np.flatnonzero(kinds == 0)
    pairs = neighbour_pairs(positions, CELL, (1, 1, 1), 3.0)
    levels = levels_of(pairs, sheet, 2.7, 2.0, 0.0259)
    assert len(levels.bonds) == 3 * 8
    assert levels.energies.sum() == pytest.approx(0.0, abs=1e-9)
    n = 0.7
    x = levels.level_of(n)
    assert levels.electrons(x)[0] == pytest.approx(n, abs=1e-9)
    step = 1e-5
    rise = [levels.free_energy(levels.level_of(n + s * step)) for s in (1, -1)]
    assert (rise[0] - rise[1]) / (2 * step) == pytest.approx(x, abs=1e-6)


def saved(potential, directory):
    save_model(directory, potential.description(), potential.arrays(), "# a card")
    return directory


def test_files_hold_it_and_damage_is_told_of(tmp_path):
    potential = random_grand()
    directory = saved(potential, tmp_path / "net")
    kinds, positions = atoms()
    again = load_grand_potential(directory, np.float64)
    one, other = (p.evaluate(kinds, positions, CELL, LEVEL) for p in (potential, again))
    assert np.array_equal(one.forces, other.forces)
    weights = directory / "weights.h5"
    weights.write_bytes(weights.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"weights\.h5"):
        load_grand_potential(directory)


def test_levels_outside_the_training_are_told_of():
    potential = random_grand()
    assert potential.outside(-4.0) is None
    assert "+1.00 V" in potential.outside(-6.2)
    with pytest.raises(InputError, match="no atoms of the electrode"):
        kinds, positions = atoms()
        potential.evaluate(kinds[8:], positions[8:], CELL, LEVEL)
