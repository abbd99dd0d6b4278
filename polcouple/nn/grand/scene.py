"""Atoms and what does not depend on a member's numbers, of one frame or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.lattice.pairs import Pairs
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.electrode import Electrode
from polcouple.nn.potential.descriptors import Surroundings


@dataclass(frozen=True, eq=False)
class Scene:
    """Frames whose atoms do not see each other.

    Attributes:
        seen: surroundings of all atoms.
        spectrum: (n, d) descriptors, or in a training a matrix times them, in the network's precision.
        electrodes: of every frame; none in the scalar design.
        begins: (frames,) the first atom of each.
    """

    seen: Surroundings
    spectrum: np.ndarray
    electrodes: tuple[Electrode, ...]
    begins: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """(frames,) atoms."""
        return np.diff(self.begins, append=len(self.spectrum))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(frames, ...) of (n, ...) over the atoms of each frame, in double precision."""
        return np.asarray(np.add.reduceat(values.astype(float), self.begins, axis=0))


def scene_of(
    architecture: GrandArchitecture,
    seen: Surroundings,
    spectrum: np.ndarray,
    positions: np.ndarray,
    cell: np.ndarray,
) -> Scene:
    """One frame, with its electrode, of atoms at ``positions`` (n, 3) in ``cell`` (3, 3), A."""
    electrodes: tuple[Electrode, ...] = ()
    if architecture.design == "electrode":
        electrodes = (Electrode(architecture, seen.pairs, seen.kinds, positions, cell),)
    return Scene(seen, spectrum, electrodes, np.zeros(1, np.int64))


def side_by_side(scenes: Sequence[Scene]) -> Scene:
    """Scenes as one, for which compiled loops and the network are called once."""
    sizes = [len(one.spectrum) for one in scenes]
    begins = np.cumsum([0, *sizes[:-1]])
    every = [one.seen for one in scenes]
    ends = np.cumsum([0, *(len(one.pairs.second) for one in every)])
    pairs = Pairs(
        np.concatenate([[0], *(one.pairs.first[1:] + end for one, end in zip(every, ends, strict=False))]),
        np.concatenate([one.pairs.second + begin for one, begin in zip(every, begins, strict=True)]),
        np.concatenate([one.pairs.vectors for one in every]),
        min(one.pairs.cutoff for one in every),
    )
    seen = Surroundings(
        np.concatenate([one.kinds for one in every]),
        pairs,
        np.concatenate([one.coefficients for one in every]),
        np.concatenate([one.spectrum for one in every]),
    )
    return Scene(
        seen,
        np.concatenate([one.spectrum for one in scenes]),
        tuple(electrode for one in scenes for electrode in one.electrodes),
        np.concatenate([one.begins + begin for one, begin in zip(scenes, begins, strict=True)]),
    )
