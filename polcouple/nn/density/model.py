"""A density of electrons that is linear in what atoms see: the difference from neutral, spherical atoms.

    n(r) - n_atoms(r) = sum_A sum_nlm C_A,nlm f_nlm(r - R_A)

The atom's charge -q_A is in one function of l = 0 (:mod:`.basis`), and the others, whose weights are
learned, take from it what they hold: the integral is -sum q_A whatever was learned. With *given* charges
those are a backend's. With *learned* ones a number of electrons is given, spread evenly over the electrode,
and what atoms hold of it is learned, its sum kept: of a metal whose levels are known (:mod:`.levels`) from
the waves that the electrons fill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.electrode import Electrode
from polcouple.electrostatics.clouds import Cloud
from polcouple.nn.density.basis import DensityBasis, near_points, summed_by_point
from polcouple.nn.density.features import Surroundings
from polcouple.nn.density.levels import ElectrodeLevels


@dataclass(frozen=True)
class DensityDesign:
    """What is linear in what, for one of the two parts.

    Attributes:
        basis: functions of an atom.
        surroundings: its features; of the charged part they are linear in charges.
        learned_charges: whether atoms' charges are learned, too.
        levels: of the electrode, which share the electrons of learned charges; None: all atoms alike.
    """

    basis: DensityBasis
    surroundings: Surroundings
    learned_charges: bool
    levels: ElectrodeLevels | None = None

    def shapes(self) -> list[tuple[int, int]]:
        """(functions, features) of an element's weights for each l."""
        n = len(self.basis.exponents)
        whole = [(n, self.surroundings.length)] * (self.basis.l_max + 1)
        whole[0] = (n if self.learned_charges else n - 1, self.surroundings.length + 1)
        return whole

    @property
    def length(self) -> int:
        """Number of weights of an element."""
        return sum(a * b for a, b in self.shapes())

    def features(self, atoms: Electrode, charges: np.ndarray) -> list[np.ndarray]:
        """(n, features, 2 l + 1) of each l; the first of l = 0 is the atom's own: 1, or its charge."""
        pairs = self.surroundings.pairs(atoms)
        between = np.zeros(len(pairs.second))
        if self.levels is not None:
            charges, between = self.levels.added(atoms, pairs, charges)
        seen = self.surroundings.of(atoms, pairs, charges, between)
        parts = [seen[:, :, m**2 : (m + 1) ** 2] for m in range(self.basis.l_max + 1)]
        own = charges if self.surroundings.charged else np.ones(len(atoms))
        parts[0] = np.concatenate([own[:, None, None], parts[0]], axis=1)
        return parts

    def unlearned(self, charges: np.ndarray) -> np.ndarray:
        """(n, functions, harmonics) coefficients where all weights are zero."""
        found = np.zeros((len(charges), len(self.basis.exponents), (self.basis.l_max + 1) ** 2))
        if self.surroundings.charged:
            found[:, self.basis.seat, 0] = -charges
        return found

    def rest(self) -> np.ndarray:
        """Numbers of the functions of l = 0 that take from the seat what they hold."""
        return np.delete(np.arange(len(self.basis.exponents)), self.basis.seat)


@dataclass(frozen=True, eq=False)
class DensityPart:
    """A design with its weights (elements, length)."""

    design: DensityDesign
    weights: np.ndarray

    def coefficients(self, atoms: Electrode, charges: np.ndarray) -> np.ndarray:
        """(n, functions, harmonics) of atoms with ``charges`` (n,) in e.

        Raises:
            InputError: an element that the model does not know.
        """
        design = self.design
        kinds = design.surroundings.kinds(atoms.symbols)
        found, start = design.unlearned(charges), 0
        seat, rest = design.basis.seat, design.rest()
        for momentum, (part, shape) in enumerate(
            zip(design.features(atoms, charges), design.shapes(), strict=True)
        ):
            own = self.weights[:, start : start + shape[0] * shape[1]].reshape(-1, *shape)
            start += shape[0] * shape[1]
            learned = np.einsum("afm,anf->anm", part, own[kinds])
            if momentum:
                found[:, :, momentum**2 : (momentum + 1) ** 2] += learned
                continue
            shaped = learned[:, : len(rest), 0]
            found[:, rest, 0] += shaped
            found[:, seat, 0] -= shaped.sum(axis=1)
            if design.learned_charges:
                held = learned[:, -1, 0]
                found[:, seat, 0] += held - held.mean()
        return found


def density_at(
    basis: DensityBasis, atoms: Electrode, coefficients: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """(p,) electrons per bohr^3 at ``points`` (p, 3) in bohr, images of the cell included."""
    found = np.zeros(len(points))
    cell = atoms.cell if any(atoms.pbc) else None
    for block, atom, row, vectors in near_points(points, atoms.positions, cell, basis.reach):
        values = np.einsum("pnm,pnm->p", basis.values(vectors), coefficients[atom])
        found[block] = np.bincount(row, values, minlength=block.stop - block.start)
    return found


def cloud_density(
    atoms: Electrode, clouds: Sequence[Cloud], electrons: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """(p,) electrons per bohr^3 at ``points`` (p, 3) in bohr of ``electrons`` (n,) in the atoms' clouds."""
    found = np.zeros(len(points))
    kinds = list(dict.fromkeys(clouds))
    kind = np.array([kinds.index(one) for one in clouds])
    cell = atoms.cell if any(atoms.pbc) else None
    reach = max(cloud.reach for cloud in kinds)
    for block, atom, row, vectors in near_points(points, atoms.positions, cell, reach):
        distances = np.linalg.norm(vectors, axis=1)
        values = electrons[atom]
        for number, cloud in enumerate(kinds):
            own = kind[atom] == number
            values[own] *= cloud.density(distances[own])
        found[block] = np.bincount(row, values, minlength=block.stop - block.start)
    return found


def design_rows(
    design: DensityDesign, atoms: Electrode, charges: np.ndarray, points: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of points with the derivatives (b, elements, length) of the density by the weights there."""
    basis, kinds = design.basis, design.surroundings.kinds(atoms.symbols)
    elements, parts = len(design.surroundings.elements), design.features(atoms, charges)
    rest = design.rest()
    cell = atoms.cell if any(atoms.pbc) else None
    for block, atom, row, vectors in near_points(points, atoms.positions, cell, basis.reach):
        values = basis.values(vectors)
        seats = values[:, basis.seat, 0]
        n = block.stop - block.start
        rows = np.zeros((n, elements, design.length))
        for element in range(elements):
            own = kinds[atom] == element
            columns = []
            for momentum, part in enumerate(parts):
                functions = values[own, :, momentum**2 : (momentum + 1) ** 2]
                if not momentum:
                    functions = functions[:, rest] - seats[own, None, None]
                columns.append(np.einsum("pnm,pfm->pnf", functions, part[atom[own]]).reshape(own.sum(), -1))
                if not momentum and design.learned_charges:
                    columns.append(seats[own, None] * part[atom[own], :, 0])
            rows[:, element] = summed_by_point(np.concatenate(columns, axis=1), row[own], n)
            if design.learned_charges:
                # what is taken from all atoms for the sum to stay
                start = len(rest) * parts[0].shape[1]
                mean = parts[0][kinds == element, :, 0].sum(axis=0) / len(atoms)
                everywhere = np.bincount(row, seats, minlength=n)
                rows[:, element, start : start + len(mean)] -= everywhere[:, None] * mean
        yield block, rows
