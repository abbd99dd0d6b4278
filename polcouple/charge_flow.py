"""The charge Q at which the slope of the grand potential, d(Omega)/dQ, vanishes.

Omega is convex in Q where the electrodes answer one another, so its slope rises with Q, and the charge lies
between any two whose slopes have different signs. Where levels lie close the slope is nearly straight and
Newton's method finds the charge. Beside a filled shell of levels it is not: the Fermi level goes through the
whole gap while Q changes by exponentially little, as k_B T log |Q - Q_filled|. Steps that do not halve the
slope are therefore made ten times longer until the charge is enclosed, and halve the interval afterwards.
"""

from __future__ import annotations

import numpy as np

#: the voltage, or the Fermi level, is met to this (Hartree/e), 0.03 mV ...
LEVEL_TOLERANCE = 1e-6
#: ... and the last step of the charge, which is taken by linear response, is no longer than this (e)
CHARGE_TOLERANCE = 1e-6
#: what lies between the levels of charges that differ by less (e) is a gap
_RESOLUTION = 1e-15
#: first step (e) where the hardness is unknown or the slope does not fall
_PROBE = 1e-13
#: growth of steps while the slope does not fall
_GROWTH = 10.0
#: longest first step (e); later ones are up to twice as long as the one before
_LONGEST_STEP = 1.0
#: slopes that differ by more (Hartree/e) tell the hardness between them
_SECANT = 1e-6


class ChargeFlow:
    """A search for the charge.

    Args:
        hardness: d(slope)/dQ in Hartree/e to begin with; not used unless positive and finite.

    Attributes:
        hardness: as the slopes found so far tell it.
    """

    def __init__(self, hardness: float) -> None:
        self.hardness = hardness
        self._low, self._high = (-np.inf, -np.inf), (np.inf, np.inf)
        self._last: tuple[float, float] | None = None
        self._moved = 0.0
        self._longest = _LONGEST_STEP

    @property
    def in_gap(self) -> bool:
        """The slope jumps from one sign to the other: no charge has the level that is asked for."""
        low, high = self._low[0], self._high[0]
        return self._enclosed and high - low <= max(_RESOLUTION, 4e-16 * abs(low))

    @property
    def _enclosed(self) -> bool:
        return bool(np.isfinite(self._low[0]) and np.isfinite(self._high[0]))

    def step(self, charge: float, slope: float, certain: bool) -> float:
        """Change of the charge (e) towards a slope of zero.

        Args:
            charge: in e.
            slope: there, in Hartree/e.
            certain: whether the slope tells on which side the charge that is sought lies.
        """
        stalled = self._learn(charge, slope) if certain else False
        newton = self.expected(slope)
        if abs(slope) <= LEVEL_TOLERANCE:
            return newton
        if self.in_gap:
            return min(self._low, self._high, key=lambda end: abs(end[1]))[0] - charge
        low, high = self._low[0], self._high[0]
        if self._enclosed:
            if low < charge + newton < high and not stalled:
                return newton
            return _middle(low, high) - charge if certain else 0.0
        if certain and (stalled or newton == 0.0):
            newton = -float(np.sign(slope)) * max(abs(newton), _PROBE, _GROWTH * abs(self._moved))
        step = float(np.clip(newton, -self._longest, self._longest))
        self._longest = max(self._longest, 2.0 * abs(step))
        return step if low < charge + step < high else 0.0

    def expected(self, change: float) -> float:
        """Step of the charge (e) by linear response where the slope has changed by ``change`` (Hartree/e)."""
        if not 0.0 < self.hardness < np.inf:
            return 0.0
        return float(np.clip(-change / self.hardness, -_LONGEST_STEP, _LONGEST_STEP))

    def met(self, slope: float, step: float) -> bool:
        """Whether the level is met at the end of ``step`` (e), from a charge with this slope (Hartree/e)."""
        if abs(slope) <= LEVEL_TOLERANCE:
            return abs(step) <= CHARGE_TOLERANCE
        return self.in_gap and step == 0.0

    def _learn(self, charge: float, slope: float) -> bool:
        """Narrow the interval and improve the hardness; returns whether the slope has not even halved."""
        stalled = False
        if self._last is not None:
            before, known = self._last
            self._moved = charge - before
            stalled = abs(slope) > 0.5 * abs(known)
            if abs(slope - known) > _SECANT and self._moved:
                secant = (slope - known) / self._moved
                self.hardness = secant if secant > 0.0 else self.hardness
        self._last = (charge, slope)
        if slope > 0.0:
            self._high = min(self._high, (charge, slope))
        else:
            self._low = max(self._low, (charge, slope))
        return stalled


def _middle(low: float, high: float) -> float:
    """Half-way between two charges; on a logarithmic scale where both have the same sign."""
    if low * high > 0.0:
        return float(np.copysign(np.sqrt(low * high), low))
    return 0.5 * (low + high)
