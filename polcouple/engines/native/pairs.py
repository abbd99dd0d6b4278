"""Coulomb and Lennard-Jones forces between the pairs of a list.

The short-ranged part of the Coulomb energy is q_i q_j (1/r - P(u)), u = 2 r^2/r_cut^2 - 1, and its force
q_i q_j (1/r^3 + D(u)) times the distance vector (:mod:`polcouple.electrostatics.splitting`). Lennard-Jones
energies A/r^12 - C/r^6 are multiplied by OpenMM's switching function. The two end at cut-offs of their own.

The atoms of an entry of the list are copied, relative to the cluster's centre, into one contiguous buffer of
rows x, y, z, charge, force along x, y, z, A, C: an atom of the cluster then runs along it without another
look-up, and the forces of its partners are collected there, too. A and C are those with the cluster's atom
that is at work; they are looked up again where the next one is of another kind, and are zero for as long as
one is at work that the pair is excluded from. Where another image of a partner may be the closest one, the
buffer holds lattice coordinates and every pair looks for it.

The buffer has three parts: atoms with both interactions, atoms without Lennard-Jones interactions, and atoms
that only these reach. Each is followed by _LANES places without charge or interaction, so that vectors of as
many numbers may run over its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polcouple.compile import compiled
from polcouple.engines.native.clusters import TICKS
from polcouple.engines.native.polynomial import horner, padded_length
from polcouple.engines.native.terms import LennardJones

#: length of a row of the buffer
ROW = 2048
_ROWS = 9
_M1, _M2, _M3, _M4, _M5, _M6, _M7, _M8 = (np.uint64(i * ROW) for i in range(1, _ROWS))
_Unsigned = np.uint64
#: numbers that are worked on together
_LANES = 16


def pair_buffer(real: Any) -> tuple[np.ndarray, np.ndarray]:
    """Room for the pair loop to work in, one a slice: the buffer, and the kinds of the atoms in it."""
    return np.zeros(_ROWS * ROW, real), np.zeros(ROW, np.uint32)


@dataclass(frozen=True)
class PairParameters:
    """Of the pair loop, in bohr and Hartree.

    Attributes:
        force_series, energy_series: D in 1/bohr^3 and P in 1/bohr, lowest order first.
        coulomb_cutoff: of Coulomb interactions.
        lennard_jones: A, C, cut-off and switch.
    """

    force_series: tuple[float, ...]
    energy_series: tuple[float, ...]
    coulomb_cutoff: float
    lennard_jones: LennardJones

    def settings(self, real: Any, cell: np.ndarray, several_images: bool) -> tuple[Any, ...]:
        """As the loop takes them; with ``several_images`` every pair looks for its closest image.

        The cell or None, the factors from ticks, where places are that no atom takes, the interactions'
        parameters, and numbers.
        """
        cutoff = self.lennard_jones.cutoff
        width = cutoff - self.lennard_jones.switch
        # of one length, which is compiled less often
        length = padded_length(max(len(self.force_series), len(self.energy_series)))
        force, energy = (
            np.pad(series, (0, length - len(series))) for series in (self.force_series, self.energy_series)
        )
        coulomb = (
            real(self.coulomb_cutoff**2),
            real(2.0 / self.coulomb_cutoff**2),
            tuple(real(c) for c in force),
            tuple(real(c) for c in energy),
        )
        lennard_jones = (
            real(cutoff**2),
            real(self.lennard_jones.switch),
            real(1.0 / width if width > 0.0 else 0.0),
        )
        lattice = np.eye(3) if several_images else cell
        return (
            tuple(real(length) for length in cell.ravel()) if several_images else None,
            tuple(real(length) for length in (lattice / TICKS).ravel()),
            # beyond the cut-offs, or on no atom
            real(0.3371 if several_images else 3.0 * cutoff),
            coulomb,
            lennard_jones,
            # numba makes a double of a float times an integer
            tuple(real(c) for c in (0.0, 1.0, 6.0, 10.0, 12.0, 15.0, 30.0)),
        )


@compiled
def layout(entry, size, own_lj):
    """Ends and beginnings of the buffer's parts for an entry of a cluster of ``size`` atoms.

    The first part holds the cluster's ``own_lj`` atoms with Lennard-Jones interactions and the listed ones;
    the second, from ``without`` on, the cluster's others and, from ``listed`` on, the listed ones.
    """
    end_with = own_lj + entry[3] - entry[2]
    without = end_with + _LANES
    listed = without + size - own_lj
    end_without = listed + entry[5] - entry[4]
    far = end_without + _LANES
    return end_with, without, listed, end_without, far, far + entry[7] - entry[6]


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
def _end(lo, hi):
    """End of a run from ``lo`` over ``hi`` of whole vectors."""
    return _Unsigned(lo + (hi - lo + _LANES - 1) // _LANES * _LANES)


@compiled
def _along(b, lo, hi, x, y, z, q, box, coulomb, lennard_jones, numbers):
    """Run along the buffer from ``lo`` to ``hi``; either interaction may be None.

    Returns the force on the atom at x, y, z with the charge q, and the energy.
    """
    zero, one, c6, c10, c12, c15, c30 = numbers
    ax = ay = az = e = zero
    for k in range(_Unsigned(lo), _end(lo, hi)):
        dx, dy, dz = _vector(x - b[k], y - b[k + _M1], z - b[k + _M2], box)
        square = dx * dx + dy * dy + dz * dz
        inverse = one / np.sqrt(square)
        f = zero
        if coulomb is not None:
            squared_coulomb, scale, force_series, energy_series = coulomb
            u = square * scale - one
            qq = q * b[k + _M3]
            qq = qq if square < squared_coulomb else zero
            f = qq * (inverse * inverse * inverse + horner(u, force_series))
            e += qq * (inverse - horner(u, energy_series))
        if lennard_jones is not None:
            squared_cut, switch, per_width = lennard_jones
            inverse2 = inverse * inverse
            inverse6 = inverse2 * inverse2 * inverse2
            repulsion, attraction = b[k + _M7] * inverse6 * inverse6, b[k + _M8] * inverse6
            lj = repulsion - attraction
            t = (square * inverse - switch) * per_width
            t = max(t, zero)
            t = min(t, one)
            factor = one - t * t * t * (c10 - t * (c15 - c6 * t))
            slope = -c30 * t * t * (one - t) * (one - t) * per_width
            lj_force = (c12 * repulsion - c6 * attraction) * inverse2 * factor - lj * slope * inverse
            e += lj * factor if square < squared_cut else zero
            f += lj_force if square < squared_cut else zero
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
def _copy_in(b, at, ticks, charges, atoms, first, last, centre):
    at = _Unsigned(at)
    for k in range(_Unsigned(last - first)):
        j = atoms[_Unsigned(first) + k]
        m = at + k
        b[m] = np.int32(ticks[0, j] - centre[0])
        b[m + _M1] = np.int32(ticks[1, j] - centre[1])
        b[m + _M2] = np.int32(ticks[2, j] - centre[2])
        b[m + _M3] = charges[j]


@compiled
def _copy_kinds(of_buffer, at, kinds, atoms, first, last):
    at = _Unsigned(at)
    for k in range(_Unsigned(last - first)):
        of_buffer[at + k] = kinds[atoms[_Unsigned(first) + k]]


@compiled
def _look_up(b, first, last, of_buffer, table, row):
    """A and C with the kind whose row of the table begins at ``row``."""
    for m in range(_Unsigned(first), _Unsigned(last)):
        k = row + _Unsigned(of_buffer[m])
        b[m + _M7] = table[0, k]
        b[m + _M8] = table[1, k]


@compiled
def _to_bohr(b, first, last, lattice, zero):
    """From ticks; forces are set to zero."""
    for m in range(_Unsigned(first), _Unsigned(last)):
        f0, f1, f2 = b[m], b[m + _M1], b[m + _M2]
        b[m] = f0 * lattice[0] + f1 * lattice[3] + f2 * lattice[6]
        b[m + _M1] = f0 * lattice[1] + f1 * lattice[4] + f2 * lattice[7]
        b[m + _M2] = f0 * lattice[2] + f1 * lattice[5] + f2 * lattice[8]
        b[m + _M4] = zero
        b[m + _M5] = zero
        b[m + _M6] = zero


@compiled
def _blank(b, at, away, zero):
    """_LANES places that nothing interacts with."""
    for m in range(_Unsigned(at), _Unsigned(at + _LANES)):
        b[m] = b[m + _M1] = b[m + _M2] = away
        b[m + _M3] = b[m + _M7] = b[m + _M8] = zero


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
    entries, atoms, excluded, excluded_start, ticks, charges, kinds, table, n_kinds, start, n_lj, centres,
    settings, buffer, force, anew,
):  # fmt: skip
    """Adds the forces of the pairs of ``entries`` to ``force`` (n, 4); returns their energy.

    ``force`` is set to zero before where ``anew``; ``table`` (2, n_kinds^2) holds A and C.
    """
    total = 0.0
    if anew:
        force[:] = 0.0
    b, of_buffer = buffer
    box, lattice, away, coulomb, lennard_jones, numbers = settings
    zero = numbers[0]
    places = np.empty(64, np.uint32)
    for number in range(entries.shape[0]):
        entry = entries[number]
        c, own, lj0, lj1 = entry[0], entry[1] == 1, entry[2], entry[3]
        other0, other1, far0, far1 = entry[4], entry[5], entry[6], entry[7]
        first = start[c]
        size, own_lj = start[c + 1] - first, n_lj[c]
        own_other = size - own_lj
        end_with, without, listed, end_without, far, end_far = layout(entry, size, own_lj)
        for k in range(size):
            places[k] = first + k
        centre = centres[c]
        _copy_in(b, 0, ticks, charges, places, 0, own_lj, centre)
        _copy_in(b, own_lj, ticks, charges, atoms, lj0, lj1, centre)
        _copy_in(b, without, ticks, charges, places, own_lj, size, centre)
        _copy_in(b, listed, ticks, charges, atoms, other0, other1, centre)
        _copy_in(b, far, ticks, charges, atoms, far0, far1, centre)
        _copy_kinds(of_buffer, 0, kinds, places, 0, own_lj)
        _copy_kinds(of_buffer, own_lj, kinds, atoms, lj0, lj1)
        _copy_kinds(of_buffer, far, kinds, atoms, far0, far1)
        _to_bohr(b, 0, end_far, lattice, zero)
        _blank(b, end_with, away, zero)
        _blank(b, end_without, away, zero)
        _blank(b, end_far, away, zero)
        looked_up, at = -1, excluded_start[number]
        for i in range(own_lj):
            m = _Unsigned(i)
            row = _Unsigned(of_buffer[m]) * _Unsigned(n_kinds)
            if looked_up != of_buffer[m]:
                looked_up = np.int64(of_buffer[m])
                _look_up(b, 0, end_with, of_buffer, table, row)
                _look_up(b, far, end_far, of_buffer, table, row)
            before = at
            while at < excluded_start[number + 1] and excluded[at, 0] == i:
                gone = _Unsigned(excluded[at, 1])
                b[gone + _M7] = b[gone + _M8] = zero
                at += 1
            x, y, z, q = b[m], b[m + _M1], b[m + _M2], b[m + _M3]
            ax, ay, az, e = _along(
                b, i + 1 if own else own_lj, end_with, x, y, z, q, box, coulomb, lennard_jones, numbers
            )
            bx, by, bz, e_other = _along(
                b, without if own else listed, end_without, x, y, z, q, box, coulomb, None, numbers
            )
            cx, cy, cz, e_far = _along(b, far, end_far, x, y, z, q, box, None, lennard_jones, numbers)
            total += np.float64(e) + np.float64(e_other) + np.float64(e_far)
            b[m + _M4] += ax + bx + cx
            b[m + _M5] += ay + by + cy
            b[m + _M6] += az + bz + cz
            for k in range(before, at):
                gone = _Unsigned(excluded[k, 1])
                _look_up(b, gone, gone + _Unsigned(1), of_buffer, table, row)
        for k in range(own_other):
            m = _Unsigned(without + k)
            x, y, z, q = b[m], b[m + _M1], b[m + _M2], b[m + _M3]
            ax, ay, az, e = _along(b, own_lj, end_with, x, y, z, q, box, coulomb, None, numbers)
            bx, by, bz, e_other = _along(
                b, without + k + 1 if own else listed, end_without, x, y, z, q, box, coulomb, None, numbers
            )
            total += np.float64(e) + np.float64(e_other)
            b[m + _M4] += ax + bx
            b[m + _M5] += ay + by
            b[m + _M6] += az + bz
        _copy_out(b, 0, places, 0, own_lj, force)
        _copy_out(b, own_lj, atoms, lj0, lj1, force)
        _copy_out(b, without, places, own_lj, size, force)
        _copy_out(b, listed, atoms, other0, other1, force)
        _copy_out(b, far, atoms, far0, far1, force)
    return total
