"""How every command ends: one line for a user's mistake, a traceback for a defect."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType

from polcouple.errors import PolcoupleError
from polcouple.threads import limit_linear_algebra


class _StoppedError(KeyboardInterrupt):
    """SIGTERM (a queueing system) or SIGHUP (a closed terminal): to be cleaned up after like Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number


def guarded(run: Callable[[argparse.Namespace], int], args: argparse.Namespace, program: str) -> int:
    """Run a command; its exit status: 2 for a PolcoupleError or what the file system refuses (one line on
    stderr), 128 + n for signal n.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup's choice to ignore SIGHUP is respected
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)
    limit_linear_algebra()
    try:
        return run(args)
    except PolcoupleError as error:
        print(f"{program}: error: {error}", file=sys.stderr, flush=True)
        return 2
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        reason = error.strerror or str(error).partition("\n")[0]
        print(f"{program}: error: {where}{reason}", file=sys.stderr, flush=True)
        return 2
    except _StoppedError as error:
        print(f"{program}: {error}", file=sys.stderr, flush=True)
        return error.status
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr, flush=True)
        return 130


def _stop(number: int, frame: FrameType | None) -> None:
    raise _StoppedError(number)
