"""The bare electrode's self-consistent states that expansions in the total charge go through."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from polcouple.dftb.expansion import Node
from polcouple.dftb.refinement import inner_charges
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.shells import FILLED_SHELL, bracketed
from polcouple.electrode import Electrode

#: a total charge this close to a whole number is one (e)
_WHOLE = 1e-9


class Nodes:
    """Nodes at whole charges, beside filled shells and where these are too few, made when first asked for.

    Which nodes there are depends on the electrode alone, not on what was asked before.

    Args:
        frozen: the electronic problem.
        geometry: of the electrode.
    """

    def __init__(self, frozen: FrozenElectrode, geometry: Electrode) -> None:
        self._frozen, self._geometry = frozen, geometry
        self._nodes: dict[float, Node] = {}
        self._charges_between: dict[int, list[float]] = {}
        self._inner: dict[tuple[float, float], tuple[float, ...]] = {}

    def at(self, charge: float) -> Node:
        """The bare electrode at a total charge in e."""
        if charge not in self._nodes:
            point, response = self._frozen.bare_reference(float(charge))
            self._nodes[charge] = Node(charge, point, response, response.kernel(self._geometry))
        return self._nodes[charge]

    def neighbours(self, whole: int, fraction: float) -> tuple[Node, Node]:
        """The nodes below and above a charge that is no whole number."""
        charges: Sequence[float] = self._from(whole)
        while True:
            above = bisect_right(charges, whole + fraction)
            low, high = charges[above - 1], charges[above]
            if (low, high) not in self._inner:
                self._inner[low, high] = inner_charges(self.at(low), self.at(high), self.at)
            if not self._inner[low, high]:
                return self.at(low), self.at(high)
            charges = (low, *self._inner[low, high], high)

    def _from(self, whole: int) -> list[float]:
        """Total charges of the nodes from one whole charge to the next and beside them, ascending.

        One that fills a shell is no node itself. With the Fermi level in the middle of the jump given there,
        the interpolant would overshoot on both sides and not be convex; without it the level is straight.
        """
        if whole not in self._charges_between:
            ends = [float(whole), whole + 1.0]
            hardnesses = [self.at(charge).response.hardness for charge in ends]
            smooth = [q for q, hardness in zip(ends, hardnesses, strict=True) if hardness <= FILLED_SHELL]
            beside = bracketed(ends, hardnesses, beyond=1.0)
            self._charges_between[whole] = sorted({*smooth, *beside})
        return self._charges_between[whole]


def split_charge(total_charge: float) -> tuple[int, float]:
    """The whole charge below and the fraction above it, zero within rounding."""
    nearest = round(total_charge)
    if abs(total_charge - nearest) < _WHOLE:
        return nearest, 0.0
    whole = math.floor(total_charge)
    return whole, total_charge - whole
