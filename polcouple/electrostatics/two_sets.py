"""Potentials and forces between two sets of charges that both move, in a periodic cell, on a mesh.

With the potentials phi_i of one set at the places r_i of the other, whose charges are Q_i,

    E = sum_i Q_i phi_i,      F_i = Q_i E(r_i) = -Q_i grad phi(r_i),      F_j = -q_j grad Psi(R_j),

where Psi is the potential of the Q_i. The kernel is split as in :mod:`polcouple.electrostatics.splitting`;
both sets are spread on the mesh and read from it with the same window and its own derivative, so that forces
are the derivatives of E but for rounding, whatever the accuracy. Potentials and fields come in one pass, and
only what depends on the Q_i waits until they are known.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft

from polcouple.electrostatics import _force_kernels as force_kernels
from polcouple.electrostatics import _kernels as kernels
from polcouple.electrostatics import splitting as split
from polcouple.electrostatics.site_mesh import SiteBoxes
from polcouple.errors import InputError
from polcouple.lattice.cell import check_cell, folded

#: charges nearer to a site than this (bohr) lie on it
_SAME_PLACE = 1e-8
#: the best and the worst accuracy, Hartree/e
FINEST, COARSEST = 1e-10, 1e-3


class FieldOfCharges:
    """Potentials and fields at sites in the field of charges around them, and the forces between the two.

    The neutralising background is included, as in :func:`polcouple.electrostatics.ewald.ewald_potential`.

    Args:
        sites: (n, 3) in bohr.
        positions: (m, 3) of the charges in bohr, in any lattice image.
        charges: (m,) in e.
        cell: (3, 3) in bohr, one lattice vector per row.
        accuracy: largest error of a potential in Hartree/e, 1e-10 to 1e-3, for charges as dense as in water;
            that of a field is about as large, in Hartree/(bohr e).

    Attributes:
        potentials: (n,) in Hartree/e.
        fields: (n, 3) in Hartree/(bohr e).

    Raises:
        InputError: degenerate cell, or a charge at a site.
    """

    def __init__(
        self,
        sites: np.ndarray,
        positions: np.ndarray,
        charges: np.ndarray,
        cell: np.ndarray,
        accuracy: float,
    ) -> None:
        check_cell(cell)
        self._mesh = _mesh(tuple(np.asarray(cell, dtype=float).ravel()), accuracy)
        self._sites, self._positions = (np.array(x, dtype=float, order="C") for x in (sites, positions))
        self._charges = np.array(charges, dtype=float)
        self._boxes = SiteBoxes(
            folded(self._sites @ self._mesh.inverse), self._mesh.cell, self._mesh.parameters.r_cut
        )
        mesh, boxes, n = self._mesh, self._boxes, len(sites)
        near = np.zeros((4, len(boxes.site)))
        square, charge, image = force_kernels.short_range_fields(
            *self._near(), mesh.parameters.r_cut, mesh.series, mesh.slope, mesh.degree, near
        )
        if square < _SAME_PLACE**2:
            raise InputError(f"site {boxes.site[image]} and charge {charge} (from 0) lie at the same place")
        far, self.fields = mesh.read(mesh.potential(self._positions, self._charges), self._sites, np.ones(n))
        summed = [np.bincount(boxes.site, row, minlength=n) for row in near]
        self.potentials = far + summed[0] + mesh.background * float(self._charges.sum())
        self.fields += np.stack(summed[1:], axis=1)

    def forces(self, site_charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Forces on the sites (n, 3) and on the charges (m, 3) in Hartree/bohr for ``site_charges`` (n,)."""
        mesh = self._mesh
        site_charges = np.array(site_charges, dtype=float)
        potential = mesh.potential(self._sites, site_charges)
        _, on_charges = mesh.read(potential, self._positions, self._charges)
        force_kernels.short_range_forces(
            *self._near(),
            site_charges[self._boxes.site],
            mesh.parameters.r_cut,
            mesh.series,
            mesh.slope,
            mesh.degree,
            on_charges,
        )
        return site_charges[:, None] * self.fields, on_charges

    def _near(self) -> tuple[object, ...]:
        mesh, boxes = self._mesh, self._boxes
        search = boxes.counts, boxes.start, boxes.members, boxes.images
        return self._positions, self._charges, mesh.cell, mesh.inverse, *search


class _Mesh:
    """What depends on the cell (3, 3) in bohr and the accuracy in Hartree/e alone."""

    def __init__(self, cell: np.ndarray, accuracy: float) -> None:
        self.cell, self.inverse = cell, np.linalg.inv(cell)
        self.parameters = split.choose_splitting(cell, accuracy)
        self.background = split.background(self.parameters, abs(float(np.linalg.det(cell))))
        self.series = split.short_range_polynomial(self.parameters, 1e-4 * accuracy)
        slope = np.polynomial.polynomial.polyder(self.series) * 4.0 / self.parameters.r_cut**2
        self.slope = np.append(slope, 0.0)
        self.degree = tuple(range(len(self.series)))
        self._window = split.window_polynomials(self.parameters, 0.02 * accuracy)
        self._stencil = tuple(range(self.parameters.width))
        self._influence = split.influence(cell, self.parameters)

    def potential(self, positions: np.ndarray, charges: np.ndarray) -> np.ndarray:
        """Long-ranged potential (n0, n1, n2 + width) of charges (m,) at ``positions`` (m, 3) on the mesh."""
        shape = self.parameters.grid
        grids = np.empty((1, *shape[:2], shape[2] + self.parameters.width))
        kernels.spread(positions, charges, self.inverse, shape, self._window, self._stencil, grids[0])
        density = np.empty(shape)
        kernels.fold(grids, density)
        spectrum = fft.rfftn(density, overwrite_x=True) * self._influence
        potential = fft.irfftn(spectrum, shape, norm="forward", overwrite_x=True)
        force_kernels.pad(potential, self.parameters.width, 0, shape[0], grids[0])
        return grids[0]

    def read(
        self, potential: np.ndarray, positions: np.ndarray, charges: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Potentials (m,) at ``positions`` (m, 3) and forces (m, 3) on ``charges`` (m,) there."""
        potentials, forces = np.empty(len(charges)), np.empty((len(charges), 3))
        shape = self.parameters.grid
        force_kernels.read_mesh(
            positions,
            charges,
            self.inverse,
            shape,
            self._window,
            self._stencil,
            potential,
            potentials,
            forces,
        )
        return potentials, forces


@lru_cache(maxsize=4)
def _mesh(cell: tuple[float, ...], accuracy: float) -> _Mesh:
    return _Mesh(np.array(cell).reshape(3, 3), accuracy)
