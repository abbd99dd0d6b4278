"""Where the expansion in the total charge needs more nodes than it has.

Whole charges do not tell all: the shells of a mesh of k-points fill at other ones, small electrodes have gaps
of some k T, and beside a vacancy charges follow Q far from a cubic. Answers between two nodes are compared
with the right ones at a half and at the quarters, which are the next charges to be split at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from polcouple.dftb.expansion import Node, at_node, between
from polcouple.dftb.shells import BRACKET, FILLED_SHELL

#: errors between two nodes beyond which they get others between them: of the Fermi level (Hartree), of a
#: charge (e), and of the charges that potentials induce, as a share
_LEVEL, _CHARGE, _INDUCED = 1e-4, 1e-4, 0.03
#: root mean square of the potentials under which answers are compared (Hartree/e), of a liquid's size
_PROBE = 0.01
#: nodes closer than this get none between them, where no other limit is given (e)
_NARROWEST = 0.01


def inner_charges(
    low: Node, high: Node, at: Callable[[float], Node], narrowest: float = _NARROWEST
) -> tuple[float, ...]:
    """Charges (e) to put between two nodes, ascending; none where answers between them are right.

    Args:
        low, high: the nodes, at phi = 0.
        at: the node at any charge.
        narrowest: nodes closer than this get none (e).
    """
    width = high.total_charge - low.total_charge
    if width < narrowest:
        return ()
    middle, *quarters = (at(low.total_charge + share * width) for share in (0.5, 0.25, 0.75))
    if middle.response.hardness > FILLED_SHELL:
        away = min(BRACKET[0], 0.125 * width)
        return middle.total_charge - away, middle.total_charge + away
    right = all(_is_right(low, high, node) for node in (middle, *quarters))
    return () if right else (middle.total_charge,)


def refined(charges: Sequence[float], at: Callable[[float], Node], narrowest: float) -> list[float]:
    """All nodes (e), ascending, from the first to the last of ``charges``; see :func:`inner_charges`."""
    nodes = [charges[0]]
    for low, high in pairwise(charges):
        inner = inner_charges(at(low), at(high), at, narrowest)
        nodes += refined((low, *inner, high), at, narrowest)[1:] if inner else [high]
    return nodes


def _is_right(low: Node, high: Node, node: Node) -> bool:
    """Whether the expansion between two nodes gives what a node between them has, alone and in a liquid."""
    nothing = np.zeros(len(node.point.charges))
    expected, found = at_node(node, nothing), between(low, high, node.total_charge, nothing)
    if abs(found.fermi_level - expected.fermi_level) > _LEVEL:
        return False
    if np.abs(found.charges - expected.charges).max() > _CHARGE:
        return False
    liquid = _PROBE * np.random.default_rng(0).standard_normal(len(nothing))
    induced = at_node(node, liquid).charges - expected.charges
    error = between(low, high, node.total_charge, liquid).charges - found.charges - induced
    return bool(np.abs(error).max() <= _CHARGE + _INDUCED * np.abs(induced).max())
