"""Measures what a step costs and how it grows, and writes the tables and figures of docs/speed.md.

    python -m benchmarks [NAME ...]          # names or beginnings of names; all that are not measured yet
    python -m benchmarks --again NAME ...    # measure again
    python -m benchmarks --list
    python -m benchmarks --write             # only write docs/speed.md and its figures from what was measured

Every item runs in a process of its own and is kept in benchmarks/results.json as soon as it is measured, so
that a run that was stopped goes on where it was. Keep the machine quiet: what other programs took meanwhile
is shown, and an item is measured once more if that was more than a tenth of a core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from benchmarks import results
from benchmarks.items import ITEMS

#: processor time of other programs, in cores, that spoils a measurement
_NOISE = 0.1
_ATTEMPTS = 2


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
    args = parser.parse_args()
    if args.child:
        measured = ITEMS[args.child]()
        results.store(args.child, measured)
        return 0
    if args.list:
        print("\n".join(ITEMS))
        return 0
    if not args.write:
        names = [n for n in ITEMS if not args.names or any(n.startswith(given) for given in args.names)]
        if not names:
            print(f"no item begins with {' or '.join(args.names)}; see --list", file=sys.stderr)
            return 2
        known = results.load()
        failed = [name for name in names if (args.again or name not in known) and not _measured(name)]
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
    for attempt in range(_ATTEMPTS):
        with results.Load() as load:
            words = [sys.executable, "-m", "benchmarks", "--child", name]
            done = subprocess.run(words, cwd=results.ROOT, env=environment, stdout=subprocess.DEVNULL)
        print(f"{name}: other programs took {load.others:.2f} cores", flush=True)
        if done.returncode:
            return False
        if load.others < _NOISE or attempt == _ATTEMPTS - 1:
            break
    entry = results.load()[name]
    results.store(name, entry["measured"], others=load.others)
    return True


if __name__ == "__main__":
    sys.exit(main())
