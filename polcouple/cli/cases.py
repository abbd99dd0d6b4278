"""``polcouple cases``: what comes with the project to begin from, listed or copied out."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.case.shipped import copy_shipped, shipped
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple cases``."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="case or example to copy; without it, a list")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="new place of the copy (./NAME)")


def run(args: argparse.Namespace) -> int:
    """List them, or copy one."""
    if args.name is None:
        for heading, is_case in (("cases", True), ("examples", False)):
            print(heading)
            for one in shipped().values():
                if one.is_case is is_case:
                    print(f"  {one.name}\n      {one.about}")
        print("copy one with `polcouple cases NAME`")
        return 0
    path = copy_shipped(args.name, args.output or Path(args.name))
    what = (
        f"run it with `polcouple run {path} --backend NAME --steps N`"
        if (path / "system.yaml").is_file()
        else ""
    )
    log(f"copied to {path}" + (f"; {what}" if what else ""))
    return 0
