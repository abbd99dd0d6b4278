"""The lines of a .top that count: includes, macros and conditions as GROMACS' own preprocessor has them.

A file that is included is looked for beside the one that includes it, then in the folders given. Macros are
put in once, in the order of their definitions, and only for whole words, of which + and - are letters; one
without a value replaces nothing. A line that ends with a backslash goes on. Lines of stars head force fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from polcouple.errors import InputError


class InFileError(InputError):
    """An error that says in which file it is."""


@dataclass(frozen=True)
class Line:
    """A line without its comment, and where it stands."""

    file: str
    number: int
    text: str

    def fault(self, words: object) -> InFileError:
        """What is wrong with it."""
        return InFileError(f"{self.file}: {words} (line {self.number}: '{self.text[:80]}')")


def top_lines(path: Path, folders: Sequence[Path], macros: Mapping[str, str]) -> Iterator[Line]:
    """Headings and data of a .top.

    Args:
        folders: in which included files are looked for.
        macros: names and values.

    Raises:
        InputError: a file is missing or a directive cannot be honoured.
    """
    return _Preprocessor(folders, macros).lines(path)


class _Preprocessor:
    def __init__(self, folders: Sequence[Path], macros: Mapping[str, str]) -> None:
        self._folders = folders
        self._macros = dict(macros)
        self._open: list[Path] = []
        #: of each #ifdef that is open: whether what follows is in force
        self._branches: list[bool] = []

    def lines(self, path: Path) -> Iterator[Line]:
        """Of a file and those that it includes."""
        self._open.append(path.resolve())
        for line in _joined(path):
            if line.text.startswith("#"):
                yield from self._directive(line)
            elif all(self._branches) and not line.text.startswith("*"):
                yield line if line.text.startswith("[") else self._replaced(line)
        self._open.pop()

    def _replaced(self, line: Line) -> Line:
        text = line.text
        for name, value in self._macros.items():
            if value and name in text:
                text = re.sub(rf"(?<![\w+-]){re.escape(name)}(?![\w+-])", lambda _: value, text)  # noqa: B023
        return Line(line.file, line.number, text)

    def _directive(self, line: Line) -> Iterator[Line]:
        command, _, rest = line.text[1:].strip().partition(" ")
        name, _, value = rest.strip().partition(" ")
        active = all(self._branches)
        if command in ("ifdef", "ifndef", "define", "undef", "include") and not name:
            raise line.fault(f"#{command} without a name")
        if command in ("ifdef", "ifndef"):
            self._branches.append((name in self._macros) == (command == "ifdef"))
        elif command in ("else", "endif") and not self._branches:
            raise line.fault(f"#{command} without #ifdef")
        elif command == "else":
            self._branches[-1] = not self._branches[-1]
        elif command == "endif":
            self._branches.pop()
        elif not active:
            return
        elif command == "define":
            self._macros[name] = value.strip()
        elif command == "undef":
            self._macros.pop(name, None)
        elif command == "include":
            yield from self.lines(self._found(line, rest.strip(' "<>')))
        else:
            raise line.fault(f"#{command} is nothing that GROMACS knows; use #ifdef, #else and #endif")

    def _found(self, line: Line, name: str) -> Path:
        for folder in (Path(line.file).parent, *self._folders):
            path = folder / name
            if path.is_file():
                if path.resolve() in self._open:
                    raise line.fault("the file includes itself")
                return path
        raise line.fault(f"Could not locate #include file: {name}; name its folder by --include")


def _joined(path: Path) -> Iterator[Line]:
    """Lines of one file that say something, without comments."""
    before, first = "", 0
    with path.open(errors="replace") as stream:
        for number, raw in enumerate(stream, 1):
            first = first if before else number
            text = raw.strip()
            if text.endswith("\\"):
                before += text[:-1] + " "
                continue
            text = (before + text).partition(";")[0]
            before = ""
            text = " ".join(text.split())
            if text:
                yield Line(str(path), first, text)
    text = " ".join(before.partition(";")[0].split())
    if text:
        yield Line(str(path), first, text)
