"""When a committee's members differ so much that its frames were no guide."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from polcouple.nn.potential.potential import Potential, PotentialResult

#: what is done about such a frame
Extrapolation = Literal["warn", "stop"]
#: disagreement of the frame over the highest on frames kept from training
_MUCH = 1.5


class Flag:
    """Whether a frame is outside what a committee was trained on.

    Its root mean square disagreement is compared with the highest on the frames that were kept from training,
    times 1.5.

    Attributes:
        possible: whether the potential has a committee, and frames to compare with.
    """

    def __init__(self, potential: Potential) -> None:
        self.possible = len(potential.members) > 1 and potential.usual is not None
        self._limit = math.inf if potential.usual is None else _MUCH * potential.usual[1]
        self._name = potential.name

    def warning(self, result: PotentialResult) -> str | None:
        """One line where ``result`` is to be distrusted."""
        if result.disagreement is None:
            return None
        mean = float(np.sqrt((result.disagreement**2).mean()))
        if mean <= self._limit:
            return None
        worst = int(result.disagreement.argmax())
        return (
            f"{self._name}: its members differ by {1e3 * mean:.0f} meV/A (most at atom {worst}), more than"
            f" {1e3 * self._limit:.0f}: these atoms are unlike the frames it was trained on"
        )
