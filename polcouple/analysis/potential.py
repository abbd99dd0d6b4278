"""Electrostatic potential across the cell from the mean charge density.

    phi''(z) = -4 pi rho(z)

in the cell that is periodic in all three directions, electrolyte and electrode together, with phi(z)
periodic along z: the boundary condition of the forces, which are Ewald sums without a surface term. The
vacuum then has a field that makes up for the slab's dipole. Where the case has a slab's field, that of the
forces is added (:mod:`polcouple.electrostatics.slab`). A charge that is missing to neutrality is spread
evenly. The bulk of the liquid, where it is screened, is the zero.
"""

from __future__ import annotations

import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.analysis.slab import Grid, Slab, faces
from polcouple.case.model import Case
from polcouple.electrostatics.cloud_grid import planes_potential
from polcouple.units import ANGSTROM_TO_BOHR

_BIN = 0.1 * ANGSTROM_TO_BOHR


class PotentialProfile:
    """Potential of the mean charge density; add positions frame by frame.

    Args:
        electrode_charges: (n_electrode,) mean charges in e.
    """

    def __init__(self, case: Case, slab: Slab, electrode_charges: np.ndarray) -> None:
        self._case = case
        self._slab = slab
        self.grid: Grid = slab.grid(_BIN)
        heights = slab.heights(case.electrode.positions[:, 2])
        self._electrode = self.grid.spread(heights, electrode_charges)
        planes = faces(case, slab)
        self._faces = self.grid.between(planes)
        # what a layer of no thickness has at its own height more than its charge spread over a bin
        own = periodic_potential(self._electrode / (slab.area * self.grid.width), self.grid.width)
        exact = planes_potential(planes, heights, electrode_charges, slab.length, slab.area)
        self._sharper = exact - self._between_bins(own)
        centres = self.grid.centres
        self._in_bulk = (centres > slab.bulk[0]) & (centres < slab.bulk[1])
        self._charges = Blocks()

    def add(self, positions: np.ndarray) -> None:
        """Positions (N, 3) of all atoms in bohr."""
        heights = self._slab.heights(self._case.electrolyte_positions(positions)[:, 2])
        self._charges.add(self.grid.spread(heights, self._case.electrolyte.charges))

    def potential(self) -> Estimate:
        """(number of bins,) potential at the middle of each bin in Hartree/e, zero in the bulk."""
        return estimate(self._charges, self._potential)

    def at_electrode(self, number: int) -> Estimate:
        """Potential at the plane of an electrode's layer next to the liquid, from the bulk, in Hartree/e."""
        return estimate(self._charges, lambda mean: self._at_faces(mean)[number])

    def between_electrodes(self) -> Estimate:
        """That of the first electrode less that of the last."""
        return estimate(self._charges, lambda mean: self._at_faces(mean)[0] - self._at_faces(mean)[-1])

    def _at_faces(self, electrolyte: np.ndarray) -> np.ndarray:
        return self._between_bins(self._potential(electrolyte)) + self._sharper

    def _between_bins(self, potential: np.ndarray) -> np.ndarray:
        lower, share = self._faces
        return np.asarray((1.0 - share) * potential[lower] + share * potential[(lower + 1) % len(potential)])

    def _potential(self, electrolyte: np.ndarray) -> np.ndarray:
        charges = electrolyte + self._electrode
        potential = periodic_potential(charges / (self._slab.area * self.grid.width), self.grid.width)
        field = self._case.slab_field
        if field is not None:
            potential += field.gradient(float(charges @ self.grid.centres)) * self.grid.centres
        return np.asarray(potential - potential[self._in_bulk].mean())


def periodic_potential(density: np.ndarray, width: float) -> np.ndarray:
    """Periodic potential (n,) in Hartree/e, of mean zero, at the middles of bins of constant charge density.

    Args:
        density: (n,) in e/bohr^3; its mean is taken off.
        width: of a bin in bohr.

    The double integral is exact for such a density. A field that is the same everywhere is added so that the
    potential is as high at one end of the cell as at the other.
    """
    field = np.concatenate(
        [[0.0], 4 * np.pi * np.cumsum(density - density.mean()) * width]
    )  # at the bins' edges
    field -= 0.5 * (field[:-1] + field[1:]).mean()
    below, above = field[:-1], field[1:]
    at_edges = np.concatenate([[0.0], -np.cumsum(0.5 * (below + above)) * width])
    # within a bin the field changes linearly
    potential = at_edges[:-1] - width * (3.0 * below + above) / 8.0
    return np.asarray(potential - potential.mean())
