"""Training of grand potentials: exact derivatives, restarts, what is learned, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from grand_data import known_frames

from polcouple.data.grand_frames import grand_frames, with_given
from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import CONVERGED, GIVEN, LabelSet, MovingFrames, MovingLabels
from polcouple.errors import InputError
from polcouple.learning.grand_options import GrandOptions
from polcouple.learning.grand_training import _Data, split_in_time, train_grand_potential
from polcouple.nn.grand.potential import load_grand_potential
from polcouple.units import HARTREE_TO_EV

SMALL = {"epochs": 3, "widths": (8, 8), "n_max": 2, "cutoff": 3.0, "batch_size": 4, "no_repulsion": True}
SMALL |= {"neutral_level": -4.6, "hardness": -4.8, "charges": ("O=-0.6", "H=0.3")}


@pytest.fixture(scope="module")
def frames():
    return known_frames()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param({"electrons_weight": 0.0}, marks=pytest.mark.slow),
        pytest.param({"design": "scalar"}, marks=pytest.mark.slow),
    ],
)
def test_the_losss_derivative_is_that_by_differences(frames, changes):
    options = GrandOptions(**SMALL | {"no_repulsion": False} | changes, energy_weight=0.5)
    data = _Data(frames, split_in_time(frames, options), options)
    layout = data.architecture.layout()
    vector, some = layout.initial(1), data.of(data.split.train[::7])
    value, derivative = data.loss.value_and_derivative(vector, some)
    assert value == pytest.approx(data.loss.value(vector, some), rel=1e-5)
    exact, step, random = vector.astype(float), 1e-5, np.random.default_rng(0)
    for name, place in layout.places().items():
        direction = np.zeros(len(vector))
        direction[place] = random.normal(size=place.stop - place.start)
        ends = [data.loss.value(exact + sign * step * direction, some) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step)
        assert derivative @ direction == pytest.approx(slope, rel=3e-3, abs=3e-5), name


def test_forces_and_electrons_are_learned_and_files_hold_them(frames, tmp_path):
    options = GrandOptions(**SMALL | {"epochs": 40, "electrons_weight": 5.0})
    trained = train_grand_potential(frames, tmp_path / "net", options)
    mine, *others = (row["all"] for row in trained.scores.values())
    assert len(others) == 2
    assert mine.force_mae < 0.3 * others[0].force_mae
    assert mine.electrons_mae < 0.5 * min(one.electrons_mae for one in others)
    assert trained.maxwell < 1e-6
    assert "Maxwell" in (tmp_path / "net" / "README.md").read_text()
    again = load_grand_potential(tmp_path / "net")
    assert np.array_equal(again.members, trained.potential.members)


def test_interrupted_and_gone_on_with_gives_the_same_bits(frames, tmp_path):
    options = GrandOptions(**SMALL)

    def interrupt(name, epochs, epoch, train, validation):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_grand_potential(frames, tmp_path / "net", options, progress=interrupt)
    again = train_grand_potential(frames, tmp_path / "net", options)
    whole = train_grand_potential(frames, tmp_path / "whole", options)
    assert np.array_equal(again.potential.members, whole.potential.members)
    with pytest.raises(InputError, match="holds a model already"):
        train_grand_potential(frames, tmp_path / "net", options)


def test_each_trajectorys_end_is_the_test_and_potentials_can_be_left_out(frames):
    split = split_in_time(frames, GrandOptions(test_fraction=0.25, validation_fraction=0.125))
    assert split.test.tolist() == [6, 7, 14, 15, 22, 23]
    assert split.validation.tolist() == [5, 13, 21]
    left = split_in_time(frames, GrandOptions(leave_out=(1.0,)))
    assert not np.isin(left.train, np.arange(8)).any()
    assert np.isin(left.test, np.arange(8)).any()
    with pytest.raises(
        InputError, match=r"--leave-out 0\.7: no labels at that potential; there are -1, 0, 1 V"
    ):
        split_in_time(frames, GrandOptions(leave_out=(0.7,)))
    with pytest.raises(InputError, match="leave none"):
        split_in_time(frames, GrandOptions(leave_out=(1.0, 0.0, -1.0)))


def test_frames_of_no_trajectory_are_all_trained_on(frames):
    more = replace(frames, trajectory=np.where(np.arange(24) < 5, GIVEN, frames.trajectory))
    split = split_in_time(more, GrandOptions(test_fraction=0.25, validation_fraction=0.125))
    assert np.isin(np.arange(5), split.train).all()
    assert split.test.tolist() == [7, 14, 15, 22, 23]
    left = split_in_time(more, GrandOptions(leave_out=(1.0,)))
    assert not np.isin(left.train, np.arange(8)).any()


def test_what_cannot_be_trained_is_refused(frames, tmp_path):
    with pytest.raises(InputError, match="the frames have no Au"):
        train_grand_potential(frames, tmp_path / "a", GrandOptions(**SMALL, electrode=("Au",)))
    with pytest.raises(InputError, match="give all or none"):
        train_grand_potential(frames, tmp_path / "a", GrandOptions(**SMALL | {"neutral_level": None}))
    nothing = {"neutral_level": None, "hardness": None, "charges": ()}
    with pytest.raises(InputError, match="labels of given: give --neutral-level"):
        train_grand_potential(frames, tmp_path / "a", GrandOptions(**SMALL | nothing))
    for word in ("C=0.1", "O=x", "O"):
        with pytest.raises(InputError, match=f"--charges {word}: "):
            train_grand_potential(frames, tmp_path / "a", GrandOptions(**SMALL | {"charges": (word,)}))
    zero = {"force_weight": 0, "electrons_weight": 0}
    with pytest.raises(InputError, match="counts nothing"):
        train_grand_potential(frames, tmp_path / "a", GrandOptions(**SMALL, **zero))
    nowhere = replace(frames, reference=None)
    with pytest.raises(InputError, match="no zero of the potential"):
        split_in_time(nowhere, GrandOptions(leave_out=(0.5,)))


def test_labels_at_levels_are_read_and_those_at_charges_are_not_mixed_in(tmp_path):
    path, random = tmp_path / "d.h5", np.random.default_rng(0)
    dataset = MovingDataset.create(path, ("C", "H"), np.zeros((2, 3)), 9.0 * np.eye(3), np.arange(2), {})
    columns, charges = random.normal(size=(6, 3)), random.normal(size=(3, 2))
    forces = random.normal(size=(3, 2, 3))
    held = [LabelSet("dftb", fermi_level=-0.2, reference=-0.18), LabelSet("dftb", total_charge=1.0)]
    for number, one in enumerate(held):
        assert dataset.number_of(one) == number
        rows = MovingLabels(
            np.arange(3), np.full(3, number), *columns, charges, forces, np.full(3, CONVERGED)
        )
        positions = random.normal(size=(3, 2, 3))
        dataset.append(
            MovingFrames(np.arange(3.0), np.zeros(3, int), positions) if not number else None, rows
        )
    with pytest.raises(InputError, match=r"labels dftb@1e are at a charge: their energy is A, not Omega"):
        grand_frames(path)
    name = dataset.sets()[0].name
    found = grand_frames(path, [name])
    assert np.allclose(found.electrons, -charges.sum(axis=1))
    neutral = columns[4] + charges.sum(axis=1)
    assert np.allclose(found.energies, (columns[2] - 0.2 * neutral) * HARTREE_TO_EV)
    with pytest.raises(InputError, match="no labels 'dftb@3eV'"):
        grand_frames(path, ["dftb@3eV"])


def test_given_frames_join_those_of_trajectories_if_they_are_of_the_same(tmp_path):
    def written(name, reference, count):
        dataset = MovingDataset.create(
            tmp_path / name, ("C", "H"), np.zeros((2, 3)), 9.0 * np.eye(3), np.arange(2), {}
        )
        number = dataset.number_of(LabelSet("dftb", fermi_level=-0.2, reference=reference))
        random = np.random.default_rng(count)
        rows = MovingLabels(
            np.arange(count),
            np.full(count, number),
            *random.normal(size=(6, count)),
            random.normal(size=(count, 2)),
            random.normal(size=(count, 2, 3)),
            np.full(count, CONVERGED),
        )
        positions = random.normal(size=(count, 2, 3))
        dataset.append(MovingFrames(np.arange(float(count)), np.zeros(count, int), positions), rows)
        return tmp_path / name

    frames = grand_frames(written("a.h5", -0.18, 3))
    more = written("b.h5", -0.18, 2)
    found = with_given(frames, more)
    assert found.trajectory.tolist() == [0, 0, 0, GIVEN, GIVEN]
    assert np.array_equal(found.forces[3:], grand_frames(more).forces)
    assert np.array_equal(found.electrons[:3], frames.electrons)
    with pytest.raises(InputError, match=r"c\.h5: of another system, or labelled otherwise"):
        with_given(frames, written("c.h5", -0.17, 2))
