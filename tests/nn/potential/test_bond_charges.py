"""Charges by bonds: their forces wherever bonds break, and the potential that has them."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from conftest import ROOT
from potential_cases import CELL, ELEMENTS, random_atoms, random_potential

from polcouple.data.configurations import Configuration
from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.learning.potential_loss import prepared
from polcouple.learning.potential_training import PotentialOptions, train_potential
from polcouple.nn.model_files import save_model
from polcouple.nn.potential.charges import read_bond_charges
from polcouple.nn.potential.potential import load_potential

PERIODIC = (True, True, True)
FILE = ROOT / "examples" / "networks" / "ean_charges.yaml"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def charges():
    return read_bond_charges(FILE, ELEMENTS)


def of(charges, kinds, positions, cell=CELL):
    return charges.forces(kinds, neighbour_pairs(positions, cell, PERIODIC, 3.5), positions, cell, PERIODIC)


def test_ions_of_a_liquid_have_the_force_fields_charges(charges):
    atoms = ase.io.read(HERE / "ean_300K.xyz")
    kinds = np.array([ELEMENTS.index(symbol) for symbol in atoms.symbols])
    found = of(charges, kinds, atoms.positions, atoms.cell.array)
    cation = [-0.30, 0.33, 0.33, 0.33, 0.19, 0.06, 0.06, -0.18, 0.06, 0.06, 0.06]
    assert np.allclose(found.charges[:11], cation, atol=1e-6)
    assert np.allclose(found.charges[-4:], [0.95, -0.65, -0.65, -0.65], atol=1e-6)
    assert abs(found.charges.sum()) < 1e-9
    assert np.abs(found.forces).mean() > 0.02


@pytest.mark.parametrize("distance", [1.02, 1.3, 1.4, 1.5, 1.58, 1.7])
def test_forces_and_virial_are_derivatives_while_a_bond_breaks(charges, distance):
    kinds = np.array([2, 1, 3, 0])
    positions = np.array([[1.0, 2.0, 3.0], [1.0 + distance, 2.0, 3.0], [4.0, 3.0, 3.5], [0.0, 1.0, 3.0]])
    found, step = of(charges, kinds, positions), 1e-5
    for atom in range(4):
        for axis in range(3):
            ends = []
            for sign in (1, -1):
                moved = positions.copy()
                moved[atom, axis] += sign * step
                ends.append(of(charges, kinds, moved).energy)
            assert found.forces[atom, axis] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=1e-6)
    for a, b in ((0, 0), (0, 1), (2, 1)):
        strain = np.zeros((3, 3))
        strain[a, b] = step
        both = [np.eye(3) + sign * strain for sign in (1, -1)]
        ends = [of(charges, kinds, positions @ one, CELL @ one).energy for one in both]
        assert found.virial[a, b] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=1e-5)


def test_a_bond_breaks_smoothly(charges):
    """The force along it and the charge are continuous, and the charge goes from whole to none."""
    lengths = np.arange(1.2, 1.7, 1e-3)
    kinds, forces, moved = np.array([2, 1]), [], []
    for length in lengths:
        found = of(charges, kinds, np.array([[1.0, 2.0, 3.0], [1.0 + length, 2.0, 3.0]]))
        forces.append(found.forces[1, 0])
        moved.append(found.charges[1])
    assert moved[0] == pytest.approx(0.33) and moved[-1] == 0.0
    assert np.abs(np.diff(moved)).max() < 0.003
    assert np.abs(np.diff(forces)).max() < 0.03 * np.ptp(forces)


def test_a_potential_has_their_energy_forces_and_virial(charges, tmp_path):
    bare = random_potential()
    both = random_potential(charges=charges)
    kinds, positions = random_atoms()
    without, found = (one.evaluate(kinds, positions, CELL, PERIODIC, True) for one in (bare, both))
    own = of(charges, kinds, positions)
    assert found.energy == pytest.approx(without.energy + own.energy)
    assert np.allclose(found.forces, without.forces + own.forces)
    assert np.allclose(found.virial, without.virial + own.virial)
    assert np.allclose(found.disagreement, without.disagreement)
    assert np.allclose(found.member_energies - without.member_energies, own.energy)
    save_model(tmp_path / "net", both.description(), both.arrays(), "")
    again = load_potential(tmp_path / "net")
    assert again.architecture == both.architecture
    assert again.description()["charges"]["increments"]["N-H"] == 0.33
    with pytest.raises(InputError, match="periodic in all directions, or none"):
        again.evaluate(kinds, positions, CELL, (True, True, False))


def test_places_in_the_cell_matter_by_less_than_the_meshs_error(charges):
    kinds, positions = random_atoms()
    base = of(charges, kinds, positions)
    order = np.random.default_rng(1).permutation(len(kinds))
    other = of(charges, kinds[order], positions[order] + [0.31, -7.0, 2.22])
    assert other.energy == pytest.approx(base.energy, rel=2e-4)
    assert np.abs(other.forces - base.forces[order]).max() < 2e-4 * np.abs(base.forces).max()


def test_they_are_taken_off_before_training(charges):
    potential = random_potential(charges=charges)
    kinds, positions = random_atoms()
    symbols = tuple(ELEMENTS[kind] for kind in kinds)
    own = of(charges, kinds, positions)
    one = Configuration(symbols, positions, CELL, PERIODIC, 2.0 + own.energy, own.forces + 0.5)
    a = potential.architecture
    frame = prepared(one, a, a.descriptors(), np.zeros(4))
    assert frame.energy == pytest.approx(2.0)
    assert np.abs(frame.forces).max() < 1e-9


@pytest.mark.slow
def test_training_names_them_on_the_card(tmp_path):
    kinds, positions = random_atoms()
    symbols = tuple(ELEMENTS[kind] for kind in kinds)
    frames = [Configuration(symbols, positions, CELL, PERIODIC, 1.0, np.zeros((60, 3)))] * 3
    options = PotentialOptions(
        members=1, epochs=1, widths=(4,), n_max=1, charges=FILE, test_fraction=0, validation_fraction=0
    )
    trained = train_potential(frames, tmp_path / "net", options)
    assert trained.potential.architecture.charges == read_bond_charges(FILE, ELEMENTS)
    assert "moved by bonds C-H 0.06, N-C 0.31" in (tmp_path / "net" / "README.md").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("formal: {N: 1}", "give formal"),
        ("formal: {N: 1, H: 0}\nincrements: {N-C: 1}\nwidth: 1", "no formal charge of C"),
        ("formal: {C: 0, H: 0, N: 1}\nincrements: {}\nwidth: 1", "no formal charge of O"),
        ("formal: {C: 0, H: 0, N: 1, O: 0}\nincrements: {N: 1}\nwidth: 1", "give formal"),
        ("formal: {C: 0, H: 0, N: true, O: 0}\nincrements: {}\nwidth: 1", "give formal"),
        ("formal: {C: 0, H: 0, N: 1, O: 0}\nincrements: {N-H: 0.3, H-N: 0.3}\nwidth: 1", "are one bond"),
        ("formal: {C: 0, H: 0, N: 1, O: 0}\nincrements: {}\nwidth: 0.1", "a width of 0.3"),
        ("formal: {C: 0, H: .nan, N: 1, O: 0}\nincrements: {}\nwidth: 1", "nan"),
        (": :", "cannot be read"),
    ],
)
def test_bad_files_are_refused(text, message, tmp_path):
    path = tmp_path / "charges.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_bond_charges(path, ELEMENTS)


@pytest.mark.parametrize(
    ("elements", "cutoff"), [(("Al", "Br"), 3.5), (("Si", "I"), 3.5), (("Al", "Cl"), 3.0)]
)
def test_bonds_reach_beyond_the_networks_cutoff(tmp_path, elements, cutoff):
    """1.55 times the covalent radii, 3.5 to 3.9 A: charges stepped by 0.1 e where neighbours ended before."""
    path = tmp_path / "charges.yaml"
    path.write_text(
        "formal: {Al: 3, Br: -1, Cl: -1, Si: 0, I: 0}\n"
        "increments: {Al-Br: -0.5, Al-Cl: -0.5, Si-I: 0.3}\nwidth: 1.2\n"
    )
    charges, cell = read_bond_charges(path, elements), 20.0 * np.eye(3)
    kinds = np.array([0, 1, 1])

    def at(distance, reach):
        positions = np.array([[5.0, 5.0, 5.0], [5.0 + distance, 5.0, 5.0], [5.0, 7.2, 5.0]])
        pairs = neighbour_pairs(positions, cell, PERIODIC, reach)
        return charges.forces(kinds, pairs, positions, cell, PERIODIC)

    before, after = at(cutoff - 1e-4, cutoff), at(cutoff + 1e-4, cutoff)
    assert after.energy - before.energy == pytest.approx(-2e-4 * before.forces[1, 0], abs=1e-5)
    assert after.charges == pytest.approx(before.charges, abs=1e-3)
    assert after.energy == at(cutoff + 1e-4, 6.0).energy
