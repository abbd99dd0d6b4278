"""How every command ends and speaks: one line for a user's mistake, a traceback for a defect."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from polcouple.errors import PolcoupleError


def guarded(run: Callable[[argparse.Namespace], int], args: argparse.Namespace, program: str) -> int:
    """Run a command; its exit status: 2 for a PolcoupleError (one line on stderr), 130 for Ctrl-C."""
    try:
        return run(args)
    except PolcoupleError as error:
        print(f"{program}: error: {error}", file=sys.stderr, flush=True)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr, flush=True)
        return 130


def log(message: str) -> None:
    """Print one line with the time of day, at once."""
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)
