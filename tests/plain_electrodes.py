"""Electrodes solved plainly, to compare with: dense matrices, textbook sums, nothing of the package."""

import numpy as np
from scipy.special import erfc

#: of real and reciprocal sums: erfc and exp(-x^2) at this x
_DEPTH = 5.4


def _grid(vectors, reach):
    """All integer combinations (m, 3) of ``vectors`` (rows) that may be no longer than ``reach``."""
    sizes = [int(np.ceil(reach * np.linalg.norm(column))) for column in np.linalg.inv(vectors).T]
    ranges = [np.arange(-size - 1, size + 2) for size in sizes]
    return np.array(np.meshgrid(*ranges, indexing="ij")).reshape(3, -1).T @ vectors


def ewald(positions, cell):
    """Interaction (n, n) of periodic point charges, each with its own images and a uniform background."""
    volume = abs(np.linalg.det(cell))
    alpha = 1.9 * _DEPTH / volume ** (1 / 3)
    difference = positions[:, None] - positions[None]
    matrix = np.zeros(difference.shape[:2])
    fractions = difference @ np.linalg.inv(cell)
    difference = (fractions - np.round(fractions)) @ cell
    for image in _grid(cell, _DEPTH / alpha):
        distance = np.linalg.norm(difference + image, axis=2)
        near = (distance > 1e-9) & (distance < _DEPTH / alpha)
        matrix[near] += erfc(alpha * distance[near]) / distance[near]
    waves = _grid(2.0 * np.pi * np.linalg.inv(cell).T, 2.0 * _DEPTH * alpha)
    squares = (waves**2).sum(axis=1)
    chosen = (squares > 1e-12) & (squares < (2.0 * _DEPTH * alpha) ** 2)
    waves, squares = waves[chosen], squares[chosen]
    weights = 4.0 * np.pi / volume * np.exp(-squares / (4.0 * alpha**2)) / squares
    for part in np.array_split(np.arange(len(waves)), 1 + len(waves) * len(positions) // 2_000_000):
        phases = np.exp(1j * positions @ waves[part].T)
        matrix += ((phases * weights[part]) @ phases.conj().T).real
    matrix -= np.pi / (alpha**2 * volume)
    return matrix - 2.0 * alpha / np.sqrt(np.pi) * np.eye(len(positions))


def metal(positions, cell, exponent):
    """Interaction (n, n) of periodic Gaussian charges exp(-exponent^2 r^2), self-repulsion included."""
    matrix = ewald(positions, cell)
    difference = positions[:, None] - positions[None]
    for image in _grid(cell, 7.0 / exponent):
        distance = np.linalg.norm(difference + image, axis=2)
        near = (distance > 1e-9) & (distance < 9.0 / exponent)
        matrix[near] -= erfc(exponent * distance[near] / np.sqrt(2.0)) / distance[near]
    return matrix + np.sqrt(2.0 / np.pi) * exponent * np.eye(len(positions))


def lowest(matrix, potentials, ends, total):
    """Charges (n,) that minimise q.phi + q.A.q/2 - ends.q where their sum is ``total``."""
    n = len(matrix)
    left = np.block([[matrix, np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
    return np.linalg.solve(left, np.append(ends - potentials, total))[:n]
