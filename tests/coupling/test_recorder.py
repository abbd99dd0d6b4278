"""Frames for a dataset of each electrode: what it sees, once each, in step with the others."""

from dataclasses import replace

import numpy as np
import pytest
from capacitor_cases import HOT, capacitor
from dftb_cases import environment

from polcouple.backends.base import Environment, create_backend
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.recorder import FrameRecorder, open_datasets
from polcouple.coupling.recording_schedule import RecordingSchedule
from polcouple.data.dataset import Frames
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.errors import InputError

SLAB = {"displacement_volt_per_angstrom": 0.1}


def schedule(case, time_step, per_step=1):
    return RecordingSchedule(case.electrolyte_positions(case.positions), 1, 0, time_step, per_step)


def recorded(tmp_path, case, backend, steps=2, **words):
    """Datasets of a run that stands still, and its last charges."""
    datasets = open_datasets(tmp_path / "frames.h5", case, True, "a test")
    recorder = FrameRecorder(datasets, case, schedule(case, 0.01))
    provider = ForceProvider(case, backend, threads=1, observer=recorder, **words)
    for _ in range(steps):
        answer = provider.evaluate(case.positions, case.cell)
    return datasets, answer.extras["charges"]


def potentials_of_all_others(case, positions, own, charges):
    """Plain Ewald sums over the liquid and the other electrode, which has these charges."""
    others = np.delete(np.arange(len(case)), np.arange(own.start, own.stop))
    everything = np.concatenate([charges, case.electrolyte.charges])
    return ewald_potential(positions[own], positions[others], everything[others], case.cell)


def again(frames: Frames, time: float) -> Frames:
    """The first of ``frames`` at another time."""
    return Frames(
        np.array([time]), frames.site_potentials[:1], frames.ion_positions[:1], frames.positions[:1]
    )


@pytest.mark.parametrize("sections", [{}, {"slab": SLAB, "potential": {"voltage_volt": 1.0}}])
def test_labels_of_each_electrode_are_its_charges_beside_the_others(tmp_path, sections):
    case = capacitor(**sections)
    datasets, charges = recorded(tmp_path, case, create_electrodes(case, "dftb", HOT))
    assert [one.path.name for one in datasets] == ["frames_lower.h5", "frames_upper.h5"]
    for dataset, own in zip(datasets, case.electrode_slices, strict=True):
        assert len(dataset) == 1 and len(dataset.electrode) == 24
        assert "one of 2 electrodes, which sees the others' charges" in dataset.origin
        alone = create_backend("dftb", dataset.electrode, dataset.electrolyte, HOT)
        seen, total = dataset.frames().site_potentials[0], float(charges[own].sum())
        found = alone.solve(environment(seen), total)
        assert np.ptp(charges[own]) > 1e-3
        np.testing.assert_allclose(found.charges, charges[own], atol=2e-6)
        if not sections:
            expected = potentials_of_all_others(case, case.positions, own, charges)
            np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_charges_that_are_held_are_the_ones_seen(tmp_path):
    """Between refreshes the other electrode keeps its charges, while the liquid moves."""
    case = capacitor()
    datasets = open_datasets(tmp_path / "frames.h5", case, False, "a test")
    recorder = FrameRecorder(datasets, case, schedule(case, 0.01))
    backend = create_electrodes(case, "dftb", HOT)
    provider = ForceProvider(case, backend, threads=1, observer=recorder, interval=5)
    charges = provider.evaluate(case.positions, case.cell).extras["charges"]
    moved = case.positions.copy()
    moved[-1] += 1.0
    assert np.array_equal(provider.evaluate(moved, case.cell).extras["charges"], charges)
    for dataset, own in zip(datasets, case.electrode_slices, strict=True):
        expected = potentials_of_all_others(case, moved, own, charges)
        np.testing.assert_allclose(dataset.frames().site_potentials[0], expected, atol=1e-6)


def test_a_frame_that_one_dataset_lacks_is_added_to_it_alone(tmp_path):
    """As after a driver that was killed between the two."""
    case = capacitor()
    backend = create_electrodes(case, "fixed")
    lower, upper = recorded(tmp_path, case, backend, steps=3)[0]
    assert len(lower) == len(upper) == 2
    lower.append(again(lower.frames(positions=True), 0.03))
    recorded(tmp_path, case, backend, steps=4)
    assert lower.frames().time.tolist() == upper.frames().time.tolist() == [0.01, 0.02, 0.03]


def test_datasets_that_do_not_belong_together_are_refused(tmp_path):
    case = capacitor()
    lower, upper = recorded(tmp_path, case, create_electrodes(case, "fixed"), steps=3)[0]
    upper.path.unlink()
    with pytest.raises(InputError, match=r"there are frames_lower.h5 2, frames_upper.h5 0; restore the"):
        open_datasets(tmp_path / "frames.h5", case, True, "a test")
    assert not upper.path.exists() and len(lower) == 2


@pytest.mark.parametrize("name", ["a/b", ""])
def test_an_electrode_that_no_file_can_be_named_after_is_refused(tmp_path, name):
    case = capacitor()
    case.system.electrodes[1].__dict__["name"] = name
    with pytest.raises(InputError, match="no file can have that name; give it another"):
        open_datasets(tmp_path / "frames.h5", case, False, "a test")
    assert not any(tmp_path.iterdir())


def test_labels_and_scores_are_made_with_the_settings_of_the_case(tmp_path):
    case = capacitor()
    backends = {"dftb": {"k_points": [2, 2, 1], "slako": "./mine"}}
    system = case.system.model_copy(update={"backends": backends})
    dataset = open_datasets(tmp_path / "d.h5", replace(case, system=system), False, "test")[0]
    own = dataset.with_own_settings("dftb", {})
    assert own == {"k_points": [2, 2, 1], "slako": str((case.directory / "mine").resolve())}
    assert dataset.with_own_settings("dftb", {"k_points": [1, 1, 1]})["k_points"] == [1, 1, 1]
    assert dataset.with_own_settings("metal", {}) == {}


@pytest.mark.parametrize(("replica", "per_step", "kept"), [(0, 1, 4), (3, 1, 4), (1, 2, 2)])
def test_frames_are_of_the_replica_that_asks_first_and_of_whole_steps(tmp_path, replica, per_step, kept):
    case = capacitor()
    datasets = open_datasets(tmp_path / "frames.h5", case, False, "test")
    recorder = FrameRecorder(datasets, case, schedule(case, 0.001, per_step))
    environment = Environment(
        case.electrolyte,
        case.electrolyte_positions(case.positions),
        np.zeros(len(case.electrode)),
    )
    charges = np.zeros(len(case.electrode))
    for evaluation in range(5):
        recorder(replica, evaluation, environment, charges)
        recorder(replica + 1, evaluation, environment, charges)
    times = datasets[0].frames().time
    np.testing.assert_allclose(times, 0.001 * np.arange(1, kept + 1))
