"""Sections as one page of HTML that needs nothing else: style, pictures and numbers are in it."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from polcouple.analysis.block_errors import Estimate
from polcouple.number_words import significant
from polcouple.report.section import Cell, Figure, Movie, Section, Table
from polcouple.report.words import known, with_error

_DPI = 150
#: on a narrow screen a figure scrolls in its box rather than shrink below this: 9 pt are then 8 px
_LEAST_PIXELS_PER_INCH = 64
#: a table of so many columns is wide: each row becomes a list of its own on screens that are not
_MANY, _SOME = 6, 3
_STYLE_SHEET = Path(__file__).with_name("report.css")


def pictures(sections: Sequence[Section]) -> dict[str, bytes]:
    """Every figure as PNG and every movie as GIF, by its file name."""
    found = {}
    for section in sections:
        for figure in section.figures:
            image = io.BytesIO()
            figure.figure.savefig(image, format="png", dpi=_DPI)
            found[f"{figure.name}.png"] = image.getvalue()
        found |= {f"{movie.name}.gif": movie.gif for movie in section.movies}
    return found


def numbers_text(about: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """All numbers as JSON, by the titles of the sections; null for those that are not finite."""
    numbers = {**about, **{section.title: section.numbers for section in sections}}
    return json.dumps(_plain(numbers), indent=1, allow_nan=False) + "\n"


def page(
    title: str, sections: Sequence[Section], images: Mapping[str, bytes], footer: str, files: bool
) -> str:
    """The page.

    Args:
        images: of :func:`pictures`.
        footer: HTML of its last line.
        files: whether figures and tables are files beside the page, to which it links.
    """
    links = "".join(f'<li><a href="#s{i}">{escape(s.title)}</a></li>' for i, s in enumerate(sections))
    body = "\n".join(_section(section, i, images, files) for i, section in enumerate(sections))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{_STYLE_SHEET.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<nav><ol>{links}</ol></nav>
{body}
<footer>{footer}</footer>
</main>
</body>
</html>
"""


def table_csv(table: Table) -> str:
    """A table as CSV; a column of estimates is followed by that of their errors."""
    estimates = [
        column
        for column in range(len(table.columns))
        if any(isinstance(row[column], Estimate) for row in table.rows)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads: list[str] = []
    for column, name in enumerate(table.columns):
        heads += [name, f"{name}, error"] if column in estimates else [name]
    writer.writerow(heads)
    for row in table.rows:
        words: list[Any] = []
        for column, cell in enumerate(row):
            value, error = (cell.value, cell.error) if isinstance(cell, Estimate) else (cell, None)
            both = [known(value), known(error)] if column in estimates else [known(value)]
            words += ["" if word is None else word for word in both]
        writer.writerow(words)
    return text.getvalue()


def _plain(value: Any) -> Any:
    """What JSON can hold; null for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _section(section: Section, number: int, images: Mapping[str, bytes], files: bool) -> str:
    parts = [f'<section id="s{number}">', f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
    parts += [_table(table, files) for table in section.tables]
    parts += [_picture(figure, f"{figure.name}.png", images, files) for figure in section.figures]
    parts += [_picture(movie, f"{movie.name}.gif", images, files) for movie in section.movies]
    return "\n".join([*parts, "</section>"])


def _picture(item: Figure | Movie, name: str, images: Mapping[str, bytes], files: bool) -> str:
    kind = name.rpartition(".")[2]
    data = base64.b64encode(images[name]).decode()
    links = [f'<a href="figures/{name}">{kind.upper()}</a>'] if files else []
    if files and isinstance(item, Figure):
        links.append(f'<a href="figures/{item.name}.pdf">PDF</a>')
    width = item.figure.get_size_inches()[0] if isinstance(item, Figure) else 0.0
    style = f"min-width: {_LEAST_PIXELS_PER_INCH * width:.0f}px"
    caption = " ".join([escape(item.caption), *links])
    return (
        f'<figure id="{item.name}"><div class="scroll"><img src="data:image/{kind};base64,{data}"'
        f' style="{style}" alt="{escape(item.caption)}"></div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(table: Table, files: bool) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "\n".join(
        f'<tr><th scope="row">{_shown(row[0])}</th>'
        + "".join(
            f'<td class="{_kind(value)}" data-label="{escape(column)}">{_shown(value)}</td>'
            for column, value in zip(table.columns[1:], row[1:], strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    width = len(table.columns)
    size = "many" if width > _MANY else "some" if width > _SOME else "few"
    link = f' <a href="tables/{table.name}.csv">CSV</a>' if files else ""
    return (
        f'<figure id="{table.name}" class="table {size}"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
        f"<figcaption>{escape(table.caption)}{link}</figcaption></figure>"
    )


def _kind(value: Cell) -> str:
    return "text" if isinstance(value, str) else "number"


def _shown(value: Cell) -> str:
    if isinstance(value, Estimate):
        return escape(with_error(value).replace("-", "\N{MINUS SIGN}"))
    if known(value) is None:
        return "\N{EN DASH}"
    if isinstance(value, float):
        return significant(value).replace("-", "\N{MINUS SIGN}")
    # a path or the name of a setting may be broken after its parts
    return re.sub(r"(?<=[A-Za-z][._/@])(?=\w)", "<wbr>", escape(str(value)))
