"""What a particle-mesh sum between fixed sites and moving charges prepares once.

The lattice vectors are reordered so that the sites lie in few planes of the mesh's first axis: only these
planes are read (the potential at the sites) or filled (the potential of charges at the sites). Real space is
searched from the moving charges: the cell is divided into boxes, each with the list of the site images within
reach of it.
"""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from polcouple.electrostatics import splitting as split
from polcouple.lattice.cell import lattice_images, widest_gap

#: edge of the boxes of the real-space search, in bohr
_BOX = 5.0


class SiteMesh:
    """The mesh of ``n`` sites.

    Args:
        sites: (n, 3) in bohr.
        cell: (3, 3) in bohr, one lattice vector per row.
        accuracy: of a site potential; see :func:`polcouple.electrostatics.splitting.choose_splitting`.

    Attributes:
        parameters: of the splitting.
        cell: (3, 3) in bohr, the lattice vectors in the mesh's order; ``inverse`` is its inverse.
        fractional: (n, 3) lattice coordinates of the sites in [0, 1).
        background: the neutralising background, in Hartree/e per e.
        window: (terms, width) as :func:`polcouple.electrostatics.splitting.window_polynomials` gives it.
        influence: (n0, n1 * (n2 // 2 + 1)) of a plane on the planes 0, 1, ... above it, Fourier-transformed
            within the planes.
        planes: (p,) planes of axis 0 that the sites' windows touch.
        weights: (n, p * n1 * n2) sparse, of the mesh points of these planes in the sites' windows.
        boxes: site images within ``parameters.r_cut`` of the parts of the cell.
    """

    def __init__(self, sites: np.ndarray, cell: np.ndarray, accuracy: float) -> None:
        self.cell = np.ascontiguousarray(cell[_axis_order(sites, cell)])
        self.inverse = np.linalg.inv(self.cell)
        self.parameters = split.choose_splitting(self.cell, accuracy)
        self.background = split.background(self.parameters, abs(float(np.linalg.det(self.cell))))
        self.window = split.window_polynomials(self.parameters, 0.02 * accuracy)
        influence = fft.ifft(split.influence(self.cell, self.parameters), axis=0, norm="forward")
        influence = influence.reshape(len(influence), -1)
        even = np.abs(influence.imag).max() <= 1e-12 * np.abs(influence.real).max()
        self.influence = np.ascontiguousarray(influence.real) if even else influence
        self.fractional = sites @ self.inverse
        self.fractional -= np.floor(self.fractional)
        self.planes, self.weights = self._interpolation()
        self.boxes = SiteBoxes(self.fractional, self.cell, self.parameters.r_cut)

    def _interpolation(self) -> tuple[np.ndarray, csr_array]:
        n, width = len(self.fractional), self.parameters.width
        scaled = self.fractional * self.parameters.grid
        below = np.floor(scaled)
        u = 2.0 * (scaled - below) - 1.0
        powers = u[..., None] ** np.arange(len(self.window))
        weights = powers @ self.window
        index = (below[..., None].astype(int) + np.arange(width)) % np.array(self.parameters.grid)[:, None]
        planes, plane_index = np.unique(index[:, 0], return_inverse=True)
        rows = plane_index.reshape(n, width, 1, 1)
        shape = (len(planes), *self.parameters.grid[1:])
        flat = (rows * shape[1] + index[:, 1][:, None, :, None]) * shape[2] + index[:, 2][:, None, None, :]
        values = np.einsum("ia,ib,ic->iabc", weights[:, 0], weights[:, 1], weights[:, 2])
        starts = np.arange(n + 1) * width**3
        matrix = csr_array((values.ravel(), flat.ravel(), starts), shape=(n, int(np.prod(shape))))
        return planes, matrix


class SiteBoxes:
    """Boxes that divide the cell, each with the site images that may be within ``reach`` of a point in it.

    Args:
        fractional: (n, 3) lattice coordinates of the sites in [0, 1).
        cell: (3, 3) in bohr.
        reach: in bohr.

    Attributes:
        counts: of boxes along each lattice vector.
        start: (boxes + 1,) where each box's list in ``members`` begins.
        members: the lists, of site images.
        images: (3, g) coordinates of the site images in bohr.
        site: (g,) the site each is an image of.
    """

    def __init__(self, fractional: np.ndarray, cell: np.ndarray, reach: float) -> None:
        inverse = np.linalg.inv(cell)
        heights = 1.0 / np.linalg.norm(inverse, axis=0)
        boxes = np.maximum(heights / _BOX, 1.0).astype(int)
        corners = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3), axis=-1).reshape(-1, 3) / boxes
        reach = reach + float(np.linalg.norm(corners @ cell, axis=1).max())
        images, self.site = lattice_images(fractional, reach / heights)
        images = images @ cell
        axes = [(np.arange(count) + 0.5) / count for count in boxes]
        centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
        tree = cKDTree(images)
        near = np.flatnonzero(np.isfinite(tree.query(centres, distance_upper_bound=reach)[0]))
        lists = tree.query_ball_point(centres[near], reach, return_sorted=True)
        lengths = np.zeros(len(centres), dtype=np.int64)
        lengths[near] = [len(members) for members in lists]
        self.counts = (int(boxes[0]), int(boxes[1]), int(boxes[2]))
        self.start = np.concatenate([[0], np.cumsum(lengths)])
        self.members = np.concatenate([*lists, []]).astype(np.int32)
        self.images = np.ascontiguousarray(images.T)


def _axis_order(sites: np.ndarray, cell: np.ndarray) -> list[int]:
    """Lattice vectors with the one first along which the widest gap between sites is found."""
    fractional = sites @ np.linalg.inv(cell)
    gaps = [widest_gap(fractional[:, axis], 1.0)[1] * np.linalg.norm(cell[axis]) for axis in range(3)]
    first = int(np.argmax(gaps))
    return [first, *(axis for axis in range(3) if axis != first)]
