"""The charge Q at which the slope of the grand potential, d(Omega)/dQ, vanishes.

Omega is convex in Q where the electrodes answer one another, so its slope rises with Q, and the charge lies
between any two whose slopes have different signs. Where levels lie close the slope is nearly straight and
Newton's method finds the charge. Beside a filled shell of levels it is not: the Fermi level goes through the
whole gap while Q changes by exponentially little, as k_B T log |x| with x the distance of Q from the whole
number that fills the shell. There Newton's steps are those of log |x|, and intervals are halved on its scale.
Steps that do not halve the slope are made longer and longer until the charge is enclosed.
"""

from __future__ import annotations

import numpy as np

#: the voltage, or the Fermi level, is met to this (Hartree/e), 0.03 mV
LEVEL_TOLERANCE = 1e-6
#: a shell is filled where the slope rises by more (Hartree/e), which Coulomb repulsion hardly does ...
HARD = 5.0
#: ... and where the next whole charge is no further (e)
_BESIDE = 1e-3
#: largest growth of the distance from a filled shell in a step of Newton's, as a logarithm
_LONGEST_LOGARITHM = 7.0
#: smallest distance (e) from a filled shell; rounding errors of charges, relative
_SMALLEST, _ROUNDING = 1e-300, 4e-16
#: first step (e) where the hardness is unknown or the slope does not fall
_PROBE = 1e-13
#: growth of steps while the slope does not fall, beside a filled shell and elsewhere
_GROWTH_BESIDE, _GROWTH = 1e3, 10.0
#: longest first step (e), not between whole charges; later ones are up to twice as long as the one before
_LONGEST_STEP = 0.9
#: slopes that differ by more (Hartree/e) tell the hardness between them
_SECANT = 1e-6


class ChargeFlow:
    """A search for the charge.

    Args:
        hardness: d(slope)/dQ in Hartree/e to begin with; not used unless positive and finite.
        tolerance: of the last step of the charge, which is taken by linear response, in e.

    Attributes:
        hardness: as the slopes found so far tell it.
        stalled: whether the last slope is more than half of the one before.
    """

    def __init__(self, hardness: float, tolerance: float) -> None:
        self.hardness = hardness
        self._tolerance = tolerance
        self.stalled = False
        self._low, self._high = -np.inf, np.inf
        self._low_slope, self._high_slope = 0.0, 0.0
        self._last: tuple[float, float] | None = None
        self._moved = 0.0
        self._clipped = False
        self._longest = _LONGEST_STEP

    @property
    def in_gap(self) -> bool:
        """The slope jumps from one sign to the other: no charge has the level that is asked for."""
        if not self._enclosed:
            return False
        largest = max(abs(self._low), abs(self._high))
        return self._high - self._low <= max(2.0 * _SMALLEST, _ROUNDING * largest)

    @property
    def jump(self) -> float:
        """By how much the slope (Hartree/e) rises within the interval."""
        return self._high_slope - self._low_slope

    @property
    def _enclosed(self) -> bool:
        return bool(np.isfinite(self._low) and np.isfinite(self._high))

    def next(self, charge: float, slope: float, certain: bool) -> float:
        """The charge (e) to go on from; itself where nothing better is known.

        Args:
            charge: in e.
            slope: there, in Hartree/e.
            certain: whether the slope tells on which side the charge that is sought lies.
        """
        self.stalled = self._learn(charge, slope) if certain else False
        newton = self.newton(charge, slope)
        if abs(slope) <= LEVEL_TOLERANCE:
            return newton
        if self.in_gap:
            return _whole_within(self._low, self._high)
        if self._enclosed:
            if self._low < newton < self._high and not self.stalled:
                return newton
            return _middle(self._low, self._high) if certain else charge
        step = newton - charge
        if certain and (self.stalled or step == 0.0):
            growth = _GROWTH_BESIDE if abs(self._moved) < _BESIDE else _GROWTH
            step = -float(np.sign(slope)) * max(abs(step), _PROBE, growth * abs(self._moved))
        self._clipped = abs(step) > self._longest
        step = float(np.clip(step, -self._longest, self._longest))
        self._longest = max(self._longest, 2.0 * abs(step))
        return charge + step if self._low < charge + step < self._high else charge

    def newton(self, charge: float, slope: float) -> float:
        """The charge (e) by Newton's method, beside a filled shell for the logarithm of its distance."""
        if not 0.0 < self.hardness < np.inf:
            return charge
        step, distance = -slope / self.hardness, _beside(charge)
        if distance and self.hardness > HARD:
            ratio = np.clip(step / distance, np.log(_SMALLEST / abs(distance)), _LONGEST_LOGARITHM)
            return charge - distance + distance * float(np.exp(ratio))
        return charge + step

    def offer(self, hardness: float) -> None:
        """Go on with the hardness (Hartree/e) of new derivatives, unless a shell is filled there."""
        if 0.0 < hardness < HARD:
            self.hardness = hardness

    def reopen(self, hardness: float) -> None:
        """Forget where the charge was thought to lie, and go on with the hardness (Hartree/e) given."""
        self._low, self._high = -np.inf, np.inf
        self._last, self.stalled = None, False
        self.offer(hardness)

    def met(self, slope: float, step: float) -> bool:
        """Whether the level is met at the end of ``step`` (e), from a charge with this slope (Hartree/e)."""
        if abs(slope) <= LEVEL_TOLERANCE:
            return abs(step) <= self._tolerance
        return self.in_gap and step == 0.0

    def _learn(self, charge: float, slope: float) -> bool:
        """Narrow the interval and improve the hardness; returns whether the slope has not even halved."""
        stalled = False
        if self._last is not None:
            before, known = self._last
            self._moved = charge - before
            stalled = abs(slope) > 0.5 * abs(known) and not self._clipped
            if abs(slope - known) > _SECANT and self._moved:
                secant = (slope - known) / self._moved
                here, there = _beside(charge), _beside(before)
                if secant > HARD and here and there and (here > 0.0) == (there > 0.0):
                    secant = (slope - known) / (np.log(here / there) * here)
                self.hardness = secant if secant > 0.0 else self.hardness
        self._last = (charge, slope)
        # the level of a filled shell need not lie between those of its neighbours
        if charge != round(charge) or self.hardness <= HARD:
            if slope > 0.0 and charge <= self._high:
                self._high, self._high_slope = charge, slope
            elif slope <= 0.0 and charge >= self._low:
                self._low, self._low_slope = charge, slope
        return stalled


def _beside(charge: float) -> float:
    """Distance (e) from the next whole charge, zero where that is too far to matter."""
    distance = charge - round(charge)
    return distance if abs(distance) < _BESIDE else 0.0


def _whole_within(low: float, high: float) -> float:
    """The whole charge between two charges, or else the lower one."""
    whole = float(round(low))
    return whole if low <= whole <= high else low


def _middle(low: float, high: float) -> float:
    """Half-way between two charges; in a short interval on the scale of distances from a whole charge."""
    whole = float(round(0.5 * (low + high)))
    near, far = sorted((low - whole, high - whole), key=abs)
    if abs(far) > _BESIDE:
        return 0.5 * (low + high)
    same_side = near * np.sign(far) > 0.0
    size = np.sqrt(abs(near)) * np.sqrt(abs(far)) if same_side else far * far
    return whole + float(np.copysign(max(size, _SMALLEST), far))
