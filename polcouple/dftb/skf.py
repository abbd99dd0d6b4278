"""Slater-Koster files (.skf): atomic parameters and two-centre integrals.

The format is that of DFTB+ (https://dftb.org/fileadmin/DFTB/public/misc/slakoformat.pdf), shells s, p and d.
How values between their rows are found is in :mod:`polcouple.dftb.interpolation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from polcouple.dftb.interpolation import POINTS, TAIL, interpolate, tail_coefficients
from polcouple.dftb.orbital_phases import SigmaOverlap, require_one_choice_of_phases
from polcouple.dftb.parameter_sets import (
    Assumption,
    assumptions_of_directory,
    assumptions_of_file,
    where_to_find,
)
from polcouple.dftb.table_checks import require_undamaged, require_whole
from polcouple.errors import InputError

#: directory of the parameters that come with the package
DEFAULT_SLAKO = Path(__file__).parent / "slako" / "mio-1-1"

_SHELL_NAMES = "spd"
#: no line has more numbers
_MOST_REPEATS = 100
#: distances at which A-B and B-A are compared, and parts of the largest value that rounding may leave
_COMPARED, _SAME_INTEGRALS = 50, 1e-3

#: columns of <l1 m|.|l2 m>, |m| = 0 .. l1, among the ten of H and the ten of S; l1 <= l2
COLUMNS = {(0, 0): [9], (0, 1): [8], (0, 2): [7], (1, 1): [5, 6], (1, 2): [3, 4], (2, 2): [0, 1, 2]}


@dataclass(frozen=True, eq=False)
class AtomType:
    """Free-atom parameters of one element.

    Attributes:
        onsite: on-site energy of each shell s, p, (d) in Hartree.
        hubbard: Hubbard U of each shell in Hartree.
        occupation: electrons in each shell of the neutral atom.
    """

    onsite: tuple[float, ...]
    hubbard: tuple[float, ...]
    occupation: tuple[float, ...]

    @property
    def n_shells(self) -> int:
        """Number of shells: s, p, d in this order."""
        return len(self.onsite)

    @property
    def valence(self) -> float:
        """Valence electrons of the neutral atom."""
        return sum(self.occupation)

    @property
    def capacity(self) -> float:
        """Electrons that the shells can hold."""
        return 2.0 * self.n_shells**2


@dataclass(frozen=True, eq=False)
class PairTable:
    """Two-centre integrals of an ordered pair of elements on an equidistant grid.

    Attributes:
        step: grid spacing in bohr; the first row belongs to ``step``.
        values: (n_grid, 2, 10), Hamiltonian (Hartree) and overlap in the file's column order.
    """

    step: float
    values: np.ndarray

    @property
    def cutoff(self) -> float:
        """Distance in bohr beyond which all integrals vanish."""
        return len(self.values) * self.step + TAIL

    @cached_property
    def start(self) -> float:
        """Distance in bohr from which on no row that enters an integral is a filler."""
        return (_first_real_row(self.values.reshape(len(self.values), -1)) + POINTS // 2) * self.step

    def integrals(self, l1: int, l2: int, distances: np.ndarray) -> np.ndarray:
        """Integrals <l1 m| . |l2 m>, l1 <= l2, at ``distances`` (p,) in bohr.

        The second atom lies on the positive z axis of the first. Returns (p, 2, l1 + 1): Hamiltonian and
        overlap for |m| = 0 .. l1.
        """
        return self.interpolate(distances)[0][:, :, COLUMNS[l1, l2]]

    def interpolate(self, distances: np.ndarray) -> np.ndarray:
        """All integrals at ``distances`` (p,) in bohr, and their derivatives with the distance.

        Returns (2, p, 2, 10): values and derivatives; :data:`COLUMNS` tells which column is which integral.
        """
        results = np.empty((2, len(distances), 20))
        table = self.values.reshape(-1, 20)
        interpolate(table, self.step, self._tail, np.asarray(distances, dtype=float), results)
        return results.reshape(2, -1, 2, 10)

    @cached_property
    def _tail(self) -> np.ndarray:
        return tail_coefficients(self.values.reshape(-1, 20), self.step)


@dataclass(frozen=True, eq=False)
class Parameters:
    """Atom types and pair tables of a set of elements.

    Attributes:
        atoms: by element.
        pairs: by ordered pair of elements.
        name: of the set.
        made_for: what the set assumes beyond atomic charges to second order.
    """

    atoms: dict[str, AtomType]
    pairs: dict[tuple[str, str], PairTable]
    name: str = ""
    made_for: frozenset[Assumption] = frozenset()

    @property
    def cutoff(self) -> float:
        """Longest range of all pairs in bohr."""
        return max(table.cutoff for table in self.pairs.values())

    def warnings(self, shell_resolved: bool, third_order: bool = False) -> tuple[str, ...]:
        """One line for each assumption of the set that a calculation does not meet.

        Args:
            shell_resolved: it has a charge fluctuation for every shell.
            third_order: it has the third-order terms.
        """
        lines = []
        if Assumption.THIRD_ORDER in self.made_for and not third_order:
            lines.append(
                f"slako: {self.name} is made for third-order DFTB3 and is used to second order, without the"
                " Hubbard derivatives: they move charges by some 0.01 e in carbon sheets, by up to 0.1 e in"
                " polar groups; mio-1-1 is made for second order"
            )
        if Assumption.SHELL_RESOLVED in self.made_for and not shell_resolved:
            differ = [name for name, atom in sorted(self.atoms.items()) if len(set(atom.hubbard)) > 1]
            effect = f"charges of {', '.join(differ)} come out wrong"
            if not differ:
                effect = f"it makes no difference for {', '.join(sorted(self.atoms))} alone"
            lines.append(
                f"slako: {self.name} is made for charges by shell and is used with charges by atom; set"
                f" shell_resolved: true ({effect})"
            )
        return tuple(lines)


def skf_paths(directory: Path, elements: Iterable[str]) -> dict[tuple[str, str], Path]:
    """The files ``A-B.skf`` of all ordered pairs of ``elements``, whether they exist or not."""
    names = sorted(set(elements))
    return {(a, b): directory / f"{a}-{b}.skf" for a in names for b in names}


def load_parameters(directory: Path, elements: Iterable[str], hybrid: bool = False) -> Parameters:
    """Read the files ``A-B.skf`` of all ordered pairs of ``elements``.

    Args:
        directory: of the set.
        elements: chemical symbols.
        hybrid: take a set of a hybrid functional, too; its tables alone are not its Hamiltonian.

    Raises:
        InputError: a directory or file is missing, truncated or malformed, of a hybrid functional, or of
            orbitals with other phases than in another file.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(f"no directory of Slater-Koster files at {directory}: set the option 'slako'")
    made_for = set(assumptions_of_directory(directory))
    atoms, pairs = {}, {}
    paths = skf_paths(directory, elements)
    for (first, second), path in paths.items():
        if not path.is_file():
            others = where_to_find(f"{a}-{b}" for a, b in paths)
            raise InputError(
                f"no Slater-Koster parameters for {first}-{second}: {path} does not exist; {others}"
            )
        made_for |= assumptions_of_file(_text(path))
        if Assumption.HYBRID in made_for and not hybrid:
            raise InputError(
                f"{path}: made for a hybrid functional, range-separated or global, whose exchange is not in"
                " the tables and not computed here; set the option 'slako' to another set, such as mio-1-1"
            )
        atom, table = read_skf(path, homonuclear=first == second)
        pairs[first, second] = table
        if atom is not None:
            atoms[first] = atom
    for (first, second), table in pairs.items():
        if first < second:
            _require_same_set(paths[first, second], table, paths[second, first], pairs[second, first])
    require_one_choice_of_phases(directory, _sigma_overlaps(atoms, pairs))
    return Parameters(atoms, pairs, directory.resolve().name, frozenset(made_for))


def _require_same_set(path: Path, table: PairTable, other_path: Path, other: PairTable) -> None:
    """Refuse files A-B and B-A of different sets: integrals of equal shells are the same in both.

    Raises:
        InputError: naming the first integral that differs.
    """
    start, end = max(table.start, other.start), min(table.cutoff, other.cutoff) - TAIL
    if end <= start:
        return
    distances = np.linspace(start, end, _COMPARED)
    for shell, name in enumerate(_SHELL_NAMES):
        values = np.array([one.integrals(shell, shell, distances) for one in (table, other)])
        differ = np.abs(values[0] - values[1]).max(axis=(0, 2))
        if (differ > _SAME_INTEGRALS * np.abs(values).max()).any():
            raise InputError(
                f"{path} and {other_path.name}: different {name}-{name} integrals, by up to"
                f" {differ.max():.1e}, which are the same in a set; take both files from one set"
            )


def _sigma_overlaps(
    atoms: dict[str, AtomType], pairs: dict[tuple[str, str], PairTable]
) -> Iterator[SigmaOverlap]:
    """Overlaps with m = 0 of all shells, where they are no fillers."""
    for (first, second), table in pairs.items():
        values = table.values[_first_real_row(table.values.reshape(-1, 20)) :, 1]
        for (l1, l2), columns in COLUMNS.items():
            if l1 < atoms[first].n_shells and l2 < atoms[second].n_shells:
                name = f"{_SHELL_NAMES[l1]}-{_SHELL_NAMES[l2]} of {first}-{second}.skf"
                yield SigmaOverlap((first, l1), (second, l2), values[:, columns[0]], name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="latin-1")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def read_lines(path: Path) -> list[str]:
    """The lines of an .skf file."""
    return _text(path).splitlines()


def read_skf(path: Path, homonuclear: bool) -> tuple[AtomType | None, PairTable]:
    """Read one .skf file; the atom's parameters are in homonuclear files only.

    A shell counts as part of the basis when its overlap with itself on another atom is in the table.

    Raises:
        InputError: truncated or malformed file, with the line number.
    """
    lines = read_lines(path)
    if lines and lines[0].lstrip().startswith("@"):
        raise InputError(f"{path}: the extended format with f shells is not supported, only s, p and d")
    step, n_rows = _grid(path, lines)
    first_row = 3 if homonuclear else 2
    rows = np.empty((n_rows, 20))
    for i in range(n_rows):
        rows[i] = read_numbers(path, lines, first_row + i, 20)[:20]
    require_whole(path, n_rows, _rows_beyond(path, lines, first_row + n_rows))
    require_undamaged(path, step, rows, first_row)
    table = PairTable(step, rows.reshape(n_rows, 2, 10))
    if not homonuclear:
        return None, table
    overlaps = table.values[_first_real_row(rows) :, 1]
    n_shells = 1 + max((k for k in (1, 2) if overlaps[:, COLUMNS[k, k]].any()), default=0)
    header = read_numbers(path, lines, 1, 10)
    onsite, hubbard, occupation = (tuple(header[k : k + 3][::-1]) for k in (0, 4, 7))
    for shell, value in zip(_SHELL_NAMES[:n_shells], hubbard, strict=False):
        if value <= 0.0:
            raise InputError(f"{path}: line 2: the Hubbard U of shell {shell} is {value:g}")
    if any(occupation[n_shells:]):
        raise InputError(f"{path}: line 2: electrons in a shell that the table has no integrals for")
    for k, (shell, electrons) in enumerate(zip(_SHELL_NAMES, occupation, strict=True)):
        if not 0.0 <= electrons <= 2 * (2 * k + 1):
            raise InputError(
                f"{path}: line 2: {electrons:g} electrons in shell {shell}, which holds {2 * (2 * k + 1)};"
                " the file is damaged, get it again"
            )
        if electrons > 0.0 and onsite[k] >= 0.0:
            raise InputError(
                f"{path}: line 2: shell {shell} has {electrons:g} electrons that are not bound (on-site"
                f" energy {onsite[k]:g} Hartree); the file is damaged, get it again"
            )
    return AtomType(onsite[:n_shells], hubbard[:n_shells], occupation[:n_shells]), table


def _grid(path: Path, lines: list[str]) -> tuple[float, int]:
    """Grid spacing and number of rows; the count in the file is one more than the rows it has."""
    fields = read_numbers(path, lines, 0, 2)
    step, n_rows = fields[0], int(fields[1]) - 1
    if step <= 0.0 or n_rows <= POINTS:
        raise InputError(f"{path}: line 1: grid spacing {step:g} and {n_rows} rows make no table")
    if n_rows > len(lines):
        raise InputError(
            f"{path} is truncated: it ends after line {len(lines)}, line 1 announces"
            f" {n_rows} rows; get the file again"
        )
    return step, n_rows


def _rows_beyond(path: Path, lines: list[str], index: int) -> np.ndarray:
    """The rows (m, 20) of numbers from line ``index`` on."""
    beyond = []
    for line in range(index, len(lines)):
        try:
            beyond.append(read_numbers(path, lines, line, 20)[:20])
        except InputError:
            break
    return np.array(beyond).reshape(-1, 20)


def _first_real_row(rows: np.ndarray) -> int:
    """Index of the first row that is no filler: files have overlaps of 1.0, or zeros, at short distance."""
    real = np.flatnonzero((rows[:, 10:] != 1.0).any(axis=1) & rows.any(axis=1))
    return int(real[0]) if len(real) else len(rows)


def read_numbers(path: Path, lines: list[str], index: int, at_least: int) -> list[float]:
    """Numbers of line ``index`` from 0, with Fortran's repeats (``20*1.0``), commas and d exponents."""
    if index >= len(lines):
        raise InputError(f"{path} is truncated: it ends after line {len(lines)}; get the file again")
    values: list[float] = []
    for field in lines[index].replace(",", " ").split():
        count, star, value = field.rpartition("*")
        try:
            repeats = int(count) if star else 1
            number = float(value.lower().replace("d", "e"))
        except ValueError:
            break
        if not 0 < repeats <= _MOST_REPEATS:
            raise InputError(f"{path}: line {index + 1}: '{field[:40]}' is not a count and a number")
        values += [number] * repeats
    if len(values) < at_least or not np.isfinite(values).all():
        raise InputError(f"{path}: line {index + 1}: expected {at_least} numbers, found {len(values)}")
    return values
