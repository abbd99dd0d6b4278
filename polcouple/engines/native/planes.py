"""The electrode on the mesh, through the planes normal to its last axis that the windows of its atoms touch.

Its atoms do not move: their windows are worked out once. Along the last axis a Fourier sum takes the place of
the mesh's transform. Atoms of one height have one window there, so that a flat electrode is one layer; in
general the windows are sums of a few profiles, by their singular values, and there are as many layers as
profiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import fft
from scipy.sparse import csr_array

from polcouple.compile import compiled
from polcouple.electrostatics import splitting as split
from polcouple.engines.native.mesh_kernels import join_layers

#: profiles smaller than this, over the largest, are rounding
_NEGLIGIBLE = {np.float32: 1e-9, np.float64: 1e-15}


class ElectrodePlanes:
    """Charges and potentials at fixed sites, and the transformed mesh.

    Args:
        fractional: (n, 3) lattice coordinates of the sites.
        parameters: of the splitting.
        window: (terms, width) as :func:`polcouple.electrostatics.splitting.window_polynomials` gives it.
        real: precision.
    """

    def __init__(
        self, fractional: np.ndarray, parameters: split.Splitting, window: np.ndarray, real: Any
    ) -> None:
        n, width, grid = len(fractional), parameters.width, np.array(parameters.grid)
        self._shape = (parameters.grid[0], parameters.grid[1])
        scaled = (fractional - np.floor(fractional)) * grid
        below = np.floor(scaled)
        powers = (2.0 * (scaled - below) - 1.0)[..., None] ** np.arange(len(window))
        weights = powers @ window
        index = (below[..., None].astype(int) + np.arange(width)) % grid[:, None]
        planes, along = np.unique(index[:, 2], return_inverse=True)
        windows = np.zeros((n, len(planes)))
        np.put_along_axis(windows, along.reshape(n, width), weights[:, 2], axis=1)
        own, sizes, profiles = np.linalg.svd(windows, full_matrices=False)
        layers = int((sizes > _NEGLIGIBLE[real] * sizes[0]).sum())
        #: (n, layers) the profiles' shares in the windows along the last axis
        self._along = np.ascontiguousarray(own[:, :layers] * sizes[:layers], real)
        within = index[:, 0][:, :, None] * grid[1] + index[:, 1][:, None, :]
        values = (weights[:, 0][:, :, None] * weights[:, 1][:, None, :]).astype(real)
        size = self._shape[0] * self._shape[1]
        starts = np.arange(n + 1) * width**2
        #: (n, points of a plane) the windows along the other axes, and its transpose
        self._within = csr_array((values.ravel(), within.ravel(), starts), shape=(n, size))
        self._spread = self._within.T.tocsr()
        self._charges, self._layers = np.empty(0), np.empty(0)
        waves = np.arange(grid[2] // 2 + 1)
        phases = np.exp(2j * np.pi * np.outer(waves, planes) / grid[2]) @ profiles[:layers].T
        #: waves that stand for themselves and their negatives, whose sum is twice a real part
        both = np.where((waves == 0) | (2 * waves == grid[2]), 0.5, 1.0)
        cosine, sine = phases.real.T, phases.imag.T
        #: (layers, 2, 2 waves) real and imaginary part of what parts of waves give on a layer
        self._read_phases = np.ascontiguousarray(
            np.stack([_pairs(both * cosine, -both * sine), _pairs(both * sine, both * cosine)], axis=1), real
        )
        #: (layers, 2, 2 waves) parts of waves from the real and the imaginary part of what is on a layer
        self._spread_phases = np.ascontiguousarray(
            np.stack([_pairs(cosine, -sine), _pairs(sine, cosine)], axis=1), real
        )

    def potentials(self, spectrum: np.ndarray, influence: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """At the sites (n,), of the product, a potential on the mesh transformed as ``rfftn`` does.

        ``ends`` (n0 n1,) tells how many waves of each row have influence.
        """
        waves = np.empty((*self._shape, self._along.shape[1]), spectrum.dtype)
        rows = influence.reshape(-1, influence.shape[2])
        _to_layers(_parts(spectrum), rows, ends, self._read_phases, _parts(waves))
        layers = 2.0 * fft.ifft2(waves, axes=(0, 1), norm="forward").real
        at_sites = self._within @ layers.reshape(-1, layers.shape[2])
        potentials: np.ndarray = (at_sites * self._along).sum(axis=1)
        return potentials

    def join(
        self, spectrum: np.ndarray, charges: np.ndarray, influence: np.ndarray, ends: np.ndarray
    ) -> float:
        """Add charges (n,) at the sites to a transformed mesh and make the potential of it, in place.

        Returns:
            The energy of one in the other's potential, in Hartree.
        """
        if not np.array_equal(charges, self._charges):
            layers = self._spread @ (charges.astype(self._along.dtype)[:, None] * self._along)
            self._layers = np.ascontiguousarray(fft.fft2(layers.reshape(*self._shape, -1), axes=(0, 1)))
            self._charges = charges.copy()
        rows = influence.reshape(-1, influence.shape[2])
        energy: float = join_layers(_parts(spectrum), _parts(self._layers), self._spread_phases, rows, ends)
        return energy


def _pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two arrays (m, n) as (m, 2 n), by turns."""
    return np.stack([first, second], axis=2).reshape(len(first), -1)


def _parts(waves: np.ndarray) -> np.ndarray:
    """Real and imaginary parts (n0 n1, 2 m), by turns, of waves (n0, n1, m), in place."""
    parts: np.ndarray = waves.view(waves.real.dtype).reshape(-1, 2 * waves.shape[2])
    return parts


@compiled
def _to_layers(spectrum, influence, ends, phases, out):
    """Sums of the waves times ``influence``, which ends after ``ends``, and their phases, for every layer."""
    two, one = np.uint64(2), np.uint64(1)
    waves = np.empty(spectrum.shape[1], spectrum.dtype)
    for row in range(spectrum.shape[0]):
        half = np.uint64(ends[row])
        n = two * half
        for k in range(half):
            waves[two * k] = spectrum[row, two * k] * influence[row, k]
            waves[two * k + one] = spectrum[row, two * k + one] * influence[row, k]
        for p in range(phases.shape[0]):
            a = b = spectrum[row, 0] - spectrum[row, 0]
            for k in range(n):
                a += waves[k] * phases[p, 0, k]
                b += waves[k] * phases[p, 1, k]
            out[row, 2 * p], out[row, 2 * p + 1] = a, b
