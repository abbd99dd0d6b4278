"""The report's directory: report.html, figures (PNG, PDF), movies, tables (CSV) and all numbers (JSON)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polcouple.errors import InputError
from polcouple.output_paths import require_directory_name
from polcouple.report.html import numbers_text, page, pictures, table_csv
from polcouple.report.section import Section

_NUMBERS = "numbers.json"
_FOOTER = (
    "Beside this page: every figure as PNG and PDF in figures/, every table as CSV in tables/, all numbers in"
    f' <a href="{_NUMBERS}">{_NUMBERS}</a>.'
)


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
    images = pictures(sections)
    for name, content in images.items():
        (temporary / "figures" / name).write_bytes(content)
    for section in sections:
        for figure in section.figures:
            # the layout stays; to find it takes longer than to draw
            figure.figure.set_layout_engine("none")
            figure.figure.savefig(temporary / "figures" / f"{figure.name}.pdf")
        for table in section.tables:
            (temporary / "tables" / f"{table.name}.csv").write_text(table_csv(table))
    (temporary / _NUMBERS).write_text(numbers_text({"comparison": comparison}, sections))
    text = page(title, sections, images, _FOOTER, files=True)
    (temporary / "report.html").write_text(text, encoding="utf-8")
    if directory.exists():
        old = directory.with_name(directory.name + ".old")
        os.replace(directory, old)
        os.replace(temporary, directory)
        shutil.rmtree(old)
    else:
        os.replace(temporary, directory)
