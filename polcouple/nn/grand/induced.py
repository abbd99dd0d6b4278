"""Charges that the electrode's electrons induce in the liquid's molecules.

Charge flows along bonds: p_b from one end of a bond to the other makes charges t p, and costs

    (t p).h.(t p) / 2 + (t p).M.(t p) / 2 + n (t p).M.e,

h a hardness for each element beyond that of its Gaussian charge, M the interaction of Gaussian charges
(:mod:`polcouple.nn.grand.long_range`), e the charge of one electron too many on the electrode. Where that is
least it is

    -n^2 s / 2,   s = g.G^-1.g,   g = t.M.e,   G = t.(M + h).t.

The liquid's own charges, which are means in the liquid, have the molecules' effect on each other in them, so
that they induce none here. A bond that is stretched ceases to conduct smoothly. Angstrom, e, eV.
"""

from __future__ import annotations

import numpy as np

from polcouple.nn.grand.long_range import Waves
from polcouple.nn.potential.bonds import Bonds

#: cost of a flow along a bond that does not conduct, eV
_STIFF = 20.0


class Induced:
    """What an electron too many on the electrode induces.

    Args:
        each: (n,) its charge, e.
        bonds: of the liquid.
        hardness: (n,) h of each atom, eV.

    Attributes:
        charges: (n,) induced, e.
        energy: -s/2 in eV, what n^2 is multiplied with.
        gradient: (n, 3) derivative of that by the positions, eV/A.
    """

    def __init__(self, waves: Waves, each: np.ndarray, bonds: Bonds, hardness: np.ndarray) -> None:
        self.charges, self.energy, self.gradient = np.zeros(len(each)), 0.0, np.zeros((len(each), 3))
        count = len(bonds.ends)
        if not count:
            return
        flows = np.zeros((len(each), count))
        flows[bonds.ends[:, 0], np.arange(count)] -= 1.0
        flows[bonds.ends[:, 1], np.arange(count)] += 1.0
        pairs = waves.between(flows, np.column_stack([each, flows]))
        by_each, matrix = pairs[:, 0], pairs[:, 1:] + flows.T @ (hardness[:, None] * flows)
        w = bonds.conducts
        g, stiff = w * by_each, w[:, None] * matrix * w + np.diag(_STIFF * (1.0 - w**2))
        p = -np.linalg.solve(stiff, g)
        self.charges, self.energy = flows @ (w * p), 0.5 * float(g @ p)
        both = each + self.charges
        self.gradient = both[:, None] * waves.field(both) - each[:, None] * waves.field(each)
        by_conduction = p * (matrix @ (w * p) + by_each) - _STIFF * w * p**2
        along = (by_conduction * bonds.slopes)[:, None] * bonds.directions
        np.add.at(self.gradient, bonds.ends[:, 1], along)
        np.add.at(self.gradient, bonds.ends[:, 0], -along)
