"""The long-ranged Coulomb potentials and forces, on a mesh.

Charges are spread on a mesh with a window, the mesh is convolved with the long-ranged kernel, and potentials
and their gradients are read with the same window (:mod:`polcouple.electrostatics.splitting`). The mesh's last
axis is longer than its period by the window's width, so that a window never wraps round there.

The potential is the sum of the liquid's and the electrode's. The liquid is transformed first, and its
potentials are read at the electrode, with a longer cut-off than that of the forces: the same mesh then gives
them with less error. A frozen electrode (:mod:`polcouple.engines.native.planes`) is kept while its charges
stay the same; one that moves (:mod:`polcouple.engines.native.moving_sites`) is spread and read as the liquid.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy import fft

from polcouple.electrostatics import splitting as split
from polcouple.engines.native.mesh_kernels import ROWS, fold_slices, gather, pad, spread
from polcouple.engines.native.moving_sites import MovingSites
from polcouple.engines.native.planes import ElectrodePlanes
from polcouple.engines.native.polynomial import STRIDE, padded_length

#: numbers that are worked on together; windows are padded with zeros to a multiple of it
_LANES = 8


class Mesh:
    """Long-ranged potentials and forces.

    Args:
        cell: (3, 3) in bohr.
        sites: (n_electrode, 3) positions of the electrode's atoms in bohr, and ``mobile`` if they move.
        parameters: of the splitting.
        of_sites: the splitting of potentials at the sites, with the same mesh and window; None without.
        real: precision of the mesh, ``np.float32`` or ``np.float64``.
        slices: numbers of atoms are dealt into as many; each has a mesh of its own.
        threads: of the transforms, at most.
    """

    def __init__(
        self,
        cell: np.ndarray,
        sites: np.ndarray,
        mobile: bool,
        parameters: split.Splitting,
        of_sites: split.Splitting | None,
        real: Any,
        slices: int,
        threads: int,
    ) -> None:
        self.parameters = parameters
        self._threads = threads
        n0, n1, n2 = parameters.grid
        width = parameters.width
        self._pad = -(-width // _LANES) * _LANES
        relative = 1e-7 if real is np.float32 else 1e-12
        window = split.window_polynomials(parameters, relative)
        slope = window[1:] * np.arange(1, len(window))[:, None]
        workspace = np.zeros((ROWS, STRIDE), real)
        workspace[10 : 10 + len(window), :width] = window
        workspace[30 : 30 + len(slope), :width] = slope
        self._work = [workspace.ravel().copy() for _ in range(slices)]
        self._terms = (0,) * padded_length(len(window))
        self._influence = split.influence(cell, parameters).astype(real)
        waves = self._influence != 0.0
        #: (n0 n1,) of each row of waves, behind the last that has influence
        self._ends = (waves * np.arange(1, waves.shape[2] + 1)).max(axis=2).ravel()
        self._site_influence: np.ndarray | None = None
        if of_sites is not None:
            self._site_influence = split.influence(cell, of_sites).astype(real)
        self._grids = np.empty((slices, n0, n1, n2 + self._pad), real)
        self._density = np.empty(parameters.grid, real)
        self._potential = np.empty((n0, n1, n2 + self._pad), real)
        self._spectrum: np.ndarray | None = None
        #: d(lattice coordinate)/d(position), times 2 n for the windows' variable
        self._gradient = (np.linalg.inv(cell) * (2.0 * np.array(parameters.grid))).astype(real)
        self._electrode: ElectrodePlanes | MovingSites
        if mobile:
            self._electrode = MovingSites(
                len(sites), parameters, self._pad, self._terms, self._gradient, workspace.ravel(), threads
            )
        else:
            self._electrode = ElectrodePlanes(sites @ np.linalg.inv(cell), parameters, window, real)

    def spread_tasks(
        self, ticks: np.ndarray, charges: np.ndarray, bounds: list[int]
    ) -> list[tuple[Any, ...]]:
        """Tasks that spread the liquid, one a slice.

        Args:
            ticks: (3, n) positions.
            charges: (n,).
            bounds: (slices + 1,) where the slices of its atoms begin.
        """
        shape, width = self.parameters.grid, self.parameters.width
        return [
            (spread, first, last, ticks, charges, shape, width, self._pad, self._terms, work,
             grid.reshape(-1))
            for (first, last), work, grid in zip(pairwise(bounds), self._work, self._grids, strict=True)
        ]  # fmt: skip

    def transform_liquid(self) -> None:
        """Transform the liquid, when it has been spread."""
        fold_slices(self._grids, self._density)
        self._spectrum = fft.rfftn(self._density, workers=self._threads, overwrite_x=True)

    def move_sites(self, places: np.ndarray, inverse: np.ndarray) -> None:
        """Put a mobile electrode's atoms at ``places`` (n_electrode, 3) in bohr; ``inverse`` of the cell."""
        assert isinstance(self._electrode, MovingSites)
        self._electrode.move(places, inverse)

    def site_forces(self, charges: np.ndarray) -> np.ndarray:
        """Forces (n_electrode, 3) of the transformed liquid on ``charges`` of a mobile electrode."""
        assert self._spectrum is not None and isinstance(self._electrode, MovingSites)
        return self._electrode.forces(self._spectrum * self._influence, charges)

    def site_potentials(self) -> np.ndarray:
        """The transformed liquid's potentials (n_electrode,) at the electrode, by their own splitting."""
        assert self._spectrum is not None and self._site_influence is not None
        return self._electrode.potentials(self._spectrum, self._site_influence, self._ends).astype(float)

    def add_electrode(self, charges: np.ndarray) -> float:
        """Add the electrode's charges (n_electrode,) to the liquid's; all potentials may then be read.

        Returns:
            The energy of one in the other's potential, in Hartree.
        """
        assert self._spectrum is not None
        energy = self._electrode.join(self._spectrum, charges, self._influence, self._ends)
        potential = fft.irfftn(
            self._spectrum, self.parameters.grid, norm="forward", workers=self._threads, overwrite_x=True
        )
        self._spectrum = None
        pad(potential, self._potential)
        return energy

    def read_tasks(
        self,
        ticks: np.ndarray,
        charges: np.ndarray,
        bounds: list[int],
        forces: np.ndarray,
        potentials: np.ndarray,
    ) -> list[tuple[Any, ...]]:
        """Tasks that write the forces (n, 4) and potentials (n,) at the liquid's charges, one a slice."""
        return [
            (gather, first, last, ticks, charges, self.parameters.grid, self.parameters.width, self._pad,
             self._terms, self._gradient, work, self._potential.reshape(-1), forces, potentials)
            for (first, last), work in zip(pairwise(bounds), self._work, strict=True)
        ]  # fmt: skip
