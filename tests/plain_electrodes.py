"""Electrodes solved plainly, to compare with: dense matrices, textbook sums, nothing of the package."""

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import eigh
from scipy.optimize import brentq
from scipy.special import erfc, expit

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


class _Term:
    """A column of a .skf file: a spline, and a polynomial that ends smoothly 1 bohr after the last point."""

    def __init__(self, radii, values):
        self.spline, self.last = CubicSpline(radii, values), radii[-1]
        value, slope, curvature = (float(self.spline(self.last, order)) for order in range(3))
        self.tail = (
            10 * value + 4 * slope + 0.5 * curvature,
            -15 * value - 7 * slope - curvature,
            6 * value + 3 * slope + 0.5 * curvature,
        )

    def __call__(self, distance):
        x = 1.0 - (distance - self.last)
        a, b, c = self.tail
        return float(self.spline(distance)) if x > 1.0 else x**3 * (a + b * x + c * x**2)


class PlainDftb:
    """SCC-DFTB of one carbon electrode at the Gamma point, s and p orbitals, charges by atom.

    ``overlap`` and ``hamiltonian`` (4n, 4n), ``gamma`` (n, n); in Hartree atomic units.
    """

    def __init__(self, positions, cell, skf):
        n = len(positions)
        lines = skf.read_text().splitlines()
        step = float(lines[0].split()[0].strip(","))
        rows = [_numbers(line) for line in lines[1:3] + lines[3 : 2 + int(lines[0].split()[1].strip(","))]]
        _, e_p, e_s, _, _, _, u_s = rows[0][:7]
        table = np.array([row[:20] for row in rows[2:]])
        radii = step * np.arange(1, len(table) + 1)
        smooth = radii > 1.0  # what lies below is filled with ones
        terms = [_Term(radii[smooth], table[smooth, k]) for k in (9, 8, 5, 6, 19, 18, 15, 16)]
        self.hamiltonian = np.kron(np.eye(n), np.diag([e_s, e_p, e_p, e_p]))
        self.overlap = np.eye(4 * n)
        self.gamma = ewald(positions, cell) + u_s * np.eye(n)
        difference = positions[None] - positions[:, None]
        for image in _grid(cell, 60.0):
            vectors = difference + image
            distance = np.linalg.norm(vectors, axis=2)
            x = 3.2 * u_s * np.where(distance > 1e-9, distance, 1.0)
            short = np.exp(-x) * (48 + 33 * x + 9 * x**2 + x**3) / 48 * (3.2 * u_s / x)
            self.gamma -= np.where(distance > 1e-9, short, 0.0)
            near = (distance > 1e-9) & (distance < radii[-1] + 1.0)
            for i, j in zip(*np.nonzero(near), strict=True):
                u = vectors[i, j] / distance[i, j]
                for matrix, own in ((self.hamiltonian, terms[:4]), (self.overlap, terms[4:])):
                    ss, sp, sigma, pi = (term(float(distance[i, j])) for term in own)
                    block = matrix[4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
                    block[0, 0] += ss
                    block[0, 1:] += sp * u
                    block[1:, 0] -= sp * u
                    block[1:, 1:] += (sigma - pi) * np.outer(u, u) + pi * np.eye(3)

    def answer(self, potentials, populations, charge, temperature):
        """Populations (n,) above four, and the Fermi level, in given potentials and of given populations."""
        shifts = np.repeat(self.gamma @ populations - potentials, 4)
        energies, vectors = eigh(
            self.hamiltonian + 0.5 * self.overlap * (shifts[:, None] + shifts), self.overlap
        )
        sign = np.where(np.arange(len(energies)) < 2 * len(populations), -1.0, 1.0)

        def surplus(level):
            return 2.0 * float(sign @ expit(sign * (level - energies) / temperature)) + charge

        level = brentq(surplus, energies[0] - 1.0, energies[-1] + 1.0, xtol=1e-15, rtol=1e-15)
        filled = 2.0 * expit((level - energies) / temperature)
        by_orbital = (vectors * (self.overlap @ vectors)) @ filled
        return by_orbital.reshape(-1, 4).sum(axis=1) - 4.0, level


def two_electrodes(case, skf, potentials, charges, temperature):
    """Atomic charges (n,) and Fermi levels (2,) of two carbon electrodes with ``charges`` (2,) in a slab."""
    positions, cell, slices = case.electrode.positions, case.cell, case.electrode_slices
    electrodes = [PlainDftb(positions[own], cell, skf) for own in slices]
    between = ewald(positions, cell)
    for own in slices:
        between[own, own] = 0.0
    heights = positions[:, 2] - 0.5 * (case.positions[:, 2].min() + case.positions[:, 2].max())
    between += 4.0 * np.pi / np.linalg.det(cell) * np.outer(heights, heights)
    populations = np.concatenate(
        [np.full(o.stop - o.start, -q / (o.stop - o.start)) for o, q in zip(slices, charges, strict=True)]
    )
    tried, found = [], []
    for _ in range(200):
        seen = potentials - between @ populations
        answers = [
            electrode.answer(seen[own], populations[own], charge, temperature)
            for electrode, own, charge in zip(electrodes, slices, charges, strict=True)
        ]
        residual = np.concatenate([answer for answer, _ in answers]) - populations
        if np.abs(residual).max() < 1e-9:
            return -populations, np.array([level for _, level in answers])
        # Anderson's mixing
        tried, found = [*tried[-11:], populations], [*found[-11:], residual]
        populations = populations + 0.2 * residual
        if len(tried) > 1:
            steps, changes = np.diff(tried, axis=0).T, np.diff(found, axis=0).T
            weights = np.linalg.lstsq(changes, residual, rcond=1e-12)[0]
            populations = populations - (steps + 0.2 * changes) @ weights
    raise AssertionError("the plain calculation does not converge")


def _numbers(line):
    """The numbers of a line of a .skf file, n*x written out."""
    numbers = []
    for word in line.replace(",", " ").split():
        count, star, value = word.partition("*")
        numbers += [float(value)] * int(count) if star else [float(word)]
    return numbers
