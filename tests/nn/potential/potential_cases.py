"""Potentials and frames for tests."""

import numpy as np

from polcouple.nn.potential.potential import Architecture, Potential

ELEMENTS = ("C", "H", "N", "O")
CELL = np.array([[9.0, 0.0, 0.0], [1.5, 8.5, 0.0], [-1.0, 0.7, 9.5]])


def random_potential(members=2, precision=np.float64, **changes):
    architecture = Architecture(ELEMENTS, **changes)
    vectors = np.array([architecture.layout().initial(seed) for seed in range(members)])
    vectors[:, architecture.layout().places()["energy_scale"]] = 2.0
    return Potential(
        "random", architecture, vectors, np.tile(np.arange(4.0), (members, 1)), (0.05, 0.1), precision
    )


def random_atoms(count=60, seed=0, cell=CELL):
    """Atoms no closer than 0.9 A, kinds and positions."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), -1).reshape(-1, 3)
    chosen = random.permutation(len(grid))[:count]
    fractional = (grid[chosen] + 0.5 + random.uniform(-0.15, 0.15, (count, 3))) / 6
    return random.integers(4, size=count), fractional @ cell
