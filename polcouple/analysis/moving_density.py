"""The density of an electrode whose atoms move, by a density model, averaged over frames on a grid.

The model takes positions and a number of electrons. That is given, or comes from a grand potential at a Fermi
level: then the density is one of positions and level alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from polcouple.case.model import Case
from polcouple.electrode import Electrode
from polcouple.electrostatics.cloud_grid import grid_shape
from polcouple.errors import InputError
from polcouple.log import Warned
from polcouple.nn.density.files import DensityModel
from polcouple.nn.density.grid import density_planes
from polcouple.nn.grand.model import GrandModel
from polcouple.units import BOHR_TO_ANGSTROM

#: electrons more than neutral atoms have, at positions (n, 3) in bohr
Electrons = Callable[[np.ndarray], float]
#: bytes of the two grids that are kept
_MEMORY = 4_000_000_000


@dataclass(frozen=True, eq=False)
class MovingDensity:
    """Means over frames, in electrons per bohr^3.

    Attributes:
        atoms: of the last frame.
        difference: (n_x, n_y, n_z) valence electrons less those of neutral, spherical atoms.
        excess: of the same shape, what the electrons add to the neutral electrode.
        electrons: (frames,) more than neutral atoms have.
    """

    atoms: Electrode
    difference: np.ndarray
    excess: np.ndarray
    electrons: np.ndarray


def electrons_at_level(case: Case, potential: GrandModel, level: float) -> Electrons:
    """By a grand potential at ``level`` (eV).

    Raises:
        InputError: an element that it does not know.
    """
    kinds, cell = potential.kinds(case.symbols), case.cell * BOHR_TO_ANGSTROM
    return lambda positions: potential.evaluate(kinds, positions * BOHR_TO_ANGSTROM, cell, level).electrons


def moving_grid(case: Case, spacing: float) -> tuple[int, int, int]:
    """Points of the grid, whose means are kept in memory.

    Raises:
        InputError: they do not fit.
    """
    shape = grid_shape(case.cell, spacing)
    needed = 16 * int(np.prod(shape))
    if needed > _MEMORY:
        enough = spacing * (needed / _MEMORY) ** (1 / 3) * BOHR_TO_ANGSTROM
        raise InputError(
            f"a grid of {' x '.join(map(str, shape))} points is too large to average over atoms that move; a"
            f" spacing of {enough:.2g} Angstrom or more will do"
        )
    return shape


def mean_moving_density(
    case: Case,
    model: DensityModel,
    electrons: Electrons,
    frames: Iterable[np.ndarray],
    shape: tuple[int, int, int],
) -> MovingDensity:
    """Means over frames, positions (N, 3) in bohr, all of them the electrode's.

    Raises:
        InputError: the model is not of this case, or there is no frame.
    """
    if len(case.electrode) != len(case):
        raise InputError(
            "part of the case's atoms are a classical liquid's: densities of electrodes that move are made"
            " where all atoms are the electrode's"
        )
    model.require_serves(case.electrode, mobile=True)
    difference, excess = np.zeros(shape), np.zeros(shape)
    atoms, numbers, warned = case.electrode, [], Warned()
    for positions in frames:
        atoms = replace(atoms, positions=positions)
        warned.log(told for told in [model.unlike(atoms)] if told is not None)
        numbers.append(electrons(positions))
        charges = model.spread(atoms.symbols, numbers[-1])
        for part, grids in ((model.charged, (difference, excess)), (model.neutral, (difference,))):
            coefficients = part.coefficients(atoms, charges)
            start = 0
            for block in density_planes([(part.design.basis, coefficients)], positions, case.cell, shape):
                for grid in grids:
                    grid[start : start + len(block)] += block
                start += len(block)
    if not numbers:
        raise InputError("no frame to average over")
    return MovingDensity(atoms, difference / len(numbers), excess / len(numbers), np.array(numbers))
