"""Charges that sit at points fixed by the atoms of their molecule, such as TIP4P's: virtual sites.

i-PI knows atoms alone. Whoever computes forces moves the sites along and hands their forces on to the atoms.
Two kinds, of OpenMM's names: *average* (TwoParticleAverageSite, ThreeParticleAverageSite, OutOfPlaneSite),

    r = sum_k w_k r_k + c (r_2 - r_1) x (r_3 - r_1),

and *local* (LocalCoordinatesSite): an origin and two directions, weighted sums of the atoms' positions, span
a frame in which the site has a fixed place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: of complex steps; exact to rounding at any size
_STEP = 1e-30


@dataclass(frozen=True, eq=False)
class VirtualSites:
    """The v virtual sites of a liquid, each with k atoms that fix it (some may have no weight).

    Attributes:
        charges: (v,) in e.
        parents: (v, k) indices of atoms.
        weights: (v, 3, k) of the origin, and of the directions x and y of a local frame.
        cross: (v,) c of an average in 1/bohr.
        places: (v, 3) in a local frame in bohr.
        local: (v,) bool, whether a site has a local frame.
    """

    charges: np.ndarray
    parents: np.ndarray
    weights: np.ndarray
    cross: np.ndarray
    places: np.ndarray
    local: np.ndarray

    def __len__(self) -> int:
        return len(self.charges)

    def positions(self, parents: np.ndarray) -> np.ndarray:
        """(v, 3) in bohr; ``parents`` (v, k, 3) are the atoms' positions, of images near one another."""
        origin = (self.weights[:, 0, None, :] @ parents)[:, 0]
        if not self.cross.any() and not self.local.any():
            return np.asarray(origin)
        sites = origin + self.cross[:, None] * np.cross(
            parents[:, 1] - parents[:, 0], parents[:, 2] - parents[:, 0]
        )
        frames = self.local
        if frames.any():
            x, y = np.einsum("vdk,vkc->dvc", self.weights[frames, 1:], parents[frames])
            z = _unit(np.cross(x, y))
            x = _unit(x)
            axes = np.stack([x, np.cross(z, x), z], axis=1)
            sites[frames] = origin[frames] + np.einsum("vd,vdc->vc", self.places[frames], axes)
        return sites

    def spread(self, parents: np.ndarray, forces: np.ndarray, onto: np.ndarray) -> None:
        """Add the forces (v, 3) on the sites to those (N, 3) on the atoms that fix them."""
        if not self.cross.any() and not self.local.any():
            np.add.at(onto, self.parents, self.weights[:, 0, :, None] * forces[:, None])
            return
        shifted = parents.astype(complex)
        for k in range(parents.shape[1]):
            for axis in range(3):
                shifted[:, k, axis] += 1j * _STEP
                slope = self.positions(shifted).imag / _STEP
                shifted[:, k, axis] -= 1j * _STEP
                np.add.at(onto[:, axis], self.parents[:, k], (slope * forces).sum(axis=1))


def no_sites() -> VirtualSites:
    """Of liquids without any."""
    return VirtualSites(
        np.empty(0),
        np.empty((0, 3), int),
        np.empty((0, 3, 3)),
        np.empty(0),
        np.empty((0, 3)),
        np.empty(0, bool),
    )


def whole_parents(sites: VirtualSites, positions: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """(v, k, 3) positions of the sites' atoms, of images next to each one's first; ``lattice`` reduced."""
    parents = positions[sites.parents]
    steps = np.rint((parents - parents[:, :1]) @ np.linalg.inv(lattice))
    return np.asarray(parents - steps @ lattice)


def _unit(vectors: np.ndarray) -> np.ndarray:
    # no norm of NumPy, which takes the modulus of complex numbers
    return np.asarray(vectors / np.sqrt((vectors**2).sum(axis=1))[:, None])
