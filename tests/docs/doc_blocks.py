"""Blocks of code in the documentation's pages: indented ones are shell, fenced ones name their language."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from conftest import ROOT

#: in the order in which a reader meets them
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_SEPARATORS = {"&&", "||", ";", "&", "|"}


@dataclass(frozen=True)
class Block:
    """One block of a page; ``line`` is that of its first line of code, counted from 1."""

    page: Path
    line: int
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in order."""
    found, open_at, language = [], 0, ""
    lines = page.read_text().splitlines()
    for number, line in enumerate([*lines, ""], start=1):
        if open_at and (line == "```" if language != "indented" else not line.startswith("    ")):
            body = lines[open_at - 1 : number - 1]
            if language == "indented":
                found.append(Block(page, open_at, "bash", "\n".join(part[4:] for part in body)))
            else:
                found.append(Block(page, open_at, language, "\n".join(body)))
            open_at = 0
        elif not open_at and line.startswith("```"):
            open_at, language = number + 1, line[3:].strip()
        elif not open_at and line.startswith("    ") and (number == 1 or not lines[number - 2].strip()):
            open_at, language = number, "indented"
    assert not open_at, f"{page.name}: a block that begins at line {open_at} does not end"
    return found


def prose(page: Path) -> str:
    """A page without its blocks."""
    lines = page.read_text().splitlines()
    for block in blocks(page):
        for number in range(block.line - 1, block.line - 1 + len(block.text.splitlines())):
            lines[number] = ""
    return "\n".join(lines)


def commands(shell: str) -> list[list[str]]:
    """The commands of a block, each as its words; comments, and what joins commands, are left out."""
    found = []
    for line in re.sub(r"\\\n\s*", " ", shell).splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars="&;|")
        words.whitespace_split = True
        command: list[str] = []
        for word in words:
            if word in _SEPARATORS:
                found.append(command)
                command = []
            elif command or not re.match(r"[A-Z_]+=", word):  # a variable of the environment is no program
                command.append(word)
        found.append(command)
    return [command for command in found if command]


def named_in_prose(page: Path) -> list[list[str]]:
    """What stands between backquotes in a page's sentences and tables, as words."""
    found = []
    for text in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page)):
        try:
            found.append(shlex.split(text, comments=False))
        except ValueError:  # a quote that stands alone
            continue
    return [words for words in found if words]
