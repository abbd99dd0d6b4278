"""The report's directory: report.html, figures (PNG, PDF), movies, tables (CSV) and all numbers (JSON)."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from polcouple.errors import InputError
from polcouple.output_paths import require_directory_name
from polcouple.report.section import Figure, Movie, Section, Table

_NUMBERS = "numbers.json"
_DPI = 150
#: on a narrow screen a figure scrolls in its box rather than shrink below this: 9 pt are then 8 px
_LEAST_PIXELS_PER_INCH = 64
_STYLE_SHEET = Path(__file__).with_name("report.css")


def require_free(directory: Path, comparison: Mapping[str, Any]) -> None:
    """Refuse to write over anything but an earlier report of the same comparison.

    Args:
        comparison: what is compared, as JSON can hold it.

    Raises:
        InputError: the directory holds something else, or has a file's name.
    """
    require_directory_name(directory)
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    try:
        found = json.loads((directory / _NUMBERS).read_text())["comparison"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{directory} exists and is no report; choose another -o") from None
    if found != json.loads(json.dumps(comparison)):
        raise InputError(
            f"{directory} holds the report of another comparison; choose another -o, or remove it"
        )


def write_report(
    directory: Path, title: str, comparison: Mapping[str, Any], sections: Sequence[Section]
) -> None:
    """Write the report to a temporary name and rename it when it is complete.

    Raises:
        InputError: the directory holds something that is not a report of this comparison.
    """
    require_free(directory, comparison)
    temporary = directory.with_name(directory.name + ".new")
    if temporary.exists():
        shutil.rmtree(temporary)
    for name in ("figures", "tables"):
        (temporary / name).mkdir(parents=True)
    for section in sections:
        for figure in section.figures:
            figure.figure.savefig(temporary / "figures" / f"{figure.name}.png", dpi=_DPI)
            # the layout stays; to find it takes longer than to draw
            figure.figure.set_layout_engine("none")
            figure.figure.savefig(temporary / "figures" / f"{figure.name}.pdf")
        for movie in section.movies:
            (temporary / "figures" / f"{movie.name}.gif").write_bytes(movie.gif)
        for table in section.tables:
            (temporary / "tables" / f"{table.name}.csv").write_text(_csv(table))
    numbers = {"comparison": comparison, **{section.title: _plain(section.numbers) for section in sections}}
    (temporary / _NUMBERS).write_text(json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    (temporary / "report.html").write_text(_page(title, sections, temporary / "figures"), encoding="utf-8")
    if directory.exists():
        old = directory.with_name(directory.name + ".old")
        os.replace(directory, old)
        os.replace(temporary, directory)
        shutil.rmtree(old)
    else:
        os.replace(temporary, directory)


def _plain(value: Any) -> Any:
    """What JSON can hold; null for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _known(value)


def _known(value: Any) -> Any:
    """None for a number that is not finite: nothing could be said."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if _known(value) is None else value for value in row] for row in table.rows)
    return text.getvalue()


def _page(title: str, sections: Sequence[Section], figures: Path) -> str:
    links = "".join(f'<li><a href="#s{i}">{escape(s.title)}</a></li>' for i, s in enumerate(sections))
    body = "\n".join(_section(section, i, figures) for i, section in enumerate(sections))
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
<footer>Beside this page: every figure as PNG and PDF in figures/, every table as CSV in tables/, all
numbers in <a href="{_NUMBERS}">{_NUMBERS}</a>.</footer>
</main>
</body>
</html>
"""


def _section(section: Section, number: int, figures: Path) -> str:
    parts = [f'<section id="s{number}">', f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
    parts += [_table(table) for table in section.tables]
    parts += [_picture(figure, figures / f"{figure.name}.png", "png") for figure in section.figures]
    parts += [_picture(movie, figures / f"{movie.name}.gif", "gif") for movie in section.movies]
    return "\n".join([*parts, "</section>"])


def _picture(item: Figure | Movie, path: Path, kind: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    files = [f'<a href="figures/{path.name}">{kind.upper()}</a>']
    if isinstance(item, Figure):
        files.append(f'<a href="figures/{item.name}.pdf">PDF</a>')
    width = item.figure.get_size_inches()[0] if isinstance(item, Figure) else 0.0
    style = f"min-width: {_LEAST_PIXELS_PER_INCH * width:.0f}px"
    return (
        f'<figure id="{item.name}"><div class="scroll"><img src="data:image/{kind};base64,{data}"'
        f' style="{style}" alt="{escape(item.caption)}"></div>'
        f"<figcaption>{escape(item.caption)} {' '.join(files)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "\n".join(
        f'<tr><th scope="row">{_shown(row[0])}</th>'
        + "".join(f'<td class="{_kind(value)}">{_shown(value)}</td>' for value in row[1:])
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<figure id="{table.name}"><div class="scroll" role="region" tabindex="0" aria-label="table"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
        f'<figcaption>{escape(table.caption)} <a href="tables/{table.name}.csv">CSV</a></figcaption></figure>'
    )


def _kind(value: str | float | int | None) -> str:
    return "text" if isinstance(value, str) else "number"


def _shown(value: str | float | int | None) -> str:
    if _known(value) is None:
        return "\N{EN DASH}"
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
    return escape(str(value))
