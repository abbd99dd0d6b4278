"""What the liquid around an electrode atom looks like, within a cut-off: the input of local models.

The neighbours j of each species s within r_c of the electrode atom i, at height z and, seen from above, at
the angle a from the bond between i and its nearest neighbour in the electrode, give

    c_snlm(i) = sum_j  sin(n pi r / r_c) / r  P_l(z / r)  sin(t)^m cos(m a),   cos t = z / r,  m = 0, 3, 6 :

spherical Bessel functions of the distance, Legendre polynomials of the height, and those turns in the plane
that graphene's three bonds leave alike. A linear model of them holds the linear response of the electrode to
its neighbours' charges, which is the best that a local model can have. Descriptors that every rotation leaves
alone, or m = 0 alone, would have to find the electrode's directions from the liquid: on the reference system
m = 0 alone explains 0.957 of the charges' fluctuations at 10 Angstrom, and with m = 3 and 6 it is 0.999.
"""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.paradigms.frames import Frame
from polcouple.units import ANGSTROM_TO_BOHR

#: functions of the distance, at least
RADIAL = 12
#: and one more for so much of a longer cut-off (bohr), so that what can be told apart stays as fine
_RESOLUTION = 0.8 * ANGSTROM_TO_BOHR
#: Legendre polynomials of the height, for the cosines of 0, 3 and 6 times the angle in the plane
ANGULAR = np.array([7, 5, 5])
#: electrodes thicker than this have no single normal (bohr)
_FLAT = 1e-3


def neighbour_densities(frame: Frame, cutoff: float, species: tuple[str, ...]) -> np.ndarray:
    """Descriptors (n, s N L) of the n electrode atoms, float32; ``cutoff`` in bohr, in units of 1/bohr.

    Raises:
        InputError: an electrode that is not a plane across the third lattice vector, or atoms of a species
            that is not among ``species``.
    """
    kinds = np.array([species.index(symbol) if symbol in species else -1 for symbol in frame.symbols])
    if (kinds < 0).any():
        raise InputError(
            f"atoms of {frame.symbols[int(np.argmin(kinds))]}, which the model was not fitted to"
        )
    sites = require_plane(frame.electrode)
    radial = max(RADIAL, int(np.ceil(cutoff / _RESOLUTION)))
    positions, kinds = _images_near(frame, kinds, float(sites[0, 2]), cutoff)
    return np.asarray(
        _densities(sites, _bonds(frame), positions, kinds, len(species), cutoff, radial, ANGULAR)
    )


def require_plane(electrode: Electrode) -> np.ndarray:
    """Positions (n, 3) of the electrode's atoms in bohr.

    Raises:
        InputError: they do not lie in a plane across the third lattice vector.
    """
    sites, cell = electrode.positions, electrode.cell
    upright = np.abs(cell[2, :2]).max() < _FLAT and np.abs(cell[:2, 2]).max() < _FLAT
    if not upright or np.ptp(sites[:, 2]) > _FLAT:
        raise InputError("the comparison needs an electrode in one plane across the third lattice vector")
    return sites


def _images_near(
    frame: Frame, kinds: np.ndarray, height: float, cutoff: float
) -> tuple[np.ndarray, np.ndarray]:
    """Atoms within ``cutoff`` of the plane with their images beside the cell, and their kinds."""
    cell = frame.electrode.cell
    fraction = frame.positions @ np.linalg.inv(cell)
    fraction[:, :2] -= np.floor(fraction[:, :2])
    away = frame.positions[:, 2] - height
    away -= cell[2, 2] * np.rint(away / cell[2, 2])
    near = np.abs(away) < cutoff
    folded = fraction[near, :2] @ cell[:2]
    folded[:, 2] = height + away[near]
    area = abs(float(np.linalg.det(cell[:2, :2])))
    reach = [int(np.ceil(cutoff * np.linalg.norm(cell[1 - k]) / area)) for k in (0, 1)]
    shifts = [i * cell[0] + j * cell[1] for i in _around(reach[0]) for j in _around(reach[1])]
    return (folded + np.array(shifts)[:, None]).reshape(-1, 3), np.tile(kinds[near], len(shifts))


def _bonds(frame: Frame) -> np.ndarray:
    """(n, 2) unit vectors from each electrode atom to its nearest neighbour, in the plane."""
    sites, cell = frame.electrode.positions[:, :2], frame.electrode.cell[:2, :2]
    away = (sites[None] - sites[:, None]) @ np.linalg.inv(cell)
    away = (away - np.rint(away)) @ cell
    distances = np.linalg.norm(away, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    rows = np.arange(len(sites))
    return np.asarray(away[rows, nearest] / distances[rows, nearest, None])


def _around(reach: int) -> range:
    # electrode atoms may lie outside the cell by as much as one lattice vector
    return range(-reach - 1, reach + 2)


@compiled
def _densities(
    sites: np.ndarray,
    bonds: np.ndarray,
    positions: np.ndarray,
    kinds: np.ndarray,
    n_kinds: int,
    cutoff: float,
    radial: int,
    sizes: np.ndarray,
) -> np.ndarray:
    n_angular = sizes.sum()
    found = np.zeros((len(sites), n_kinds, radial, n_angular))
    angular, legendre = np.empty(n_angular), np.empty(sizes.max())
    for site in range(len(sites)):
        for atom in range(len(positions)):
            x = positions[atom, 0] - sites[site, 0]
            y = positions[atom, 1] - sites[site, 1]
            z = positions[atom, 2] - sites[site, 2]
            square = x * x + y * y + z * z
            if square >= cutoff * cutoff:
                continue
            r = np.sqrt(square)
            cosine = z / r
            legendre[0], legendre[1] = 1.0, cosine
            for k in range(2, len(legendre)):
                legendre[k] = ((2 * k - 1) * cosine * legendre[k - 1] - (k - 1) * legendre[k - 2]) / k
            along = (x * bonds[site, 0] + y * bonds[site, 1]) / r
            across = (y * bonds[site, 0] - x * bonds[site, 1]) / r
            cube_along = along * (along * along - 3.0 * across * across)
            cube_across = across * (3.0 * along * along - across * across)
            wave, start = 1.0, 0
            for turn in range(len(sizes)):
                if turn == 1:
                    wave = cube_along
                elif turn == 2:
                    wave = cube_along * cube_along - cube_across * cube_across
                for k in range(sizes[turn]):
                    angular[start + k] = wave * legendre[k]
                start += sizes[turn]
            phase = np.pi * r / cutoff
            twice, before, now = 2.0 * np.cos(phase), 0.0, np.sin(phase) / r
            own = found[site, kinds[atom]]
            for n in range(radial):
                for k in range(n_angular):
                    own[n, k] += now * angular[k]
                before, now = now, twice * now - before
    return found.reshape(len(sites), -1)
