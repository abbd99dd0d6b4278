"""What commands tell the user while they work: lines with the time of day, and warnings said once."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path


class Warned:
    """Tells warnings once, those that differ in their numbers alone, too."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def new(self, warnings: Iterable[str]) -> Iterator[str]:
        """Those of a kind that was not there before."""
        for warning in warnings:
            kind = re.sub(r"\d[\d.e+-]*", "0", warning)
            if kind not in self._seen:
                self._seen.add(kind)
                yield warning

    def log(self, warnings: Iterable[str]) -> None:
        """Print those that are new."""
        for warning in self.new(warnings):
            log(f"warning: {warning}")


def log(message: str) -> None:
    """Print one line with the time of day, at once."""
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


def say_how_to_go_on(state: str, command: str) -> None:
    """Print the state that a run ended in, and a command for the same working directory."""
    log(f"{state}; go on with: {command}")


def command_line() -> str:
    """The command that was typed, as a line for a shell."""
    program, *words = sys.argv
    return shlex.join([Path(program).name.replace("__main__.py", "polcouple"), *words])
