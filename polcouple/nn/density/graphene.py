"""How a flat sheet of carbon answers to an outward field: by density functional theory, for SCC-DFTB cannot.

PBE of graphene in a uniform field across it, by PySCF (examples/out_of_plane.py). The density that the field
adds is odd across the plane. Functions on the atoms fit it to 3 % of its absolute value,
its dipole exactly.
"""

from __future__ import annotations

import numpy as np

from polcouple.nn.density.basis import DensityBasis

#: of an atom in a sheet alone, in a uniform field, bohr^3: 0.853 Angstrom^3 for two
POLARISABILITY = 2.877
#: of a Gaussian that is as wide along the sheet as what a dipole adds, 1/bohr
WIDTH = 0.484
#: functions of an atom
BASIS = DensityBasis((0.2, 0.4, 0.8, 1.6), 3, 0)
#: shares of a dipole in the functions along z of l = 1 and 3; sum(share / (2 sqrt(a))) of l = 1 is -1
_SHARES = {2: (-0.5781, -0.5817, 0.1159, 0.1047), 12: (-0.0893, -0.1384, -0.0424, -0.0312)}


def coefficients(dipoles: np.ndarray) -> np.ndarray:
    """(n, functions, harmonics) of atoms with ``dipoles`` (n,) along z in e bohr."""
    found = np.zeros((len(dipoles), len(BASIS.exponents), (BASIS.l_max + 1) ** 2))
    for number, shares in _SHARES.items():
        found[:, :, number] = np.outer(dipoles, shares)
    moment = -sum(share / (2.0 * np.sqrt(a)) for share, a in zip(_SHARES[2], BASIS.exponents, strict=True))
    return found / moment
