"""Labelling: everything once, what is done is skipped, a worker that dies costs its own frame only."""

import os
import shutil
import signal
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from nn_cases import electrolyte, frames, labelled_dataset, sheet

from polcouple.backends.base import ChargeResult
from polcouple.cli.commands import main
from polcouple.data.dataset import CONVERGED, Dataset, Frames
from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import InputError
from polcouple.learning import label
from polcouple.learning.evaluate import evaluate_dataset
from polcouple.learning.train import prior_settings
from polcouple.learning.workers import results


@pytest.fixture
def dataset(tmp_path):
    made = Dataset.create(tmp_path / "d.h5", sheet(), electrolyte())
    made.append(frames(sheet(), 6))
    return made


def test_every_frame_is_labelled_once(dataset):
    seen = []
    first = label.label_dataset(
        dataset.path, "fixed", [-1.0, 0.0], workers=2, progress=lambda done, total: seen.append((done, total))
    )
    assert first.labelled == 12 and first.done_before == 0 and seen[-1] == (12, 12)
    labels = dataset.complete_labels("fixed", -1.0)
    np.testing.assert_allclose(labels.charges, -1.0 / 24)
    assert np.isnan(labels.energy).all() and np.isnan(labels.fermi_level).all()
    dataset.append(frames(sheet(), 2, seed=1))
    second = label.label_dataset(dataset.path, "fixed", [-1.0])
    assert second.labelled == 2 and second.done_before == 6


def test_labels_are_not_mixed_with_others(dataset, tmp_path, own_cache, label_here):
    """Those of other settings, of other parameters at the same place, or of nearly the same charge."""
    slako = tmp_path / "mine"
    shutil.copytree(DEFAULT_SLAKO, slako)
    settings = {"slako": str(slako), "temperature_kelvin": 3000.0}
    label.label_dataset(dataset.path, "dftb", [-0.1234567], settings)
    dataset.append(frames(sheet(), 1, seed=1))
    again = label.label_dataset(dataset.path, "dftb", [-0.1234567 + 1e-12], settings | {"max_cycles": 50})
    assert (again.labelled, again.done_before) == (1, 6)
    with pytest.raises(InputError, match=r"made with temperature_kelvin 3000\.0, not 2000\.0"):
        label.label_dataset(dataset.path, "dftb", [-0.1234567], settings | {"temperature_kelvin": 2000.0})
    with pytest.raises(InputError, match=r"labels dftb@-0\.123457 are of -0\.1234567 e, not -0\.1234568 e"):
        label.label_dataset(dataset.path, "dftb", [-0.1234568], settings)
    lines = (slako / "C-C.skf").read_text().splitlines()
    (slako / "C-C.skf").write_text("\n".join([lines[0], lines[1].replace("0.3647", "0.3"), *lines[2:]]))
    with pytest.raises(InputError, match=r"made with C-C\.skf"):
        label.label_dataset(dataset.path, "dftb", [-0.1234567], settings)


def test_the_prior_of_a_net_has_the_settings_of_its_labels(dataset, tmp_path, own_cache, label_here):
    slako = tmp_path / "mine"
    shutil.copytree(DEFAULT_SLAKO, slako)
    lines = (slako / "C-C.skf").read_text().splitlines()
    (slako / "C-C.skf").write_text("\n".join([lines[0], lines[1].replace("0.3647", "0.3"), *lines[2:]]))
    hot = {"slako": str(slako), "temperature_kelvin": 3000.0, "k_points": [2, 1, 1]}
    label.label_dataset(dataset.path, "dftb", [0.0, -1.0], hot)
    with pytest.raises(InputError, match=r"made with another C-C\.skf than that of .*mio-1-1; .*--slako"):
        prior_settings(dataset, "dftb", [0.0, -1.0], {})
    found = prior_settings(dataset, "dftb", [0.0, -1.0], {"slako": str(slako)})
    assert (found.temperature_kelvin, found.k_points, found.shell_resolved) == (3000.0, (2, 1, 1), False)
    assert prior_settings(dataset, "dftb", [0.0], hot | {"k_points": (1, 1, 1)}).k_points == (1, 1, 1)
    unknown = labelled_dataset(tmp_path / "old.h5", 3)  # of a version that did not keep them
    assert prior_settings(unknown, "dftb", [-0.5], {}).temperature_kelvin == 300.0


def test_mistakes_are_refused_before_any_work(dataset):
    with pytest.raises(InputError, match="dftbplus needs all positions"):
        label.label_dataset(dataset.path, "dftbplus", [0.0])
    with pytest.raises(InputError, match="no backend 'fixd'"):
        label.label_dataset(dataset.path, "fixd", [0.0])
    with pytest.raises(InputError, match="unknown key 'nonsense'"):
        label.label_dataset(dataset.path, "fixed", [0.0], {"nonsense": 1})


def test_potentials_that_a_program_would_not_see_are_refused(tmp_path, label_here):
    """Those of a slab's field, say: DFTB+ is given the point charges."""
    electrode, liquid = sheet(), electrolyte()
    positions = np.random.default_rng(0).uniform(size=(1, len(liquid), 3)) @ electrode.cell
    positions[:, :, 2] = 10.0 + 0.5 * positions[:, :, 2]
    seen = SitePotential(electrode.positions, electrode.cell)(positions[0], liquid.charges)
    ions = positions[:, liquid.ion_indices]
    for excess, name in ((0.0, "alone"), (1e-3, "slab")):
        made = Dataset.create(tmp_path / name, electrode, liquid, store_positions=True)
        made.append(Frames(np.zeros(1), (seen + excess)[None], ions, positions.astype(np.float32)))
        message = "frame 0 differ by up to 1.0e-03" if excess else "no program 'no-such-program'"
        for backend, settings in (
            ("dftbplus", {"command": "no-such-program"}),
            ("nn", {"fallback": "dftbplus", "fallback_settings": {"command": "no-such-program"}}),
        ):
            if backend == "nn" and not excess:
                continue
            with pytest.raises(InputError, match=message):
                label.label_dataset(made.path, backend, [0.0], settings)


def _dies_on_frame_2(system, task):
    if task.frame == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return ChargeResult(np.zeros(24), converged=task.frame != 4)


def test_a_dying_worker_costs_its_own_frame_only(dataset, monkeypatch):
    monkeypatch.setattr(label, "_solve", _dies_on_frame_2)
    summary = label.label_dataset(dataset.path, "fixed", [0.0], workers=2)
    assert summary.lost == (2,) and summary.labelled == 5 and summary.unconverged == 1
    status = dataset.labels("fixed", 0.0).status
    assert list(np.flatnonzero(status == CONVERGED)) == [0, 1, 3, 5]


@pytest.mark.parametrize("taken", [0, 1])
def test_a_pool_that_breaks_between_two_tasks_is_replaced(taken):
    """Its worker died when ``taken`` tasks had been handed to it: the next one is refused."""
    made = []

    class Pool(ThreadPoolExecutor):
        def submit(self, function, task):
            if self is not made[0]:
                return super().submit(function, task)
            if self.left == 0:
                raise BrokenExecutor
            self.left -= 1
            future = Future()
            future.set_exception(BrokenExecutor())
            return future

    def new_pool():
        made.append(Pool(1))
        made[0].left = taken
        return made[-1]

    assert sorted(results(lambda task: task**2, [1, 2, 3], new_pool, 2)) == [(1, 1), (2, 4), (3, 9)]
    assert len(made) == 2


def test_a_dask_cluster_labels_the_same(dataset):
    """A scheduler and a worker in processes of their own, over TCP on this host."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        summary = label.label_dataset(dataset.path, "fixed", [-1.0, 0.0], scheduler=cluster.scheduler_address)
    assert summary.labelled == 12 and not summary.lost
    np.testing.assert_allclose(dataset.complete_labels("fixed", -1.0).charges, -1.0 / 24)


def test_frames_that_did_not_converge_are_redone_on_request(dataset, label_here):
    nothing = np.full(6, np.nan)
    dataset.write_labels("fixed", 0.0, np.arange(6), np.zeros((6, 24)), nothing, nothing, np.arange(6) != 1)
    assert label.label_dataset(dataset.path, "fixed", [0.0]).labelled == 0
    assert label.label_dataset(dataset.path, "fixed", [0.0], redo_unconverged=True).labelled == 1
    dataset.complete_labels("fixed", 0.0)


def test_evaluation_writes_table_metrics_and_figure(tmp_path, capsys):
    dataset = labelled_dataset(tmp_path / "d.h5", 30)
    words = [str(dataset.path), "--backend", "fixed", "--folds", "5", "-o", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["evaluate", *words])
    assert "| fixed |" in capsys.readouterr().out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"metrics.md", "metrics.yaml", "parity.png"}
    with pytest.raises(InputError, match="write NAME:KEY=VALUE"):
        list(evaluate_dataset(dataset, ["nn:model"]))
