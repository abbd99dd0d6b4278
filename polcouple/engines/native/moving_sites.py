"""An electrode that moves on the mesh: its atoms are spread and read as the liquid's are.

See :mod:`polcouple.engines.native.planes` for one that does not move.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import fft

from polcouple.electrostatics import splitting as split
from polcouple.engines.native.clusters import to_ticks
from polcouple.engines.native.mesh_kernels import fold_slices, gather, join, pad, spread


class MovingSites:
    """Charges and potentials at sites anywhere, and the transformed mesh.

    Args:
        n: sites.
        parameters: of the splitting.
        padding: by which the last axis is longer than its period.
        terms: as long as the window's series.
        gradient: d(window variable)/d(position), (3, 3).
        workspace: of the loops, with the window's series; its precision is the mesh's.
        threads: of the transforms, at most.
    """

    def __init__(
        self,
        n: int,
        parameters: split.Splitting,
        padding: int,
        terms: tuple[int, ...],
        gradient: np.ndarray,
        workspace: np.ndarray,
        threads: int,
    ) -> None:
        real = workspace.dtype
        n0, n1, n2 = parameters.grid
        self._parameters, self._padding, self._terms = parameters, padding, terms
        self._gradient, self._work, self._threads = gradient, workspace.copy(), threads
        self._ticks = np.zeros((3, n), np.int32)
        self._order = np.arange(n)
        self._grid = np.empty((1, n0, n1, n2 + padding), real)
        self._forces, self._potentials = np.empty((n, 4), real), np.empty(n, real)

    def move(self, places: np.ndarray, inverse: np.ndarray) -> None:
        """Put the sites at ``places`` (n, 3) in bohr, any images; ``inverse`` of the cell."""
        to_ticks(places, inverse, self._order, self._ticks)

    def potentials(self, spectrum: np.ndarray, influence: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """At the sites (n,), of the product, a potential on the mesh transformed as ``rfftn`` does."""
        self._read(spectrum * influence, np.ones(len(self._potentials), self._potentials.dtype))
        return self._potentials.copy()

    def forces(self, spectrum: np.ndarray, charges: np.ndarray) -> np.ndarray:
        """(n, 3) on charges (n,) at the sites in such a potential."""
        self._read(spectrum, charges.astype(self._potentials.dtype))
        return self._forces[:, :3].astype(float)

    def join(
        self, spectrum: np.ndarray, charges: np.ndarray, influence: np.ndarray, ends: np.ndarray
    ) -> float:
        """See :meth:`polcouple.engines.native.planes.ElectrodePlanes.join`."""
        spread(
            0, len(charges), self._ticks, charges.astype(self._grid.dtype), self._parameters.grid,
            self._parameters.width, self._padding, self._terms, self._work, self._grid.reshape(-1),
        )  # fmt: skip
        density = np.empty(self._parameters.grid, self._grid.dtype)
        fold_slices(self._grid, density)
        other = fft.rfftn(density, workers=self._threads, overwrite_x=True)
        energy: float = join(spectrum, other, influence)
        return energy

    def _read(self, spectrum: np.ndarray, charges: np.ndarray) -> None:
        """Potentials and forces at the sites into their arrays."""
        potential: Any = fft.irfftn(
            spectrum, self._parameters.grid, norm="forward", workers=self._threads, overwrite_x=True
        )
        pad(potential, self._grid[0])
        gather(
            0, len(charges), self._ticks, charges, self._parameters.grid, self._parameters.width,
            self._padding, self._terms, self._gradient, self._work, self._grid.reshape(-1), self._forces,
            self._potentials,
        )  # fmt: skip
