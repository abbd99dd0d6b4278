"""One line of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: an error keeps the run from starting or makes its results wrong; a note is for information
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """What was found and its cure, in one line."""

    severity: Severity
    text: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.text}"
