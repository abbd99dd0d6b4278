"""Constrained distances of a system: which atoms belong together, and the solver of each group."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from polcouple.errors import ConvergenceError, InputError
from polcouple.rigid.groups import mass_couplings, rattle, shake
from polcouple.rigid.triangles import settle, stop_stretching
from polcouple.units import BOHR_TO_ANGSTROM

#: relative, of the distances; rounding leaves about 1e-15
_TOLERANCE = 1e-13
#: Newton iterations; four are usual
_MOST_ITERATIONS = 50
#: distances that differ by less, relative, are equal: half a digit of what xyz files hold
_EQUAL = 1e-9
#: distances of a structure that are off by more, relative, are another molecule's
_ANOTHER_MOLECULE = 0.1
#: distances that are good to this, relative, are left alone: a restarted run goes on with the same bits
_ON_CONSTRAINTS = 1e-9


class Constraints:
    """Fixed distances between atoms.

    Args:
        pairs: (p, 2) indices of atoms.
        lengths: (p,) their distances in bohr.
        masses: (n,) of all atoms, in electron masses.

    Attributes:
        pairs, lengths: as given.

    Raises:
        InputError: a pair twice, a distance that is not positive.
    """

    def __init__(self, pairs: np.ndarray, lengths: np.ndarray, masses: np.ndarray) -> None:
        self.pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
        self.lengths = np.asarray(lengths, float).ravel()
        self._inverse_masses = 1.0 / np.asarray(masses, float)
        self._check()
        groups = self._groups()
        shapes = [self._triangle(group) for group in groups]
        triangles = [shape for shape in shapes if shape is not None]
        others = [group for group, shape in zip(groups, shapes, strict=True) if shape is None]
        self._triangle_atoms = np.array([t[0] for t in triangles], np.int64).reshape(-1, 3)
        self._triangle_shapes = np.array([t[1] for t in triangles]).reshape(-1, 2)
        self._triangle_masses = np.asarray(masses, float)[self._triangle_atoms[:, :2]]
        order = np.concatenate([*others, np.empty(0, np.int64)]).astype(np.int64)
        self._starts = np.cumsum([0, *map(len, others)]).astype(np.int64)
        self._group_pairs = np.ascontiguousarray(self.pairs[order])
        self._group_squares = self.lengths[order] ** 2
        self._couplings = mass_couplings(self._starts, self._group_pairs, self._inverse_masses)

    def __len__(self) -> int:
        return len(self.pairs)

    def _check(self) -> None:
        if len(self.lengths) != len(self.pairs):
            raise InputError(f"{len(self.lengths)} lengths for {len(self.pairs)} constrained pairs of atoms")
        if not len(self.pairs):
            return
        for number, (i, j) in enumerate(self.pairs.tolist()):
            if i == j:
                raise InputError(f"constraint {number} holds atom {i} at a distance from itself")
        ordered = np.sort(self.pairs, axis=1)
        unique, counts = np.unique(ordered, axis=0, return_counts=True)
        if len(unique) < len(ordered):
            i, j = unique[counts.argmax()].tolist()
            raise InputError(f"atoms {i} and {j} are constrained twice; leave one of the constraints out")
        bad = ~((self.lengths > 0.0) & np.isfinite(self.lengths))
        if bad.any():
            i, j = self.pairs[bad][0].tolist()
            raise InputError(f"the constrained distance of atoms {i} and {j} is not a positive number")

    def _groups(self) -> list[np.ndarray]:
        """Indices of the pairs of each group of atoms that hang together."""
        if not len(self.pairs):
            return []
        atoms, compact = np.unique(self.pairs, return_inverse=True)
        compact = compact.reshape(-1, 2)
        links = coo_array((np.ones(len(compact)), compact.T), shape=(len(atoms), len(atoms)))
        _, labels = connected_components(links, directed=False)
        label = labels[compact[:, 0]]
        order = np.argsort(label, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)

    def _triangle(self, group: np.ndarray) -> tuple[tuple[int, int, int], tuple[float, float]] | None:
        """Atoms (apex, base, base) and shape (height, half the base) of what SETTLE can solve."""
        if len(group) != 3:
            return None
        atoms = np.unique(self.pairs[group])
        if len(atoms) != 3:
            return None
        length = {frozenset(self.pairs[g].tolist()): float(self.lengths[g]) for g in group}
        for apex in atoms.tolist():
            b, c = (atom for atom in atoms.tolist() if atom != apex)
            legs = length[frozenset((apex, b))], length[frozenset((apex, c))]
            base = length[frozenset((b, c))]
            equal = self._inverse_masses[b] == self._inverse_masses[c] and legs[0] == legs[1]
            if equal and base < 2.0 * legs[0] * (1.0 - _EQUAL):
                return (apex, b, c), (float(np.sqrt(legs[0] ** 2 - 0.25 * base**2)), 0.5 * base)
        return None

    def deviation(self, positions: np.ndarray) -> float:
        """Largest relative error of a distance at ``positions`` (n, 3) in bohr."""
        if not len(self.pairs):
            return 0.0
        return float(np.abs(self._distances(positions) / self.lengths - 1.0).max())

    def stretching(self, positions: np.ndarray, momenta: np.ndarray) -> float:
        """Largest speed at which a distance changes, relative to the atoms' thermal (rms) speed."""
        if not len(self.pairs):
            return 0.0
        velocities = momenta * self._inverse_masses[:, None]
        i, j = self.pairs.T
        bonds, relative = positions[i] - positions[j], velocities[i] - velocities[j]
        speed = np.abs((bonds * relative).sum(1)) / self.lengths
        scale = float(np.sqrt((relative**2).sum(1).mean()))
        return float(speed.max()) / scale if scale > 0.0 else 0.0

    def require_near(self, positions: np.ndarray, most: float) -> None:
        """Refuse a structure whose distances are not the constraints'.

        Args:
            positions: (n, 3) in bohr, molecules whole.
            most: relative error that is allowed.

        Raises:
            InputError: naming the worst pair, and both distances.
        """
        if not self.deviation(positions) > most:
            return
        distances = self._distances(positions)
        worst = int(np.abs(distances / self.lengths - 1.0).argmax())
        i, j = self.pairs[worst].tolist()
        found, wanted = distances[worst] * BOHR_TO_ANGSTROM, self.lengths[worst] * BOHR_TO_ANGSTROM
        raise InputError(
            f"atoms {i} and {j} are {found:.4f} Angstrom apart, their constraint says {wanted:.4f}; start"
            " from a structure with this molecule's shape"
        )

    def _distances(self, positions: np.ndarray) -> np.ndarray:
        i, j = self.pairs.T
        return np.linalg.norm(positions[i] - positions[j], axis=1)

    def whole(self, positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """``positions`` (n, 3) with the atoms of each group moved by lattice vectors next to one another.

        ``cell`` has a vector per row. Atoms that are together stay exactly where they are.
        """
        moved = positions.copy()
        inverse = np.linalg.inv(cell)
        for group in self._groups():
            pairs = self.pairs[group].tolist()
            done = {pairs[0][0]}
            while True:
                step = next(((i, j) for i, j in pairs if (i in done) != (j in done)), None)
                if step is None:
                    break
                here, there = step if step[0] in done else step[::-1]
                images = np.round((moved[there] - moved[here]) @ inverse)
                if images.any():
                    moved[there] -= images @ cell
                done.add(there)
        return moved

    def fitted(
        self, positions: np.ndarray, cell: np.ndarray, most: float = _ANOTHER_MOLECULE
    ) -> tuple[np.ndarray, float]:
        """A structure with its molecules whole and on the constraints, as files of few digits have it nearly.

        Args:
            positions: (n, 3) in bohr, of any images; ``cell`` has a vector per row.
            most: relative error of a distance that is allowed.

        Returns:
            (n, 3) in bohr, and the largest relative error that distances had. What obeys its constraints to
            1e-9 stays exactly where it is.

        Raises:
            InputError: a distance is off by more: another molecule.
        """
        whole = self.whole(positions, cell)
        self.require_near(whole, most)
        deviation = self.deviation(whole)
        if deviation > _ON_CONSTRAINTS:
            self.finish_move(whole.copy(), whole, np.zeros_like(whole), 1.0)
        return whole, deviation

    def finish_move(
        self, before: np.ndarray, positions: np.ndarray, momenta: np.ndarray, time_step: float
    ) -> None:
        """Put atoms that have moved freely for ``time_step`` back on the constraints, in place (RATTLE).

        The momenta get what the constraints' forces add, and then hold no stretching.

        Args:
            before: (n, 3) positions at the start of the move, which obey the constraints.
            positions, momenta: (n, 3) after the free move.

        Raises:
            ConvergenceError: naming the atoms that have no solution.
        """
        failed = settle(
            self._triangle_atoms, self._triangle_masses, self._triangle_shapes,
            before, positions, momenta, time_step,
        )  # fmt: skip
        if failed >= 0:
            raise _unsolved(self._triangle_atoms[failed])
        failed = shake(
            self._starts, self._group_pairs, self._group_squares, self._couplings,
            before, positions, momenta, self._inverse_masses, time_step, _TOLERANCE, _MOST_ITERATIONS,
        )  # fmt: skip
        if failed >= 0:
            raise _unsolved(self._atoms_of(failed))
        self.stop_stretching(positions, momenta)

    def stop_stretching(self, positions: np.ndarray, momenta: np.ndarray) -> None:
        """Take out of ``momenta`` (n, 3), in place, what would change the distances at ``positions``.

        Raises:
            ConvergenceError: constraints that depend on one another.
        """
        stop_stretching(self._triangle_atoms, self._triangle_masses, positions, momenta)
        failed = rattle(
            self._starts, self._group_pairs, self._couplings, positions, momenta, self._inverse_masses
        )
        if failed >= 0:
            atoms = ", ".join(map(str, self._atoms_of(failed)))
            raise ConvergenceError(
                f"the constraints of atoms {atoms} depend on one another (in a line, or more than the atoms'"
                " freedoms); leave one out"
            )

    def _atoms_of(self, group: int) -> np.ndarray:
        return np.unique(self._group_pairs[self._starts[group] : self._starts[group + 1]])


def _unsolved(atoms: np.ndarray) -> ConvergenceError:
    return ConvergenceError(
        f"the constraints of atoms {', '.join(map(str, np.sort(atoms).tolist()))} do not converge: they moved"
        " too far in one step; shorten the time step or equilibrate the start"
    )
