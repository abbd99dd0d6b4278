"""The gallery as a page of Markdown: of each script title, picture, what is seen, its output and its code."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from pathlib import Path

HEAD = """# Gallery

Ten runs from beginning to end, each below five minutes on two cores. One command makes all of them, or those
that are named:

    python examples/gallery/run.py
    python examples/gallery/run.py 01_reference_run 04_capacitance --again

(`polcouple cases gallery` copies the folder out of an installed package; give `-o DIR` there.) It skips what
is finished, and writes texts, pictures and this page. A build of the documentation takes them as they are
committed; with `POLCOUPLE_GALLERY=run` in its environment it first runs what is missing or was made by
another version of its script. `pytest -m slow tests/test_gallery.py` runs every script. Systems are small
and times short: they show how it is done, and are no numbers to quote.
"""


@dataclass(frozen=True)
class Script:
    """What a script says of itself.

    Attributes:
        title: the first line of its docstring, or of its first comment.
        about: the paragraphs after it.
        code: what follows.
        language: for highlighting.
    """

    title: str
    about: str
    code: str
    language: str


def read_script(path: Path) -> Script:
    """Take a script of the gallery apart."""
    text = path.read_text()
    if path.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
        code, language = text.partition('"""')[2].partition('"""')[2], "python"
    else:
        lines = text.splitlines()
        length = next(n for n, line in enumerate(lines) if not line.startswith("#"))
        said = "\n".join(line[2:] for line in lines[:length])
        code, language = "\n".join(lines[length:]), "sh"
    title, _, about = said.partition("\n\n")
    return Script(title.strip(), about.strip(), code.strip(), language)


def page_text(scripts: list[Path], output: Path, seconds: dict[str, int]) -> str:
    """The page, which is to stand beside the folder of results.

    Args:
        scripts: in order; those without results are left out.
        output: folder of the results.
        seconds: of processor time that each took, by its name.
    """
    parts = [HEAD]
    for path in scripts:
        if path.stem not in seconds:
            continue
        script = read_script(path)
        printed = (output / f"{path.stem}.txt").read_text().rstrip()
        picture = f"![{script.title}]({output.name}/{path.stem}.png)"
        summary = f"<summary>{path.name}, {seconds[path.stem]} s of processor time</summary>"
        parts.append(
            f"## {script.title}\n\n{picture}\n\n{script.about}\n\n```text\n{printed}\n```\n\n"
            f'<details markdown="1">\n{summary}\n\n```{script.language}\n{script.code}\n```\n\n</details>\n'
        )
    return "\n".join(parts)


def write_page(scripts: list[Path], output: Path, seconds: dict[str, int]) -> Path:
    """Write it beside the folder, with the folder's name."""
    path = output.with_name(f"{output.name}.md")
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(page_text(scripts, output, seconds))
    os.replace(temporary, path)
    return path
