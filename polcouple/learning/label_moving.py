"""Labels of an electrode that moves: energies, forces, charges and electrons of given frames, in parallel.

One frame at one level or charge is one task. What is done is in the file every few seconds, and a repeated
call does the rest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.backends.mobile import MobileResult
from polcouple.backends.setting_words import absolute
from polcouple.case.model import Case
from polcouple.coupling.forces import Evaluation, ForceProvider
from polcouple.coupling.held_values import HeldValues
from polcouple.coupling.mobile import create_charges, with_held
from polcouple.coupling.moving_recorder import case_of, label, label_set, open_moving, reference_level
from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import GIVEN, UNCONVERGED, MovingFrames, MovingLabels
from polcouple.dftb.moving.ensemble import Ensemble
from polcouple.errors import ConvergenceError, InputError
from polcouple.frames.reading import read_frames
from polcouple.learning.label import LabelSummary, Progress
from polcouple.learning.workers import executors, results

_WRITE_EVERY_S = 5.0


@dataclass(frozen=True, eq=False)
class _System:
    """What a worker needs to build its force provider, once."""

    path: Path
    backend: str
    settings: Mapping[str, Any]
    held: Ensemble
    number: int

    @cached_property
    def case(self) -> Case:
        """That of the dataset."""
        return case_of(MovingDataset(self.path))


@dataclass(frozen=True, eq=False)
class _Task:
    """A frame, the row of its label that did not converge before or None, and its positions."""

    frame: int
    row: int | None
    positions: np.ndarray


def import_frames(paths: Sequence[Path], case: Case, dataset: Path) -> int:
    """Append all frames of files to a dataset, which is made where it is not there.

    Returns:
        How many.

    Raises:
        PolcoupleError: an unreadable file, frames of another system, a case whose electrode stays in its
            place, or a dataset that has given frames already.
    """
    if not case.mobile:
        raise InputError(
            f"{case.directory / 'system.yaml'}: the electrode stays in its place; write mobile: true in its"
            " section, or use `polcouple charges`"
        )
    places = np.array([positions for path in paths for positions in read_frames(path, case)])
    made = open_moving(dataset, case, f"polcouple label: {', '.join(map(str, paths))}")
    if (made.frames().trajectory == GIVEN).any():
        raise InputError(
            f"{dataset}: holds frames of files already; label them with `polcouple label {dataset}`, or name"
            " another dataset for these"
        )
    made.append(MovingFrames(np.full(len(places), np.nan), np.full(len(places), GIVEN), places), None)
    return len(places)


def label_moving(
    path: Path | str,
    backend: str,
    held: HeldValues,
    settings: Mapping[str, Any] | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    redo_unconverged: bool = False,
    progress: Progress | None = None,
) -> LabelSummary:
    """Label every frame that has no label yet, at each level or charge.

    Args:
        path: dataset.
        backend: name of a backend for electrodes that move.
        held: levels and charges; each gets its own set of labels.
        settings: of the backend, over those of the case that was sampled; relative paths are taken from the
            current directory.
        workers: local processes, one thread each.
        scheduler: address of a Dask scheduler to use instead, whose workers see the dataset; needs
            ``distributed``.
        redo_unconverged: try frames again that did not converge before.

    Raises:
        InputError: no dataset, unknown backend or setting, nothing held, or frames that were labelled with
            other settings.
        PolcoupleError: whatever a backend raises for all frames alike.
    """
    dataset, given = MovingDataset(path), absolute(settings or {})
    case = case_of(dataset)
    if not held:
        raise InputError(
            f"{path}: give --potentials, --fermi-levels or --total-charges of the electrode to label at"
        )
    levels = held.potentials or held.fermi_levels
    reference = reference_level(dataset, case, backend, given) if levels else None
    done, labelled, unconverged, lost, warnings = 0, 0, 0, list[int](), dict[str, None]()
    ensembles = held.ensembles(reference)
    everything = len(dataset) * len(ensembles)
    with executors(workers, scheduler) as (new_executor, in_flight):
        for ensemble in ensembles:
            number = dataset.number_of(label_set(case, backend, given, ensemble, reference))
            system = _System(dataset.path.resolve(), backend, given, ensemble, number)
            tasks = _tasks(dataset, number, redo_unconverged)
            done += len(dataset) - len(tasks)
            writer = _Writer(dataset)
            try:
                for task, found in results(partial(_solve, system), tasks, new_executor, in_flight):
                    if found is None:
                        lost.append(task.frame)
                        continue
                    labels, told = found
                    writer.add(task, labels)
                    warnings |= dict.fromkeys(told)
                    labelled += 1
                    unconverged += int(labels.status[0] == UNCONVERGED)
                    if progress is not None:
                        progress(done + labelled, everything)
            finally:
                writer.flush()
    return LabelSummary(labelled, done, unconverged, tuple(lost), tuple(warnings))


def _tasks(dataset: MovingDataset, number: int, redo: bool) -> list[_Task]:
    """What is to do in the label set ``number``."""
    frames, labels = dataset.frames(), dataset.labels()
    rows = {int(labels.frame[row]): int(row) for row in np.flatnonzero(labels.set == number)}
    wanted = [
        frame
        for frame in range(len(frames))
        if frame not in rows or (redo and labels.status[rows[frame]] == UNCONVERGED)
    ]
    return [_Task(frame, rows.get(frame), frames.positions[frame]) for frame in wanted]


_providers: dict[tuple[str, ...], tuple[ForceProvider, list[MobileResult]]] = {}


def _provider(system: _System) -> tuple[ForceProvider, list[MobileResult]]:
    """Of ``system``, built once per process, and where it leaves the backend's results."""
    key = (str(system.path), system.backend, repr(sorted(system.settings.items())), repr(system.held))
    if key not in _providers:
        case, seen = with_held(system.case, system.held), list[MobileResult]()

        def watch(*told: Any) -> None:
            seen[:] = [told[-1]]

        charges = create_charges(case, system.backend, system.settings)
        _providers[key] = ForceProvider(case, charges, threads=1, observer=watch), seen
    return _providers[key]


def _solve(system: _System, task: _Task) -> tuple[MovingLabels, set[str]]:
    """Runs in a worker: the label, and what was warned of."""
    provider, seen = _provider(system)
    try:
        answer = provider.evaluate(task.positions, system.case.cell)
    except (ConvergenceError, InputError) as error:
        return _unknown(system, task), provider.warnings | {f"frame {task.frame}: {error}"}
    return label(task.frame, system.number, system.held, answer, seen[0]), provider.warnings


def _unknown(system: _System, task: _Task) -> MovingLabels:
    """The label of a frame that could not be solved."""
    charges, forces = (
        np.full(len(system.case.electrode_indices), np.nan),
        np.full_like(task.positions, np.nan),
    )
    made = label(
        task.frame,
        system.number,
        system.held,
        Evaluation(np.nan, forces, {}),
        MobileResult(charges, None, energy=np.nan),
    )
    return MovingLabels(**{**vars(made), "status": np.array([UNCONVERGED])})


class _Writer:
    """Collects labels and writes them to the dataset every few seconds."""

    def __init__(self, dataset: MovingDataset) -> None:
        self._dataset = dataset
        self._kept: list[tuple[_Task, MovingLabels]] = []
        self._written_at = time.monotonic()

    def add(self, task: _Task, labels: MovingLabels) -> None:
        self._kept.append((task, labels))
        if time.monotonic() - self._written_at > _WRITE_EVERY_S:
            self.flush()

    def flush(self) -> None:
        new = [labels for task, labels in self._kept if task.row is None]
        if new:
            self._dataset.append(None, _joined(new))
        again = [(task.row, labels) for task, labels in self._kept if task.row is not None]
        if again:
            self._dataset.overwrite(np.array([row for row, _ in again]), _joined([one for _, one in again]))
        self._kept.clear()
        self._written_at = time.monotonic()


def _joined(labels: Sequence[MovingLabels]) -> MovingLabels:
    return MovingLabels(
        **{
            one.name: np.concatenate([getattr(row, one.name) for row in labels])
            for one in fields(MovingLabels)
        }
    )
