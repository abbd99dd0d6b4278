"""How a carbon electrode that moves shares its added electrons, and what the liquid answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from polcouple.lattice.pairs import Pairs
from polcouple.learning.density_labels import DensityLabel, DensitySource
from polcouple.nn.density.levels import ElectrodeLevels

#: labels that the hardness is fitted to, and what it begins with (eV)
_LABELS, _BEGIN = 12, 10.0
#: electrons that a label has at least to be looked at
_LEAST = 0.05


def fitted_levels(
    source: DensitySource, labels: Sequence[DensityLabel], electrode: Sequence[str]
) -> ElectrodeLevels | None:
    """Levels with a hardness of each element of the liquid; None of an electrode that is not carbon.

    The sum of the absolute errors of the liquid's charges is made least, which a molecule that gives an
    electron away, as none of this can, hardly changes.
    """
    if not source.moves or set(electrode) != {"C"}:
        return None
    levels = ElectrodeLevels(kelvin=source.kelvin, k_points=source.k_points)
    own = np.isin(np.array(source.symbols), electrode)
    elements = sorted(set(source.symbols) - set(electrode))
    charged = [one for one in labels if abs(one.charges.sum()) > _LEAST]
    some = charged[:: max(1, len(charged) // _LABELS)]
    if not elements or not some:
        return levels
    nothing = Pairs(np.zeros(len(own) + 1, np.int64), np.empty(0, np.int64), np.empty((0, 3)), 0.0)
    shared = [
        levels.added(one.atoms, nothing, np.where(own, one.charges.sum() / own.sum(), 0.0))[0] for one in some
    ]

    def error(hardness: np.ndarray) -> float:
        tried = replace(levels, hardness=tuple(zip(elements, map(float, np.abs(hardness)), strict=True)))
        return sum(
            float(np.abs(tried.induced(one.atoms, q) - (one.charges - one.bare))[~own].sum())
            for one, q in zip(some, shared, strict=True)
        )

    found = minimize(error, np.full(len(elements), _BEGIN), method="Nelder-Mead", options={"xatol": 0.1}).x
    return replace(levels, hardness=tuple(zip(elements, map(float, np.abs(found)), strict=True)))
