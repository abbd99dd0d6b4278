"""What is missing of the forces where a cheaper backend was asked: ``part: slow`` of multiple time stepping.

    E_slow = E_accurate - E_fast,    F_slow = F_accurate - F_fast

of the same liquid. ``part: fast`` is everything with the cheaper backend, so that the two parts sum to all
forces with the accurate one, whatever the cheaper one is.
"""

from __future__ import annotations

import numpy as np

from polcouple.coupling.forces import Evaluation, Forces, Timings


class SlowForces:
    """Energy and forces that two providers differ by.

    Args:
        accurate: of the nonbonded part; its charges and all else that is told of them are the answer's.
        fast: of the nonbonded part with the cheaper backend.

    Attributes:
        timings: where the time went in both.
        warnings: of both.
    """

    def __init__(self, accurate: Forces, fast: Forces) -> None:
        self._accurate, self._fast = accurate, fast

    @property
    def timings(self) -> Timings:
        """Wall time of both, by the kind of work."""
        total = Timings(dict(self._accurate.timings.seconds))
        for name, seconds in self._fast.timings.seconds.items():
            total.seconds[name] = total.seconds.get(name, 0.0) + seconds
        return total

    @property
    def warnings(self) -> set[str]:
        """What either warned of, each line once."""
        return self._accurate.warnings | self._fast.warnings

    def evaluate(self, positions: np.ndarray, cell: np.ndarray, replica: int = 0) -> Evaluation:
        """See :class:`polcouple.coupling.forces.ForceProvider`."""
        whole = self._accurate.evaluate(positions, cell, replica)
        known = self._fast.evaluate(positions, cell, replica)
        return Evaluation(whole.energy - known.energy, whole.forces - known.forces, whole.extras)
