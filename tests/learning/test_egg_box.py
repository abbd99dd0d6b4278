"""What a real-space grid adds to labels: a force of an energy, found in net forces, taken off, refused."""

from dataclasses import replace

import numpy as np
import pytest

from polcouple.data.configurations import Configuration
from polcouple.errors import InputError
from polcouple.learning.egg_box import EggBox, fitted_egg_box, mean_egg_box
from polcouple.learning.potential_folds import read_folds, score_folds, write_committee
from polcouple.learning.potential_scores import disagreements
from polcouple.learning.potential_training import PotentialOptions, train_potential

CELL = np.array([[9.0, 0.0, 0.0], [1.5, 8.5, 0.0], [-1.0, 0.7, 9.5]])
POINTS = (40, 36, 44)
BOX = EggBox(POINTS, {"H": 0.02, "N": 0.19}, 1.0)


def frames(count=12, noise=0.01, seed=0):
    """Periodic frames; forces are those of springs between neighbours in the list, the grid's, and noise."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        positions = random.uniform(0, 1, (16, 3)) @ CELL
        pulls = 0.3 * (positions - np.roll(positions, 1, axis=0))
        forces = np.roll(pulls, -1, axis=0) - pulls
        one = Configuration(
            ("N", "H") * 8, positions, CELL, (True,) * 3, 0.15 * float((pulls**2).sum()), forces
        )
        forces = forces + BOX.forces(one) + random.normal(0, noise, (16, 3))
        found.append(replace(one, energy=one.energy + BOX.energy(one), forces=forces))
    return found


def test_its_forces_are_those_of_its_energy():
    one, step = frames(1)[0], 1e-5
    forces = BOX.forces(one)
    for atom, axis in ((0, 0), (1, 1), (2, 2), (7, 0)):
        moved = []
        for sign in (1, -1):
            positions = one.positions.copy()
            positions[atom, axis] += sign * step
            moved.append(BOX.energy(replace(one, positions=positions)))
        assert forces[atom, axis] == pytest.approx(-(moved[0] - moved[1]) / (2 * step), abs=1e-6)


def test_images_of_an_atom_are_the_same_atom():
    one = frames(1)[0]
    wrapped = replace(one, positions=one.positions + CELL[1] - 2 * CELL[2])
    assert np.allclose(BOX.forces(one), BOX.forces(wrapped), atol=1e-10)


def test_net_forces_tell_of_it_whatever_atoms_do_to_each_other():
    found = fitted_egg_box(frames(30), POINTS)
    assert found.amplitudes["N"] == pytest.approx(0.19, abs=0.01)
    assert found.amplitudes["H"] == pytest.approx(0.02, abs=0.01)
    assert found.explained > 0.95
    exact = fitted_egg_box(frames(30, noise=0.0), POINTS)
    assert exact.amplitudes == pytest.approx(BOX.amplitudes, abs=1e-12)
    clean = exact.taken_off(frames(1, noise=0.0)[0])
    assert np.abs(clean.forces.sum(axis=0)).max() < 1e-12


def test_the_mean_of_fits():
    mean = mean_egg_box([BOX, EggBox(POINTS, {"N": 0.21}, 0.8)])
    assert mean.amplitudes == pytest.approx({"H": 0.01, "N": 0.2})
    assert mean.explained == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("points", "count", "message"),
    [
        ((41, 36, 44), 30, "points of the grid that the labels were computed on"),
        (POINTS, 2, "2 frames with forces are too few"),
        ((40,), 30, "three lattice vectors"),
    ],
)
def test_what_is_no_such_grid_is_refused(points, count, message):
    data = frames(count)
    if points != POINTS:
        data = [replace(one, forces=one.forces - BOX.forces(one) * 0.9) for one in data]
    with pytest.raises(InputError, match=message):
        fitted_egg_box(data, points)


def test_frames_that_are_not_periodic_are_refused():
    data = [replace(one, periodic=(True, True, False)) for one in frames(6)]
    with pytest.raises(InputError, match="not periodic"):
        fitted_egg_box(data, POINTS)


@pytest.mark.slow
def test_training_takes_it_off_and_says_so(tmp_path):
    data = frames(20)
    options = PotentialOptions(
        epochs=1,
        members=2,
        widths=(4,),
        n_max=1,
        no_repulsion=True,
        egg_box=POINTS,
        test_fraction=0.5,
        validation_fraction=0,
    )
    trained = train_potential(data, tmp_path / "late", options)
    assert "grid of 40 x 36 x 44 points taken off" in (tmp_path / "late" / "README.md").read_text()
    box = fitted_egg_box(data[:10], POINTS)
    clean = [box.taken_off(one) for one in data]
    by_hand = train_potential(clean, tmp_path / "clean", options.model_copy(update={"egg_box": ()}))
    assert np.array_equal(trained.potential.members, by_hand.potential.members)
    without = "this potential, labels without the egg box"
    assert trained.rows[without] == by_hand.rows["this potential"] != trained.rows["this potential"]

    train_potential(data, tmp_path / "early", options.model_copy(update={"test_from": 0.0}))
    folds = read_folds([tmp_path / "early", tmp_path / "late"], data)
    assert folds[1].egg_box == box and folds[0].egg_box != box
    rows = score_folds(folds, data).rows
    assert list(rows)[-1].startswith("forces zero")
    both = [
        score_folds([fold], data).rows["2 networks together, labels without the egg box"] for fold in folds
    ]
    mean = np.mean([one.force_mae for one in both])
    assert rows["2 networks together, labels without the egg box"].force_mae == pytest.approx(mean)
    assert both[1].force_mae == pytest.approx(trained.rows[without].force_mae)

    whole = write_committee(tmp_path / "all", folds, data, rows, [tmp_path / "early"], "", kept=1)
    assert np.array_equal(whole.members, [fold.potential.members[0] for fold in folds])
    # two networks of two parts: as far apart as the two of each part on what they left out
    unseen = np.concatenate([disagreements(fold.potential, [data[i] for i in fold.test]) for fold in folds])
    assert whole.usual == pytest.approx(tuple(np.quantile(unseen, 0.75, axis=0)))
    assert "frames that none has seen" in (tmp_path / "all" / "README.md").read_text()
