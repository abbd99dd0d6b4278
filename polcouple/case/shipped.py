"""Cases and examples that come with the project, in a source tree or in an installed package."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import polcouple
from polcouple.errors import InputError, nearest

#: folder beside the package in a source tree, and in an installed package
_CASES = ("ipi_inputs", "_cases")
_EXAMPLES = ("examples", "_examples")
#: what running in place leaves is no part of a case
_LEFT = ("__pycache__", "run_*", "sample_*", "simulation*", "RESTART", "EXIT", "*.log", "#*")


@dataclass(frozen=True)
class Shipped:
    """A case or an example.

    Attributes:
        name: of its directory or file.
        path: where it is.
        is_case: whether it is a case.
        about: its first line.
    """

    name: str
    path: Path
    is_case: bool
    about: str


def shipped() -> dict[str, Shipped]:
    """All cases and then all examples, by name."""
    found = {}
    for folders, is_case in ((_CASES, True), (_EXAMPLES, False)):
        for path in _entries(folders):
            if is_case and not (path / "system.yaml").is_file():
                continue
            found[path.name] = Shipped(path.name, path, is_case, _first_line(path))
    return found


def copy_shipped(name: str, destination: Path) -> Path:
    """Copy a case or an example, a directory or a file, to a new place.

    Raises:
        InputError: there is none of the name, or the place is taken.
    """
    known = shipped()
    if name not in known:
        raise InputError(f"no case or example '{name}'{nearest(name, known)}; there are {', '.join(known)}")
    if destination.exists():
        raise InputError(f"{destination}: exists already; choose another name or remove it")
    source = known[name].path
    if source.is_dir():
        shutil.copytree(source, destination, ignore=shutil.ignore_patterns(*_LEFT))
    else:
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, destination)
    return destination


def _entries(folders: tuple[str, str]) -> list[Path]:
    package = Path(polcouple.__file__).parent
    beside, inside = folders
    for folder in (package / inside, package.parent / beside):
        if folder.is_dir():
            return sorted(path for path in folder.iterdir() if path.name not in ("__pycache__", "README.md"))
    return []


def _first_line(path: Path) -> str:
    """Of the README's heading, or of the first comment or docstring of the first script."""
    readme = path / "README.md"
    scripts = [readme] if readme.is_file() else [path]
    if path.is_dir() and not readme.is_file():
        scripts = sorted(file for file in path.iterdir() if file.suffix in (".py", ".sh"))
    for script in scripts[:1]:
        for line in script.read_text(errors="replace").splitlines():
            words = line.strip().lstrip("#").strip().strip('"').strip()
            if words and not words.startswith("!") and words != path.name:
                return words
    return ""
