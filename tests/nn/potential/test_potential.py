"""Energy and forces of committees: what must hold for any weights."""

import numpy as np
import pytest
from ase import Atoms
from potential_cases import CELL, ELEMENTS, random_atoms, random_potential
from scipy.spatial.transform import Rotation

from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.nn.model_files import save_model
from polcouple.nn.models import load_model
from polcouple.nn.potential.ase_calculator import PotentialCalculator
from polcouple.nn.potential.flag import Flag
from polcouple.nn.potential.morse import LEAST, Repulsion
from polcouple.nn.potential.potential import load_potential

PERIODIC = (True, True, True)


@pytest.fixture(scope="module")
def potential():
    return random_potential()


def energy(potential, kinds, positions, cell=CELL, periodic=PERIODIC):
    return potential.evaluate(kinds, positions, cell, periodic).energy


@pytest.mark.parametrize("periodic", [PERIODIC, (False, False, False), (True, False, True)], ids=str)
def test_forces_are_the_derivative_of_the_energy(potential, periodic):
    kinds, positions = random_atoms()
    forces = potential.evaluate(kinds, positions, CELL, periodic).forces
    assert np.abs(forces.sum(axis=0)).max() < 1e-10
    assert np.abs(forces).max() > 0.1
    step = 1e-5
    for atom in (0, 17, 42):
        for axis in range(3):
            ends = []
            for sign in (1, -1):
                moved = positions.copy()
                moved[atom, axis] += sign * step
                ends.append(energy(potential, kinds, moved, periodic=periodic))
            assert forces[atom, axis] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=2e-7)


def test_the_virial_is_the_derivative_by_a_strain(potential):
    kinds, positions = random_atoms()
    virial = potential.evaluate(kinds, positions, CELL, PERIODIC).virial
    assert np.allclose(virial, virial.T, atol=1e-9)
    step = 1e-6
    for a, b in ((0, 0), (1, 2), (2, 0)):
        strain = np.zeros((3, 3))
        strain[a, b] = step
        ends = [
            energy(
                potential, kinds, positions @ (np.eye(3) + sign * strain), CELL @ (np.eye(3) + sign * strain)
            )
            for sign in (1, -1)
        ]
        assert virial[a, b] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=1e-6)


def test_rotation_translation_permutation_and_images_do_not_matter(potential):
    random = np.random.default_rng(5)
    kinds, positions = random_atoms()
    base = potential.evaluate(kinds, positions, CELL, PERIODIC, disagreement=True)
    rotation = Rotation.random(random_state=1).as_matrix()
    order = random.permutation(len(kinds))
    moved = positions + random.integers(-2, 3, size=positions.shape) @ CELL + [0.3, -7.0, 2.2]
    other = potential.evaluate(
        kinds[order], (moved @ rotation)[order], CELL @ rotation, PERIODIC, disagreement=True
    )
    assert other.energy == pytest.approx(base.energy, abs=1e-9)
    assert np.allclose(other.forces, (base.forces @ rotation)[order], atol=1e-9)
    assert np.allclose(other.disagreement, base.disagreement[order], atol=1e-9)


def test_two_cells_are_twice_one(potential):
    kinds, positions = random_atoms()
    doubled = potential.evaluate(
        np.tile(kinds, 2),
        np.concatenate([positions, positions + CELL[1]]),
        CELL * np.array([[1], [2], [1]]),
        PERIODIC,
    )
    base = potential.evaluate(kinds, positions, CELL, PERIODIC)
    assert doubled.energy == pytest.approx(2 * base.energy, abs=1e-9)
    assert np.allclose(doubled.forces[:60], base.forces, atol=1e-9)


def test_an_atom_that_passes_the_cutoff_leaves_no_trace(potential):
    """Energy, force and the force's slope are continuous there."""
    cutoff = potential.architecture.cutoff
    kinds = np.array([0, 1, 3])

    def at(distance):
        positions = np.array([[0.0, 0.0, 0.0], [0.0, 1.1, 0.0], [distance, 0.0, 0.0]])
        result = potential.evaluate(kinds, positions, np.zeros((3, 3)), (False,) * 3)
        return result.energy, result.forces[2, 0]

    apart = at(cutoff + 5.0)
    for step, bound in ((1e-3, 1e-5), (1e-4, 1e-7)):
        near = at(cutoff - step)
        assert abs(near[0] - apart[0]) < bound * step
        assert abs(near[1] - apart[1]) < bound * 30
    assert at(cutoff + 1e-9)[1] == 0.0
    assert abs(at(0.6 * cutoff)[1]) > 1e-3


def test_members_are_averaged_and_their_disagreement_is_of_forces(potential):
    kinds, positions = random_atoms()
    both = potential.evaluate(kinds, positions, CELL, PERIODIC, disagreement=True)
    alone = [potential.member(number) for number in range(2)]
    results = [one.evaluate(kinds, positions, CELL, PERIODIC) for one in alone]
    assert both.energy == pytest.approx(np.mean([one.energy for one in results]), abs=1e-10)
    assert np.allclose(both.member_energies, [one.energy for one in results])
    forces = np.array([one.forces for one in results])
    assert np.allclose(both.forces, forces.mean(axis=0))
    assert np.allclose(both.disagreement, np.linalg.norm(forces[0] - forces[1], axis=1) / 2)


def test_single_precision_is_close():
    kinds, positions = random_atoms()
    exact = random_potential().evaluate(kinds, positions, CELL, PERIODIC)
    single = random_potential(precision=np.float32).evaluate(kinds, positions, CELL, PERIODIC)
    assert np.abs(single.forces - exact.forces).max() < 1e-4
    assert single.energy == pytest.approx(exact.energy, abs=1e-4)


def test_the_repulsion_is_gilberts_rule():
    """Each half at its share of the distance, as the paper's code has it."""
    vectors = np.random.default_rng(2).normal(size=(3, 3))
    a, b, d = LEAST + vectors.T**2
    repulsion = Repulsion(vectors, 30.0, 50.0)
    pairs_of = [(0, 1), (1, 2), (2, 2)]
    for one, other in pairs_of:
        distance = 1.37
        positions = np.array([[0.0, 0.0, 0.0], [distance, 0.0, 0.0]])
        pairs = neighbour_pairs(positions, np.zeros((3, 3)), (0, 0, 0), 2.0)
        found = repulsion.energies(np.array([one, other]), pairs)[0].sum()
        halves = []
        for own, its in ((one, other), (other, one)):
            share = a[its] * distance + 0.25 * np.log(a[own] * d[own] / (a[its] * d[its]))
            share = (share + 0.5 * (a[own] * b[own] - a[its] * b[its])) / (a[own] + a[its])
            halves.append(d[own] * np.exp(-2 * a[own] * (2 * share - b[own])))
        assert found == pytest.approx(0.5 * sum(halves), rel=1e-9)


def test_files_hold_the_same_potential(potential, tmp_path):
    save_model(tmp_path / "net", potential.description(), potential.arrays(), "a card")
    again = load_potential(tmp_path / "net", np.float64)
    kinds, positions = random_atoms()
    assert energy(again, kinds, positions) == energy(potential, kinds, positions)
    assert again.usual == potential.usual
    path = tmp_path / "net" / "model.yaml"
    stated = path.read_text()
    path.write_text(stated.replace("- C\n- H", "- H\n- C"))
    with pytest.raises(InputError, match="'elements' is not what the weights"):
        load_potential(tmp_path / "net")
    path.write_text(stated)
    with pytest.raises(InputError, match="polcouple-driver --potential"):
        load_model(tmp_path / "net")
    content = (tmp_path / "net" / "weights.h5").read_bytes()
    (tmp_path / "net" / "weights.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged"):
        load_potential(tmp_path / "net")


def test_the_calculator_of_ase(potential):
    kinds, positions = random_atoms()
    atoms = Atoms([ELEMENTS[kind] for kind in kinds], positions, cell=CELL, pbc=True)
    atoms.calc = PotentialCalculator(potential, check_every=0)
    result = potential.evaluate(kinds, positions, CELL, PERIODIC)
    assert atoms.get_potential_energy() == result.energy
    assert np.array_equal(atoms.get_forces(), result.forces)
    assert np.allclose(atoms.get_stress(voigt=False) * atoms.get_volume(), -result.virial)
    gold = Atoms("AuH", [[0, 0, 0], [0, 0, 1.5]], calculator=PotentialCalculator(potential))
    with pytest.raises(InputError, match="knows C, H, N, O, and not Au"):
        gold.get_potential_energy()


def test_frames_where_members_differ_much_are_flagged(potential):
    kinds, positions = random_atoms()
    result = potential.evaluate(kinds, positions, CELL, PERIODIC, disagreement=True)
    spread = float(np.sqrt((result.disagreement**2).mean()))
    worst = float(result.disagreement.max())
    one = random_potential()
    for usual, told in (((spread, worst), False), ((spread / 3, worst), True), ((spread, worst / 3), True)):
        one.usual = usual
        text = Flag(one).warning(result)
        assert (text is not None) == told
    assert "unlike the frames" in text
    assert not Flag(random_potential(members=1)).possible
