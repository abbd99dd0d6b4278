"""Outputs of i-PI that still grow, read as far as they are: rows of properties and frames of extras."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from polcouple.ipi.output import last_of_each, property_columns

#: read at a time, in bytes
_PART = 1 << 20
_STEP = re.compile(r"#EXTRAS\(.*Step:\s*(\d+)")


class _Lines:
    """The complete lines that were added to a file since they were last asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._rest = b""

    def part(self) -> list[str]:
        """At most some thousand lines more; none where there is nothing new."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._read)
                added = stream.read(_PART)
        except FileNotFoundError:
            return []
        self._read += len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


class FollowedProperties:
    """The columns of a property output, as :func:`polcouple.ipi.output.read_properties` has them.

    Of a step that was written twice, after a restart from a checkpoint, the later row counts.
    """

    def __init__(self, path: Path) -> None:
        self._lines = _Lines(path)
        self._header: list[str] = []
        self._names: list[str] = []
        self._rows = np.empty((0, 0))

    def look(self) -> None:
        """Read what was added.

        Raises:
            InputError: an unknown unit in the header.
        """
        while lines := self._lines.part():
            self._header += [line for line in lines if line.startswith("#")]
            columns, width = property_columns(self._header, self._lines.path)
            rows = [row for line in lines if (row := _row(line, width))]
            if rows:
                self._names = [column.name for column in columns]
                self._add(
                    np.array(rows)[:, [column.start for column in columns]]
                    * [column.factor for column in columns]
                )

    def _add(self, rows: np.ndarray) -> None:
        """Rows after those that are there; a start that begins again goes over them."""
        if not self._rows.size:
            self._rows = rows[:0]
        if "step" in self._names:
            step = self._names.index("step")
            rows = rows[last_of_each(rows[:, step].astype(int))]
            if len(self._rows) and self._rows[-1, step] >= rows[0, step]:
                self._rows = self._rows[self._rows[:, step] < rows[0, step]]
        self._rows = np.concatenate([self._rows, rows])

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """(n,) arrays in atomic units by i-PI's names; empty before the first row."""
        return dict(zip(self._names, self._rows.T, strict=True)) if self._rows.size else {}


class FollowedNumber:
    """An extras trajectory of one number a frame, by its step."""

    def __init__(self, path: Path) -> None:
        self._lines = _Lines(path)
        self._step: int | None = None
        self.values: dict[int, float] = {}

    def look(self) -> None:
        """Read what was added."""
        while lines := self._lines.part():
            for line in lines:
                if header := _STEP.search(line):
                    self._step = int(header.group(1))
                elif self._step is not None and (row := _row(line, 1)):
                    self.values[self._step] = row[0]


def _row(line: str, width: int) -> list[float]:
    """The numbers of a line; none where it has not ``width`` of them."""
    words = line.split()
    if len(words) != width or line.startswith("#"):
        return []
    try:
        return [float(word) for word in words]
    except ValueError:
        return []
