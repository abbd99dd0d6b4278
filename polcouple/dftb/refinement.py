"""Where the expansion in the total charge needs more nodes than it has.

Whole charges do not tell all: the shells of a mesh of k-points fill at other ones, small electrodes have gaps
of some k T, and beside a vacancy charges follow Q far from a cubic. Where two nodes, as of large sheets, have
the slopes of what lies between them, that is all. Otherwise answers are compared with the right ones at a
half and at the quarters, which are the next charges to be split at.
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
    if width < narrowest or _are_alike(low, high):
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


def _are_alike(low: Node, high: Node) -> bool:
    """Whether nothing happens between two nodes: a step of the level shows in the slopes at both ends."""
    width, nothing = high.total_charge - low.total_charge, np.zeros(len(low.point.charges))
    straight = (high.point.charges - low.point.charges) / width
    liquid = _liquid(len(nothing))
    induced = low.kernel @ liquid
    for node in (low, high):
        slope = between(low, high, node.total_charge, nothing).hardness
        if abs(slope - node.response.hardness) * width / 8.0 > _LEVEL:
            return False
        if np.abs(straight - node.response.fukui).max() * width / 8.0 > _CHARGE:
            return False
    changed = float(np.abs(high.kernel @ liquid - induced).max())
    return changed <= _CHARGE + _INDUCED * float(np.abs(induced).max())


def _liquid(n_atoms: int) -> np.ndarray:
    """Potentials (n_atoms,) in Hartree/e under which answers are compared."""
    return _PROBE * np.random.default_rng(0).standard_normal(n_atoms)


def _is_right(low: Node, high: Node, node: Node) -> bool:
    """Whether the expansion between two nodes gives what a node between them has, alone and in a liquid."""
    nothing = np.zeros(len(node.point.charges))
    expected, found = at_node(node, nothing), between(low, high, node.total_charge, nothing)
    if abs(found.fermi_level - expected.fermi_level) > _LEVEL:
        return False
    if np.abs(found.charges - expected.charges).max() > _CHARGE:
        return False
    liquid = _liquid(len(nothing))
    induced = at_node(node, liquid).charges - expected.charges
    error = between(low, high, node.total_charge, liquid).charges - found.charges - induced
    return bool(np.abs(error).max() <= _CHARGE + _INDUCED * np.abs(induced).max())
