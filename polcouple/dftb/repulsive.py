"""The repulsive energy between nuclei, a pair potential that stands in the .skf files.

After the line ``Spline``, for each pair of elements, in Hartree and bohr:

    E(r) = exp(a2 - a1 r) + a3                       below the first knot
         = c0 + c1 x + c2 x^2 + c3 x^3,  x = r - r_k  from one knot to the next, the last to order 5
         = 0                                         from the cut-off on

A file without a spline has, in its second or third line, the polynomial sum_k c_k (r_cut - r)^k, k = 2 .. 9
(https://dftb.org/fileadmin/DFTB/public/misc/slakoformat.pdf).

Some published files have a placeholder for the whole of it or for its exponential. Atoms that never come so
near do without; others are refused where they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from polcouple.dftb.hamiltonian import Pairs
from polcouple.dftb.skf import read_lines, read_numbers
from polcouple.dftb.slater_koster import pairs_of_kinds
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

#: knots of neighbouring intervals may differ by the rounding of the file, bohr
_ROUNDED = 2e-5
#: energies (Hartree) and slopes (Hartree/bohr) of two pieces where they meet differ by less; 671 files of 22
#: public sets have 9e-8 and 4e-7
_SAME_ENERGY, _SAME_SLOPE = 2e-6, 1e-5
#: coefficients of the last interval, the others end with zeros
_ORDERS = 6
#: e to this is a number
_HIGHEST_POWER = 700.0
#: bonds are between these many times the sum of the covalent radii: Cr2 has 0.60, F2 1.24. Public sets have
#: repulsions that end at 0.73 and more, and placeholders at 0.065 and less
_SHORTEST_BOND, _LONGEST_BOND = 0.6, 1.3
#: distances at which A-B and B-A are compared, and difference of rounding, in Hartree and of the energy;
#: public sets have 0, and one pair of hyb-0-2 0.004 Hartree where it is bonded
_COMPARED, _SAME_REPULSION = 200, 1e-5


@dataclass(frozen=True, eq=False)
class RepulsivePair:
    """Repulsive energy of one pair of elements.

    Attributes:
        cutoff: in bohr; zero from here on.
        head: a1, a2, a3 of the exponential below the first knot, or None: the first piece goes on.
        knots: (m,) where each piece starts, in bohr.
        pieces: (m, k) coefficients of the powers of r - knot, in Hartree and bohr.
        source: the file it is from.
        missed_below: in bohr; two atoms nearer than this are bonded, and the file has a placeholder. 0: it
            has a repulsion.
    """

    cutoff: float
    head: tuple[float, float, float] | None
    knots: np.ndarray
    pieces: np.ndarray
    source: Path
    missed_below: float = 0.0

    @property
    def reach(self) -> float:
        """Distance in bohr from which on the pair does not count."""
        return max(self.cutoff, self.missed_below)

    def energy_slope(self, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Energies (p,) in Hartree at ``distances`` (p,) in bohr and their derivatives.

        Raises:
            InputError: atoms are bonded and the file has no repulsion, as in siband; or they are below the
                first knot and the exponential there does not go on from it, as in ten files of 3ob-3-1.
        """
        if (distances < self.missed_below).any():
            raise InputError(
                f"{self.source}: the repulsive energy is a placeholder, which ends at {self.cutoff:g} bohr,"
                f" and two atoms are {distances.min():.3g} bohr apart, as in a bond: atoms that move need a"
                " set that has it (option 'slako'); an electrode that stays in its place does not"
            )
        piece = np.maximum(np.searchsorted(self.knots, distances, side="right") - 1, 0)
        x = distances - self.knots[piece]
        coefficients = self.pieces[piece]
        energies, slopes = coefficients[:, -1].copy(), np.zeros(len(x))
        for order in range(coefficients.shape[1] - 2, -1, -1):
            slopes = slopes * x + energies
            energies = energies * x + coefficients[:, order]
        if self.head is not None:
            a1, a2, a3 = self.head
            near = distances < self.knots[0]
            if near.any() and not self.head_meets:
                raise InputError(
                    f"{self.source}: the repulsive energy below {self.knots[0]:g} bohr does not go on from"
                    f" that above, and two atoms are {distances.min():g} bohr apart: other positions"
                )
            exponential = np.exp(a2 - a1 * distances[near])
            energies[near], slopes[near] = exponential + a3, -a1 * exponential
        beyond = distances >= self.cutoff
        energies[beyond], slopes[beyond] = 0.0, 0.0
        return energies, slopes

    @cached_property
    def head_meets(self) -> bool:
        """Whether the exponential, if any, has energy and slope of the first piece at the first knot."""
        if self.head is None:
            return True
        a1, a2, a3 = self.head
        exponential = np.exp(min(a2 - a1 * self.knots[0], _HIGHEST_POWER))
        energy, slope = self.pieces[0, :2]
        return bool(
            abs(exponential + a3 - energy) < _SAME_ENERGY and abs(-a1 * exponential - slope) < _SAME_SLOPE
        )


def load_repulsive(paths: Mapping[tuple[str, str], Path]) -> dict[tuple[str, str], RepulsivePair]:
    """Repulsive energies by ordered pair of elements from their files, A-B and B-A among them.

    Raises:
        InputError: a file without a repulsive part or with a malformed one, or one that cannot be read; files
            A-B and B-A with different energies.
    """
    table = {pair: read_repulsive(path, pair[0] == pair[1]) for pair, path in paths.items()}
    for (first, second), one in table.items():
        if first < second:
            _require_same(one, table[second, first], _SHORTEST_BOND * _covalent(first, second))
    return {
        pair: replace(one, missed_below=_LONGEST_BOND * _covalent(*pair))
        if one.cutoff < _SHORTEST_BOND * _covalent(*pair)
        else one
        for pair, one in table.items()
    }


def read_repulsive(path: Path, homonuclear: bool) -> RepulsivePair:
    """Repulsive energy in one .skf file; see :func:`load_repulsive`."""
    lines = read_lines(path)
    for number, line in enumerate(lines):
        if line.strip().lower() == "spline":
            return _spline(path, lines, number + 1)
    return _polynomial(path, lines, 2 if homonuclear else 1)


def repulsive_energy_forces(
    symbols: Sequence[str], half: Pairs, table: Mapping[tuple[str, str], RepulsivePair]
) -> tuple[float, np.ndarray]:
    """Energy in Hartree and forces (n_atoms, 3) in Hartree/bohr from every pair once (:meth:`Pairs.half`)."""
    energy, forces = 0.0, np.zeros((len(symbols), 3))
    distance = np.linalg.norm(half.vector, axis=1)
    near = half.chosen(distance < max(pair.reach for pair in table.values()))
    distance = np.linalg.norm(near.vector, axis=1)
    for kinds, chosen in pairs_of_kinds(symbols, near.first, near.second).items():
        if not len(chosen):
            continue
        pair = table[kinds]
        energies, slopes = pair.energy_slope(distance[chosen])
        energy += float(energies.sum())
        pulls = (slopes / distance[chosen])[:, None] * near.vector[chosen]
        np.add.at(forces, near.first[chosen], pulls)
        np.subtract.at(forces, near.second[chosen], pulls)
    return energy, forces


def _covalent(first: str, second: str) -> float:
    """Sum of the covalent radii of two elements in bohr; of a name that is none, 0.2 Angstrom."""
    return float(
        sum(covalent_radii[atomic_numbers.get(one, 0)] for one in (first, second)) * ANGSTROM_TO_BOHR
    )


def _require_same(one: RepulsivePair, other: RepulsivePair, nearest: float) -> None:
    """Refuse files A-B and B-A whose energies differ from ``nearest`` (bohr) on, placeholders left out."""
    start = max([nearest, *(pair.knots[0] for pair in (one, other) if not pair.head_meets)])
    distances = np.linspace(start, max(start, one.cutoff, other.cutoff), _COMPARED)
    energies = [pair.energy_slope(distances)[0] for pair in (one, other)]
    differ = np.abs(energies[0] - energies[1])
    worst = int((differ / (1.0 + np.abs(energies[0]))).argmax())
    if differ[worst] > _SAME_REPULSION * (1.0 + abs(energies[0][worst])):
        raise InputError(
            f"{one.source} and {other.source.name}: different repulsive energies,"
            f" {energies[0][worst]:.6f} and {energies[1][worst]:.6f} Hartree at {distances[worst]:.2f} bohr,"
            " so that energy and forces would depend on the order of the atoms; in a copy of the set, give"
            " both files the spline of the one you trust"
        )


def _spline(path: Path, lines: list[str], start: int) -> RepulsivePair:
    # as in DFTB+, which reads numbers wherever the next ones are
    rows = [number for number in range(start, len(lines)) if lines[number].strip()]
    rows += [len(lines)] * 2
    start = rows[0]
    fields = read_numbers(path, lines, start, 2)
    count, cutoff = int(fields[0]), fields[1]
    if count < 1 or cutoff <= 0.0 or count != fields[0]:
        raise InputError(
            f"{path}: line {start + 1}: {fields[0]:g} intervals and cut-off {cutoff:g} make no spline"
        )
    a1, a2, a3 = read_numbers(path, lines, rows[1], 3)[:3]
    knots, pieces, end = np.empty(count), np.zeros((count, _ORDERS)), 0.0
    for k in range(count):
        line = rows[2 + k] if 2 + k < len(rows) else len(lines)
        orders = _ORDERS if k == count - 1 else 4
        numbers = read_numbers(path, lines, line, 2 + orders)
        knots[k], stop = numbers[:2]
        pieces[k, :orders] = numbers[2 : 2 + orders]
        if not stop > knots[k]:
            raise InputError(
                f"{path}: line {line + 1}: the spline's interval from {knots[k]:g} bohr ends before, at"
                f" {stop:g}; the file is damaged, or published so, as in miomod-hh-0-1: take it from another"
                " set"
            )
        if k and abs(knots[k] - end) > _ROUNDED:
            raise InputError(
                f"{path}: line {line + 1}: the spline's interval from {knots[k]:g} to {stop:g} bohr does not"
                " follow the one before; the file is damaged, get it again"
            )
        if k:
            _require_meeting(path, line, knots[k] - knots[k - 1], pieces[k - 1 : k + 1])
        end = stop
    x = end - knots[-1]
    _require_meeting(path, rows[2 + count], x, np.array([pieces[-1], np.zeros(_ORDERS)]))
    # DFTB+ ends with the last interval, whatever the first line says
    return RepulsivePair(end, (a1, a2, a3), knots, pieces, path)


def _require_meeting(path: Path, line: int, x: float, pieces: np.ndarray) -> None:
    """Refuse pieces (2, k) whose energies or slopes differ where they meet, ``x`` from the first knot."""
    first = np.polynomial.Polynomial(pieces[0])
    if abs(first(x) - pieces[1, 0]) > _SAME_ENERGY or abs(first.deriv()(x) - pieces[1, 1]) > _SAME_SLOPE:
        raise InputError(
            f"{path}: line {line} or {line + 1}: the repulsive energies of the two intervals do not meet; the"
            " file is damaged, get it again"
        )


def _polynomial(path: Path, lines: list[str], index: int) -> RepulsivePair:
    numbers = read_numbers(path, lines, index, 10)
    coefficients, cutoff = numbers[1:9], numbers[9]
    if cutoff <= 0.0 or not any(coefficients):
        raise InputError(
            f"{path}: neither a spline nor a polynomial for the repulsive energy, which forces need; set the"
            " option 'slako' to a set that has it"
        )
    # in powers of x = r - r_cut, the only knot; smaller distances are extrapolated from it
    pieces = np.zeros((1, 10))
    pieces[0, 2:] = np.array(coefficients) * (-1.0) ** np.arange(2, 10)
    return RepulsivePair(cutoff, None, np.array([cutoff]), pieces, path)
