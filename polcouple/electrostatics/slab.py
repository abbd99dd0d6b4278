"""What a slab with vacuum above and below adds to the periodic sum, in a field D or E along z.

The periodic (tin-foil) Ewald sum holds the average electric field at zero: a slab with a dipole moment M then
feels the field of its images. Both ways to mend that add an energy u(M) of the cell's dipole moment along z,

    D given:  u = V / (8 pi) (D - 4 pi M / V)^2 - V D^2 / (8 pi) = 2 pi M^2 / V - D M
    E given:  u = -E M

(M. Stengel, N. A. Spaldin, D. Vanderbilt, Nat. Phys. 5, 304 (2009); D = 0: I.-C. Yeh and M. L. Berkowitz,
J. Chem. Phys. 111, 3155 (1999)). A charge q at height z has the potential energy q z u'(M), and two charges
interact by u'' z_1 z_2. The cell must be neutral; heights are counted without crossing the vacuum.
"""

from __future__ import annotations

import numpy as np

from polcouple.errors import InputError
from polcouple.lattice.cell import widest_gap
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

#: a slab needs at least this much vacuum along z (bohr)
LEAST_VACUUM = 5.0 * ANGSTROM_TO_BOHR


class SlabField:
    """The energy u(M) of a slab's dipole moment M in e bohr, u'' = ``curvature`` and u'(0) = ``slope``.

    Args:
        cell: (3, 3) in bohr, third vector along z.
        positions: (N, 3) in bohr of all atoms at the start: the widest gap between them is the vacuum.
        displacement: D in Hartree/(e bohr), or None.
        field: E in the same unit, where there is no D.

    Attributes:
        curvature: in Hartree/(e bohr)^2.
        slope: in Hartree/(e bohr).

    Raises:
        InputError: no vacuum.
    """

    def __init__(
        self, cell: np.ndarray, positions: np.ndarray, displacement: float | None, field: float = 0.0
    ) -> None:
        self._length = float(cell[2, 2])
        start, gap = widest_gap(positions[:, 2], self._length)
        if gap < LEAST_VACUUM:
            raise InputError(
                f"slab: the widest gap along z is {gap * BOHR_TO_ANGSTROM:.1f} Angstrom, between"
                f" {LEAST_VACUUM * BOHR_TO_ANGSTROM:g} and the cell's length is needed; make the cell longer"
            )
        self._middle = start + 0.5 * (gap + self._length)
        if displacement is None:
            self.curvature, self.slope = 0.0, -field
        else:
            self.curvature, self.slope = 4.0 * np.pi / abs(float(np.linalg.det(cell))), -displacement

    def heights(self, positions: np.ndarray) -> np.ndarray:
        """z (N,) in bohr from the slab's middle, of the image that is in the slab; positions (N, 3)."""
        z = positions[:, 2] - self._middle
        return z - self._length * np.round(z / self._length)

    def energy(self, dipole: float) -> float:
        """u(M) in Hartree."""
        return 0.5 * self.curvature * dipole**2 + self.slope * dipole

    def gradient(self, dipole: float) -> float:
        """u'(M) in Hartree/(e bohr): the potential per height, and minus the field."""
        return self.curvature * dipole + self.slope
