"""What is found by its name: the package's own backends and engines, and those of other installed packages.

Another package names a module of its own in an entry point, in its pyproject.toml

    [project.entry-points."polcouple.backends"]
    thomas_fermi = "polcouple_thomas_fermi"

and is then found wherever a name is asked for (docs/extending.md). Nothing is imported before it is used.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from polcouple import __version__
from polcouple.errors import InputError, nearest

#: the package whose backends and engines need no entry point
OWN = "polcouple"
#: names are written as NAME:KEY=VALUE and NAME@CHARGE, and are keys of system.yaml
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Origin:
    """The installed package that something was found in, and its version."""

    package: str
    version: str

    @property
    def own(self) -> bool:
        """Whether it is this package."""
        return self.package == OWN

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


class Registry:
    """Modules by name.

    Args:
        kind: what they are, for messages.
        group: of the entry points in which other packages name theirs.
        own: the package's own modules by name; imported when they are asked for.
        contents: names that each module must define.
    """

    def __init__(self, kind: str, group: str, own: Mapping[str, str], contents: Sequence[str]) -> None:
        self.kind = kind
        self.group = group
        self._own = own
        self._contents = contents

    def names(self) -> list[str]:
        """All names, sorted; those, too, that :meth:`load` refuses."""
        return sorted({*self._own, *(entry.name for entry in _entries(self.group, tuple(sys.path)))})

    def origin(self, name: str) -> Origin:
        """The package that ``name`` comes from.

        Raises:
            InputError: no such name, or one that several packages claim.
        """
        entry = self._entry(name)
        return Origin(OWN, __version__) if entry is None else _origin(entry)

    def load(self, name: str) -> Any:
        """The module of that name.

        Raises:
            InputError: as :meth:`origin`, or a module of another package that cannot be used, with its cause.
        """
        entry = self._entry(name)
        if entry is None:
            return importlib.import_module(self._own[name])
        where = f"{self.kind} '{name}' of the package {_origin(entry)}"
        try:
            module = entry.load()
        except (Exception, SystemExit) as error:  # another package's code: anything may happen there
            cause = next(iter(str(error).splitlines()), "")
            raise InputError(
                f"{where} cannot be imported ({type(error).__name__}: {cause}); mend the package or"
                " uninstall it"
            ) from error
        missing = [word for word in self._contents if not hasattr(module, word)]
        if missing:
            raise InputError(f"{where}: {entry.value} defines no {missing[0]}; see docs/extending.md")
        return module

    def _entry(self, name: str) -> metadata.EntryPoint | None:
        """The entry point of ``name``, None for one of the package's own."""
        entries = [entry for entry in _entries(self.group, tuple(sys.path)) if entry.name == name]
        packages = [f"the package {_origin(entry)}" for entry in entries]
        if name in self._own:
            packages.insert(0, f"{OWN} itself")
        if not packages:
            known = self.names()
            raise InputError(f"no {self.kind} '{name}'{nearest(name, known)}; known: {', '.join(known)}")
        if len(packages) > 1:
            raise InputError(
                f"{self.kind} '{name}' is claimed by {' and by '.join(packages)}; uninstall what is not meant"
            )
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{self.kind} '{name}' of {packages[0]}: a name has letters, digits, _ and - alone"
            )
        return entries[0] if entries else None


@cache
def _entries(group: str, path: tuple[str, ...]) -> list[metadata.EntryPoint]:
    """The entry points of ``group`` in the packages on ``path``, sys.path; their metadata are read once."""
    return sorted(metadata.entry_points(group=group), key=lambda one: one.value)


def _origin(entry: metadata.EntryPoint) -> Origin:
    if entry.dist is None:  # a directory of metadata that is no installed package
        return Origin(entry.value, "of unknown version")
    return Origin(entry.dist.name, entry.dist.version)
