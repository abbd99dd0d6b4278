"""The electrodes' Fermi levels as a run wrote them."""

from __future__ import annotations

import numpy as np

from polcouple.analysis.runs import Run
from polcouple.errors import InputError
from polcouple.ipi.files import run_files
from polcouple.ipi.output import iterate_extras, last_of_each


def read_levels(run: Run) -> np.ndarray | None:
    """(f, n_electrodes) Fermi levels in eV of the frames in which all have one; None where there are none.

    Frames that a restart wrote again count once, and those before the run's first step do not.
    """
    try:
        path = run_files(run.directory).extras("fermi_levels")[0]
    except InputError:
        return None
    frames = list(iterate_extras(path))
    steps = np.array([step for step, _ in frames], dtype=int)
    kept = last_of_each(steps) & (steps >= run.first_step)
    levels = np.array([values for (_, values), keep in zip(frames, kept, strict=True) if keep])
    if levels.ndim != 2 or levels.shape[1] != len(run.case.system.electrodes):
        return None
    known = levels[np.isfinite(levels).all(axis=1)]
    return known if len(known) else None
