"""Frames of a run into datasets, while it runs: one dataset for each electrode.

An electrode's site potentials are those of all that it does not answer for itself: the electrolyte, the other
electrodes with the charges they have, and a slab's field. What labels them need not know which is which.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polcouple.backends.base import Environment
from polcouple.backends.setting_words import absolute
from polcouple.case.model import Case
from polcouple.coupling.mutual import kernel_between
from polcouple.coupling.recording_schedule import RecordingSchedule
from polcouple.data.dataset import Dataset, Frames
from polcouple.errors import InputError
from polcouple.output_paths import require_suffix


class FrameRecorder:
    """Appends the frames of a schedule; an observer of a force provider.

    Frames that are not later than a dataset's last one are left out.

    Args:
        datasets: where to append, one for each electrode; they belong to this one run.
        case: where the run began.
        schedule: of its frames, by the positions of the electrolyte.
    """

    def __init__(self, datasets: Sequence[Dataset], case: Case, schedule: RecordingSchedule) -> None:
        self._datasets = datasets
        self._slices = case.electrode_slices
        self._between = kernel_between(case)
        self._schedule = schedule
        self._last_times = [_last_time(dataset) for dataset in datasets]

    def __call__(self, replica: int, evaluation: int, environment: Environment, charges: np.ndarray) -> None:
        """See :data:`polcouple.coupling.forces.Observer`.

        Raises:
            InputError: the positions of step 0 are not those of the case.
        """
        positions = environment.positions
        time = self._schedule.time(replica, evaluation, positions)
        if time is None:
            return
        potentials = environment.site_potentials + self._between @ charges
        for number, (dataset, own) in enumerate(zip(self._datasets, self._slices, strict=True)):
            if not self._schedule.is_later(time, self._last_times[number]):
                continue
            dataset.append(
                Frames(
                    np.array([time]),
                    potentials[None, own],
                    positions[None, environment.electrolyte.ion_indices],
                    positions[None].astype(np.float32) if dataset.has_positions else None,
                )
            )
            self._last_times[number] = time


def dataset_paths(path: Path, case: Case) -> list[Path]:
    """The dataset of each electrode: ``path``, or of several DATASET_NAME.h5 with the electrode's name.

    Raises:
        InputError: a name that no file can have.
    """
    names = [section.name for section in case.system.electrodes]
    if len(names) == 1:
        return [path]
    for name in names:
        if not name or Path(name).name != name:
            raise InputError(
                f"{case.directory / 'system.yaml'}: electrode '{name}': datasets are named after the"
                " electrodes, and no file can have that name; give it another"
            )
    return [path.with_name(f"{path.stem}_{name}{path.suffix}") for name in names]


def open_datasets(path: Path, case: Case, store_positions: bool, origin: str) -> list[Dataset]:
    """The datasets of :func:`dataset_paths`, made for the case where they are not there.

    Raises:
        PolcoupleError: one is damaged, or holds frames of another system or more of them than another one.
    """
    paths = dataset_paths(path, case)
    found = {one: Dataset(one) for one in paths if one.exists()}
    for one, electrode in zip(paths, case.electrodes, strict=True):
        if one in found:
            found[one].require_system(electrode, case.electrolyte)
    counts = [len(found[one]) if one in found else 0 for one in paths]
    # a driver that was killed may have written a frame of the first electrode alone
    if max(counts) - min(counts) > 1:
        text = ", ".join(f"{one.name} {count}" for one, count in zip(paths, counts, strict=True))
        raise InputError(
            f"{path.parent}: the datasets of one run have as many frames, and there are {text}; restore the"
            " one that is short, or name another dataset"
        )
    if len(found) < len(paths):
        require_suffix(path, ".h5", ".hdf5")
    return [
        found[one]
        if one in found
        else Dataset.create(
            one,
            electrode,
            case.electrolyte,
            store_positions=store_positions,
            origin=_origin(origin, case),
            backends={name: absolute(own, case.directory) for name, own in case.system.backends.items()},
        )
        for one, electrode in zip(paths, case.electrodes, strict=True)
    ]


def _origin(origin: str, case: Case) -> str:
    if len(case.electrodes) == 1:
        return origin
    return f"{origin}; one of {len(case.electrodes)} electrodes, which sees the others' charges"


def _last_time(dataset: Dataset) -> float:
    times = dataset.frames().time
    return float(times[-1]) if len(times) else 0.0
