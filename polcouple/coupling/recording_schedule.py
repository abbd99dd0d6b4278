"""Which evaluations of a run are frames to keep: every so many steps, of one replica."""

from __future__ import annotations

import numpy as np

from polcouple.errors import InputError

#: i-PI's first positions are the case's but for the rounding of its bohr (bohr)
_SAME = 1e-4


class RecordingSchedule:
    """Tells the frames among a force provider's evaluations.

    The replica is the first that asks: i-PI numbers the beads of its force components through, so that the
    only bead of a second component is replica 1.

    Args:
        start: (m, 3) positions of atoms that move where the run began, bohr.
        stride: steps between frames.
        skipped: steps without frames at the start.
        time_step: of i-PI in ps.
        per_step: evaluations in a step (:func:`polcouple.ipi.input.evaluations_per_step`).
    """

    def __init__(
        self, start: np.ndarray, stride: int, skipped: int, time_step: float, per_step: int = 1
    ) -> None:
        self._start = start
        self._stride, self._skipped = stride, skipped
        self._time_step, self._per_step = time_step, per_step
        self._replica: int | None = None

    def time(self, replica: int, evaluation: int, positions: np.ndarray) -> float | None:
        """Time in ps of the frame that this evaluation is; None where it is none.

        Args:
            positions: (m, 3) of the atoms of ``start``.

        Raises:
            InputError: the positions of step 0 are not those where the run began.
        """
        if self._replica is None:
            self._replica = replica
        step, within = divmod(evaluation, self._per_step)
        if replica != self._replica or within:
            return None
        if step == 0 and np.abs(positions - self._start).max() > _SAME:
            raise InputError(
                "--record: i-PI is under way and the step of its positions is not known; start it again, too"
            )
        if step <= self._skipped or (step - self._skipped) % self._stride:
            return None
        return step * self._time_step

    def is_later(self, time: float, last: float) -> bool:
        """Whether a frame comes after the one at ``last`` (ps).

        i-PI evaluates a restarted run's last step again, and a run that goes on from a checkpoint repeats
        steps.
        """
        return time >= last + 0.5 * self._time_step
