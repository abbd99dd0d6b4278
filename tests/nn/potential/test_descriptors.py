"""Descriptors against numbers of another program, plain sums and differences."""

from dataclasses import replace

import numpy as np
import pytest
from potential_cases import CELL, random_atoms
from scipy.special import eval_legendre

from polcouple.lattice.pairs import neighbour_pairs
from polcouple.nn.potential.descriptors import Descriptors
from polcouple.nn.potential.radial import channels, radial_functions, radial_table

CUTOFF = 3.5


def test_the_reference_values_of_the_papers_code_are_found():
    """The atom in the middle of four; values that come with NeuralIL's and the descriptors' first code."""
    positions = np.array(
        [
            [0.00000, 0.00000, 0.00000],
            [1.3681827, -1.3103517, -1.3131874],
            [-1.5151760, 1.3360077, -1.3477119],
            [-1.3989598, -1.2973683, 1.3679189],
            [1.2279369, 1.3400378, 1.4797429],
        ]
    )
    values = [
        0.031871, 0.138079, 0.000416, 0.099814, 0.000514, 0.002641, 0.000580, 0.002311,
        0.001099, 0.654837, 0.106035, 0.003456, 0.005239, 0.367765, 0.483945,
    ]  # fmt: skip
    pairs = neighbour_pairs(positions, np.zeros((3, 3)), (0, 0, 0), 3.7711)
    found = Descriptors(1, 4, 3.7711).surroundings(np.zeros(5, int), pairs).spectrum[0]
    assert np.allclose(sorted(found), sorted(values), atol=1e-6)


def test_they_are_the_sum_over_pairs_of_neighbours():
    kinds, positions = random_atoms(20)
    pairs = neighbour_pairs(positions, CELL, (1, 1, 1), CUTOFF)
    found = Descriptors(4, 4, CUTOFF).surroundings(kinds, pairs).spectrum.reshape(20, 10, 15)
    atom = 7
    mine = slice(pairs.first[atom], pairs.first[atom + 1])
    vectors, elements = pairs.vectors[mine], kinds[pairs.second[mine]]
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = (vectors @ vectors.T) / np.outer(lengths, lengths)
    radial = radial_functions(4, CUTOFF, lengths)
    couple = 0
    for a in range(4):
        for b in range(a, 4):
            for channel, (order, _) in enumerate(channels(4)):
                g = radial[channel]
                terms = np.outer(g * (elements == a), g * (elements == b)) * eval_legendre(order, cosines)
                expected = (2 * order + 1) / (4 * np.pi) * terms.sum()
                assert found[atom, couple, channel] == pytest.approx(expected, rel=1e-8, abs=1e-10)
            couple += 1


def test_radial_functions_are_orthonormal_and_end_smoothly():
    r = np.linspace(1e-6, CUTOFF, 20001)
    g = radial_functions(4, CUTOFF, r)
    for order in range(5):
        mine = np.array([row for row, (own, _) in zip(g, channels(4), strict=True) if own == order])
        overlaps = np.trapezoid(mine[:, None] * mine[None] * r**2, r, axis=2)
        assert np.allclose(overlaps, np.eye(len(mine)), atol=1e-7)
    step = 1e-4
    near = radial_functions(4, CUTOFF, CUTOFF - step * np.arange(1, 4))
    # with two derivatives zero at the end, values go with the cube of the distance
    assert np.allclose(near, near[:, :1] * np.arange(1, 4) ** 3, rtol=1e-2, atol=1e-12)
    assert np.abs(near[:, 0]).max() < 1e-10


def test_tables_are_the_functions():
    table = radial_table(4, CUTOFF)
    r = np.random.default_rng(0).uniform(0.3, CUTOFF, 2000)
    interval = np.minimum((r / CUTOFF * len(table)).astype(int), len(table) - 1)
    t = r / CUTOFF * len(table) - interval
    values = np.einsum("rpf,rp->fr", table[interval], t[:, None] ** np.arange(6))
    values *= np.array([r**order for order, _ in channels(4)])
    expected = radial_functions(4, CUTOFF, r)
    assert np.abs(values - expected).max() < 1e-10 * np.abs(expected).max()


def test_derivatives_both_ways_are_those_by_differences():
    random = np.random.default_rng(1)
    kinds, positions = random_atoms(40)
    pairs = neighbour_pairs(positions, CELL, (1, 1, 1), CUTOFF)
    descriptors = Descriptors(4, 4, CUTOFF)
    seen = descriptors.surroundings(kinds, pairs)
    weights, moves = random.normal(size=seen.spectrum.shape), random.normal(size=pairs.vectors.shape)
    step = 1e-6
    ends = [
        descriptors.surroundings(kinds, replace(pairs, vectors=pairs.vectors + sign * step * moves)).spectrum
        for sign in (1, -1)
    ]
    change = (ends[0] - ends[1]) / (2 * step)
    assert np.allclose(descriptors.tangent(seen, moves), change, rtol=1e-6, atol=1e-7)
    pulled = (descriptors.by_vectors(seen, weights) * moves).sum()
    assert pulled == pytest.approx((weights * change).sum(), rel=1e-7)
