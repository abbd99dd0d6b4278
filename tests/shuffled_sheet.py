"""Graphene whose atoms stand in no order."""

import numpy as np

from polcouple.builder.surfaces import graphene_sheet
from polcouple.electrode import Electrode
from polcouple.units import ANGSTROM_TO_BOHR


def sheet(n_x, n_y, layers=1):
    """Graphene, its atoms in random order and images; layers half a cell apart along z."""
    plane, sides = graphene_sheet(n_x, n_y)
    rng = np.random.default_rng(n_x)
    positions = np.concatenate([plane + np.array([0.0, 0.0, 20.0 * layer]) for layer in range(layers)])
    cell = np.diag([*sides, 20.0 * layers]) * ANGSTROM_TO_BOHR
    positions = rng.permutation(positions) * ANGSTROM_TO_BOHR
    positions += rng.integers(-1, 2, positions.shape) @ cell
    return Electrode(("C",) * len(positions), positions, cell)
