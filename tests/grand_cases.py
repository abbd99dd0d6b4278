"""Grand potentials and atoms for tests: a piece of graphene sheet and two waters, distorted."""

import numpy as np

from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.nn.grand.potential import GrandPotential
from polcouple.nn.potential.potential import Architecture

ELEMENTS = ("C", "H", "O")
CELL = np.diag([4.92, 4.26, 14.0])
LEVELS = (-5.9, -4.9, -3.9)


def architecture(design="electrode", learned=True, **changes):
    base = Architecture(ELEMENTS, 3.0, 2, 2, (8, 8), **changes)
    given = (0.0259, 2.7, 2.0, -4.6, -4.8, (0.0, 0.3, -0.6), LEVELS, -4.9, (0.0, 18.0, 1.5))
    return GrandArchitecture(base, design, ("C",), learned and design == "electrode", *given)


def random_grand(members=2, precision=np.float64, seed=0, **changes):
    of_all = architecture(**changes)
    layout = of_all.layout()
    vectors = np.array([layout.initial(seed + one) for one in range(members)])
    references = np.tile([1.0, -2.0, 3.0], (members, 1))
    return GrandPotential("random", of_all, vectors, references, precision)


def atoms(seed=0):
    """Kinds and positions of 8 carbons and 2 waters."""
    random = np.random.default_rng(seed)
    cell = [[0.0, 0.71], [0.0, 2.13], [1.23, 0.0], [1.23, 2.84]]
    sheet = np.array([[x + 2.46 * i, y, 0.0] for i in range(2) for x, y in cell])
    water = np.array([[0.0, 0.0, 0.0], [0.76, 0.0, 0.59], [-0.76, 0.0, 0.59]])
    shifted = [water + np.array([1.5, 1.5, 3.0]), water[:, [1, 0, 2]] + np.array([3.6, 3.0, 6.0])]
    positions = np.concatenate([sheet, *shifted])
    kinds = np.array([0] * 8 + [2, 1, 1] * 2)
    return kinds, positions + random.normal(0, 0.06, positions.shape)
