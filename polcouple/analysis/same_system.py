"""Whether runs are of one system, and what else decides them that is not the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from polcouple.analysis.runs import Run
from polcouple.case.model import Case
from polcouple.errors import InputError
from polcouple.propagation.record import differing, file_words

#: sections of i-PI's input that do not decide what a run is of
_ELSEWHERE = ("output", "prng", "ffsocket", "verbosity", "floatformat", "safe_stride", "threading")


def require_same_system(runs: Sequence[Run]) -> None:
    """Refuse runs whose liquids or electrodes differ.

    Raises:
        InputError: naming the first difference.
    """
    first = runs[0]
    for other in runs[1:]:
        a, b = first.case, other.case
        differences = {
            "topology": a.symbols != b.symbols or a.system.topology != b.system.topology,
            "cell": np.abs(a.cell - b.cell).max() > 1e-4,
            "electrode": a.electrode.fingerprint() != b.electrode.fingerprint(),
            "electrodes' charge or potential": (a.system.electrodes, a.system.potential, a.system.slab)
            != (b.system.electrodes, b.system.potential, b.system.slab),
            "force field": _force_field(a) != _force_field(b),
        }
        for what, differ in differences.items():
            if differ:
                raise InputError(
                    f"{other.directory}: its {what} is not that of {first.directory};"
                    " compare runs of one case"
                )


def input_differences(first: Run, other: Run) -> list[str]:
    """What is not the same in the dynamics of two runs, in words: ensemble, thermostat, time step.

    It is from i-PI's inputs; outputs, sockets and random numbers do not count.
    """
    before, now = (run.made_of.elements for run in (first, other))
    return [
        f"{name} is {before.get(name, 'absent')}, and {now.get(name, 'absent')}"
        for name in differing(before, now)
        if not name.startswith(_ELSEWHERE)
    ]


def _force_field(case: Case) -> dict[str, Any]:
    """The section of system.yaml, with the content of a file in place of its path."""
    content = case.system.force_field.model_dump()
    return content if case.given is None else content | {"openmm_system": file_words(case.given.path)}
