"""What one analysis hands to the report: words, pictures, tables and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib.figure


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


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers; the unit of each column stands in its heading ("peak height (g/cm3)").

    Numbers are written to the CSV as they are, and rounded to four significant digits in the page.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str | float | int | None]]
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
