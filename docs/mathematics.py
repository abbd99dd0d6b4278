"""What mkdocs does not do by itself: formulas as MathML, and links to files that are not part of the site.

A browser draws MathML without a script. Files outside docs/ are named instead of linked to.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
_OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./([^)]+)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links out of docs/ become the path of the file."""
    return _OUTSIDE.sub(r"\1 (`\2`)", markdown)


def on_page_content(html_of_page: str, **_: Any) -> str:
    """Formulas become MathML."""
    return _FORMULA.sub(_mathml, html_of_page)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[2] == "[" else "inline"
    return str(convert(html.unescape(found[3]).strip(), display=display))
