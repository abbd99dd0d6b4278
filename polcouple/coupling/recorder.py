"""Frames of a run into a dataset, while it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polcouple.backends.base import Environment
from polcouple.case.model import Case
from polcouple.data.dataset import Dataset, Frames
from polcouple.errors import InputError
from polcouple.output_paths import require_suffix

#: i-PI's first positions are the case's but for the rounding of its bohr (bohr)
_SAME = 1e-4


class FrameRecorder:
    """Appends a frame of replica 0 every ``stride`` evaluations; an observer of a force provider.

    i-PI evaluates a restarted run's last step again, and a run that goes on from a checkpoint repeats steps:
    frames that are not later than the dataset's last one are left out.

    Args:
        dataset: where to append; it belongs to this one run.
        case: where the run began.
        stride: steps between frames.
        skipped: steps without frames at the start.
        time_step: ps between evaluations.
    """

    def __init__(self, dataset: Dataset, case: Case, stride: int, skipped: int, time_step: float) -> None:
        self._dataset = dataset
        self._start = case.electrolyte_positions(case.positions)
        self._stride = stride
        self._skipped = skipped
        self._time_step = time_step
        times = dataset.frames().time
        self._last_time = float(times[-1]) if len(times) else 0.0

    def __call__(self, replica: int, evaluation: int, environment: Environment) -> None:
        """See :data:`polcouple.coupling.forces.Observer`.

        Raises:
            InputError: the positions of step 0 are not those of the case.
        """
        if replica != 0:
            return
        step = evaluation
        if step == 0 and np.abs(environment.positions - self._start).max() > _SAME:
            raise InputError(
                "--record: i-PI is under way and the step of its positions is not known; start it again, too"
            )
        time = step * self._time_step
        if step <= self._skipped or (step - self._skipped) % self._stride:
            return
        if time < self._last_time + 0.5 * self._time_step:
            return
        positions = environment.positions
        self._dataset.append(
            Frames(
                np.array([time]),
                environment.site_potentials[None],
                positions[None, environment.electrolyte.ion_indices],
                positions[None].astype(np.float32) if self._dataset.has_positions else None,
            )
        )
        self._last_time = time


def open_dataset(path: Path, case: Case, store_positions: bool, origin: str) -> Dataset:
    """The dataset at ``path``, made for the case if it is not there.

    Raises:
        PolcoupleError: it is damaged, or holds frames of another system; the case has several electrodes.
    """
    require_one_electrode(case)
    if not path.exists():
        require_suffix(path, ".h5", ".hdf5")
        return Dataset.create(
            path, case.electrode, case.electrolyte, store_positions=store_positions, origin=origin
        )
    dataset = Dataset(path)
    dataset.require_system(case.electrode, case.electrolyte)
    return dataset


def require_one_electrode(case: Case) -> None:
    """Refuse a case that no dataset can hold.

    Raises:
        InputError: it has several electrodes.
    """
    if len(case.electrodes) > 1:
        raise InputError(
            f"{case.directory}: a dataset holds one electrode, the case has {len(case.electrodes)}; sample a"
            " case with one of them"
        )
