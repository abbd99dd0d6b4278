"""Frames and labels of an electrode that moves: into a dataset while a run goes on, or of given frames."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.backends.base import resolved_options, what_decides
from polcouple.backends.mobile import MobileResult
from polcouple.backends.setting_words import absolute
from polcouple.case.in_memory import create_case
from polcouple.case.model import Case
from polcouple.coupling.forces import Evaluation, ForceProvider
from polcouple.coupling.mobile import create_charges, with_held
from polcouple.coupling.recording_schedule import RecordingSchedule
from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import CONVERGED, LabelSet, MovingFrames, MovingLabels
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel, TotalCharge
from polcouple.output_paths import require_suffix
from polcouple.units import HARTREE_TO_EV

#: names in a dataset of the case's files
_SYSTEM, _FORCE_FIELD = "system.json", "force_field.xml"


class MovingRecorder:
    """Appends the frames of a schedule with their labels; an observer of a force provider.

    Frames of the same label set's run that are not later than its last one are left out.

    Args:
        dataset: where to append.
        number: of the label set that the run belongs to.
        held: what the run holds.
        schedule: of its frames, by the positions of all atoms.
    """

    def __init__(
        self, dataset: MovingDataset, number: int, held: Ensemble, schedule: RecordingSchedule
    ) -> None:
        self._dataset, self._number, self._held, self._schedule = dataset, number, held, schedule
        frames = dataset.frames()
        times = frames.time[frames.trajectory == number]
        self._last_time = float(times.max()) if len(times) else 0.0

    def __call__(
        self, replica: int, evaluation: int, positions: np.ndarray, answer: Evaluation, result: MobileResult
    ) -> None:
        """See :data:`polcouple.coupling.forces.MobileObserver`.

        Raises:
            InputError: the positions of step 0 are not those of the case.
        """
        time = self._schedule.time(replica, evaluation, positions)
        if time is None or not self._schedule.is_later(time, self._last_time):
            return
        frames = MovingFrames(np.array([time]), np.array([self._number]), positions[None])
        self._dataset.append(frames, label(0, self._number, self._held, answer, result))
        self._last_time = time


def label(frame: int, number: int, held: Ensemble, answer: Evaluation, result: MobileResult) -> MovingLabels:
    """The label of one frame, in the label set ``number``."""
    level, electrons = np.nan if result.fermi_level is None else result.fermi_level, result.electrons
    free = answer.energy + (level * electrons if isinstance(held, FermiLevel) else 0.0)
    return MovingLabels(
        frame=np.array([frame]),
        set=np.array([number]),
        internal_energy=np.array([free + result.entropy]),
        free_energy=np.array([free]),
        grand_potential=np.array([free - level * electrons]),
        fermi_level=np.array([level]),
        electrons=np.array([electrons]),
        capacitance=np.array([result.capacitance()]),
        charges=result.charges[None],
        forces=answer.forces[None],
        status=np.array([CONVERGED]),
    )


def open_moving(path: Path, case: Case, origin: str, temperature: float | None = None) -> MovingDataset:
    """The dataset ``path``, made for the case where it is not there.

    Args:
        temperature: of the nuclei in the runs in kelvin, where it is known.

    Raises:
        PolcoupleError: it is damaged, or holds frames of another system.
    """
    if path.exists():
        found = MovingDataset(path)
        found.require_atoms(case.symbols, case.cell, case.electrode_indices)
        return found
    require_suffix(path, ".h5", ".hdf5")
    system = case.system.model_dump(mode="json", exclude_none=True)
    system["backends"] = {name: absolute(own, case.directory) for name, own in case.system.backends.items()}
    files = {}
    if case.given is not None:
        system["force_field"]["openmm_system"] = _FORCE_FIELD
        files[_FORCE_FIELD] = case.given.path.read_text()
    files[_SYSTEM] = json.dumps(system, default=str)
    return MovingDataset.create(
        path, case.symbols, case.positions, case.cell, case.electrode_indices, files, origin, temperature
    )


def case_of(dataset: MovingDataset) -> Case:
    """The case that a dataset's frames are of, without its directory."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in dataset.case_files.items():
            (Path(directory) / Path(name).name).write_text(text)
        system = json.loads(dataset.case_files[_SYSTEM])
        return create_case(system, dataset.symbols, dataset.start, dataset.cell, directory)


def label_set(
    case: Case, backend: str, settings: Mapping[str, Any], held: Ensemble, reference: float | None
) -> LabelSet:
    """The label set of a backend of ``case`` that holds ``held``; ``settings`` are over the case's.

    Raises:
        InputError: unknown backend or setting.
    """
    own = case.backend_settings(backend, settings)
    options = resolved_options(backend, own, case.directory, case.system.backends)
    decided = what_decides(backend, options, case.electrode.symbols)
    if isinstance(held, TotalCharge):
        return LabelSet(backend, None, held.charge, reference, decided)
    return LabelSet(backend, held.level, None, reference, decided)


def reference_level(
    dataset: MovingDataset | None, case: Case, backend: str, settings: Mapping[str, Any]
) -> float | None:
    """Fermi level in Hartree of the neutral electrode in the case's start structure.

    It is taken from the dataset where labels of the backend are there; None where the backend has no level.

    Raises:
        PolcoupleError: the backend gives no forces on a mobile electrode, or fails.
    """
    for one in () if dataset is None else dataset.sets():
        if one.backend == backend and one.reference is not None:
            return one.reference
    neutral = with_held(case, TotalCharge(0.0))
    provider = ForceProvider(neutral, create_charges(neutral, backend, settings))
    level = provider.evaluate(case.positions, case.cell).extras.get("fermi_level")
    return level / HARTREE_TO_EV if isinstance(level, float) and np.isfinite(level) else None
