"""A Dask cluster on this host whose workers are killed while they label: nothing is lost, nothing differs."""

import os
import shutil
import signal

import numpy as np
import pytest
from dask_cases import two_workers
from moving_cases import write_ring
from nn_cases import electrolyte, frames, sheet
from test_label_moving import write_frames

from polcouple.case.model import read_case
from polcouple.coupling.held_values import HeldValues
from polcouple.data.dataset import Dataset
from polcouple.data.moving import MovingDataset
from polcouple.learning import label
from polcouple.learning.label_moving import import_frames, label_moving
from polcouple.learning.workers import executors, results

pytestmark = pytest.mark.slow


cluster = pytest.fixture(scope="module")(two_workers)


class Killer:
    """Kills the cluster's first worker when so many tasks are done; stands in for a bar of progress."""

    def __init__(self, cluster, done):
        self.cluster, self.at, self.killed = cluster, done, None

    def __call__(self, done, everything):
        if self.killed is None and done >= self.at:
            assert done < everything
            self.killed = next(iter(self.cluster.workers.values())).pid
            os.kill(self.killed, signal.SIGKILL)


@pytest.mark.parametrize(
    ("backend", "apart"),
    # each solution of dftb starts from the one before in its process: the same to the accuracy asked for
    [("response", 0.0), ("dftb", 1e-6)],
)
def test_labels_are_those_of_a_serial_run(cluster, tmp_path, own_cache, backend, apart):
    serial = Dataset.create(tmp_path / "serial.h5", sheet(), electrolyte())
    serial.append(frames(sheet(), 150))
    shutil.copy(serial.path, tmp_path / "cluster.h5")
    charges = [0.0, -0.5]
    label.label_dataset(serial.path, backend, charges)
    killer = Killer(cluster, 40)
    summary = label.label_dataset(
        tmp_path / "cluster.h5", backend, charges, scheduler=cluster.scheduler_address, progress=killer
    )
    assert killer.killed is not None
    assert (summary.labelled, summary.done_before, summary.lost) == (300, 0, ())
    for charge in charges:
        one, other = (
            Dataset(path).complete_labels(backend, charge) for path in (serial.path, tmp_path / "cluster.h5")
        )
        for name in ("charges", "energy", "fermi_level"):
            difference = np.abs(getattr(one, name) - getattr(other, name)).max()
            print(f"{backend}, {charge} e: {name} differ by {difference:.1e}")
            assert difference <= apart, name


def test_labels_of_atoms_that_move_are_those_of_a_serial_run(cluster, tmp_path):
    case = read_case(write_ring(tmp_path / "ring"))
    import_frames([write_frames(case, tmp_path / "f.xyz", 60)], case, tmp_path / "serial.h5")
    shutil.copy(tmp_path / "serial.h5", tmp_path / "cluster.h5")
    held = HeldValues(potentials=(-0.5, 0.5))
    label_moving(tmp_path / "serial.h5", "dftb", held)
    killer = Killer(cluster, 20)
    summary = label_moving(
        tmp_path / "cluster.h5", "dftb", held, scheduler=cluster.scheduler_address, progress=killer
    )
    assert killer.killed is not None
    assert (summary.labelled, summary.unconverged, summary.lost) == (120, 0, ())
    one, other = (MovingDataset(tmp_path / name).labels() for name in ("serial.h5", "cluster.h5"))
    order, theirs = (np.lexsort((labels.frame, labels.set)) for labels in (one, other))
    for name in ("frame", "set", "status", "grand_potential", "electrons", "charges", "forces"):
        difference = np.abs(getattr(one, name)[order] - getattr(other, name)[theirs]).max()
        print(f"atoms that move: {name} differ by {difference:.1e}")
        assert difference <= (0.0 if name in ("frame", "set", "status") else 1e-6), name


def _dies_of_seven(number):
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def test_a_task_that_kills_its_workers_is_given_up_and_no_other(cluster):
    with executors(1, cluster.scheduler_address) as (new_executor, in_flight):
        found = dict(results(_dies_of_seven, range(40), new_executor, in_flight))
    assert found == {number: None if number == 7 else 2 * number for number in range(40)}
