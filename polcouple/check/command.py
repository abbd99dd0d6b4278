"""The command: run all checks, print one line each, and tell by the exit status whether the run may start."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from polcouple.case import read_case
from polcouple.check.cost import check_patience, check_slater_koster, measure
from polcouple.check.finding import Finding
from polcouple.check.inputs import check_input, load_input
from polcouple.check.structure import check_structure
from polcouple.errors import PolcoupleError
from polcouple.ipi_input import init_file, read_xml
from polcouple.options import (
    add_backend_arguments,
    add_engine_arguments,
    backend_from_arguments,
    backend_settings,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple check``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    parser.add_argument("--steps", type=int, metavar="N", help="steps the run will do, over the input's")
    add_backend_arguments(parser, default="fixed")
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0 when the run may start, 1 when an error must be mended first."""
    errors = 0
    for finding in find(args):
        print(finding, flush=True)
        errors += finding.severity == "error"
    print(f"{errors} error(s): {'mend them first' if errors else 'the run may start'}", flush=True)
    return 1 if errors else 0


def find(args: argparse.Namespace) -> Iterator[Finding]:
    """All findings; what cannot be read ends the search, since the rest depends on it."""
    try:
        path = args.case / args.input
        simulation = load_input(path)
        case = read_case(args.case, init_file(read_xml(path)))
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    yield from check_input(simulation, case, path, args.steps)
    broken = False
    for finding in check_structure(case):
        broken |= finding.severity == "error"
        yield finding
    try:
        missing = list(check_slater_koster(args.backend, backend_settings(args, case), case))
        yield from missing
        if missing or broken:
            return
        cost, findings = measure(case, backend_from_arguments(args, case), args.platform, args.threads)
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    yield from findings
    yield from check_patience(simulation, cost, args.backend)
