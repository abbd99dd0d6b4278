"""Frames of an electrode that moves, labelled at Fermi levels, to train a grand potential on: eV and A."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import CONVERGED, GIVEN, LabelSet
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

#: levels that differ by less are one (eV)
SAME_LEVEL = 1e-6


@dataclass(frozen=True, eq=False)
class GrandFrames:
    """Labels, one row for each, in the order of trajectories and in them of time.

    Attributes:
        symbols: of the atoms.
        cell: (3, 3) a lattice vector per row, A.
        start: (n, 3) the case's positions, A.
        trajectory: (l,) which one a frame is from; GIVEN where none.
        positions: (l, n, 3) in A.
        levels: (l,) mu in eV.
        energies: (l,) A + mu Q in eV: Omega of the electrons that are more than those of neutral atoms.
        electrons: (l,) -Q.
        forces: (l, n, 3) in eV/A.
        reference: level where the potential is zero, eV, or None.
        settings: with which the labels were made.
        backend: which made them.
    """

    symbols: tuple[str, ...]
    cell: np.ndarray
    start: np.ndarray
    trajectory: np.ndarray
    positions: np.ndarray
    levels: np.ndarray
    energies: np.ndarray
    electrons: np.ndarray
    forces: np.ndarray
    reference: float | None
    settings: dict[str, str]
    backend: str

    def __len__(self) -> int:
        return len(self.levels)

    def digest(self) -> str:
        """SHA-256 of atoms and labels."""
        found = hashlib.sha256(" ".join(self.symbols).encode())
        for array in (self.cell, self.positions, self.levels, self.energies, self.electrons, self.forces):
            found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return found.hexdigest()


def grand_frames(path: Path, labels: Sequence[str] = ()) -> GrandFrames:
    """The labels that converged.

    Args:
        labels: names of label sets; all where there are none.

    Raises:
        InputError: no such labels, labels at a charge among them, of several backends, or without electrons.
    """
    dataset = MovingDataset(path)
    sets = dataset.sets()
    names = [one.name for one in sets]
    for name in labels:
        if name not in names:
            raise InputError(f"{path}: no labels '{name}'; there are: {', '.join(names) or 'none'}")
    numbers = [i for i, name in enumerate(names) if not labels or name in labels]
    _require_one_function(path, [sets[i] for i in numbers])
    rows = dataset.labels()
    rows = rows[np.flatnonzero(np.isin(rows.set, numbers) & (rows.status == CONVERGED))]
    if not len(rows):
        raise InputError(f"{path}: no labels at a Fermi level that converged; make some by polcouple label")
    if not (np.isfinite(rows.grand_potential).all() and np.isfinite(rows.electrons).all()):
        raise InputError(
            f"{path}: labels without a grand potential or electrons; use a backend that has them"
        )
    frames = dataset.frames()
    order = np.lexsort((rows.set, rows.frame, frames.trajectory[rows.frame]))
    rows = rows[order]
    levels = np.array([sets[i].fermi_level for i in rows.set], float)
    excess = -rows.charges.sum(axis=1)
    first = sets[numbers[0]]
    return GrandFrames(
        dataset.symbols,
        dataset.cell * BOHR_TO_ANGSTROM,
        dataset.start * BOHR_TO_ANGSTROM,
        frames.trajectory[rows.frame],
        frames.positions[rows.frame] * BOHR_TO_ANGSTROM,
        levels * HARTREE_TO_EV,
        (rows.grand_potential + levels * (rows.electrons - excess)) * HARTREE_TO_EV,
        excess,
        rows.forces * (HARTREE_TO_EV / BOHR_TO_ANGSTROM),
        None if first.reference is None else first.reference * HARTREE_TO_EV,
        dict(first.settings),
        first.backend,
    )


def with_given(frames: GrandFrames, path: Path) -> GrandFrames:
    """``frames`` and those of another dataset, whatever they are of there, as given ones of no trajectory.

    Raises:
        InputError: another system, other settings, or another zero of the potential.
    """
    more = grand_frames(path)
    same = frames.symbols == more.symbols and np.allclose(frames.cell, more.cell, atol=1e-6)
    settings = (frames.backend, frames.settings) == (more.backend, more.settings)
    one_zero = frames.reference == more.reference
    if frames.reference is not None and more.reference is not None:
        one_zero = abs(frames.reference - more.reference) < SAME_LEVEL
    if not (same and settings and one_zero):
        raise InputError(f"{path}: of another system, or labelled otherwise than the frames to go with")

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(frames, name), getattr(more, name)])

    return replace(
        frames,
        trajectory=np.concatenate([frames.trajectory, np.full(len(more), GIVEN)]),
        positions=joined("positions"),
        levels=joined("levels"),
        energies=joined("energies"),
        electrons=joined("electrons"),
        forces=joined("forces"),
    )


def _require_one_function(path: Path, sets: Sequence[LabelSet]) -> None:
    held = [one.name for one in sets if one.fermi_level is None]
    if held:
        raise InputError(
            f"{path}: labels {', '.join(held)} are at a charge: their energy is A, not Omega; choose those"
            " at a Fermi level by --labels"
        )
    if len({one.backend for one in sets}) > 1:
        raise InputError(f"{path}: labels of several backends; choose those of one by --labels")
    if len({one.reference for one in sets}) > 1:
        raise InputError(f"{path}: labels with several zeros of the potential; choose by --labels")
