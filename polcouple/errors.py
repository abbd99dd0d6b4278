"""Errors a user can mend: each message says in one line what is wrong, where, and the cure.

The command line prints the message of a :class:`PolcoupleError` without a traceback and exits with status 2.
Anything else that is raised is a defect of the program and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PolcoupleError(Exception):
    """Base of all errors caused by input or environment rather than by a defect."""

    def __str__(self) -> str:
        """One line, whatever was quoted from the user's files."""
        return " ".join(super().__str__().split())


class InputError(PolcoupleError):
    """A file, key or value the user gave is missing, malformed or inconsistent."""


class ModelMismatchError(PolcoupleError):
    """A trained model or cached result belongs to another electrode or electrolyte."""


class ConvergenceError(PolcoupleError):
    """A backend did not reach its accuracy; its charges must not be used."""


class ProtocolError(PolcoupleError):
    """The i-PI side of the socket sent something the protocol does not allow."""


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return ``" (did you mean 'x'?)"`` for the known word nearest to ``word``, or an empty string.

    Upper and lower case are the same.

    ``likeness`` is the least ratio of what two words share, from 0 to 1.
    """
    spelt = {one.lower(): one for one in known}
    matches = difflib.get_close_matches(word.lower(), list(spelt), n=1, cutoff=likeness)
    return f" (did you mean '{spelt[matches[0]]}'?)" if matches else ""
