"""Total charges beside those at which a shell of levels is just filled.

The Fermi level there jumps by the gap to the next shell within less than 1e-6 e of Q, logarithmically on
either side. Functions of Q that are interpolated between nodes need some close to such a charge: the jump is
spread over the nearest, the others follow the logarithm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from polcouple.dftb.hermite import hermite_weights

#: distances of additional nodes from a filled shell (e), the nearest first
BRACKET = (0.02, 0.1, 0.25, 0.5)
#: hardness beyond which a shell is filled (Hartree/e); Coulomb repulsion on a single atom has less
FILLED_SHELL = 1.0
#: of the Fermi level between two nodes, beyond which they get others between them (Hartree)
_LEVEL_ERROR = 1e-4
#: nodes closer than this get none, where no other limit is given (e)
_NARROWEST = 0.01


@dataclass(frozen=True)
class Level:
    """Of the bare electrode at one total charge: energy and Fermi level in Hartree, hardness in Hartree/e."""

    total_charge: float
    energy: float
    fermi_level: float
    hardness: float


def inner_charges(
    low: Level, high: Level, at: Callable[[float], Level], narrowest: float = _NARROWEST
) -> tuple[float, ...]:
    """Charges (e) to put between two nodes, ascending; none where the cubic between them is right.

    Whole charges do not tell all: the shells of a mesh of k-points fill at other ones, and so does the gap
    between two levels of a small electrode that is no more than some k T. The cubic's Fermi level is compared
    with the right one at a half and at the quarters, which are the next ones to be split at.

    Args:
        low, high: the nodes.
        at: the level at any charge.
        narrowest: nodes closer than this get none (e).
    """
    width = high.total_charge - low.total_charge
    if width < narrowest:
        return ()
    middle, *quarters = (at(low.total_charge + share * width) for share in (0.5, 0.25, 0.75))
    if middle.hardness > FILLED_SHELL:
        away = min(BRACKET[0], 0.125 * width)
        return middle.total_charge - away, middle.total_charge + away
    errors = (_interpolated(low, high, one.total_charge) - one.fermi_level for one in (middle, *quarters))
    return (middle.total_charge,) if max(map(abs, errors)) > _LEVEL_ERROR else ()


def refined(charges: Sequence[float], at: Callable[[float], Level], narrowest: float) -> list[float]:
    """All nodes (e), ascending, from the first to the last of ``charges``; see :func:`inner_charges`."""
    nodes = [charges[0]]
    for low, high in pairwise(charges):
        inner = inner_charges(at(low), at(high), at, narrowest)
        nodes += refined((low, *inner, high), at, narrowest)[1:] if inner else [high]
    return nodes


def _interpolated(low: Level, high: Level, total_charge: float) -> float:
    """Fermi level in Hartree of the cubic of the energy through two nodes, with its slopes there."""
    slope = hermite_weights(total_charge - low.total_charge, high.total_charge - low.total_charge, 1)
    return -float((slope * [[low.energy, high.energy], [-low.fermi_level, -high.fermi_level]]).sum())


def bracketed(
    total_charges: Sequence[float], hardnesses: Sequence[float], beyond: float = 0.0
) -> list[float]:
    """Charges (e) to add as nodes, on either side of those that just fill a shell of levels.

    Args:
        total_charges: ascending nodes.
        hardnesses: d(mu)/dN there in Hartree/e.
        beyond: how far from the first and the last node they may lie outside, in e.
    """
    added = []
    for charge, hardness in zip(total_charges, hardnesses, strict=True):
        if hardness > FILLED_SHELL:
            added += [charge + sign * distance for distance in BRACKET for sign in (-1, 1)]
    low, high = total_charges[0] - beyond, total_charges[-1] + beyond
    apart = 0.5 * BRACKET[0]
    return [q for q in added if low < q < high and np.abs(np.subtract(total_charges, q)).min() > apart]
