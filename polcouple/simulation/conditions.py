"""Under which conditions frames are sampled: one dataset holds frames of one ensemble.

A run is compared with the others of its dataset, wherever these were made and whether they are there still.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from polcouple.case.model import Case
from polcouple.data.conditions import read_conditions, write_conditions
from polcouple.ipi.initialize import text_of
from polcouple.log import log
from polcouple.propagation.inputs import file_elements
from polcouple.propagation.plan import RunPlan
from polcouple.simulation.changes import differences, flat, made_of, require_unchanged

#: of i-PI's input: what is written, random numbers, where a run starts, and how the programs talk
_WITHOUT_EFFECT = (
    *("output", "prng", "system/initialize"),
    *("verbosity", "floatformat", "threading", "safe_stride", "sockets_prefix"),
)
_OF_SOCKETS = ("latency", "timeout", "slots", "matching", "exit_on_disconnect")
#: but for the number of beads
_BEADS = "@nbeads"


def conditions(plan: RunPlan, case: Case) -> dict[str, Any]:
    """What decides the ensemble of a sampling by ``plan``, as JSON has it.

    Of an electrode that moves, what it holds and who labels it are not part of it: the label sets say that.

    Raises:
        PolcoupleError: the input, or a setting, cannot be used.
    """
    root = plan.input_root()
    made = made_of(plan, root)
    system = made.system
    found: dict[str, Any] = {}
    if case.mobile:
        system = {name: value for name, value in system.items() if name != "potential"}
        system["electrodes"] = [
            {name: value for name, value in one.items() if name != "total_charge_e"}
            for one in system["electrodes"]
        ]
    else:
        found = {"backend": {"name": made.backend, **made.answers}, "refresh": made.refresh}
    found |= {
        "input": {place: text for place, text in made.elements.items() if _decides(place)},
        "files": {name: made.files[name] for name in _names_of_files(root) if name in made.files},
        "system": system,
    }
    return dict(json.loads(json.dumps(found)))


def require_conditions(paths: Sequence[Path], counts: Sequence[int], now: dict[str, Any]) -> None:
    """Refuse to add to datasets whose frames were sampled otherwise; new ones are told how theirs are.

    Args:
        counts: frames in each of the datasets ``paths``.
        now: see :func:`conditions`.

    Raises:
        InputError: naming what differs.
    """
    for path, count in zip(paths, counts, strict=True):
        before = read_conditions(path)
        if before is not None:
            found = differences(flat(before), flat(now), "")
            require_unchanged(found, path, "or name another dataset and --run-directory")
        elif count:
            log(f"warning: {path}: does not say how its frames were sampled; more are taken unseen")
        else:
            write_conditions(path, now)


def _decides(place: str) -> bool:
    """Whether an element or attribute of i-PI's input decides what is sampled."""
    if place.endswith(_BEADS):
        return True
    if place.startswith("ffsocket") and place.rpartition("/")[2] in _OF_SOCKETS:
        return False
    return not any(
        place == name or place.startswith((f"{name}/", f"{name}@", f"{name}[")) for name in _WITHOUT_EFFECT
    )


def _names_of_files(root: Element) -> list[str]:
    """Of those that i-PI reads, but for where the run starts."""
    starts = [id(element) for parent in root.iter("initialize") for element in parent]
    return [Path(text_of(one)).name for one in file_elements(root) if id(one) not in starts]
