"""All findings about a case, its i-PI input and a backend, and the refusal of a run that has errors."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from polcouple.case import Case, read_case
from polcouple.check.cost import check_patience, check_slater_koster, measure
from polcouple.check.finding import Finding
from polcouple.check.inputs import check_input, load_input
from polcouple.check.structure import check_structure
from polcouple.electrodes import create_electrodes
from polcouple.errors import InputError, PolcoupleError
from polcouple.ipi_input import read_xml
from polcouple.options import backend_settings
from polcouple.start_file import start_file

#: the backend's settings for a case
Settings = Callable[[Case], Mapping[str, Any]]


def find(
    directory: Path,
    input_name: str,
    backend: str,
    settings: Settings,
    platform: str,
    threads: int | None,
    steps: int | None,
    for_a_run: bool = False,
) -> Iterator[Finding]:
    """All findings; what cannot be read ends the search, since the rest depends on it.

    Args:
        directory: the case.
        input_name: i-PI's input there.
        backend: name.
        steps: of the run, over the input's.
        for_a_run: for a run that is about to start: its sockets get names of their own, and forces are
            evaluated once and not timed.
    """
    try:
        path = directory / input_name
        simulation = load_input(path)
        case = read_case(directory, start_file(read_xml(path)))
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    yield from check_input(simulation, case, path, steps, for_a_run)
    broken = False
    for finding in check_structure(case):
        broken |= finding.severity == "error"
        yield finding
    try:
        missing = list(check_slater_koster(backend, settings(case), case))
        yield from missing
        if missing or broken:
            return
        charges = create_electrodes(case, backend, settings(case))
        cost, findings = measure(case, charges, platform, threads, once=for_a_run)
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    yield from findings
    yield from check_patience(simulation, cost, backend)


def require_sound(
    directory: Path,
    input_name: str,
    backend: str,
    settings: Settings,
    platform: str,
    threads: int | None,
    steps: int | None,
) -> None:
    """Refuse a run that `polcouple check` would refuse, before anything is written or started.

    Raises:
        InputError: the first error that is found.
    """
    for finding in find(directory, input_name, backend, settings, platform, threads, steps, for_a_run=True):
        if finding.severity == "error":
            raise InputError(finding.text)


def require_sound_arguments(args: argparse.Namespace, steps: int | None) -> None:
    """The same for the case, input, backend and engine that a command's ``args`` name."""
    settings = partial(backend_settings, args)
    require_sound(args.case, args.input, args.backend, settings, args.platform, args.threads, steps)
