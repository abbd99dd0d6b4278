"""When a committee's members differ so much that its frames were no guide."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from polcouple.nn.potential.potential import Potential, PotentialResult

#: what is done about such a frame
Extrapolation = Literal["warn", "stop", "label"]
#: disagreement over the usual one
_MUCH = 2.0


class Flag:
    """Whether a frame is outside what a committee was trained on.

    Its root mean square disagreement, and that of its worst atom, are compared with twice what three of four
    frames like those of the training do not exceed. The former tells of temperature and density, the latter
    of a single bond.

    Attributes:
        possible: whether the potential has a committee, and frames to compare with.
    """

    def __init__(self, potential: Potential) -> None:
        self.possible = len(potential.members) > 1 and potential.usual is not None
        self._limits = [math.inf] * 2 if potential.usual is None else [_MUCH * u for u in potential.usual]
        self._name = potential.name

    def warning(self, result: PotentialResult) -> str | None:
        """One line where ``result`` is to be distrusted."""
        if result.disagreement is None:
            return None
        mean, highest = rms_and_worst(result.disagreement)
        if mean <= self._limits[0] and highest <= self._limits[1]:
            return None
        worst = int(result.disagreement.argmax())
        return (
            f"{self._name}: its networks differ by {1e3 * mean:.0f} meV/A over the atoms (limit"
            f" {1e3 * self._limits[0]:.0f}), {1e3 * highest:.0f} at atom {worst} (limit"
            f" {1e3 * self._limits[1]:.0f}): these atoms are unlike the frames it was trained on"
        )


def rms_and_worst(disagreement: np.ndarray) -> tuple[float, float]:
    """Of a frame's atoms (n,): the root mean square, and the highest."""
    return float(np.sqrt((disagreement**2).mean())), float(disagreement.max())
