"""How many electrons come when the Fermi level rises, while all atoms and charges around stay.

The populations n(V, mu) in a potential V obey n(V + c, mu + c) = n(V, mu), so that at fixed V

    dn/dmu = -chi 1,    and self-consistently    (1 - chi gamma) dn/dmu = -chi 1

with chi the response at a constant Fermi level. dN/dmu is the sum.
"""

from __future__ import annotations

import numpy as np

from polcouple.dftb.moving.scc import State
from polcouple.dftb.newton import StateResponse, newton_step

#: of the largest element of -chi 1 that may remain of the linear equation, and beyond which it is not solved
_LEFT, _UNSOLVED = 1e-9, 1e-5
#: -chi of a site in a typical material, 1/Hartree, which the equation is preconditioned with
_TYPICAL_RESPONSE = 1.0


def electrons_per_level(state: State, gamma: np.ndarray, temperature: float) -> float:
    """dN/dmu of a self-consistent state in 1/Hartree; NaN where the linear equation is not solved.

    Args:
        state: converged.
        gamma: (n_sites, n_sites) in Hartree/e^2.
        temperature: k_B T in Hartree.
    """
    response = StateResponse(state.blocks, state.filling, temperature, (), len(gamma), held_fermi_level=True)
    driving = -response(np.ones(len(gamma)))
    largest = float(np.abs(driving).max())
    inverse = np.linalg.inv(np.eye(len(gamma)) + _TYPICAL_RESPONSE * gamma)
    change, left = newton_step(response, gamma, inverse, driving, _LEFT * largest, 0.0)
    return float(change.sum()) if left <= _UNSOLVED * largest else np.nan
