"""Sampling on a Dask cluster on this host whose worker is killed: the frames are those of one that is not."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from dask_cases import two_workers
from moving_cases import write_ring
from test_sample_moving import ended, in_order

from polcouple.coupling.held_values import HeldValues
from polcouple.data.moving import MovingDataset
from polcouple.errors import InputError
from polcouple.ipi.output import last_properties
from polcouple.propagation.plan import RunPlan
from polcouple.simulation.sample import Sampling, sample

POTENTIALS = (-0.5, 0.0, 0.5)


cluster = pytest.fixture(scope="module")(two_workers)


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The dataset of the same sampling, one run after the other, in a process of its own."""
    folder = tmp_path_factory.mktemp("serial")
    words = ["--potentials", *map(str, POTENTIALS), "--workers", "1"]
    done = ended(write_ring(folder / "ring"), folder / "d.h5", *words)
    assert done.returncode == 0, done.stderr
    return MovingDataset(folder / "d.h5")


def programs_of(worker):
    """Processes that a worker has started, and what these have."""
    children = Path(f"/proc/{worker}/task").glob("*/children")
    own = [int(word) for path in children for word in path.read_text().split()]
    return own + [one for child in own for one in programs_of(child)]


def kill_when_busy(cluster, with_programs, killed):
    """Kill a worker whose i-PI has done some steps."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        time.sleep(0.05)
        for worker in list(cluster.workers.values()):
            programs = programs_of(worker.pid)
            steps = [
                last_properties(directory / "simulation.out").get("step", 0) for directory in at(programs)
            ]
            if max(steps, default=0) < 30:
                continue
            for process in [worker.pid, *(programs if with_programs else [])]:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            killed.append(max(steps))
            return


def at(processes):
    """Run directories in which they work."""
    found = []
    for process in processes:
        with suppress(OSError):
            directory = Path(os.readlink(f"/proc/{process}/cwd"))
            found += [directory] if (directory / "simulation.out").exists() else []
    return found


@pytest.mark.slow
@pytest.mark.parametrize("with_programs", [True, False], ids=["whole node", "worker alone"])
def test_a_worker_that_is_killed_costs_no_frame(cluster, serial, tmp_path, with_programs):
    case, path, killed = write_ring(tmp_path / "ring"), tmp_path / "d.h5", []
    plan = RunPlan(case, "input.xml", "dftb", {}, threads=1)
    wanted = Sampling(
        plan, 12, 0.005, 0.01, held=HeldValues(potentials=POTENTIALS), scheduler=cluster.scheduler_address
    )
    killer = threading.Thread(target=kill_when_busy, args=(cluster, with_programs, killed))
    killer.start()
    sample(wanted, path)
    killer.join()
    assert killed and killed[0] < 140  # steps of a run
    found = MovingDataset(path)
    labels, expected = found.labels(), serial.labels()
    assert sorted(labels.frame.tolist()) == list(range(36))
    assert np.array_equal(found.frames().trajectory[labels.frame], labels.set)
    for number in range(3):
        (times, places), (all_times, all_places) = in_order(found, number), in_order(serial, number)
        assert times == pytest.approx(all_times) and len(times) == 12
        print(f"run {number}: positions differ by {np.abs(places - all_places).max():.1e} bohr")
        np.testing.assert_allclose(places, all_places, atol=1e-5)
    own, all_of_them = by_time(found), by_time(serial)
    for name, tolerance in (("grand_potential", 1e-7), ("electrons", 1e-5), ("forces", 1e-5)):
        one, other = getattr(labels, name)[own], getattr(expected, name)[all_of_them]
        print(f"{name} differ by {np.abs(one - other).max():.1e}")
        np.testing.assert_allclose(one, other, atol=tolerance)


def by_time(dataset):
    """The labels' rows, run by run and in the order of time."""
    labels = dataset.labels()
    return np.lexsort((dataset.frames().time[labels.frame], labels.set))


def test_one_run_is_refused(small_directory, tmp_path):
    plan = RunPlan(small_directory, "input.xml", "fixed", {})
    with pytest.raises(InputError, match="--scheduler is for the runs of an electrode that moves"):
        sample(Sampling(plan, 1, 0.01, scheduler="tcp://127.0.0.1:1"), tmp_path / "d.h5")
