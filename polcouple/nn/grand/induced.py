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

from functools import lru_cache

import numpy as np

from polcouple.lattice.pairs import Pairs
from polcouple.nn.grand.long_range import Waves

#: bonds conduct wholly up to the first and nothing from the second, times the sum of the covalent radii
_BEGIN, _END = 1.25, 1.55
#: cost of a flow along a bond that does not conduct, eV
_STIFF = 20.0


class Bonds:
    """Those among the liquid's atoms.

    Args:
        pairs: neighbours, each pair twice.
        radii: (n,) covalent ones of all atoms, A.
        liquid: (n,) which atoms are of it.

    Attributes:
        ends: (b, 2) atoms.
        conducts: (b,) from 0 to 1, ``slopes`` their change with the length, 1/A.
        directions: (b, 3) from the first end to the second, of length 1.
    """

    def __init__(self, pairs: Pairs, radii: np.ndarray, liquid: np.ndarray) -> None:
        owner = np.repeat(np.arange(len(pairs.first) - 1), np.diff(pairs.first))
        lengths = np.linalg.norm(pairs.vectors, axis=1)
        usual = radii[owner] + radii[pairs.second]
        kept = np.flatnonzero(
            liquid[owner] & liquid[pairs.second] & (owner < pairs.second) & (lengths < _END * usual)
        )
        self.ends = np.column_stack([owner[kept], pairs.second[kept]])
        self.directions = pairs.vectors[kept] / lengths[kept, None]
        width = (_END - _BEGIN) * usual[kept]
        t = np.clip((lengths[kept] - _BEGIN * usual[kept]) / width, 0.0, 1.0)
        self.conducts = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2)
        self.slopes = -30.0 * t**2 * (1.0 - t) ** 2 / width


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


@lru_cache(maxsize=32)
def covalent_radii(symbols: tuple[str, ...]) -> np.ndarray:
    """(e,) in A."""
    from ase.data import atomic_numbers
    from ase.data import covalent_radii as of_numbers

    return np.array([of_numbers[atomic_numbers[symbol]] for symbol in symbols])
