"""Neighbours against a plain loop over images."""

import itertools

import numpy as np
import pytest

from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs

CUTOFF = 3.5
CELLS = {
    "cube": np.diag([12.0, 11.0, 13.0]),
    "small": np.diag([2.9, 12.0, 4.1]),
    "skewed": np.array([[9.0, 0.0, 0.0], [4.0, 8.0, 0.0], [-3.0, 2.5, 7.0]]),
    "left-handed": np.array([[0.0, 9.0, 0.0], [8.0, 0.5, 0.0], [0.0, 1.0, 7.0]]),
}


def plain(positions, cell, periodic, cutoff):
    found = []
    images = [range(-5, 6) if flag else (0,) for flag in periodic]
    for steps in itertools.product(*images):
        shift = np.array(steps) @ np.where(np.array(periodic)[:, None], cell, 0.0)
        vectors = positions[None] + shift - positions[:, None]
        lengths = np.linalg.norm(vectors, axis=2)
        if steps == (0, 0, 0):
            np.fill_diagonal(lengths, np.inf)
        for i, j in np.argwhere(lengths < cutoff):
            found.append((i, j, *np.round(vectors[i, j], 6)))
    return sorted(found)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("periodic", [(1, 1, 1), (0, 0, 0), (1, 1, 0), (0, 1, 0)], ids=str)
def test_neighbours_are_those_of_a_plain_loop(cell, periodic):
    random = np.random.default_rng(3)
    positions = (
        random.uniform(0, 1, (60, 3)) + np.where(periodic, random.integers(-1, 2, (60, 3)), 0)
    ) @ cell
    pairs = neighbour_pairs(positions, cell, periodic, CUTOFF)
    owner = np.repeat(np.arange(len(positions)), np.diff(pairs.first))
    listed = zip(owner, pairs.second, *np.round(pairs.vectors.T, 6), strict=True)
    expected = plain(positions, cell, periodic, CUTOFF)
    assert len(expected) > 20
    assert np.allclose(sorted(listed), expected, atol=2e-6)


def test_crowded_atoms_have_room():
    """More neighbours than a uniform density would give."""
    positions = np.random.default_rng(0).normal(size=(300, 3)) * 0.3
    pairs = neighbour_pairs(positions, np.diag([80.0, 80.0, 80.0]), (1, 1, 1), CUTOFF)
    assert len(pairs.second) == 300 * 299


def test_one_atom_alone_has_no_neighbours():
    assert not len(neighbour_pairs(np.zeros((1, 3)), np.zeros((3, 3)), (0, 0, 0), CUTOFF).second)


def test_positions_and_cells_that_are_none_are_refused():
    with pytest.raises(InputError, match="atom 1"):
        neighbour_pairs(np.array([[0, 0, 0], [np.nan, 0, 0]]), np.eye(3) * 9, (1, 1, 1), CUTOFF)
    with pytest.raises(InputError, match="span no volume"):
        neighbour_pairs(np.zeros((2, 3)), np.ones((3, 3)), (1, 1, 1), CUTOFF)
