"""What one analysis hands to the report: words, pictures, tables and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import matplotlib.figure

from polcouple.analysis.block_errors import Estimate


@dataclass(frozen=True)
class Figure:
    """A picture. `name` is the file name without its ending, unique in the report, of [a-z0-9_]."""

    name: str
    figure: matplotlib.figure.Figure
    caption: str


@dataclass(frozen=True)
class Movie:
    """An animated GIF, shown after the figures; `name` as of a figure."""

    name: str
    gif: bytes
    caption: str


#: what a cell of a table may hold: None where nothing can be said; an estimate of one number with its error
Cell: TypeAlias = str | float | int | Estimate | None


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers; the unit of each column stands in its heading ("peak height (g/cm3)").

    Numbers are written to the CSV as they are, the errors of estimates in a column of their own; in the page
    they are rounded, those with errors to two digits of the error.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    caption: str


@dataclass(frozen=True)
class Section:
    """One heading of the report. `numbers` holds what JSON can: str, numbers, lists and mappings of them."""

    title: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    movies: tuple[Movie, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
