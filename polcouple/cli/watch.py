"""``polcouple watch``: where a run stands, followed while it is at work."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

from polcouple.analysis.watching import Standing, Watched
from polcouple.log import log
from polcouple.report.watching import line, rows

if TYPE_CHECKING:
    from rich.table import Table

#: between two looks, and between two lines in a file (s)
_LOOK, _PERIOD = 1.0, 60.0
#: width of what is printed where there is no terminal
_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple watch``."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="directory of a run, at work or not")


def run(args: argparse.Namespace) -> int:
    """Show where the run stands until it has ended, on a terminal in place, elsewhere line by line."""
    watched = Watched(args.run_directory)
    now = watched.look()
    try:
        if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            _in_place(watched, now)
        else:
            _line_by_line(watched, now)
    except KeyboardInterrupt as error:
        if type(error) is not KeyboardInterrupt:  # SIGTERM, SIGHUP
            raise
        # the run goes on; its watcher has seen enough
    return 0


def _in_place(watched: Watched, now: Standing) -> None:
    from rich.live import Live

    with Live(_table(now), refresh_per_second=4) as live:
        while now.state == "running":
            time.sleep(_LOOK)
            now = watched.look()
            live.update(_table(now))


def _line_by_line(watched: Watched, now: Standing) -> None:
    """All of it at first and at the end, and a line now and then between."""
    _print_rows(now)
    if now.state != "running":
        return
    said = time.monotonic()
    while now.state == "running":
        time.sleep(_LOOK)
        now = watched.look()
        if now.state == "running" and time.monotonic() - said >= _PERIOD:
            said = time.monotonic()
            log(line(now))
    _print_rows(now)


def _print_rows(now: Standing) -> None:
    names = max(len(name) for name, _ in rows(now)) + 2
    for name, value in rows(now):
        print(
            textwrap.fill(
                value,
                _WIDTH,
                initial_indent=name.ljust(names),
                subsequent_indent=" " * names,
                break_on_hyphens=False,
            ),
            flush=True,
        )


def _table(now: Standing) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows(now):
        bad = name == "warning" or (name == "state" and now.state in ("failed", "killed"))
        table.add_row(Text(name, style="dim"), Text(value, style="yellow" if bad else ""))
    return table
