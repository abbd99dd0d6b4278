"""Labels: charges, energy and Fermi level of every frame of a dataset by any backend, in parallel.

One frame is one task. Tasks run in local processes or, given a scheduler's address, on any Dask cluster. What
is done is in the file every few seconds, and a repeated call does the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.backends.base import (
    BackendOptions,
    ChargeBackend,
    ChargeResult,
    Environment,
    create_backend,
    resolved_options,
    what_decides,
)
from polcouple.data.dataset import CONVERGED, PENDING, Dataset, label_name
from polcouple.data.positions import electrolyte_positions, require_positions
from polcouple.electrode import Electrode, Electrolyte
from polcouple.learning.workers import executors, results

_WRITE_EVERY_S = 5.0

#: called with the frames done so far and the frames to do
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LabelSummary:
    """Counts of one call: labelled now, done before, not converged, and frames whose worker died.

    ``warnings`` are what the backend warned of, each line once.
    """

    labelled: int
    done_before: int
    unconverged: int
    lost: tuple[int, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _System:
    """What a worker needs to build its backend, once."""

    backend: str
    electrode: Electrode
    electrolyte: Electrolyte
    settings: Mapping[str, Any]
    directory: Path

    @cached_property
    def options(self) -> BackendOptions:
        """The validated settings."""
        return resolved_options(self.backend, self.settings, self.directory)

    @cached_property
    def identity(self) -> dict[str, str]:
        """What decides the labels of a frame."""
        return what_decides(self.backend, self.options, self.electrode.symbols)

    @cached_property
    def key(self) -> str:
        """Of the backend in a worker, which may outlive this call and serve others."""
        electrolyte = (self.electrolyte.symbols, self.electrolyte.charges, self.electrolyte.ion_indices)
        parts = (self.backend, self.electrode.fingerprint(), *map(list, electrolyte), self.settings)
        return json.dumps([*parts, str(self.directory), self.identity], default=str)


@dataclass(frozen=True, eq=False)
class _Task:
    frame: int
    site_potentials: np.ndarray
    positions: np.ndarray
    total_charge: float


def label_dataset(
    path: Path | str,
    backend: str,
    total_charges: Sequence[float],
    settings: Mapping[str, Any] | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    redo_unconverged: bool = False,
    progress: Progress | None = None,
) -> LabelSummary:
    """Label every frame that has no label yet.

    Args:
        path: dataset.
        backend: name of the backend, such as ``dftb``.
        total_charges: of the electrode, in e; each gets its own set of labels.
        settings: of the backend, over those in the system.yaml of the case that was sampled; relative paths
            are taken from the current directory.
        workers: local processes, one thread each.
        scheduler: address of a Dask scheduler (``tcp://host:8786``) to use instead; needs ``distributed``.
        redo_unconverged: try frames again that did not converge before.

    Raises:
        InputError: no dataset, unknown backend or setting, positions that were not stored, or frames that
            were labelled with other settings.
        PolcoupleError: whatever a backend raises for all frames alike, such as a program that is missing.
    """
    dataset = Dataset(path)
    chosen = dataset.with_own_settings(backend, settings or {})
    system = _System(backend, dataset.electrode, dataset.electrolyte, chosen, Path.cwd())
    if system.options.capabilities().positions == "all":
        require_positions(dataset, backend)
    for charge in total_charges:
        dataset.require_settings(backend, charge, system.identity)
    _backend(system)
    tasks = [t for charge in total_charges for t in _tasks(dataset, backend, charge, redo_unconverged)]
    writer = _Writer(dataset, backend, system.identity)
    everything = len(dataset) * len(total_charges)
    done_before = everything - len(tasks)
    lost: list[int] = []
    with executors(workers, scheduler) as (new_executor, in_flight):
        try:
            for task, result in results(partial(_solve, system), tasks, new_executor, in_flight):
                if result is None:
                    lost.append(task.frame)
                else:
                    writer.add(task, result)
                if progress is not None:
                    progress(done_before + writer.count, everything)
        finally:
            writer.flush()
    return LabelSummary(writer.count, done_before, writer.unconverged, tuple(lost), tuple(writer.warnings))


def _tasks(dataset: Dataset, backend: str, total_charge: float, redo: bool) -> list[_Task]:
    status = np.full(len(dataset), PENDING)
    if label_name(backend, total_charge) in (label_name(*key) for key in dataset.label_sets()):
        status = dataset.labels(backend, total_charge).status
    wanted = np.flatnonzero(status != CONVERGED if redo else status == PENDING)
    if not len(wanted):
        return []
    frames = dataset.frames(positions=dataset.has_positions)
    tasks = []
    for frame in wanted:
        positions = electrolyte_positions(frames, dataset.electrolyte, int(frame))
        tasks.append(_Task(int(frame), frames.site_potentials[frame], positions, float(total_charge)))
    return tasks


_backends: dict[str, ChargeBackend] = {}


def _backend(system: _System) -> ChargeBackend:
    """The backend of ``system``, built once per process."""
    if system.key not in _backends:
        _backends[system.key] = create_backend(
            system.backend, system.electrode, system.electrolyte, system.settings, system.directory
        )
    return _backends[system.key]


def _solve(system: _System, task: _Task) -> ChargeResult:
    """Runs in a worker."""
    environment = Environment(system.electrolyte, task.positions, task.site_potentials)
    result = _backend(system).solve(environment, task.total_charge)
    return ChargeResult(
        result.charges,
        None,
        result.energy,
        result.fermi_level,
        result.converged,
        result.iterations,
        warnings=result.warnings,
    )


class _Writer:
    """Collects results and writes them to the dataset every few seconds."""

    def __init__(self, dataset: Dataset, backend: str, settings: Mapping[str, str]) -> None:
        self._dataset = dataset
        self._backend = backend
        self._settings = settings
        #: in the order of their first frames
        self.warnings: dict[str, None] = {}
        self._kept: list[tuple[_Task, ChargeResult]] = []
        self._written_at = time.monotonic()
        self.count = self.unconverged = 0

    def add(self, task: _Task, result: ChargeResult) -> None:
        self._kept.append((task, result))
        self.count += 1
        self.unconverged += not result.converged
        self.warnings |= dict.fromkeys(result.warnings)
        if time.monotonic() - self._written_at > _WRITE_EVERY_S:
            self.flush()

    def flush(self) -> None:
        for charge in sorted({task.total_charge for task, _ in self._kept}):
            part = [(task, result) for task, result in self._kept if task.total_charge == charge]
            self._dataset.write_labels(
                self._backend,
                charge,
                [task.frame for task, _ in part],
                np.array([result.charges for _, result in part]),
                np.array([np.nan if r.energy is None else r.energy for _, r in part]),
                np.array([np.nan if r.fermi_level is None else r.fermi_level for _, r in part]),
                np.array([result.converged for _, result in part]),
                self._settings,
            )
        self._kept.clear()
        self._written_at = time.monotonic()
