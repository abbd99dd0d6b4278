"""``polcouple``: one module for each subcommand, with ``add_arguments`` and ``run``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from polcouple import __version__
from polcouple.cli.exits import guarded
from polcouple.errors import nearest

#: subcommand -> one line of help; its module is imported when it is given
COMMANDS = {
    "cases": "cases and examples that come with polcouple, listed or copied out",
    "build": "write a case directory: structure, force field, i-PI inputs",
    "import": "write a case directory from files of GROMACS, Amber, CHARMM or OpenMM",
    "check": "look for what would spoil a run before it starts",
    "run": "run i-PI and the driver together",
    "watch": "where a run stands: temperature, drift, charges, speed, warnings",
    "i-pi": "i-PI alone, for a driver in another terminal",
    "sample": "run a case and keep frames of it in a dataset",
    "label": "charges of a dataset's frames by a backend, in parallel",
    "train": "train a network on a labelled dataset",
    "evaluate": "score backends on a labelled dataset, beside the null baselines",
    "report": "one run on one page: charges, densities, potential, energy, settings, warnings",
    "compare": "compare runs and backends, in a report with figures and numbers",
    "capacitance": "charge and capacitance of two electrodes against voltage",
    "quantum-capacitance": "capacitance of an electrode's own levels",
    "paradigms": "local and nonlocal models of the charges on the same frames",
    "density": "densities of a run's liquid between its electrodes, drawn",
    "electron-density": "the electrodes' excess electrons on a grid, and the potential across the cell",
    "conserved": "correct a run's conserved quantity for the work of the refreshes",
    "export": "frames of a run with charges, for ASE, MDAnalysis and others",
    "charges": "evaluate a backend on the frames of a trajectory",
}

#: modules of commands whose names are no words of Python
_MODULES = {
    "i-pi": "ipi",
    "import": "import_",
    "quantum-capacitance": "quantum_capacitance",
    "electron-density": "electron_density",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the command."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="polcouple",
        description="Molecular dynamics of liquids at polarizable electrodes.",
        epilog="The i-PI driver is a command of its own: polcouple-driver.",
    )
    parser.add_argument("--version", action="version", version=f"polcouple {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = words[0] if words else ""
    if chosen and not chosen.startswith("-") and chosen not in COMMANDS:
        parser.error(f"no command '{chosen}'{nearest(chosen, COMMANDS)}; known: {', '.join(COMMANDS)}")
    for name, help_line in COMMANDS.items():
        command = commands.add_parser(name, help=help_line, description=help_line)
        if name == chosen:
            loaded = importlib.import_module(f"polcouple.cli.{_MODULES.get(name, name)}")
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.run)
    if not words:
        parser.print_help(sys.stderr)
        sys.exit(2)
    args, unknown = parser.parse_known_args(words)
    if unknown:
        options = [option for action in commands.choices[chosen]._actions for option in action.option_strings]
        word = next((word for word in unknown if word.startswith("-")), unknown[0])
        given = word.partition("=")[0]
        # short names are alike by chance: of two letters, --ca is not --na
        likeness = 0.75 if len(given) > len("--na") else 1.0
        hint = nearest(given, options, likeness) or f"; known: {', '.join(options)}"
        commands.choices[chosen].error(f"unknown argument '{word}'{hint}")
    sys.exit(guarded(args.run, args, "polcouple"))
