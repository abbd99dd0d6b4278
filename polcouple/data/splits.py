"""Splitting a trajectory into parts to train, to stop early and to test on.

Neighbouring frames of one trajectory are alike: on the reference system charges 0.5 ps apart correlate by
0.4 and 4 ps apart by 0.1. A random split therefore tests on near-copies of training frames. The default
keeps folds contiguous in time; the paper's random split is there for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polcouple.errors import InputError

SplitKind = Literal["blocks", "random"]


@dataclass(frozen=True, eq=False)
class Split:
    """Frame numbers, each set ascending and disjoint from the others."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def sizes(self) -> dict[str, int]:
        """How many frames are in each."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


def split_frames(n_frames: int, n_folds: int, fold: int, kind: SplitKind, seed: int = 0) -> Split:
    """Fold ``fold`` is the test set, the fold before it (cyclically) stops the training, the rest trains.

    The paper stops early on its 10 % hold-out itself; here the score is taken on frames that stopping never
    saw.

    Raises:
        InputError: too few frames, or no such fold.
    """
    if n_folds < 3 or n_frames < n_folds:
        raise InputError(
            f"{n_frames} frames cannot be split into {n_folds} folds; give at least 3 folds of 1 frame"
        )
    if not 0 <= fold < n_folds:
        raise InputError(f"fold {fold} of {n_folds}: count from 0")
    order = np.arange(n_frames)
    if kind == "random":
        order = np.random.default_rng(seed).permutation(n_frames)
    parts = np.array_split(order, n_folds)
    validation = (fold - 1) % n_folds
    rest = [part for i, part in enumerate(parts) if i not in (fold, validation)]
    return Split(np.sort(np.concatenate(rest)), np.sort(parts[validation]), np.sort(parts[fold]))
