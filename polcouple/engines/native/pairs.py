"""Coulomb and Lennard-Jones forces between the pairs of a list.

The short-ranged part of the Coulomb energy is q_i q_j (1/r - P(u)), u = 2 r^2/r_cut^2 - 1, and its force
q_i q_j (1/r^3 + D(u)) times the distance vector (:mod:`polcouple.electrostatics.splitting`). Lennard-Jones
energies are multiplied by OpenMM's switching function.

The atoms of an entry of the list are copied, relative to the cluster's centre, into one contiguous buffer of
rows x, y, z, charge, force along x, y, z, half sigma, root of 4 epsilon: an atom of the cluster then runs
along it without another look-up, and the forces of its partners are collected there, too. Where another image
of a partner may be the closest one, the buffer holds lattice coordinates and every pair looks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polcouple.compile import compiled
from polcouple.engines.native.polynomial import horner, padded_length

#: length of a row of the buffer
ROW = 2048
_ROWS = 9
_M1, _M2, _M3, _M4, _M5, _M6, _M7, _M8 = (np.uint64(i * ROW) for i in range(1, _ROWS))
_Unsigned = np.uint64


def pair_buffer(real: Any) -> np.ndarray:
    """Room for the pair loop to work in; one a slice."""
    return np.zeros(_ROWS * ROW, real)


@dataclass(frozen=True)
class PairParameters:
    """Of the pair loop, in bohr and Hartree.

    Attributes:
        force_series, energy_series: D in 1/bohr^3 and P in 1/bohr, lowest order first.
        cutoff: of both interactions.
        switch: where the Lennard-Jones energy begins to be switched off; the cut-off for truncation.
    """

    force_series: tuple[float, ...]
    energy_series: tuple[float, ...]
    cutoff: float
    switch: float

    def settings(self, real: Any, cell: np.ndarray | None) -> tuple[Any, ...]:
        """As the loop takes them; with ``cell`` every pair looks for its closest image."""
        width = self.cutoff - self.switch
        force, energy = (
            np.pad(series, (0, padded_length(len(series)) - len(series)))
            for series in (self.force_series, self.energy_series)
        )
        return (
            None if cell is None else tuple(real(length) for length in cell.ravel()),
            real(self.cutoff**2),
            real(2.0 / self.cutoff**2),
            tuple(real(c) for c in force),
            tuple(real(c) for c in energy),
            real(self.switch),
            real(1.0 / width if width > 0.0 else 0.0),
            # numba makes a double of a float times an integer
            tuple(real(c) for c in (0.0, 1.0, 6.0, 10.0, 12.0, 15.0, 30.0)),
        )


@compiled
def _vector(x, y, z, box):
    """The distance vector; of the closest image where ``box`` is the cell and x, y, z lattice coordinates."""
    if box is None:
        return x, y, z
    x -= np.rint(x)
    y -= np.rint(y)
    z -= np.rint(z)
    return (
        x * box[0] + y * box[3] + z * box[6],
        x * box[1] + y * box[4] + z * box[7],
        x * box[2] + y * box[5] + z * box[8],
    )


@compiled
def _coulomb(b, lo, hi, x, y, z, q, settings):
    box, squared_cut, scale, force_series, energy_series, _, _, numbers = settings
    zero, one = numbers[0], numbers[1]
    ax = ay = az = e = zero
    for k in range(_Unsigned(lo), _Unsigned(hi)):
        dx, dy, dz = _vector(x - b[k], y - b[k + _M1], z - b[k + _M2], box)
        square = dx * dx + dy * dy + dz * dz
        u = square * scale - one
        inverse = one / np.sqrt(square)
        qq = q * b[k + _M3]
        qq = qq if square < squared_cut else zero
        f = qq * (inverse * inverse * inverse + horner(u, force_series))
        e += qq * (inverse - horner(u, energy_series))
        gx = f * dx
        gy = f * dy
        gz = f * dz
        ax += gx
        ay += gy
        az += gz
        b[k + _M4] -= gx
        b[k + _M5] -= gy
        b[k + _M6] -= gz
    return ax, ay, az, e


@compiled
def _both(b, lo, hi, x, y, z, q, sigma, epsilon, settings):
    box, squared_cut, scale, force_series, energy_series, switch, per_width, numbers = settings
    zero, one, c6, c10, c12, c15, c30 = numbers
    ax = ay = az = e = zero
    for k in range(_Unsigned(lo), _Unsigned(hi)):
        dx, dy, dz = _vector(x - b[k], y - b[k + _M1], z - b[k + _M2], box)
        square = dx * dx + dy * dy + dz * dz
        u = square * scale - one
        inverse = one / np.sqrt(square)
        inverse2 = inverse * inverse
        s = sigma + b[k + _M7]
        w = s * s * inverse2
        w6 = w * w * w
        four_epsilon = epsilon * b[k + _M8]
        lj = four_epsilon * (w6 * w6 - w6)
        lj_force = four_epsilon * (c12 * w6 * w6 - c6 * w6) * inverse2
        t = (square * inverse - switch) * per_width
        t = max(t, zero)
        t = min(t, one)
        factor = one - t * t * t * (c10 - t * (c15 - c6 * t))
        slope = -c30 * t * t * (one - t) * (one - t) * per_width
        qq = q * b[k + _M3]
        f = qq * (inverse * inverse2 + horner(u, force_series)) + lj_force * factor - lj * slope * inverse
        energy = qq * (inverse - horner(u, energy_series)) + lj * factor
        f = f if square < squared_cut else zero
        e += energy if square < squared_cut else zero
        gx = f * dx
        gy = f * dy
        gz = f * dz
        ax += gx
        ay += gy
        az += gz
        b[k + _M4] -= gx
        b[k + _M5] -= gy
        b[k + _M6] -= gz
    return ax, ay, az, e


@compiled
def _copy_in(b, at, ticks, charges, atoms, first, last, centre, lattice):
    at = _Unsigned(at)
    for k in range(_Unsigned(last - first)):
        j = atoms[_Unsigned(first) + k]
        m = at + k
        f0 = np.float64(np.int32(ticks[0, j] - centre[0]))
        f1 = np.float64(np.int32(ticks[1, j] - centre[1]))
        f2 = np.float64(np.int32(ticks[2, j] - centre[2]))
        b[m] = f0 * lattice[0, 0] + f1 * lattice[1, 0] + f2 * lattice[2, 0]
        b[m + _M1] = f0 * lattice[0, 1] + f1 * lattice[1, 1] + f2 * lattice[2, 1]
        b[m + _M2] = f0 * lattice[0, 2] + f1 * lattice[1, 2] + f2 * lattice[2, 2]
        b[m + _M3] = charges[j]


@compiled
def _copy_out(b, at, atoms, first, last, force):
    at = _Unsigned(at)
    for k in range(_Unsigned(last - first)):
        j = atoms[_Unsigned(first) + k]
        force[j, 0] += b[at + k + _M4]
        force[j, 1] += b[at + k + _M5]
        force[j, 2] += b[at + k + _M6]


@compiled
def pair_forces(
    entries, atoms, ticks, charges, half_sigma, root_epsilon, start, n_lj, centres, lattice, settings, b,
    force,
):  # fmt: skip
    """Forces (n, 4) of the pairs of ``entries``, overwritten; returns their energy."""
    total = 0.0
    zero = settings[7][0]
    force[:] = zero
    places = np.empty(64, np.uint32)
    for number in range(entries.shape[0]):
        c, own = entries[number, 0], entries[number, 1] == 1
        lj0, lj1, other0, other1 = (
            entries[number, 2], entries[number, 3], entries[number, 4], entries[number, 5]
        )  # fmt: skip
        first = start[c]
        size, own_lj = start[c + 1] - first, n_lj[c]
        # the cluster's atoms with Lennard-Jones interactions, the listed ones, then those without
        n_with = own_lj + lj1 - lj0
        n_all = n_with + size - own_lj + other1 - other0
        for k in range(size):
            places[k] = first + k
        centre = centres[c]
        _copy_in(b, 0, ticks, charges, places, 0, own_lj, centre, lattice)
        _copy_in(b, own_lj, ticks, charges, atoms, lj0, lj1, centre, lattice)
        _copy_in(b, n_with, ticks, charges, places, own_lj, size, centre, lattice)
        _copy_in(b, n_with + size - own_lj, ticks, charges, atoms, other0, other1, centre, lattice)
        for k in range(own_lj):
            b[_Unsigned(k) + _M7] = half_sigma[first + k]
            b[_Unsigned(k) + _M8] = root_epsilon[first + k]
        for k in range(lj1 - lj0):
            j = atoms[lj0 + k]
            b[_Unsigned(own_lj + k) + _M7] = half_sigma[j]
            b[_Unsigned(own_lj + k) + _M8] = root_epsilon[j]
        for m in range(_Unsigned(n_all)):
            b[m + _M4] = zero
            b[m + _M5] = zero
            b[m + _M6] = zero
        for i in range(own_lj):
            m = _Unsigned(i)
            x, y, z, q = b[m], b[m + _M1], b[m + _M2], b[m + _M3]
            ax, ay, az, e = _both(
                b, i + 1 if own else own_lj, n_with, x, y, z, q, b[m + _M7], b[m + _M8], settings,
            )  # fmt: skip
            bx, by, bz, e_other = _coulomb(
                b, n_with if own else n_with + size - own_lj, n_all, x, y, z, q, settings
            )
            total += np.float64(e) + np.float64(e_other)
            b[m + _M4] += ax + bx
            b[m + _M5] += ay + by
            b[m + _M6] += az + bz
        for k in range(size - own_lj):
            m = _Unsigned(n_with + k)
            x, y, z, q = b[m], b[m + _M1], b[m + _M2], b[m + _M3]
            ax, ay, az, e = _coulomb(b, own_lj, n_with, x, y, z, q, settings)
            bx, by, bz, e_other = _coulomb(
                b, n_with + k + 1 if own else n_with + size - own_lj, n_all, x, y, z, q, settings
            )
            total += np.float64(e) + np.float64(e_other)
            b[m + _M4] += ax + bx
            b[m + _M5] += ay + by
            b[m + _M6] += az + bz
        _copy_out(b, 0, places, 0, own_lj, force)
        _copy_out(b, own_lj, atoms, lj0, lj1, force)
        _copy_out(b, n_with, places, own_lj, size, force)
        _copy_out(b, n_with + size - own_lj, atoms, other0, other1, force)
    return total
