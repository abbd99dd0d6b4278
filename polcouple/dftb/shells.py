"""Total charges beside those at which a shell of levels is just filled.

The Fermi level there jumps by the gap to the next shell within less than 1e-6 e of Q, logarithmically on
either side. Functions of Q that are interpolated between nodes need some close to such a charge: the jump is
spread over the nearest, the others follow the logarithm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: distances of additional nodes from a filled shell (e), the nearest first
BRACKET = (0.02, 0.1, 0.25, 0.5)
#: hardness beyond which a shell is filled (Hartree/e); Coulomb repulsion on a single atom has less
FILLED_SHELL = 1.0


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
