"""The potential of all electrolyte charges at the electrode atoms, fast.

In a periodic cell: a particle-mesh Ewald sum whose split and grid follow from the accuracy asked for
(:mod:`polcouple.electrostatics.splitting`), with all that depends on the frozen sites alone prepared once.
Only the grid planes that the sites touch are transformed back, and real space is searched from the charges:
the cell is divided into boxes, each with the list of the sites within reach. Without periodicity: the direct
sum.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import fft
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from polcouple.electrostatics import _kernels as kernels
from polcouple.electrostatics import splitting as split
from polcouple.errors import InputError
from polcouple.lattice.cell import check_cell, lattice_images, widest_gap
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

#: closer than this (bohr) to an electrode atom, an electrolyte atom is an error of the input
CLOSEST_APPROACH = 0.5 * ANGSTROM_TO_BOHR

#: slices the charges are dealt into, each with a grid of its own; fixed, so that the number of threads
#: does not change a bit of the result
_SLICES = 4

#: edge of the boxes of the real-space search, in bohr
_BOX = 5.0


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
        positions, charges = np.asarray(positions, dtype=float), np.asarray(charges, dtype=float)
        if positions.shape != (len(charges), 3):
            raise InputError(f"{len(charges)} charges but positions of shape {positions.shape}")
        if not np.isfinite(positions).all():
            bad = int(np.argmin(np.isfinite(positions).all(axis=1)))
            raise InputError(f"position of electrolyte atom {bad} (from 0) is not finite: {positions[bad]}")
        if not np.isfinite(charges).all():
            bad = int(np.argmin(np.isfinite(charges)))
            raise InputError(f"charge of electrolyte atom {bad} (from 0) is not finite: {charges[bad]}")
        with self._lock:
            potentials, square, atom, site = self._sum.evaluate(positions, charges, self._threads)
        if square < CLOSEST_APPROACH**2:
            distance = np.sqrt(square) * BOHR_TO_ANGSTROM
            raise InputError(
                f"electrolyte atom {atom} is {distance:.3f} Angstrom from electrode atom {site} "
                "(both from 0), closer than 0.5: mend the start structure or the wall"
            )
        return potentials


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

        nearest = _run(threads, [(part, a, b) for a, b in pairwise(bounds)])
        return potentials, *min(nearest, default=(np.inf, -1, -1))


class _PeriodicSum:
    """Particle-mesh Ewald sum, with the lattice vectors reordered: the sites lie in few planes of axis 0."""

    def __init__(self, sites: np.ndarray, cell: np.ndarray, accuracy: float) -> None:
        self._cell = np.ascontiguousarray(cell[_axis_order(sites, cell)])
        self._inverse = np.linalg.inv(self._cell)
        parameters = split.choose_splitting(self._cell, accuracy)
        self.parameters = parameters
        n0, n1, n2 = parameters.grid
        self._background = split.background(parameters, abs(float(np.linalg.det(self._cell))))

        self._window = split.window_polynomials(parameters, 0.02 * accuracy)
        self._stencil = tuple(range(parameters.width))
        self._grids = np.empty((_SLICES, n0, n1, n2 + parameters.width))
        self._density = np.empty(parameters.grid)
        influence = fft.ifft(split.influence(self._cell, parameters), axis=0, norm="forward").reshape(n0, -1)
        even = np.abs(influence.imag).max() <= 1e-12 * np.abs(influence.real).max()
        self._influence = np.ascontiguousarray(influence.real) if even else influence
        fractional = sites @ self._inverse
        fractional -= np.floor(fractional)
        self._planes, self._gather = self._interpolation(fractional)
        self._potential_planes = np.empty((len(self._planes), n1 * (n2 // 2 + 1)), dtype=complex)

        self._polynomial = split.short_range_polynomial(parameters, 0.01 * accuracy)
        self._degree = tuple(range(len(self._polynomial)))
        self._boxes, self._box_start, self._box_sites, images, self._image_site = _site_boxes(
            fractional, self._cell, parameters.r_cut
        )
        self._images = np.ascontiguousarray(images.T)
        self._n = len(sites)
        self._near = np.empty((_SLICES, len(images)))

    def evaluate(self, positions: np.ndarray, charges: np.ndarray, threads: int) -> _Answer:
        m = len(charges)
        positions, charges = np.array(positions, order="C"), charges.copy()
        bounds = np.linspace(0, m, _SLICES + 1).astype(int)

        def sources(index: int) -> tuple[float, int, int]:
            part = slice(bounds[index], bounds[index + 1])
            grid = self._grids[index]
            shape = self.parameters.grid
            kernels.spread(
                positions[part], charges[part], self._inverse, shape, self._window, self._stencil, grid
            )
            square, atom, image = kernels.short_range(
                positions[part],
                charges[part],
                self._cell,
                self._inverse,
                self._boxes,
                self._box_start,
                self._box_sites,
                self._images,
                self.parameters.r_cut,
                self._polynomial,
                self._degree,
                self._near[index],
            )
            return square, int(atom + bounds[index]), int(self._image_site[image])

        nearest = _run(threads, [(sources, index) for index in range(_SLICES)])
        potentials = self._gather @ self._grid_potential(threads)
        near = self._near.sum(axis=0)
        potentials += np.bincount(self._image_site, near, minlength=self._n)
        potentials += self._background * charges.sum()
        return potentials, *min(nearest)

    def _grid_potential(self, threads: int) -> np.ndarray:
        """Long-ranged potential (planes * n1 * n2,) on the planes the sites touch, from the private grids."""
        _, n1, n2 = self.parameters.grid
        kernels.fold(self._grids, self._density)
        spectrum = fft.rfft2(self._density, workers=threads).reshape(len(self._density), -1)
        columns = spectrum.shape[1]
        bounds = np.linspace(0, columns, _SLICES + 1).astype(int)

        def convolve(first: int, last: int) -> None:
            kernels.convolve(self._influence, spectrum, self._planes, first, last, self._potential_planes)

        _run(threads, [(convolve, a, b) for a, b in pairwise(bounds)])
        planes = self._potential_planes.reshape(-1, n1, n2 // 2 + 1)
        return fft.irfft2(planes, (n1, n2), norm="forward", workers=threads).ravel()

    def _interpolation(self, fractional: np.ndarray) -> tuple[np.ndarray, csr_array]:
        """Planes of axis 0 that the sites' windows touch, and the weights (n, planes * n1 * n2) there."""
        n, width = len(fractional), self.parameters.width
        scaled = fractional * self.parameters.grid
        below = np.floor(scaled)
        u = 2.0 * (scaled - below) - 1.0
        powers = u[..., None] ** np.arange(len(self._window))
        weights = powers @ self._window
        index = (below[..., None].astype(int) + np.arange(width)) % np.array(self.parameters.grid)[:, None]
        planes, plane_index = np.unique(index[:, 0], return_inverse=True)
        rows = plane_index.reshape(n, width, 1, 1)
        shape = (len(planes), *self.parameters.grid[1:])
        flat = (rows * shape[1] + index[:, 1][:, None, :, None]) * shape[2] + index[:, 2][:, None, None, :]
        values = np.einsum("ia,ib,ic->iabc", weights[:, 0], weights[:, 1], weights[:, 2])
        starts = np.arange(n + 1) * width**3
        matrix = csr_array((values.ravel(), flat.ravel(), starts), shape=(n, int(np.prod(shape))))
        return planes, matrix


def _axis_order(sites: np.ndarray, cell: np.ndarray) -> list[int]:
    """Lattice vectors with the one first along which the widest gap between sites is found."""
    fractional = sites @ np.linalg.inv(cell)
    gaps = [widest_gap(fractional[:, axis], 1.0)[1] * np.linalg.norm(cell[axis]) for axis in range(3)]
    first = int(np.argmax(gaps))
    return [first, *(axis for axis in range(3) if axis != first)]


def _site_boxes(
    fractional: np.ndarray, cell: np.ndarray, r_cut: float
) -> tuple[tuple[int, int, int], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Boxes that divide the cell, each with the site images that may be within ``r_cut`` of a point in it.

    Returns:
        Number of boxes along each axis; where each box's list starts (boxes + 1,); the lists; the site images
        (g, 3) in bohr; the site each is an image of (g,).
    """
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    boxes = np.maximum(heights / _BOX, 1.0).astype(int)
    corners = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3), axis=-1).reshape(-1, 3) / boxes
    reach = r_cut + float(np.linalg.norm(corners @ cell, axis=1).max())
    images, origin = lattice_images(fractional, reach / heights)
    images = images @ cell
    axes = [(np.arange(count) + 0.5) / count for count in boxes]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    tree = cKDTree(images)
    near = np.flatnonzero(np.isfinite(tree.query(centres, distance_upper_bound=reach)[0]))
    lists = tree.query_ball_point(centres[near], reach, return_sorted=True)
    lengths = np.zeros(len(centres), dtype=np.int64)
    lengths[near] = [len(members) for members in lists]
    start = np.concatenate([[0], np.cumsum(lengths)])
    members = np.concatenate([*lists, []]).astype(np.int32)
    return (int(boxes[0]), int(boxes[1]), int(boxes[2])), start, members, images, origin


def available_threads() -> int:
    """OMP_NUM_THREADS, or else the processors available."""
    requested = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if requested.isdigit() and int(requested) > 0:
        return int(requested)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """One pool per process: threads do not survive a fork."""
    return ThreadPoolExecutor(threads, thread_name_prefix="site-potential")


def _run(threads: int, tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Results of the tasks (function, *arguments) in their order."""
    if threads == 1:
        return [function(*arguments) for function, *arguments in tasks]
    futures = [_pool(threads, os.getpid()).submit(*task) for task in tasks]
    return [future.result() for future in futures]
