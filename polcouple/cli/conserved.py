"""``polcouple conserved``: i-PI's conserved quantity less the work done by refreshing the charges."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.analysis.conserved import drift_and_spread, write_conserved
from polcouple.log import log
from polcouple.number_words import fixed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple conserved``."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="directory of a run")
    parser.add_argument("--system", metavar="PREFIX", help="of several systems, the prefix of the one meant")


def run(args: argparse.Namespace) -> int:
    """Write conserved.csv and conserved.png into the run directory and print the drifts."""
    data = write_conserved(args.run_directory, args.system)
    for what, values in (("conserved", data.conserved), ("corrected", data.corrected)):
        drift, spread = drift_and_spread(data.time, values)
        log(
            f"{what}: drift {fixed(drift, 3)} kJ/mol/ps, fluctuation about it {fixed(spread, 3)} kJ/mol"
            " (per cell)"
        )
    return 0
