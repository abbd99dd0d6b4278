"""Distances within any small groups of atoms: positions by M-SHAKE, momenta by M-RATTLE.

V. Kräutler, W. F. van Gunsteren and P. H. Hünenberger, J. Comput. Chem. 22, 501 (2001); H. C. Andersen,
J. Comput. Phys. 52, 24 (1983). The constraints of one group are solved together, by Newton's method. All
arrays are in atomic units; ``positions`` and ``momenta`` are (n, 3) and are changed in place.
"""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled_strictly

#: pivots below this, of the largest diagonal element, are rounding
_SINGULAR = 1e-10


@compiled_strictly
def shake(
    starts, pairs, squares, couplings, before, positions, momenta, inverse_masses, time_step, tolerance, most
):
    """Put groups back on their constraints after all atoms have moved freely for ``time_step``.

    The momenta get what the constraints' forces add in that time.

    Args:
        starts: (g + 1,) first pair of each group, and the number of pairs.
        pairs: (p, 2) atoms.
        squares: (p,) of their distances.
        couplings: (p, most pairs of a group) see :func:`mass_couplings`.
        before: (n, 3) positions at the start of the move, along whose bonds the constraints' forces act.
        inverse_masses: (n,)
        tolerance: of the distances, relative.
        most: Newton iterations.

    Returns:
        The first group that does not converge, or -1.
    """
    size = couplings.shape[1]
    matrix, right, impulse = np.empty((size, size)), np.empty(size), np.empty(size)
    old, new = np.empty((size, 3)), np.empty((size, 3))
    for g in range(starts.shape[0] - 1):
        first, count = starts[g], starts[g + 1] - starts[g]
        for n in range(count):
            i, j = pairs[first + n, 0], pairs[first + n, 1]
            impulse[n] = 0.0
            for k in range(3):
                old[n, k] = before[i, k] - before[j, k]
                new[n, k] = positions[i, k] - positions[j, k]
        solved = False
        for _ in range(most):
            worst = 0.0
            for n in range(count):
                square = new[n, 0] * new[n, 0] + new[n, 1] * new[n, 1] + new[n, 2] * new[n, 2]
                right[n] = 0.5 * (squares[first + n] - square)
                # a number that is none must not pass for convergence
                error = abs(right[n]) / squares[first + n]
                if not error <= worst:
                    worst = error
            if worst <= tolerance:
                solved = True
                break
            if not worst < 1e3:
                return g
            _fill(couplings, first, count, new, old, matrix)
            if not _solve(matrix, right, count):
                return g
            for n in range(count):
                impulse[n] += right[n]
                for m in range(count):
                    share = couplings[first + n, m] * right[m]
                    for k in range(3):
                        new[n, k] += share * old[m, k]
        if not solved:
            return g
        for n in range(count):
            i, j = pairs[first + n, 0], pairs[first + n, 1]
            for k in range(3):
                push = impulse[n] * old[n, k]
                positions[i, k] += inverse_masses[i] * push
                positions[j, k] -= inverse_masses[j] * push
                momenta[i, k] += push / time_step
                momenta[j, k] -= push / time_step
    return -1


@compiled_strictly
def rattle(starts, pairs, couplings, positions, momenta, inverse_masses):
    """Take out of the momenta what would change the distances; see :func:`shake`.

    Returns:
        The first group whose constraints depend on one another, or -1.
    """
    size = couplings.shape[1]
    matrix, right, bonds = np.empty((size, size)), np.empty(size), np.empty((size, 3))
    for g in range(starts.shape[0] - 1):
        first, count = starts[g], starts[g + 1] - starts[g]
        for n in range(count):
            i, j = pairs[first + n, 0], pairs[first + n, 1]
            right[n] = 0.0
            for k in range(3):
                bonds[n, k] = positions[i, k] - positions[j, k]
                apart = inverse_masses[i] * momenta[i, k] - inverse_masses[j] * momenta[j, k]
                right[n] -= bonds[n, k] * apart
        _fill(couplings, first, count, bonds, bonds, matrix)
        if not _solve(matrix, right, count):
            return g
        for n in range(count):
            i, j = pairs[first + n, 0], pairs[first + n, 1]
            for k in range(3):
                momenta[i, k] += right[n] * bonds[n, k]
                momenta[j, k] -= right[n] * bonds[n, k]
    return -1


def mass_couplings(starts: np.ndarray, pairs: np.ndarray, inverse_masses: np.ndarray) -> np.ndarray:
    """(p, most pairs of a group): how much an impulse on a group's m-th pair moves each of its bonds."""
    size = int(np.diff(starts).max(initial=0))
    couplings = np.zeros((len(pairs), size))
    for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        i, j = pairs[first:last].T
        wi, wj = inverse_masses[i], inverse_masses[j]
        own = (i[:, None] == i) * wi + (j[:, None] == j) * wj
        crossed = (i[:, None] == j) * wj + (j[:, None] == i) * wi
        couplings[first:last, : last - first] = own - crossed
    return couplings


@compiled_strictly
def _fill(couplings, first, count, bonds, directions, matrix):
    """How an impulse along the m-th of ``directions`` changes half the squared length of the n-th bond."""
    for n in range(count):
        for m in range(count):
            dot = 0.0
            for k in range(3):
                dot += bonds[n, k] * directions[m, k]
            matrix[n, m] = couplings[first + n, m] * dot


@compiled_strictly
def _solve(matrix, right, count):
    """Gaussian elimination with row pivots, in place; False where the matrix is singular to rounding."""
    largest = 0.0
    for row in range(count):
        largest = max(largest, abs(matrix[row, row]))
    for row in range(count):
        pivot = row
        for other in range(row + 1, count):
            if abs(matrix[other, row]) > abs(matrix[pivot, row]):
                pivot = other
        if not abs(matrix[pivot, row]) > _SINGULAR * largest:
            return False
        if pivot != row:
            for column in range(row, count):
                matrix[row, column], matrix[pivot, column] = matrix[pivot, column], matrix[row, column]
            right[row], right[pivot] = right[pivot], right[row]
        for other in range(row + 1, count):
            factor = matrix[other, row] / matrix[row, row]
            if factor != 0.0:
                for column in range(row + 1, count):
                    matrix[other, column] -= factor * matrix[row, column]
                right[other] -= factor * right[row]
    for row in range(count - 1, -1, -1):
        for column in range(row + 1, count):
            right[row] -= matrix[row, column] * right[column]
        right[row] /= matrix[row, row]
    return True
