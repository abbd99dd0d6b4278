"""Whether the rows of an .skf table are those that its file had when it was made.

The bounds stand between what the 663 tables of 21 public sets have and what damage makes of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter

from polcouple.errors import InputError

#: a table is judged from the first distance on, each number beside those within the second (bohr)
_FILLED, _NEAR = 1.0, 1.0
#: largest fourth difference of a number over the largest number within ``_NEAR``; public sets have 0.046
_LARGEST_JUMP = 0.2
#: largest median over the columns of a fourth difference over its column's median in the rows around; public
#: sets have 58, tables that lost a row 83 and more, but where they are flat
_LARGEST_SHIFT = 75.0
#: rows around; columns below this (Hartree, or 1) are left out, and fourth differences that are rounding
_AROUND, _SMALL, _ROUNDING = 31, 3e-3, 1e-6
#: rows after those that the first line announces: public sets have up to 20, with numbers up to 0.011
_MOST_ROWS_BEYOND, _LARGEST_BEYOND = 20, 0.02


def require_undamaged(path: Path, step: float, rows: np.ndarray, first_row: int) -> None:
    """Refuse a table with a number or a row that does not fit its neighbours.

    A number that lost its sign stands out in its column. A row that is missing, doubled or exchanged moves
    all columns at once. Nearer than ``_FILLED``, where atoms never are, some tables are filled up.

    Args:
        path: of the file.
        step: grid spacing in bohr.
        rows: (n, 20) in the file's order.
        first_row: lines before the first.

    Raises:
        InputError: naming the line.
    """
    near = 2 * max(int(_NEAR / step), 2) + 1
    largest = maximum_filter1d(np.abs(rows), near, axis=0)[2:-2]
    differences = np.abs(np.diff(rows, 4, axis=0))
    jumps = (differences / (largest + 1e-4)).max(axis=1)
    jumps[: int(_FILLED / step)] = 0.0
    row = int(jumps.argmax())
    if jumps[row] > _LARGEST_JUMP:
        raise InputError(
            f"{path}: line {first_row + row + 3}: a number does not lie between those of its neighbours; the"
            " file is damaged, get it again"
        )
    usual = median_filter(differences, (_AROUND, 1), mode="nearest") + _ROUNDING
    counts = largest > _SMALL
    counts[: int(_FILLED / step)] = False
    judged = np.flatnonzero(counts.sum(axis=1) > 1)
    if not len(judged):
        return
    medians = np.nanmedian(np.where(counts, differences / usual, np.nan)[judged], axis=1)
    row = int(judged[medians.argmax()])
    if medians.max() > _LARGEST_SHIFT:
        raise InputError(
            f"{path}: about line {first_row + row + 3}: the rows before and after do not fit, as where a line"
            " is missing or stands twice; the file is damaged, get it again"
        )


def require_whole(path: Path, n_rows: int, beyond: np.ndarray) -> None:
    """Refuse a table that goes on with numbers that count after the rows that its first line announces.

    Args:
        path: of the file.
        n_rows: announced.
        beyond: (m, 20) rows of numbers that follow.

    Raises:
        InputError: with both counts.
    """
    if len(beyond) > _MOST_ROWS_BEYOND or (len(beyond) and np.abs(beyond).max() > _LARGEST_BEYOND):
        raise InputError(
            f"{path}: line 1 announces {n_rows} rows, and {len(beyond)} more follow; the file is damaged, get"
            " it again"
        )
