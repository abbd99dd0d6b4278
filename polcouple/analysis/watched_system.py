"""What one system of a run has written so far: the only one, or one replica of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.analysis.block_errors import Estimate
from polcouple.analysis.drift import drift, mean_in_time
from polcouple.case.model import Case
from polcouple.errors import InputError
from polcouple.ipi.files import RunFiles, run_files
from polcouple.ipi.following import FollowedNumber, FollowedProperties
from polcouple.ipi.output import last_extras
from polcouple.units import ATOMIC_TIME_TO_FS, HARTREE_TO_KJ_PER_MOL, KELVIN_TO_HARTREE

#: rows at least for a mean or a drift
_LEAST_ROWS = 3


@dataclass(frozen=True)
class ElectrodeNow:
    """Charges of one electrode at one step, in e."""

    name: str
    total: float
    lowest: float
    highest: float


@dataclass(frozen=True, eq=False)
class SystemNow:
    """Where one system stands.

    Attributes:
        name: its prefix; empty where there is one system without any.
        step: of i-PI; None where it is not known.
        time_ps: simulated so far.
        temperature: now, in K, and ``mean_temperature`` since the run began.
        conserved: in kJ/mol per cell, less the work of the refreshes where that is written.
        drift: its slope, kJ/mol/ps.
        corrected: whether the refreshes' work is taken off.
        charges: of the electrodes at step ``charges_step``.
    """

    name: str
    step: int | None
    time_ps: float | None
    temperature: float | None
    mean_temperature: Estimate | None
    conserved: float | None
    drift: Estimate | None
    corrected: bool
    charges: Sequence[ElectrodeNow]
    charges_step: int | None


class WatchedSystem:
    """The outputs of one system; only what is new is read.

    Args:
        directory: of the run.
        name: prefix of the system.
        several: whether the run has others.
        properties: file of the steps.
        time_step_ps: None of a minimisation.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        several: bool,
        properties: Path,
        case: Case,
        time_step_ps: float | None,
    ) -> None:
        self.name = name
        self._directory = directory
        self._several = several
        self._properties = FollowedProperties(properties)
        self._case = case
        self._time_step = time_step_ps
        self._files: RunFiles | None = None
        self._work: FollowedNumber | None = None

    def look(self) -> SystemNow:
        """Where it stands now."""
        self._properties.look()
        columns = self._properties.columns
        step = int(columns["step"][-1]) if "step" in columns else None
        conserved, corrected = self._conserved(columns)
        temperatures = columns.get("temperature", np.empty(0)) / KELVIN_TO_HARTREE
        number, charges = self._charges()
        time_ps = None
        if "time" in columns:
            time_ps = float(columns["time"][-1]) * ATOMIC_TIME_TO_FS * 1e-3
        elif step is not None and self._time_step is not None:
            time_ps = step * self._time_step
        return SystemNow(
            self.name,
            step,
            time_ps,
            float(temperatures[-1]) if len(temperatures) else None,
            mean_in_time(temperatures) if len(temperatures) >= _LEAST_ROWS else None,
            float(conserved[1][-1]) if len(conserved[1]) else None,
            drift(*conserved) if len(conserved[1]) >= _LEAST_ROWS else None,
            corrected,
            charges,
            number,
        )

    def _conserved(self, columns: dict[str, np.ndarray]) -> tuple[tuple[np.ndarray, np.ndarray], bool]:
        """Times in ps and energies in kJ/mol, and whether the refreshes' work is taken off."""
        if "conserved" not in columns or "step" not in columns or self._time_step is None:
            return (np.empty(0), np.empty(0)), False
        times, energies = columns["step"] * self._time_step, columns["conserved"] * HARTREE_TO_KJ_PER_MOL
        work = self._refresh_work()
        steps, rows, found = np.intersect1d(
            columns["step"].astype(int), np.fromiter(work, dtype=int), return_indices=True
        )
        if len(steps) < _LEAST_ROWS:
            return (times, energies), False
        values = np.fromiter(work.values(), dtype=float)[found] * HARTREE_TO_KJ_PER_MOL
        return (times[rows], energies[rows] - values), True

    def _refresh_work(self) -> dict[int, float]:
        """In Hartree by step; empty where it is not written, or by several beads."""
        files = self._of_one_bead()
        if files is None:
            return {}
        if self._work is None:
            try:
                self._work = FollowedNumber(files.extras("refresh_work")[0])
            except InputError:
                return {}
        self._work.look()
        return self._work.values

    def _charges(self) -> tuple[int | None, list[ElectrodeNow]]:
        """The last frame of charges."""
        files = self._of_one_bead()
        try:
            path = None if files is None else files.extras("charges")[0]
        except InputError:
            path = None
        found = None if path is None else last_extras(path, len(self._case.electrode))
        if found is None:
            return None, []
        step, charges = found
        sections = zip(self._case.system.electrodes, self._case.electrode_slices, strict=True)
        return step, [
            ElectrodeNow(section.name, float(own.sum()), float(own.min()), float(own.max()))
            for section, part in sections
            for own in [charges[part]]
        ]

    def _of_one_bead(self) -> RunFiles | None:
        """The run's outputs; None where they are not there yet, or of several systems or beads."""
        if self._files is None:
            try:
                self._files = run_files(self._directory, self.name if self._several else None)
            except InputError:
                return None
        return self._files if self._files.beads == 1 else None
