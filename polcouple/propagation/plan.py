"""What a run is to be made of: case, input of i-PI, backend with settings, options of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from polcouple.backends.setting_words import setting_word
from polcouple.case.model import Case
from polcouple.engines.base import NATIVE
from polcouple.errors import InputError
from polcouple.ipi.changes import NO_CHANGES, InputChanges
from polcouple.ipi.input import read_xml


@dataclass(frozen=True)
class RunPlan:
    """See the module.

    Attributes:
        case: its directory.
        input: name of i-PI's input there.
        backend: name.
        given: settings of the backend that go before those of system.yaml; paths are absolute.
        platform: that computes the forces, and ``threads`` at most (None: all processors).
        refresh: evaluations between refreshes of the charges; None for system.yaml's.
        changes: of i-PI's input.

    Raises:
        InputError: a number that is not positive.
    """

    case: Path
    input: str
    backend: str
    given: Mapping[str, Any]
    platform: str = NATIVE
    threads: int | None = None
    refresh: int | None = None
    changes: InputChanges = NO_CHANGES

    def __post_init__(self) -> None:
        for name, number in (("threads", self.threads), ("refresh", self.refresh)):
            if number is not None and number < 1:
                raise InputError(f"--{name} {number}: give a positive number")

    def settings(self, case: Case) -> dict[str, Any]:
        """The backend's settings in a case, not yet validated."""
        return case.backend_settings(self.backend, self.given)

    def input_root(self) -> Element:
        """i-PI's input in the case with the changes.

        Raises:
            InputError: it cannot be read, or has not what is to be changed.
        """
        path = self.case / self.input
        root = read_xml(path)
        self.changes.apply(root, path)
        return root

    def driver_words(self) -> list[str]:
        """The options of polcouple-driver, for a process that is started on the user's behalf."""
        words = ["--backend", self.backend, "--platform", self.platform]
        for key, value in self.given.items():
            words += ["--set", setting_word(key, value)]
        for option, number in (("--threads", self.threads), ("--refresh", self.refresh)):
            if number is not None:
                words += [option, str(number)]
        return words


def require_case(directory: Path) -> None:
    """Refuse what is no directory.

    Raises:
        InputError: naming it.
    """
    if not directory.is_dir():
        what = "not a directory" if directory.exists() else "no such directory"
        raise InputError(f"{directory}: {what}; give a case directory, such as `polcouple build` writes")
