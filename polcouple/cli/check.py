"""``polcouple check``: all findings, one line each; the exit status tells whether the run may start."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.check.findings import find
from polcouple.cli.options import add_backend_arguments, add_engine_arguments, run_plan

#: the default: nothing has to be prepared for it, and all but its charges is checked
_BACKEND = "fixed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple check``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    parser.add_argument("--steps", type=int, metavar="N", help="steps the run will do, over the input's")
    add_backend_arguments(parser, default=_BACKEND)
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0 when the run may start, 1 when an error must be mended first."""
    errors = 0
    for finding in find(run_plan(args), args.steps):
        print(finding, flush=True)
        errors += finding.severity == "error"
    print(f"{errors} error(s): {'mend them first' if errors else 'the run may start'}", flush=True)
    return 1 if errors else 0
