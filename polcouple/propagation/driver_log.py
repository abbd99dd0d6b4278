"""What the driver of a run warns of, on the screen of who started the run."""

from __future__ import annotations

import re
from pathlib import Path

from polcouple.log import Warned

_WARNING = re.compile(r"^\d\d:\d\d:\d\d warning: (.*)$", re.MULTILINE)


def warnings_in(text: str) -> list[str]:
    """What a driver's log warns of, in its order."""
    return _WARNING.findall(text)


class DriverWarnings:
    """Prints the warnings that are appended to a log from now on, those that differ in numbers alone once.

    Args:
        path: of the log; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = path.stat().st_size if path.exists() else 0
        self._warned = Warned()

    def show(self) -> None:
        """Print what was added since the last call; an unfinished line waits for the next one."""
        if not self._path.exists():
            return
        with self._path.open("rb") as stream:
            stream.seek(self._read)
            added = stream.read()
        added = added[: added.rfind(b"\n") + 1]
        self._read += len(added)
        self._warned.log(warnings_in(added.decode(errors="replace")))
