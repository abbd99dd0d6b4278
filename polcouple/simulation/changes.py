"""What a run is made of, taken from a case, and how that differs from what the run began with."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from polcouple.backends.base import backend_origin, resolved_options
from polcouple.case.model import Case, read_case
from polcouple.case.schema import ELECTRODE_FILE
from polcouple.engines.base import engine_origin
from polcouple.errors import InputError, PolcoupleError
from polcouple.ipi.changes import NO_CHANGES
from polcouple.ipi.initialize import start_file, text_of
from polcouple.propagation.inputs import file_elements
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.propagate import of_another_run
from polcouple.propagation.record import MadeOf, differing, file_words, other_packages

#: elements of i-PI's input that each run has of its own
_OWN = ("total_steps", "address", "port")
#: differences that are named; more are counted
_NAMED = 5
_LONGEST = 40


def made_of(plan: RunPlan, root: ElementTree.Element | None = None) -> MadeOf:
    """What a run by ``plan`` is made of.

    Args:
        root: i-PI's input where it is not the case's.

    Raises:
        PolcoupleError: the case, the input, or a setting cannot be used.
    """
    path = plan.case / plan.input
    root = plan.input_root() if root is None else root
    start = start_file(root, path)
    case = read_case(plan.case, start)
    options = resolved_options(plan.backend, plan.settings(case), case.directory, case.system.backends)
    named = [plan.case / text_of(element) for element in file_elements(root)]
    structure = [plan.case / start.name]
    if case.system.ipi_atoms == "liquid":
        structure.append(plan.case / ELECTRODE_FILE)
    files = [file for file in (plan.case / "system.yaml", path, *named, *structure[1:]) if file.is_file()]
    return MadeOf(
        case=str(plan.case.resolve()),
        input=plan.input,
        backend=plan.backend,
        given=dict(plan.given),
        settings=options.model_dump(mode="json"),
        answers=options.identity(case.electrode.symbols),
        origins={
            "backend": str(backend_origin(plan.backend)),
            "engine": str(engine_origin(plan.platform)),
        },
        platform=plan.platform,
        threads=plan.threads,
        refresh_given=plan.refresh,
        refresh=plan.refresh or case.system.refresh.interval,
        system=_system(case),
        elements=_elements(root),
        files={file.name: _digest(file) for file in files},
        start=_digest(*structure),
        seed=_seed(root),
        changes=plan.changes.given(),
    )


def changes(
    before: MadeOf, directory: Path, plan: RunPlan, root: ElementTree.Element | None = None
) -> tuple[list[str], MadeOf]:
    """How what ``plan`` makes now differs from what the run in ``directory`` began with.

    The run has copies of system.yaml and of the start structure; they are looked at as well as the case's.

    Args:
        before: of the run's record.
        root: i-PI's input where it is not the case's.

    Returns:
        The differences, one line each, and what the run is made of if it goes on: its own copies, with the
        plan's backend and settings.

    Raises:
        PolcoupleError: the run's own copies, or a setting, cannot be used.
    """
    own = made_of(replace(plan, case=directory, input="input.xml", changes=NO_CHANGES))
    kept = {name: getattr(before, name) for name in ("case", "input", "elements", "files", "seed", "changes")}
    own = own.model_copy(update=kept)
    another = of_another_run(directory)
    found = [] if another is None else [another]
    found += _settings(before, own)
    found += _system_changes(before, own, directory)
    try:
        now = made_of(plan, root)
    except PolcoupleError as error:
        return [*found, str(error)], own
    if plan.input != before.input:
        found.append(f"input was {before.input}, now {plan.input}")
    found += [change for change in _settings(before, now) if change not in found]
    found += _system_changes(before, now, plan.case)
    found += differences(before.elements, now.elements, f"{plan.case / plan.input}: ")
    return found, own


def require_unchanged(found: list[str], directory: Path, cure: str) -> None:
    """Refuse changes; ``cure`` is what else to do than undo them.

    Raises:
        InputError: naming them.
    """
    if not found:
        return
    named = "; ".join(found[:_NAMED])
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise InputError(f"{directory} began otherwise: {named}{more}; undo that, {cure}")


def _settings(before: MadeOf, now: MadeOf) -> list[str]:
    """Changes of backend, settings, models and parameter files, engine and refresh."""
    found = []
    if now.backend != before.backend:
        found.append(f"backend was {before.backend}, now {now.backend}")
    else:
        for name in sorted(before.answers.keys() | now.answers.keys()):
            old, new = before.answers.get(name), now.answers.get(name)
            if old == new:
                continue
            if name in now.settings:
                found.append(f"{name} was {old}, now {new}")
            else:
                found.append(f"{name} of backend {now.backend} is another file" + _moved(before, now))
    if now.platform != before.platform:
        found.append(f"platform was {before.platform}, now {now.platform}")
    others, others_now = other_packages(before), other_packages(now)
    for what in sorted(others.keys() | others_now.keys()):
        if others.get(what) != others_now.get(what):
            old = before.origins.get(what, "elsewhere")
            found.append(f"{what} came from {old}, now from {now.origins[what]}")
    if now.refresh != before.refresh:
        found.append(f"refresh was every {before.refresh} evaluation(s), now every {now.refresh}")
    return found


def _moved(before: MadeOf, now: MadeOf) -> str:
    """The settings that name files, where they differ, too."""
    differing = [
        f"{name} was {old}, now {now.settings.get(name)}"
        for name, old in before.settings.items()
        if name not in now.answers and old != now.settings.get(name)
    ]
    return f" ({', '.join(differing)})" if differing else ""


def _system_changes(before: MadeOf, now: MadeOf, directory: Path) -> list[str]:
    found = differences(flat(before.system), flat(now.system), f"{directory / 'system.yaml'}: ")
    if now.start != before.start:
        found.append(f"{directory}: the start structure is another one")
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any], where: str) -> list[str]:
    """A line for each name whose value is not the same in both; each begins with ``where``."""
    return [
        f"{where}{name} was {_shown(before.get(name))}, now {_shown(now.get(name))}"
        for name in differing(before, now)
    ]


def _shown(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _system(case: Case) -> dict[str, Any]:
    content = case.system.model_dump(mode="json", exclude={"backends", "refresh"})
    if case.system.ipi_atoms == "all":  # as runs of earlier versions have it
        del content["ipi_atoms"]
    if content.pop("fast_backend") is not None:
        content["fast_backend"] = _fast_backend(case)
    if case.given is not None:  # a run names the case's file by another path
        content["force_field"]["openmm_system"] = file_words(case.given.path)
    return content


def _fast_backend(case: Case) -> dict[str, str]:
    """The case's fast_backend, and all that decides its charges."""
    name = case.system.fast_backend
    assert name is not None
    own = case.backend_settings(name)
    options = resolved_options(name, own, case.directory, case.system.backends)
    return {"name": name, **options.identity(case.electrode.symbols)}


def flat(value: Any, where: str = "") -> dict[str, Any]:
    """Leaves of nested dictionaries and lists by their places, such as ``electrodes[0].name``."""
    if isinstance(value, dict):
        inner = {f"{where}.{key}" if where else str(key): item for key, item in value.items()}
    elif isinstance(value, list):
        inner = {f"{where}[{number}]": item for number, item in enumerate(value)}
    else:
        return {where: value}
    return {place: leaf for key, item in inner.items() for place, leaf in flat(item, key).items()}


def _elements(root: ElementTree.Element, where: str = "") -> dict[str, str]:
    """Texts and attributes of an i-PI input by their places."""
    found = {f"{where}@{name}".lstrip("@"): _words(value) for name, value in root.attrib.items()}
    if _words(root.text):
        found[where] = _words(root.text)
    seen: Counter[str] = Counter()
    for child in root:
        if not isinstance(child.tag, str) or child.tag in _OWN:
            continue
        seen[child.tag] += 1
        place = f"{where}/{child.tag}" if where else child.tag
        found |= _elements(child, place if seen[child.tag] == 1 else f"{place}[{seen[child.tag]}]")
    return found


def _words(text: str | None) -> str:
    return " ".join((text or "").split())


def _seed(root: ElementTree.Element) -> int | None:
    """Of i-PI's random numbers; i-PI takes negative ones for the clock's."""
    text = _words(root.findtext("prng/seed"))
    return int(text) if text.isdigit() else None


def _digest(*paths: Path) -> str:
    """SHA-256 of a file, or of several as if they were one."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
