"""Lists of neighbours from the end of a run for the one that goes on from there.

Lists hold for many steps, and forces differ in their last digits with the step at which they were made. A run
that was ended in good order and goes on has the same lists as if it had not been ended, and so the same bits
where charges are functions of the positions.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from polcouple.coupling.forces import ForceProvider, Forces
from polcouple.files import write_npz
from polcouple.ipi.parts import Part
from polcouple.propagation.inputs import LISTS


def keep_lists(directory: Path, providers: Mapping[Part, Forces]) -> None:
    """Write the lists of all parts' providers after their last evaluation."""
    arrays = {
        f"{part} {replica}": lists
        for part, provider in providers.items()
        if isinstance(provider, ForceProvider)
        for replica, lists in provider.kept_lists().items()
    }
    write_npz(directory / LISTS, arrays)


def recall_lists(directory: Path, providers: Mapping[Part, Forces]) -> None:
    """Hand the lists that :func:`keep_lists` wrote to providers that have not been asked yet.

    Without a file, or where it is of other positions or cannot be read, lists are made anew.
    """
    try:
        with np.load(directory / LISTS) as stored:
            arrays = dict(stored)
    except (OSError, ValueError, zipfile.BadZipFile):
        return
    for part, provider in providers.items():
        if isinstance(provider, ForceProvider):
            own = {key.split()[1]: lists for key, lists in arrays.items() if key.split()[0] == part}
            provider.go_on_from(own)
