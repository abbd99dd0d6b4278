"""Frames of a labelled dataset as models of charges see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polcouple.data.dataset import Dataset
from polcouple.data.positions import electrolyte_positions
from polcouple.data.splits import Split, split_frames
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError

#: parts of the trajectory: the last tests, the one before stops trainings
FOLDS = 10
#: frames at least, so that every part has some
LEAST_FRAMES = 3 * FOLDS


@dataclass(frozen=True, eq=False)
class Frame:
    """One configuration of the liquid at an electrode.

    Attributes:
        electrode: its n atoms and the cell.
        electrolyte: the liquid's m atoms.
        positions: (m, 3) of the liquid in bohr.
        site_potentials: (n,) that the liquid makes at the electrode's atoms, Hartree/e.
        total_charge: of the electrode in e.
    """

    electrode: Electrode
    electrolyte: Electrolyte
    positions: np.ndarray
    site_potentials: np.ndarray
    total_charge: float

    @property
    def symbols(self) -> tuple[str, ...]:
        """Of the liquid's atoms."""
        return self.electrolyte.symbols

    def at_charge(self, total_charge: float) -> Frame:
        """The same liquid at an electrode of another total charge in e."""
        return replace(self, total_charge=total_charge)


@dataclass(frozen=True, eq=False)
class Rows:
    """Frames with their labels.

    Attributes:
        frames: f of them.
        charges: (f, n) of the electrode's atoms in e.
        fermi_levels: (f,) in Hartree.
    """

    frames: Sequence[Frame]
    charges: np.ndarray
    fermi_levels: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, eq=False)
class Parts:
    """One split in blocks of time: what models are fitted to, what stops their fits, and what tests them."""

    train: Rows
    validation: Rows
    test: Rows


def read_parts(dataset: Dataset, labels: str, total_charge: float) -> Parts:
    """The dataset's frames with the labels of one backend at ``total_charge`` (e), in three parts.

    Raises:
        InputError: too few frames, positions that were not stored, or labels that are missing.
    """
    require_enough(dataset)
    found = dataset.complete_labels(labels, total_charge)
    stored = dataset.frames(positions=True)
    frames = [
        Frame(
            dataset.electrode,
            dataset.electrolyte,
            electrolyte_positions(stored, dataset.electrolyte, index),
            stored.site_potentials[index],
            total_charge,
        )
        for index in range(len(dataset))
    ]

    def rows(indices: np.ndarray) -> Rows:
        return Rows([frames[i] for i in indices], found.charges[indices], found.fermi_level[indices])

    split = split_of(dataset)
    return Parts(rows(split.train), rows(split.validation), rows(split.test))


def split_of(dataset: Dataset) -> Split:
    """Which frames train, stop and test: contiguous blocks of time."""
    return split_frames(len(dataset), FOLDS, FOLDS - 1, "blocks")


def require_enough(dataset: Dataset) -> None:
    """Refuse a dataset that cannot be split, or that has not what local models read.

    Raises:
        InputError: too few frames, or positions that were not stored.
    """
    if len(dataset) < LEAST_FRAMES:
        raise InputError(
            f"{dataset.path}: {len(dataset)} frames; the split needs {LEAST_FRAMES} at least (ask for more"
            " with --frames)"
        )
    if not dataset.has_positions:
        raise InputError(
            f"{dataset.path}: local models need all positions, which were not stored; sample again with"
            " --positions"
        )
