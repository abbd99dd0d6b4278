"""The charges that a backend gives on the frames of a trajectory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.backends.base import ChargeBackend
from polcouple.case.model import Case
from polcouple.coupling.charges import ChargeSolver
from polcouple.errors import InputError
from polcouple.log import Warned
from polcouple.output_paths import require_suffix
from polcouple.units import HARTREE_TO_EV


@dataclass(frozen=True, eq=False)
class FrameCharges:
    """What was found on f frames.

    Attributes:
        charges: (f, n_electrode) in e; the columns are the electrode's atoms in the case's order, of several
            electrodes one after the other.
        fermi_level: (f,) in eV, NaN where there is none.
        seconds: (f,) wall time of each frame.
    """

    charges: np.ndarray
    fermi_level: np.ndarray
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
    levels = [np.nan if r.fermi_level is None else r.fermi_level * HARTREE_TO_EV for r in results]
    return FrameCharges(np.array([r.charges for r in results]), np.array(levels), np.array(seconds))


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
    """An .npz file of ``charges``, ``fermi_level`` and ``seconds``, whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as stream:
        np.savez(stream, charges=found.charges, fermi_level=found.fermi_level, seconds=found.seconds)
    os.replace(temporary, path)
