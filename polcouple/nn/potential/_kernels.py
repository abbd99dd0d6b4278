"""The loops over pairs: densities of neighbours, their power spectrum, and its derivatives both ways.

Coefficients of a density are numbered by l, n, m (:func:`polcouple.nn.potential.radial.channels`, then the
2l + 1 harmonics). Arrays of one atom: coefficients (elements, k), spectrum (pairs of elements, channels).
Harmonics are those of :mod:`polcouple.nn.potential.harmonics`.
"""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace

import numpy as np

from polcouple.compile import compiled


@cache
def kernels(size: int) -> SimpleNamespace:
    """The loops for l from 0 to ``size`` - 1, a constant to the compiler, which then unrolls them."""

    @compiled
    def solid_harmonics(vector, factors, q, values):
        """Write ``values`` ((l_max + 1)^2,); ``q`` (l_max + 1, l_max + 1) is left for the gradients."""
        x, y, z = vector[0], vector[1], vector[2]
        square = x * x + y * y + z * z
        q[0, 0] = 1.0
        for m in range(1, size):
            q[m, m] = -(2 * m - 1) * q[m - 1, m - 1]
        for m in range(size - 1):
            q[m + 1, m] = (2 * m + 1) * z * q[m, m]
        for m in range(size - 2):
            for order in range(m + 2, size):
                q[order, m] = (
                    (2 * order - 1) * z * q[order - 1, m] - (order + m - 1) * square * q[order - 2, m]
                ) / (order - m)
        for order in range(size):
            values[order * order + order] = factors[order, 0] * q[order, 0]
        cosine, sine = 1.0, 0.0
        for m in range(1, size):
            cosine, sine = x * cosine - y * sine, x * sine + y * cosine
            for order in range(m, size):
                scaled = factors[order, m] * q[order, m]
                values[order * order + order + m] = scaled * cosine
                values[order * order + order - m] = scaled * sine

    @compiled
    def weighted_gradient(vector, factors, q, weights, gradient):
        """Write ``gradient`` (3,) of the sum of the harmonics times ``weights``."""
        x, y = vector[0], vector[1]
        gx, gy, gz = 0.0, 0.0, 0.0
        cosine, sine = 1.0, 0.0
        cosine_below, sine_below = 0.0, 0.0
        for m in range(size):
            if m > 0:
                cosine_below, sine_below = cosine, sine
                cosine, sine = x * cosine - y * sine, x * sine + y * cosine
            for order in range(max(m, 1), size):
                even = factors[order, m] * weights[order * order + order + m]
                odd = 0.0
                if m > 0:
                    odd = factors[order, m] * weights[order * order + order - m]
                angular = even * cosine + odd * sine
                # dQ_lm/dx = x Q_l-1,m+1 and dQ_lm/dz = (l + m) Q_l-1,m
                if m + 1 < order:
                    side = q[order - 1, m + 1] * angular
                    gx += x * side
                    gy += y * side
                if m < order:
                    gz += (order + m) * q[order - 1, m] * angular
                if m > 0:
                    around = m * q[order, m]
                    gx += around * (even * cosine_below + odd * sine_below)
                    gy += around * (odd * cosine_below - even * sine_below)
        gradient[0] = gx
        gradient[1] = gy
        gradient[2] = gz

    @compiled
    def harmonics_tangent(vector, move, factors, q, changes):
        """Write ``changes`` ((l_max + 1)^2,) of the harmonics with a ``move`` (3,) of the vector."""
        x, y = vector[0], vector[1]
        level = x * move[0] + y * move[1]
        cosine, sine = 1.0, 0.0
        d_cosine, d_sine = 0.0, 0.0
        for m in range(size):
            if m > 0:
                d_cosine, d_sine = (
                    m * (cosine * move[0] - sine * move[1]),
                    m * (sine * move[0] + cosine * move[1]),
                )
                cosine, sine = x * cosine - y * sine, x * sine + y * cosine
            for order in range(m, size):
                dq = 0.0
                if m + 1 < order:
                    dq += level * q[order - 1, m + 1]
                if m < order:
                    dq += (order + m) * move[2] * q[order - 1, m]
                factor = factors[order, m]
                low = order * order + order
                changes[low + m] = factor * (dq * cosine + q[order, m] * d_cosine)
                if m > 0:
                    changes[low - m] = factor * (dq * sine + q[order, m] * d_sine)

    @compiled
    def _radial(distance, table, cutoff, values, slopes):
        """Radial functions over r^l and their derivatives."""
        intervals = len(table)
        scale = intervals / cutoff
        place = distance * scale
        interval = min(int(place), intervals - 1)
        t = place - interval
        row = table[interval]
        for i in range(len(values)):
            a, b, c, d, e, f = row[0, i], row[1, i], row[2, i], row[3, i], row[4, i], row[5, i]
            values[i] = a + t * (b + t * (c + t * (d + t * (e + t * f))))
            slopes[i] = scale * (b + t * (2 * c + t * (3 * d + t * (4 * e + t * 5 * f))))

    @compiled
    def densities(begin, end, first, second, vectors, kinds, table, cutoff, factors, coefficients):
        """Write ``coefficients`` (end - begin, elements, k) of atoms ``begin`` to ``end``."""
        values, slopes = np.empty(table.shape[2]), np.empty(table.shape[2])
        q, harmonics = np.zeros((size, size)), np.empty(size * size)
        for i in range(begin, end):
            row = coefficients[i - begin]
            row[:] = 0.0
            for pair in range(first[i], first[i + 1]):
                vector = vectors[pair]
                distance = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
                _radial(distance, table, cutoff, values, slopes)
                solid_harmonics(vector, factors, q, harmonics)
                mine = row[kinds[second[pair]]]
                k, channel = 0, 0
                for order in range(size):
                    low, count = order * order, 2 * order + 1
                    for _ in range(size - order):
                        g = values[channel]
                        for m in range(count):
                            mine[k + m] += g * harmonics[low + m]
                        k += count
                        channel += 1

    @compiled
    def power_spectrum(coefficients, spectrum):
        """Write ``spectrum`` (atoms, pairs of elements, channels): products of coefficients summed over m."""
        elements = coefficients.shape[1]
        for i in range(len(coefficients)):
            couple = 0
            for one in range(elements):
                for other in range(one, elements):
                    a, b = coefficients[i, one], coefficients[i, other]
                    k, channel = 0, 0
                    for order in range(size):
                        count = 2 * order + 1
                        for _ in range(size - order):
                            total = 0.0
                            for m in range(k, k + count):
                                total += a[m] * b[m]
                            spectrum[i, couple, channel] = total
                            k += count
                            channel += 1
                    couple += 1

    @compiled
    def spectrum_tangent(coefficients, changes, tangent):
        """Write the change of the spectrum (as :func:`power_spectrum`) with the coefficients' ``changes``."""
        elements = coefficients.shape[1]
        for i in range(len(coefficients)):
            couple = 0
            for one in range(elements):
                for other in range(one, elements):
                    k, channel = 0, 0
                    for order in range(size):
                        count = 2 * order + 1
                        for _ in range(size - order):
                            total = 0.0
                            for m in range(k, k + count):
                                total += coefficients[i, one, m] * changes[i, other, m]
                                total += coefficients[i, other, m] * changes[i, one, m]
                            tangent[i, couple, channel] = total
                            k += count
                            channel += 1
                    couple += 1

    @compiled
    def spectrum_pullback(coefficients, by_spectrum, by_coefficients):
        """Write derivatives by the coefficients from those by the spectrum."""
        elements = coefficients.shape[1]
        by_coefficients[:] = 0.0
        for i in range(len(coefficients)):
            couple = 0
            for one in range(elements):
                for other in range(one, elements):
                    a, b = coefficients[i, one], coefficients[i, other]
                    da, db = by_coefficients[i, one], by_coefficients[i, other]
                    k, channel = 0, 0
                    for order in range(size):
                        count = 2 * order + 1
                        for _ in range(size - order):
                            g = by_spectrum[i, couple, channel]
                            for m in range(k, k + count):
                                da[m] += g * b[m]
                                db[m] += g * a[m]
                            k += count
                            channel += 1
                    couple += 1

    @compiled
    def pair_derivatives(
        begin, end, first, second, vectors, kinds, table, cutoff, factors, by_coefficients, by_vectors
    ):
        """Write ``by_vectors`` (p, 3), derivatives by the pairs' vectors, of atoms ``begin`` to ``end``."""
        values, slopes = np.empty(table.shape[2]), np.empty(table.shape[2])
        q, harmonics = np.zeros((size, size)), np.empty(size * size)
        weights, gradient = np.empty(size * size), np.empty(3)
        for i in range(begin, end):
            for pair in range(first[i], first[i + 1]):
                vector = vectors[pair]
                distance = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
                _radial(distance, table, cutoff, values, slopes)
                solid_harmonics(vector, factors, q, harmonics)
                mine = by_coefficients[i - begin, kinds[second[pair]]]
                weights[:] = 0.0
                radial = 0.0
                k, channel = 0, 0
                for order in range(size):
                    low, count = order * order, 2 * order + 1
                    for _ in range(size - order):
                        g, total = values[channel], 0.0
                        for m in range(count):
                            weights[low + m] += g * mine[k + m]
                            total += mine[k + m] * harmonics[low + m]
                        radial += slopes[channel] * total
                        k += count
                        channel += 1
                weighted_gradient(vector, factors, q, weights, gradient)
                radial /= distance
                for x in range(3):
                    by_vectors[pair, x] = radial * vector[x] + gradient[x]

    @compiled
    def density_tangent(first, second, vectors, kinds, table, cutoff, factors, moves, changes):
        """Write ``changes`` (n, elements, k) of the coefficients with the pairs' ``moves`` (p, 3)."""
        values, slopes = np.empty(table.shape[2]), np.empty(table.shape[2])
        q, harmonics = np.zeros((size, size)), np.empty(size * size)
        ahead = np.empty(size * size)
        changes[:] = 0.0
        for i in range(len(first) - 1):
            for pair in range(first[i], first[i + 1]):
                vector, move = vectors[pair], moves[pair]
                distance = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
                _radial(distance, table, cutoff, values, slopes)
                solid_harmonics(vector, factors, q, harmonics)
                longer = (vector[0] * move[0] + vector[1] * move[1] + vector[2] * move[2]) / distance
                harmonics_tangent(vector, move, factors, q, ahead)
                mine = changes[i, kinds[second[pair]]]
                k, channel = 0, 0
                for order in range(size):
                    low, count = order * order, 2 * order + 1
                    for _ in range(size - order):
                        g, dg = values[channel], slopes[channel] * longer
                        for m in range(count):
                            mine[k + m] += g * ahead[low + m] + dg * harmonics[low + m]
                        k += count
                        channel += 1

    return SimpleNamespace(
        densities=densities,
        power_spectrum=power_spectrum,
        spectrum_tangent=spectrum_tangent,
        spectrum_pullback=spectrum_pullback,
        pair_derivatives=pair_derivatives,
        density_tangent=density_tangent,
    )
