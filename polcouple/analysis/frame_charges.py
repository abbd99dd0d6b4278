"""The charges that a backend gives on the frames of a trajectory."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.backends.base import ChargeBackend
from polcouple.case.model import Case
from polcouple.coupling.charges import ChargeSolver
from polcouple.coupling.joint_search import fermi_levels
from polcouple.errors import InputError
from polcouple.files import write_npz
from polcouple.log import Warned
from polcouple.output_paths import require_suffix
from polcouple.units import HARTREE_TO_EV


@dataclass(frozen=True, eq=False)
class FrameCharges:
    """What was found on f frames.

    Attributes:
        charges: (f, n_electrode) in e; the columns are the electrode's atoms in the case's order, of several
            electrodes one after the other.
        fermi_levels: (f, electrodes) in eV, NaN where there is none.
        seconds: (f,) wall time of each frame.
    """

    charges: np.ndarray
    fermi_levels: np.ndarray
    seconds: np.ndarray


def frame_charges(case: Case, backend: ChargeBackend, frames: Iterable[np.ndarray]) -> FrameCharges:
    """Solve every frame, positions (N, 3) in bohr, each begun from the one before it.

    Raises:
        ConvergenceError: naming the frame.
    """
    solver, warned = ChargeSolver(case, backend), Warned()
    results, seconds = [], []
    for number, positions in enumerate(frames):
        start = time.perf_counter()
        results.append(solver(positions, f"frame {number}"))
        warned.log(results[-1].warnings)
        seconds.append(time.perf_counter() - start)
    levels = np.array([fermi_levels(result, len(case.electrodes)) for result in results])
    return FrameCharges(
        np.array([result.charges for result in results]), levels * HARTREE_TO_EV, np.array(seconds)
    )


def require_new_npz(path: Path) -> None:
    """Refuse a name that :func:`write_frame_charges` would not write to; its directory is made.

    Raises:
        InputError: it does not end in .npz, or is there already.
    """
    require_suffix(path, ".npz")
    if path.exists():
        raise InputError(f"{path}: exists already; choose another name or remove it")
    path.parent.mkdir(parents=True, exist_ok=True)


def write_frame_charges(path: Path, found: FrameCharges) -> None:
    """An .npz file of the three arrays, whole or not at all; of one electrode also ``fermi_level`` (f,)."""
    arrays = {
        "charges": found.charges,
        "fermi_levels": found.fermi_levels,
        "seconds": found.seconds,
    }
    if found.fermi_levels.shape[1] == 1:
        arrays["fermi_level"] = found.fermi_levels[:, 0]
    write_npz(path, arrays)
