"""``polcouple quantum-capacitance``: what filling the levels of one electrode costs, without electrolyte.

A command of its own: it needs neither voltages nor runs, and none of ``polcouple capacitance``'s options.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.capacitance.quantum import QuantumStudy, quantum_capacitance
from polcouple.cli.options import add_backend_arguments, given_settings
from polcouple.log import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple quantum-capacitance``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case directory")
    parser.add_argument("--electrode", metavar="NAME", help="which of the case's electrodes (the first)")
    parser.add_argument("--window", type=float, default=1.0, metavar="EV", help="how far to fill (1 eV)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="for the report")
    add_backend_arguments(parser, default=QuantumStudy.backend)


def run(args: argparse.Namespace) -> int:
    """Compute the rigid curve and the self-consistent points, write the report."""
    asked = QuantumStudy(args.case, args.electrode, args.window, args.backend, given_settings(args))
    log(f"written to {quantum_capacitance(asked, args.output)}")
    return 0
