"""Measures what a step costs and how it grows, and writes the tables and figures of docs/speed_openmm.md.

    python -m benchmarks [NAME ...]          # names or patterns ('ipi_*'); all that are not measured yet
    python -m benchmarks --again NAME ...    # measure once more; the least disturbed run counts
    python -m benchmarks --list
    python -m benchmarks --write             # only write that page and its figures from what was measured

Every item runs in a process of its own and is kept in benchmarks/results.json as soon as it is measured, so
that a run that was stopped goes on where it was. Keep the machine quiet: what other programs took meanwhile
is shown and kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from benchmarks import results
from benchmarks.items import ITEMS


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        args.answer.write_text(json.dumps(ITEMS[args.child]()))
        return 0
    if args.list:
        print("\n".join(ITEMS))
        return 0
    if not args.write:
        names = [n for n in ITEMS if not args.names or any(fnmatch(n, given) for given in args.names)]
        if not names:
            print(f"no item is called {' or '.join(args.names)}; see --list", file=sys.stderr)
            return 2
        known = results.load()
        failed = [n for n in names if (args.again or n not in known) and not _measured(n)]
        if failed:
            print(f"failed: {', '.join(failed)}", file=sys.stderr)
            return 1
    from benchmarks.report import write

    write(results.load())
    return 0


def _measured(name: str) -> bool:
    """Measure one item in a process of its own; whether that worked."""
    # i-PI's and our own small matrix products must not leave threads spinning on the few cores
    environment = {"OPENBLAS_THREAD_TIMEOUT": "4", **os.environ}
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "answer.json"
        with results.Load() as load:
            words = [sys.executable, "-m", "benchmarks", "--child", name, "--answer", str(answer)]
            done = subprocess.run(words, cwd=results.ROOT, env=environment, stdout=subprocess.DEVNULL)
        print(f"{name}: other programs took {load.others:.2f} cores", flush=True)
        if done.returncode:
            return False
        results.store(name, json.loads(answer.read_text()), load.others)
    return True


if __name__ == "__main__":
    sys.exit(main())
