"""The compiled loops of :mod:`polcouple.dftb.slater_koster` over pairs of atoms."""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled


@compiled
def _bond_frame(x: float, y: float, z: float, frame: np.ndarray) -> None:
    """A rotation (3, 3) whose last column is the unit vector (x, y, z)."""
    ax, ay, az = (0.0, 0.0, 1.0) if abs(z) < 0.7 else (1.0, 0.0, 0.0)
    ux, uy, uz = ay * z - az * y, az * x - ax * z, ax * y - ay * x
    over = 1.0 / np.sqrt(ux * ux + uy * uy + uz * uz)
    ux, uy, uz = ux * over, uy * over, uz * over
    frame[0, 0], frame[1, 0], frame[2, 0] = ux, uy, uz
    frame[0, 1], frame[1, 1], frame[2, 1] = y * uz - z * uy, z * ux - x * uz, x * uy - y * ux
    frame[0, 2], frame[1, 2], frame[2, 2] = x, y, z


@compiled
def _harmonics(frame: np.ndarray, tensors: np.ndarray, shells: int, d: np.ndarray) -> None:
    """D^0, D^1, D^2 of a rotation into the diagonal blocks of ``d`` (9, 9), for as many ``shells``."""
    d[0, 0] = 1.0
    if shells > 1:
        # p functions in the order m = -1, 0, 1 are y, z, x
        for m in range(3):
            for n in range(3):
                d[1 + m, 1 + n] = frame[(m + 1) % 3, (n + 1) % 3]
    if shells > 2:
        # a tensor turns with both its indices
        for n in range(5):
            d[4:, 4 + n] = 0.0
            for a in range(3):
                for b in range(3):
                    turned = 0.0
                    for e in range(3):
                        for f in range(3):
                            turned += frame[a, e] * tensors[n, e, f] * frame[b, f]
                    for m in range(5):
                        d[4 + m, 4 + n] += tensors[m, a, b] * turned


@compiled
def rotate_blocks(
    vectors: np.ndarray,
    of_ab: np.ndarray,
    of_ba: np.ndarray,
    columns: np.ndarray,
    shells_a: int,
    shells_b: int,
    tensors: np.ndarray,
    blocks: np.ndarray,
) -> None:
    """Blocks of pairs from their integrals along the bond.

    Args:
        vectors: (p, 3) from the first atoms to the second in bohr.
        of_ab, of_ba: (2, p, 2, 10) integrals of the tables of both orders of the elements, and slopes.
        columns: (3, 3) [l1, l2], l1 <= l2: the first of the l1 + 1 columns of the integrals <l1 m| . |l2 m>.
        shells_a, shells_b: of the elements.
        tensors: (5, 3, 3) the d functions.
        blocks: (2, 2, p, n_a, n_b) values and slopes, of Hamiltonian and overlap.
    """
    frame, d = np.empty((3, 3)), np.zeros((9, 9))
    shells = max(shells_a, shells_b)
    for p in range(len(vectors)):
        x, y, z = vectors[p, 0], vectors[p, 1], vectors[p, 2]
        over = 1.0 / np.sqrt(x * x + y * y + z * z)
        _bond_frame(x * over, y * over, z * over, frame)
        _harmonics(frame, tensors, shells, d)
        for l1 in range(shells_a):
            for l2 in range(shells_b):
                low, first = min(l1, l2), columns[min(l1, l2), max(l1, l2)]
                sign = -1.0 if l1 > l2 and (l1 + l2) % 2 else 1.0
                middle1, middle2 = l1 * l1 + l1, l2 * l2 + l2
                for kind in range(2):
                    for of in range(2):
                        table = of_ab[kind, p, of] if l1 <= l2 else of_ba[kind, p, of]
                        for i in range(l1 * l1, (l1 + 1) ** 2):
                            for j in range(l2 * l2, (l2 + 1) ** 2):
                                value = 0.0
                                for mu in range(-low, low + 1):
                                    integral = table[first + abs(mu)]
                                    value += d[i, middle1 + mu] * integral * d[j, middle2 + mu]
                                blocks[kind, of, p, i, j] = sign * value


@compiled
def block_gradients(
    vectors: np.ndarray,
    values: np.ndarray,
    slopes: np.ndarray,
    weights: np.ndarray,
    generators: np.ndarray,
    gradients: np.ndarray,
) -> None:
    """Derivatives (p, 3) with the vectors of the sum of weights times values; see the module it serves.

    Args:
        vectors: (p, 3) in bohr.
        values, slopes, weights: (2, p, n_a, n_b).
        generators: (3, 9, 9) of rotations.
        gradients: (p, 3), overwritten.
    """
    _, pairs, n_a, n_b = values.shape
    torque = np.empty(3)
    for p in range(pairs):
        x, y, z = vectors[p, 0], vectors[p, 1], vectors[p, 2]
        square = x * x + y * y + z * z
        radial = 0.0
        torque[:] = 0.0
        for of in range(2):
            value, weight, slope = values[of, p], weights[of, p], slopes[of, p]
            for i in range(n_a):
                for j in range(n_b):
                    radial += weight[i, j] * slope[i, j]
            for i in range(n_a):
                for k in range(n_a):
                    if generators[0, i, k] or generators[1, i, k] or generators[2, i, k]:
                        product = 0.0
                        for j in range(n_b):
                            product += weight[i, j] * value[k, j]
                        for axis in range(3):
                            torque[axis] += generators[axis, i, k] * product
            for k in range(n_b):
                for j in range(n_b):
                    if generators[0, k, j] or generators[1, k, j] or generators[2, k, j]:
                        product = 0.0
                        for i in range(n_a):
                            product += weight[i, j] * value[i, k]
                        for axis in range(3):
                            torque[axis] -= generators[axis, k, j] * product
        radial /= np.sqrt(square)
        gradients[p, 0] = radial * x + (torque[1] * z - torque[2] * y) / square
        gradients[p, 1] = radial * y + (torque[2] * x - torque[0] * z) / square
        gradients[p, 2] = radial * z + (torque[0] * y - torque[1] * x) / square
