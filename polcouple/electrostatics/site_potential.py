"""The potential of all electrolyte charges at the electrode atoms, fast.

In a periodic cell: a particle-mesh Ewald sum whose split and grid follow from the accuracy asked for
(:mod:`polcouple.electrostatics.splitting`), with all that depends on the frozen sites alone prepared once
(:mod:`polcouple.electrostatics.site_mesh`).
Without periodicity: the direct sum.
"""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
from scipy import fft

from polcouple.electrostatics import _kernels as kernels
from polcouple.electrostatics import splitting as split
from polcouple.electrostatics.site_mesh import SiteMesh
from polcouple.electrostatics.tasks import available_threads, run_tasks
from polcouple.errors import InputError
from polcouple.lattice.cell import check_cell
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

#: closer than this (bohr) to an electrode atom, an electrolyte atom is an error of the input
CLOSEST_APPROACH = 0.5 * ANGSTROM_TO_BOHR

#: slices the charges are dealt into, each with a grid of its own; fixed, so that the number of threads
#: does not change a bit of the result
_SLICES = 4


class SitePotential:
    """Potential of point charges at fixed sites.

    Periodic in three dimensions it includes the neutralising background and has zero cell average, as has
    :func:`polcouple.electrostatics.ewald.ewald_potential`. The same input gives the same bits, whatever the
    number of threads.

    Args:
        sites: (n, 3) positions of the electrode atoms in bohr.
        cell: (3, 3) in bohr, one lattice vector per row; not looked at without periodicity.
        pbc: periodicity along the lattice vectors: all or none.
        accuracy: largest error of a potential in Hartree/e, 1e-10 to 1e-3. The parameters are derived for
            charges as dense as in water; the error grows with the root of the sum of squared charges.
        threads: at most; default OMP_NUM_THREADS or else the processors available.

    Attributes:
        parameters: of the particle mesh, with the error they are estimated to give; None without periodicity.

    Raises:
        InputError: mixed periodicity, degenerate cell, sites that are not finite, accuracy out of range.
    """

    def __init__(
        self,
        sites: np.ndarray,
        cell: np.ndarray,
        pbc: tuple[bool, bool, bool] = (True, True, True),
        accuracy: float = 1e-6,
        threads: int | None = None,
    ) -> None:
        sites = np.array(sites, dtype=float).reshape(-1, 3)
        if not np.isfinite(sites).all():
            bad = int(np.argmin(np.isfinite(sites).all(axis=1)))
            raise InputError(f"position of electrode atom {bad} (from 0) is not finite: {sites[bad]}")
        if any(pbc) and not all(pbc):
            raise InputError(f"pbc = {list(pbc)}: periodic along all three lattice vectors or none")
        if not 1e-10 <= accuracy <= 1e-3:
            raise InputError(f"site potentials: accuracy must be 1e-10 to 1e-3 Hartree/e, got {accuracy:g}")
        self._sum: _PeriodicSum | _OpenSum
        if all(pbc):
            check_cell(np.asarray(cell, dtype=float))
            self._sum = _PeriodicSum(sites, np.asarray(cell, dtype=float), accuracy)
        else:
            self._sum = _OpenSum(sites)
        self.parameters = self._sum.parameters
        self._threads = threads or available_threads()
        self._lock = threading.Lock()

    def __call__(self, positions: np.ndarray, charges: np.ndarray) -> np.ndarray:
        """Potential at every site.

        Args:
            positions: (m, 3) in bohr, in any lattice image.
            charges: (m,) in e.

        Returns:
            (n,) in Hartree/e.

        Raises:
            InputError: positions or charges that are not finite or do not match, or an electrolyte atom
                within 0.5 Angstrom of an electrode atom.
        """
        positions, charges = checked_charges(positions, charges)
        with self._lock:
            potentials, square, atom, site = self._sum.evaluate(positions, charges, self._threads)
        require_apart(square, atom, site)
        return potentials


def checked_charges(positions: np.ndarray, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (m, 3) and charges (m,) of the electrolyte as arrays.

    Raises:
        InputError: they are not finite or do not match.
    """
    positions, charges = np.asarray(positions, dtype=float), np.asarray(charges, dtype=float)
    if positions.shape != (len(charges), 3):
        raise InputError(f"{len(charges)} charges but positions of shape {positions.shape}")
    if not np.isfinite(positions).all():
        bad = int(np.argmin(np.isfinite(positions).all(axis=1)))
        raise InputError(f"position of electrolyte atom {bad} (from 0) is not finite: {positions[bad]}")
    if not np.isfinite(charges).all():
        bad = int(np.argmin(np.isfinite(charges)))
        raise InputError(f"charge of electrolyte atom {bad} (from 0) is not finite: {charges[bad]}")
    return positions, charges


def require_apart(square: float, atom: int, site: int) -> None:
    """Refuse an electrolyte atom that lies on an electrode atom.

    Args:
        square: of the smallest distance between any of them, in bohr^2.
        atom, site: the two that are so close.

    Raises:
        InputError: with both and their distance.
    """
    if square < CLOSEST_APPROACH**2:
        distance = np.sqrt(square) * BOHR_TO_ANGSTROM
        raise InputError(
            f"electrolyte atom {atom} is {distance:.3f} Angstrom from electrode atom {site} "
            "(both from 0), closer than 0.5: mend the start structure or the wall"
        )


#: potentials (n,), square of the smallest distance found (bohr^2), its charge and its site
_Answer = tuple[np.ndarray, float, int, int]


class _OpenSum:
    """Direct sum without periodicity."""

    parameters = None

    def __init__(self, sites: np.ndarray) -> None:
        self._sites = sites

    def evaluate(self, positions: np.ndarray, charges: np.ndarray, threads: int) -> _Answer:
        n = len(self._sites)
        charges = charges.copy()
        columns = np.array(positions.T, order="C")
        potentials = np.empty(n)
        bounds = np.linspace(0, n, min(threads, n) + 1).astype(int)

        def part(first: int, last: int) -> tuple[float, int, int]:
            square, atom, site = kernels.open_boundary(
                columns, charges, self._sites[first:last], potentials[first:last]
            )
            return square, atom, site + first

        nearest = run_tasks(threads, [(part, a, b) for a, b in pairwise(bounds)])
        return potentials, *min(nearest, default=(np.inf, -1, -1))


class _PeriodicSum:
    """Particle-mesh Ewald sum."""

    def __init__(self, sites: np.ndarray, cell: np.ndarray, accuracy: float) -> None:
        self._mesh = SiteMesh(sites, cell, accuracy)
        self.parameters = self._mesh.parameters
        n0, n1, n2 = self.parameters.grid
        self._stencil = tuple(range(self.parameters.width))
        self._grids = np.empty((_SLICES, n0, n1, n2 + self.parameters.width))
        self._density = np.empty(self.parameters.grid)
        self._potential_planes = np.empty((len(self._mesh.planes), n1 * (n2 // 2 + 1)), dtype=complex)
        self._polynomial = split.short_range_polynomial(self.parameters, 0.01 * accuracy)
        self._degree = tuple(range(len(self._polynomial)))
        self._n = len(sites)
        self._near = np.empty((_SLICES, len(self._mesh.boxes.site)))

    def evaluate(self, positions: np.ndarray, charges: np.ndarray, threads: int) -> _Answer:
        m, mesh = len(charges), self._mesh
        positions, charges = np.array(positions, order="C"), charges.copy()
        bounds = np.linspace(0, m, _SLICES + 1).astype(int)

        def sources(index: int) -> tuple[float, int, int]:
            part = slice(bounds[index], bounds[index + 1])
            grid = self._grids[index]
            shape = self.parameters.grid
            kernels.spread(
                positions[part], charges[part], mesh.inverse, shape, mesh.window, self._stencil, grid
            )
            square, atom, image = kernels.short_range(
                positions[part],
                charges[part],
                mesh.cell,
                mesh.inverse,
                mesh.boxes.counts,
                mesh.boxes.start,
                mesh.boxes.members,
                mesh.boxes.images,
                self.parameters.r_cut,
                self._polynomial,
                self._degree,
                self._near[index],
            )
            return square, int(atom + bounds[index]), int(mesh.boxes.site[image])

        nearest = run_tasks(threads, [(sources, index) for index in range(_SLICES)])
        potentials = mesh.weights @ self._grid_potential(threads)
        near = self._near.sum(axis=0)
        potentials += np.bincount(mesh.boxes.site, near, minlength=self._n)
        potentials += mesh.background * charges.sum()
        return potentials, *min(nearest)

    def _grid_potential(self, threads: int) -> np.ndarray:
        """Long-ranged potential (planes * n1 * n2,) on the planes the sites touch, from the private grids."""
        mesh, (n0, n1, n2) = self._mesh, self.parameters.grid
        every = np.arange(n0)
        kernels.fold(self._grids, self._density)
        spectrum = fft.rfft2(self._density, workers=threads).reshape(len(self._density), -1)
        columns = spectrum.shape[1]
        bounds = np.linspace(0, columns, _SLICES + 1).astype(int)

        def convolve(first: int, last: int) -> None:
            kernels.convolve(
                mesh.influence, spectrum, every, mesh.planes, first, last, self._potential_planes
            )

        run_tasks(threads, [(convolve, a, b) for a, b in pairwise(bounds)])
        planes = self._potential_planes.reshape(-1, n1, n2 // 2 + 1)
        return fft.irfft2(planes, (n1, n2), norm="forward", workers=threads).ravel()
